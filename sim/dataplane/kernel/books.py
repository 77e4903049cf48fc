"""The books: a walk over all that exists, which trusts no running counter."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane.codes import MOST_KEYS, MOST_POOLS
from sim.dataplane.kernel.compile import entry, inner
from sim.dataplane.kernel.layout import (
    GHOSTS,
    HELD,
    LEFT_LINE,
    PARKED,
    QUEUED,
    WORKING,
    F,
    N,
    columns,
)
from sim.dataplane.kernel.postgres import answers, pooled_db
from sim.dataplane.tables import Books

# the fields of Books: those of the whole plane, those of each server
TOTALS = np.dtype(columns(Books))
MACHINE_BOOK = np.dtype(
    [("busy_s", F), ("capacity_s", F), ("memory", N), ("memory_counted", N)], align=True
)


@inner
def hold(w: Any, total: Any, d: int, n: int) -> None:
    """`n` open connections to a database."""
    total.connections_open += n
    total.connections_held += n * answers(w, d)


@entry
def walk(box: Any, totals: Any, machines: Any) -> None:
    """The books of now into the one row of `totals`, and a row of `machines` for each server, all
    of which are 0 before."""
    w, total = box[0], totals[0]
    for r in range(w.request_top):
        if w.request[r].id >= 0:
            if w.request[r].parent < 0:
                total.open_requests += 1
            else:
                total.open_calls += 1
    for k in range(w.line_top):
        total.open_requests += w.line[k].id >= 0 and w.line[k].state != LEFT_LINE
    for j in range(w.job_top):
        if w.job[j].copy == 0:
            state = w.job[j].state
            if state in (QUEUED, PARKED):
                total.jobs_queued += 1
            elif state in (WORKING, HELD):
                total.jobs_in_progress += 1
    for q in range(w.queues):
        total.jobs_in_progress += w.queue[q].pushing
    for key in range(w.caches * MOST_KEYS):
        total.cached += w.cached[key].held
    for d in range(w.databases):
        hold(w, total, d, w.store[d].servers_open)
        total.connections_granted += w.store[d].granted
        total.connections_closed += w.store[d].closed
    for g in range(GHOSTS):
        if w.ghost[g].n != 0:
            hold(w, total, w.ghost[g].database, w.ghost[g].n)
    for c in range(w.containers):
        container = w.container[c]
        for pool in range(MOST_POOLS):
            d = w.rules[container.profile * MOST_POOLS + pool].database
            if not pooled_db(w, d):
                hold(w, total, d, w.pool[c * MOST_POOLS + pool].open)
        machine = machines[container.server]
        machine.busy_s += container.busy + container.n * container.rate * (w.now - container.since)
        machine.memory += container.memory
    for v in range(w.servers):
        uptime = w.machine[v].powered
        if w.machine[v].alive != 0:
            uptime += w.now - w.machine[v].up_since
        machines[v].capacity_s = w.machine[v].cores * uptime
        machines[v].memory_counted = w.machine[v].memory


def books_of(box: Any, walked: Any) -> Books:
    """The books, by the machine code of `walk`."""
    totals, machines = np.zeros(1, TOTALS), np.zeros(int(box[0]["servers"]), MACHINE_BOOK)
    walked(box, totals, machines)
    servers = (tuple(machines[column].tolist()) for column in MACHINE_BOOK.names or ())
    return Books._make((*totals[0].item(), *servers))
