"""What Python reads of the record by itself: gauges that are seldom asked for.

`w` is the record. Reading changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane.codes import MOST_CALLS, OF_USERS, Life
from sim.dataplane.kernel.layout import PARKED, QUEUED
from sim.dataplane.tables import CacheGauge, CallGauge, DatabaseGauge, QueueGauge, ServiceGauge


def service_gauge(w: Any, service: int) -> ServiceGauge:
    asked, forsaken, retries = w["service"][service].item()
    _, succeeded, *causes = w["ended"][service].tolist()
    left = asked - succeeded - sum(causes) - forsaken
    return ServiceGauge(asked, succeeded, sum(causes), left, forsaken, retries, tuple(causes))


def call_gauges(w: Any, profile: int) -> tuple[CallGauge, ...]:
    """Each way in counts apart; those of a service that users ask are one line."""
    if profile != OF_USERS:
        first, steps = (int(w["version"][name][profile]) for name in ("first_policy", "policies"))
        return tuple(CallGauge(*row) for row in w["edge"][first : first + steps].tolist())
    ways = int(w["ways"])
    sums = np.zeros((MOST_CALLS, len(CallGauge._fields)), np.int64)
    slots, edges = w["policy"]["slot"][:ways], w["edge"][:ways].tolist()
    np.add.at(sums, slots, np.array(edges, np.int64))
    return tuple(CallGauge(*row) for row in sums[: slots.max() + 1].tolist())


def cache_gauge(w: Any, cache: int) -> CacheGauge:
    row = w["cache"][cache]
    return CacheGauge(*(int(row[name]) for name in CacheGauge._fields))


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
    row = w["queue"][queue]
    queued = int(row["entries"] + row["parked"] - row["copies_waiting"])
    workers = w["container"][w["worker"][: int(w["workers"])]]
    own = w["version"]["number"][workers["profile"]] == queue
    held = (workers["held"] + workers["queued"])[own].sum()
    pushed, done, duplicated, *losses = w["counted"][queue].tolist()
    return QueueGauge(
        pushed=pushed,
        done=done,
        duplicated=duplicated,
        lost=sum(losses),
        queued=queued,
        in_progress=int(held - row["copies_working"] + row["pushing"]),
        backlog_peak=int(row["backlog_peak"]),
        oldest_s=waited(w, queue) if queued else 0.0,
        causes=tuple(losses),
    )


def waited(w: Any, queue: int) -> float:
    """Seconds for which the oldest job of a queue has been there."""
    now, jobs = float(w["now"]), w["job"][: int(w["job_top"])]
    waits = (jobs["queue"] == queue) & (jobs["copy"] == 0)
    waits &= (jobs["state"] == QUEUED) | (jobs["state"] == PARKED)
    return now - float(jobs["pushed"][waits].min(initial=now))
