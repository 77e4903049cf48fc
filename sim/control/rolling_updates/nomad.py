"""Nomad's deployment: one allocation at a time, with a deadline for progress.

Rules: shared facts, orchestrators section 4 (hashicorp/nomad @aa026cc9 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.rolling_updates.batches import update_step
from sim.control.scheduling.nomad import KILL_TIMEOUT
from sim.control.scheduling.replicas import Phase, ReplicaSet
from sim.control.self_healing.nomad import STRUCTS

PARALLEL = Fact("nomad.max_parallel", 1, "allocations", "updated at a time", STRUCTS)
MIN_HEALTHY = Fact("nomad.min_healthy_time", 10.0, "s", "healthy so long: the next one", STRUCTS)
PROGRESS = Fact("nomad.progress_deadline", 600.0, "s", "nothing newly healthy: failed", STRUCTS)


@dataclass(frozen=True)
class Update:
    """One allocation at a time: stop the old, start the new, wait until it was healthy for 10 s.
    Ten minutes without a newly healthy one fail the deployment; only auto_revert takes it back."""

    name: ClassVar[str] = "update"

    max_parallel: int = constant(PARALLEL)
    min_ready_s: float = constant(MIN_HEALTHY)
    progress_deadline_s: float = constant(PROGRESS)
    auto_revert: bool = False
    grace_s: float = constant(KILL_TIMEOUT)

    @property
    def stop_first(self) -> bool:
        """A destructive update frees its slot first (canary 0)."""
        return True

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step."""
        return update_step(wanted, before, self.max_parallel, "stop-first", new, old)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version")
        number = 0
        while True:
            service = (yield changes.get()).service
            number += 1
            cluster.clock.loop(self.deployment(cluster, service, number))

    def deployment(self, cluster: Cluster, service: str, number: int) -> Loop:
        """Watch one deployment: complete, failed at its deadline, or overtaken by another."""
        version, clock = cluster.versions[service], cluster.clock
        cluster.say("rollout", service, f"deployment of {service} {version.name} begins")
        healthy, progress_s = 0, clock.now
        while True:
            yield clock.after(1.0, Rank.DEPLOYMENT, number)
            if cluster.versions[service] != version:
                return
            live = [c for c in cluster.of(service) if not c.deleting]
            new = [c for c in live if c.version == version and self.healthy(c, clock.now)]
            if len(new) > healthy:
                healthy, progress_s = len(new), clock.now
            if len(new) == len(live) == cluster.desired[service]:
                text = f"deployment of {service} {version.name} is complete"
                cluster.say("rollout", service, text)
                return
            if clock.now - progress_s >= self.progress_deadline_s:
                break
        text = f"deployment of {service} {version.name} failed: no progress in time"
        cluster.say("rollout", service, text)
        cluster.pause(service)
        if self.auto_revert:
            cluster.say("rollback", service, f"Nomad reverts {service}")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])

    def healthy(self, c: Container, now_s: float) -> bool:
        return c.ready_since_s is not None and now_s - c.ready_since_s >= self.min_ready_s
