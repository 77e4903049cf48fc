"""What Python reads of the record by itself: gauges that are seldom asked for, and the books.

`w` is the record. Reading changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.dataplane.codes import MOST_POOLS, Life
from sim.dataplane.kernel.layout import PARKED, QUEUED, WORKING
from sim.dataplane.tables import Books, ContainerGauge, DatabaseGauge, QueueGauge


def database_gauge(w: Any, database: int) -> DatabaseGauge:
    now = float(w["now"])
    store, limit, answers = w["store"][database], 0, False
    full_since, db = float(store["full_since"]), int(store["db"])
    if db >= 0:
        container = w["container"][db]
        limit = int(w["version"]["connection_slots"][container["profile"]])
        up = w["machine"]["alive"][container["server"]] != 0
        answers = bool(up and container["life"] == Life.LISTENING)
    return DatabaseGauge(
        connections=int(store["used"]) if answers else 0,
        connection_limit=limit,
        connection_waits=int(store["waits"]),
        connections_peak=int(store["peak"]),
        connections_refused=int(store["refusals"]),
        exhausted_s=float(store["exhausted"]) + (now - full_since if full_since < now else 0.0),
    )


def queue_gauge(w: Any, queue: int) -> QueueGauge:
    now = float(w["now"])
    row, jobs = w["queue"][queue], w["job"][: int(w["job_top"])]
    waits = (jobs["queue"] == queue) & (jobs["copy"] == 0)
    waits &= (jobs["state"] == QUEUED) | (jobs["state"] == PARKED)
    workers = w["container"][w["worker"][: int(w["workers"])]]
    own = w["version"]["number"][workers["profile"]] == queue
    pushed, done, duplicated, *losses = w["counted"][queue].tolist()
    return QueueGauge(
        pushed=pushed,
        done=done,
        duplicated=duplicated,
        lost=sum(losses),
        queued=int(row["entries"] + row["parked"] - row["copies_waiting"]),
        in_progress=int(workers["held"][own].sum() - row["copies_working"] + row["pushing"]),
        backlog_peak=int(row["backlog_peak"]),
        oldest_s=now - float(jobs["pushed"][waits].min(initial=now)),
        causes=tuple(losses),
    )


def books(w: Any, gauges: Sequence[ContainerGauge]) -> Books:
    """`gauges`: of all containers, in their order."""
    now = float(w["now"])
    n, servers = int(w["containers"]), int(w["servers"])
    ghosts = w["ghost"]
    databases = (
        w["rules"]["database"].reshape(-1, MOST_POOLS)[w["container"]["profile"][:n]].ravel()
    )
    clients = w["request"][: int(w["request_top"])]
    open_ = clients["id"] >= 0
    state, copy = w["job"]["state"][: int(w["job_top"])], w["job"]["copy"][: int(w["job_top"])]
    waiting = ((state == QUEUED) | (state == PARKED)) & (copy == 0)
    working = (state == WORKING) & (copy == 0)
    in_pools = others = 0
    for d, store in enumerate(w["store"]):
        db = int(store["db"])
        others += int(store["servers_open"] + ghosts["n"][ghosts["database"] == d].sum())
        pooled = db >= 0 and w["version"]["pooler_size"][w["container"]["profile"][db]] > 0
        if not pooled:
            in_pools += int(w["pool"]["open"][: n * MOST_POOLS][databases == d].sum())
    alive = w["machine"]["alive"][:servers] != 0
    uptime = w["machine"]["powered"][:servers] + np.where(
        alive, now - w["machine"]["up_since"][:servers], 0.0
    )
    busy, memory = [0.0] * servers, [0] * servers
    for c, gauge in enumerate(gauges):
        busy[int(w["container"]["server"][c])] += gauge.busy_s
        memory[int(w["container"]["server"][c])] += gauge.memory
    return Books(
        open_requests=int((clients["parent"][open_] < 0).sum()),
        open_calls=int((clients["parent"][open_] >= 0).sum()),
        jobs_queued=int(waiting.sum()),
        jobs_in_progress=int(working.sum() + w["queue"]["pushing"].sum()),
        connections_open=in_pools + others,
        connections_granted=int(w["store"]["granted"].sum()),
        connections_closed=int(w["store"]["closed"].sum()),
        busy_s=tuple(busy),
        capacity_s=tuple((w["machine"]["cores"][:servers] * uptime).tolist()),
        memory=tuple(memory),
        memory_counted=tuple(w["machine"]["memory"][:servers].tolist()),
    )
