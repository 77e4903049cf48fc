"""The books: a walk over all that exists, which trusts no running counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane.reference.work import Job
from sim.dataplane.tables import Books

if TYPE_CHECKING:
    from sim.dataplane.reference.plane import ReferencePlane


def books_of(plane: ReferencePlane) -> Books:
    now, databases = plane.now, plane.databases
    waiting = [job for queue in plane.queues for job in queue.waiting()]
    pushing = sum(queue.pushing for queue in plane.queues)
    working = [w for c in plane.workers for w in c.inside.values() if isinstance(w, Job)]
    in_pools = sum(p.open for c in plane.containers for p in c.pools if not p.database.pooled)
    others = sum(db.servers + sum(db.ghosts.values()) for db in databases)
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
        connections_open=in_pools + others,
        connections_granted=sum(db.granted for db in databases),
        connections_closed=sum(db.closed for db in databases),
        busy_s=tuple(busy),
        capacity_s=tuple(s.cpu.cores * s.uptime(now) for s in plane.servers),
        memory=tuple(memory),
        memory_counted=tuple(s.memory for s in plane.servers),
    )
