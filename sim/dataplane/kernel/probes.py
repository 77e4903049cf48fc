"""Health checks on their way: reference/probes.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import PROBE_BASE, SYN_RESEND_S
from sim.dataplane.kernel.codes import DIAL, HTTP, LISTENING, NOTE_PROBE_FAILED
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.containers import accept, enter_beside, probes_queue, room, sheds
from sim.dataplane.kernel.layout import PROBE, PROBE_DIALS
from sim.dataplane.kernel.timing import free_work, new_work, note, push_back, set_timer, unlink


@inner
def probe(w: Any, c: int, deep: int) -> None:
    s = new_work(w, PROBE_BASE + w.probes, PROBE)
    w.probes += 1
    w.work[s].deep, w.work[s].at = deep, c
    dial_probe(w, s)


@inner
def dial_probe(w: Any, s: int) -> None:
    """`dial` of reference/probes.py."""
    c, number = w.work[s].at, w.work[s].id - PROBE_BASE
    container = w.container[c]
    http = w.version[container.profile].kind == HTTP
    if w.machine[container.server].alive == 0:
        free_work(w, s)
    elif container.life != LISTENING:
        note(w, NOTE_PROBE_FAILED, number)
        free_work(w, s)
    elif not probes_queue(w, c) and not (container.hung != 0 and http):
        enter_beside(w, c, s)
    elif room(w, c):
        accept(w, c, s)
    elif sheds(w, c):
        note(w, NOTE_PROBE_FAILED, number)
        free_work(w, s)
    else:
        push_back(w, PROBE_DIALS, 2 * s)
        w.work[s].dial_at = set_timer(w, DIAL, SYN_RESEND_S, w.work[s].id, s)


@inner
def dial_probe_again(w: Any, s: int) -> None:
    if w.work[s].dial_at == w.now:
        w.work[s].dial_at = INFINITY
        unlink(w, PROBE_DIALS, 2 * s)
        dial_probe(w, s)


@inner
def forget(w: Any, number: int) -> None:
    node = w.head[PROBE_DIALS]
    while node >= 0:
        after = w.next[node]
        if w.work[node >> 1].id == PROBE_BASE + number:
            unlink(w, PROBE_DIALS, node)
            free_work(w, node >> 1)
        node = after
