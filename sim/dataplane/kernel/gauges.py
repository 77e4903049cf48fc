"""Looking without touching: all gauges of an instant in one compiled call."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.codes import LISTENING
from sim.dataplane.kernel.compile import entry


@entry
def look(box: Any, table: Any) -> None:
    """A tables.PlaneGauge into the one row of `table`."""
    w, figures = box[0], table[0]
    db, working, busy = w.db, 0, 0.0
    for i in range(w.workers):
        working += w.container[w.worker[i]].held
    for c in range(w.containers):
        container = w.container[c]
        busy += container.busy + container.n * container.rate * (w.now - container.since)
    answers, limit = False, 0
    if db >= 0:
        container = w.container[db]
        limit = w.version[container.profile].connection_slots
        answers = w.machine[container.server].alive != 0 and container.life == LISTENING
    figures.arrived = w.requests
    figures.succeeded = w.successes
    figures.failed = w.failures
    figures.in_flight = w.requests - w.successes - w.failures
    figures.retries = w.retried
    figures.jobs_queued = w.entries + w.parked - w.copies_waiting
    figures.jobs_in_progress = working - w.copies_working + w.pushing
    figures.connections = w.used if answers else 0
    figures.connection_limit = limit
    figures.connection_waits = w.waits
    figures.connections_peak = w.peak
    figures.connections_refused = w.refusals
    figures.backlog_peak = w.backlog_peak
    figures.exhausted_s = w.exhausted + (w.now - w.full_since if w.full_since < w.now else 0.0)
    figures.busy_s = busy


@entry
def look_at(box: Any, c: int, table: Any) -> None:
    """A tables.ContainerGauge into the one row of `table`."""
    w, figures = box[0], table[0]
    container = w.container[c]
    figures.inside = container.held
    figures.waiting = container.queued
    figures.memory = container.memory
    figures.served = container.served
    figures.errors = container.errors
    figures.connections = container.pool_open
    figures.busy_s = container.busy + container.n * container.rate * (w.now - container.since)
