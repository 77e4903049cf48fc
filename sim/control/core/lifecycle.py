"""A process from start to end: what takes time between `cluster.start`, `cluster.stop` and exit.

Part of cluster.py, which alone calls it. Rules: shared facts, orchestrators 1 (stop, kill),
kubernetes 1 (preStop, grace).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank
from sim.control.core.records import Container

if TYPE_CHECKING:
    from sim.control.core.cluster import Cluster

PRE_STOP_EXTENSION = Fact(
    "pod.pre_stop_extension", 2.0, "s", "left for SIGTERM when preStop used up the grace period",
    "kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle @00aacfad",
)  # fmt: skip


def boot(cluster: Cluster, c: Container, run: int) -> Loop:
    """From the started process to a listening one; a database that crashed recovers first."""
    service = cluster.service(c.service)
    law = c.version.boot or service.boot
    wait = cluster.duration(law, f"boot/{c.service}")
    if c.service in cluster.dirty:
        cluster.dirty.discard(c.service)
        wait += cluster.duration(service.recovery, f"recovery/{c.service}")
    yield cluster.clock.after(wait, Rank.RUNTIME, c.id)
    if c.run != run or c.state != "starting" or not c.server.alive:
        return
    if c.version.crashes_at_start:
        cluster.exit(c, 1, "crashed while starting")
    else:
        cluster.plane.start(c.id, c.profile)


def stop(cluster: Cluster, c: Container, run: int, grace_s: float, pre_stop_s: float) -> Loop:
    """preStop, SIGTERM, what the process makes of it, SIGKILL."""

    def gone() -> bool:
        return c.run != run or c.state != "stopping"

    clock = cluster.clock
    began = clock.now
    if pre_stop_s > 0.0 and not gone():
        yield clock.after(min(pre_stop_s, grace_s), Rank.RUNTIME, c.id)
    if gone():
        return
    behaviour = cluster.service(c.service).stop
    if behaviour.drains and c.booted and not c.hung:
        cluster.plane.drain(c.id)  # DRAINED ends it
    elif not behaviour.ignores and not c.hung:
        cluster.exit(c, 143, "terminated")
        return
    exited = cluster.exits.setdefault(c.id, clock.event())
    kubelet = getattr(getattr(cluster.choices, "scheduling", None), "kubelet", None)
    extension = PRE_STOP_EXTENSION.value if kubelet is None else kubelet.pre_stop_extension_s
    extra = extension if 0.0 < grace_s <= pre_stop_s else 0.0
    yield exited | clock.at(began + grace_s + extra, Rank.RUNTIME, c.id)
    if not gone():
        cluster.exit(c, 137, "killed after its grace period")
