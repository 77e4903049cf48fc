"""Looking without touching: all gauges of an instant in one compiled call."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.compile import entry
from sim.dataplane.kernel.layout import LISTENING

PLANE, CONTAINER = 15, 7  # figures of a PlaneGauge, of a ContainerGauge
COUNTS = 13  # the first of a PlaneGauge are whole numbers


@entry
def look(box: Any, out: Any) -> None:
    """The fields of interface.PlaneGauge, in order, into `out`."""
    w = box[0]
    db, working, busy = w.db, 0, 0.0
    for i in range(w.workers):
        working += w.container[w.worker[i]].held
    for c in range(w.containers):
        here = w.container[c]
        busy += here.busy + here.n * here.rate * (w.now - here.since)
    answers, limit = False, 0
    if db >= 0:
        here = w.container[db]
        limit = w.version[here.profile].connection_slots
        answers = w.machine[here.server].alive != 0 and here.life == LISTENING
    out[0] = w.request
    out[1] = w.successes
    out[2] = w.failures
    out[3] = w.request - w.successes - w.failures
    out[4] = w.retried
    out[5] = w.entries + w.parked - w.copies_waiting
    out[6] = working - w.copies_working + w.pushing
    out[7] = w.used if answers else 0
    out[8] = limit
    out[9] = w.waits
    out[10] = w.peak
    out[11] = w.refusals
    out[12] = w.backlog_peak
    out[13] = w.exhausted + (w.now - w.full_since if w.full_since < w.now else 0.0)
    out[14] = busy


@entry
def look_at(box: Any, c: int, out: Any) -> None:
    """The fields of interface.ContainerGauge, in order, into `out`."""
    w = box[0]
    here = w.container[c]
    out[0] = here.held
    out[1] = here.queued
    out[2] = here.memory
    out[3] = here.served
    out[4] = here.errors
    out[5] = here.pool_open
    out[6] = here.busy + here.n * here.rate * (w.now - here.since)
