"""What the data plane tells, turned into state and a line of the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.control.core.records import Change, Container, Server
from sim.control.resource_limits import qos
from sim.dataplane.codes import Note
from sim.dataplane.plane import Notice

if TYPE_CHECKING:
    from sim.control.core.cluster import Cluster


def heard(cluster: Cluster, notice: Notice) -> None:
    """The data plane only tells; whether a process ends is decided here, at the same instant."""
    if notice.note in (Note.PROBE_OK, Note.PROBE_FAILED):
        asked = cluster.asked.pop(notice.id, None)
        if asked is not None:  # else whoever asked has given up
            asked(notice.note == Note.PROBE_OK)
        return
    if notice.note == Note.SERVER_OOM:
        server = next(s for s in cluster.servers if s.id == notice.id)
        victim = oom_victim(cluster, server)
        if victim is not None:
            cluster.exit(victim, 137, f"OOM-killed: {server.name} is full", oom=True)
        return
    if notice.note == Note.OUTLIER:
        outlier = next((c for c in cluster.containers if c.id == notice.id), None)
        if outlier is not None:  # else it is removed, and its proxy has not heard of it
            cluster.tell(Change("outlier", outlier))
        return
    c = next(c for c in cluster.containers if c.id == notice.id)
    if notice.note == Note.LISTENING:
        cluster.listening(c)
    elif notice.note == Note.START_REFUSED:
        start_refused(cluster, c)
    elif notice.note == Note.DRAINED:
        cluster.exit(c, 0, "finished its requests and stopped")
    elif notice.note == Note.OOM:
        cluster.exit(c, 137, "OOM-killed: above its memory limit", oom=True)
    elif notice.note == Note.POISONED:
        cluster.exit(c, 1, "crashed on a poison job")


def start_refused(cluster: Cluster, c: Container) -> None:
    """A process that cannot open its start-up connections exits; why decides what helps."""
    up = any(cluster.of(d, "running") for d in cluster.stack.playing("postgres"))
    if up and c.locked_out:
        cluster.exit(c, 1, "could not open its database connections: SQLSTATE 28P01")
    elif up:
        cluster.refuse(c)
        cluster.exit(c, 1, "could not open its database connections: SQLSTATE 53300")
    else:
        cluster.exit(c, 1, "could not reach its database")


def oom_victim(cluster: Cluster, server: Server) -> Container | None:
    """The kernel's choice among all on the server (qos.py); a kubelet has marked them before."""
    limits = None if cluster.choices is None else cluster.choices.resource_limits
    capacity = cluster.stack.servers.machine.memory

    def seen(c: Container) -> qos.Process:
        service = cluster.service(c.service)
        adj = service.memory.oom_score_adj
        if limits is not None and limits.qos:
            wanted = service.memory.request or service.memory.limit or 0
            adj = qos.oom_score_adj(qos.qos_class(service), wanted, capacity)
        return qos.Process(c.id, cluster.plane.container_gauge(c.id).memory, adj)

    here = [c for c in cluster.on(server) if c.alive]
    victim = qos.oom_victim([seen(c) for c in here], capacity)
    return next((c for c in here if c.id == victim), None)
