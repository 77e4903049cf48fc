"""What is read of the whole plane, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane.arithmetic import added
from sim.dataplane.reference.leases import jobs_of
from sim.dataplane.tables import Books, PlaneGauge

if TYPE_CHECKING:
    from sim.dataplane.reference.plane import ReferencePlane


def gauge(plane: ReferencePlane) -> PlaneGauge:
    rec, now = plane.recorder, plane.now
    databases = [database.gauge() for database in plane.databases[: plane.known]]
    return PlaneGauge(
        arrived=rec.arrivals,
        succeeded=rec.successes,
        failed=rec.failures,
        in_flight=rec.arrivals - rec.successes - rec.failures,
        retries=plane.clients.retries,
        jobs_queued=plane.jobs_queued(),
        jobs_in_progress=sum(queue.jobs_in_progress() for queue in plane.queues[: plane.known]),
        connections=sum(one.connections for one in databases),
        connection_limit=sum(one.connection_limit for one in databases),
        connection_waits=sum(one.connection_waits for one in databases),
        connections_peak=sum(one.connections_peak for one in databases),
        connections_refused=rec.refusals,
        exhausted_s=max((one.exhausted_s for one in databases), default=0.0),
        backlog_peak=plane.backlog_peak,
        # added as the kernel adds: `sum` of floats compensates since Python 3.12
        busy_s=added(c.station.busy_now(now) for c in plane.containers),
    )


def books(plane: ReferencePlane) -> Books:
    """A walk over all that exists, which trusts no running counter."""
    now, databases = plane.now, plane.databases
    waiting = [job for queue in plane.queues for job in queue.waiting()]
    pushing = sum(queue.pushing for queue in plane.queues)
    working = [job for c in plane.workers for job in jobs_of(c)]
    connections = [
        *((p.database, p.open) for c in plane.containers for p in c.pools if not p.database.pooled),
        *((db, db.servers + sum(db.ghosts.values())) for db in databases),
    ]
    busy = [0.0] * len(plane.servers)
    memory = [0] * len(plane.servers)
    for c in plane.containers:
        busy[c.server.id] += c.station.busy_now(now)
        memory[c.server.id] += c.memory
    return Books(
        open_requests=len(plane.clients.waiting),
        open_calls=sum(
            work.call is not None for c in plane.containers for work in c.inside.values()
        ),
        jobs_queued=sum(not job.copy for job in waiting),
        jobs_in_progress=sum(not job.copy for job in working) + pushing,
        connections_open=sum(n for _, n in connections),
        connections_held=sum(n for db, n in connections if db.answers),
        connections_granted=sum(db.granted for db in databases),
        connections_closed=sum(db.closed for db in databases),
        cached=sum(len(cache.until) for cache in plane.caches),
        busy_s=tuple(busy),
        capacity_s=tuple(s.cpu.cores * s.uptime(now) for s in plane.servers),
        memory=tuple(memory),
        memory_counted=tuple(s.memory for s in plane.servers),
    )
