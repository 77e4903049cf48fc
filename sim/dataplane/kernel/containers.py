"""Who answers: a container's backlog, slots and memory: reference/containers.py over arrays.

The stories of requests, jobs and probes, which need the database and the queue as well, are in
stories.py.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.interface import Kind, Note
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import demand_of
from sim.dataplane.kernel.layout import (
    CPU_DONE,
    DRAINED,
    DRAINING,
    FIRST_LIST,
    IN_BACKLOG,
    IN_SLOTS,
    JOB,
    PROBE,
)
from sim.dataplane.kernel.stations import join
from sim.dataplane.kernel.timing import free_work, note, push_back, unlink

HTTP = int(Kind.HTTP)
NOTE_DRAINED, NOTE_OOM, NOTE_SERVER_OOM = int(Note.DRAINED), int(Note.OOM), int(Note.SERVER_OOM)
CPU, JOB_CPU = 1, 7  # streams, as in dataplane/draws.py


# ---- admission ----
@inner
def connections(w: Any, c: int) -> int:
    return w.container[c].held + w.container[c].queued


@inner
def room(w: Any, c: int) -> bool:
    p = w.container[c].profile
    return (w.container[c].held < w.version[p].slots and w.container[c].hung == 0) or w.container[c].queued < w.version[p].backlog


@inner
def accept(w: Any, c: int, s: int) -> None:
    w.work[s].at = c
    if w.container[c].held < w.version[w.container[c].profile].slots and w.container[c].hung == 0:
        enter(w, c, s)
    else:
        push_back(w, FIRST_LIST + 3 * c + IN_BACKLOG, 2 * s)
        w.container[c].queued += 1


@inner
def enter(w: Any, c: int, s: int) -> None:
    """A slot is taken and the handler starts: its first stretch is CPU."""
    w.work[s].at = c
    push_back(w, FIRST_LIST + 3 * c + IN_SLOTS, 2 * s)
    w.container[c].held += 1
    p = w.container[c].profile
    grow(w, c, w.version[p].memory_per_request)
    if w.work[s].kind == PROBE:
        demand = w.version[p].probe_cpu
    elif w.work[s].kind == JOB:
        demand = demand_of(w, w.version[p].cpu_law, w.version[p].cpu_mean, w.version[p].cpu_cv, JOB_CPU, w.work[s].wid)
    else:
        demand = demand_of(w, w.version[p].cpu_law, w.version[p].cpu_mean, w.version[p].cpu_cv, CPU, w.work[s].number)
    join(w, c, s, demand, CPU_DONE)


@inner
def leave(w: Any, c: int, s: int) -> None:
    unlink(w, FIRST_LIST + 3 * c + IN_SLOTS, 2 * s)
    w.container[c].held -= 1
    p = w.container[c].profile
    grow(w, c, w.version[p].leak - w.version[p].memory_per_request)


@inner
def move_up(w: Any, c: int) -> None:
    p = w.container[c].profile
    backlog = FIRST_LIST + 3 * c + IN_BACKLOG
    while w.container[c].queued > 0 and w.container[c].held < w.version[p].slots and w.container[c].hung == 0:
        node = w.head[backlog]
        unlink(w, backlog, node)
        w.container[c].queued -= 1
        s = node >> 1
        if w.work[s].kind != PROBE and w.work[s].abandoned != 0 and w.version[p].cancel != 0:
            free_work(w, s)
        else:
            enter(w, c, s)
    drained(w, c)


@inner
def drained(w: Any, c: int) -> None:
    if w.container[c].life == DRAINING and w.head[FIRST_LIST + 3 * c + IN_SLOTS] < 0:
        w.container[c].life = DRAINED
        note(w, NOTE_DRAINED, c)


# ---- memory ----
@inner
def grow(w: Any, c: int, by: int) -> None:
    if by == 0:
        return
    v = w.container[c].server
    w.container[c].memory += by
    w.machine[v].memory += by
    limit = w.version[w.container[c].profile].memory_limit
    if limit != 0 and w.container[c].memory > limit and w.container[c].noted == 0:
        w.container[c].noted = 1
        note(w, NOTE_OOM, c)
    elif w.machine[v].memory > w.machine[v].capacity and w.machine[v].noted == 0:
        w.machine[v].noted = 1
        note(w, NOTE_SERVER_OOM, v)
