"""Swarm's update of a service: batches of tasks, and what a failure means to it.

Rules: shared facts, orchestrators section 3 (moby/swarmkit @3e72cb64 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.swarm import SERVICE, STOP_GRACE
from sim.control.rolling_updates.batches import Order, update_step
from sim.control.scheduling.replicas import Phase, ReplicaSet

UPDATER = "moby/swarmkit manager/orchestrator/update/updater.go @3e72cb64"
PARALLELISM = Fact("swarm.update_parallelism", 1, "tasks", "replaced at a time; 0: all", SERVICE)
DELAY = Fact("swarm.update_delay", 0.0, "s", "between two batches", SERVICE)
MONITOR = Fact(
    "swarm.update_monitor", 5.0, "s", "a failure so soon after the start counts", SERVICE
)
RATIO = Fact("swarm.max_failure_ratio", 0.0, "", "a larger share of failures ends it", UPDATER)
OnFailure = Literal["pause", "continue", "rollback"]


def too_many_failures(failures: int, tasks: int, ratio: float) -> bool:
    """Does an update stop? Source: swarmkit updater.go: failures / tasks > max_failure_ratio."""
    return tasks > 0 and failures / tasks > ratio


@dataclass(frozen=True)
class SwarmUpdate:
    """One task at a time, stop-first; the first failure pauses the update."""

    name: ClassVar[str] = "swarm_update"

    parallelism: int = constant(PARALLELISM)
    delay_s: float = constant(DELAY)
    order: Order = "stop-first"
    monitor_s: float = constant(MONITOR)
    max_failure_ratio: float = constant(RATIO)
    failure_action: OnFailure = "pause"
    grace_s: float = constant(STOP_GRACE)

    @property
    def min_ready_s(self) -> float:
        """An update goes on when its task has run for `monitor`, and `delay` later."""
        return self.delay_s

    @property
    def stop_first(self) -> bool:
        return self.order == "stop-first"

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step."""
        return update_step(wanted, before, self.parallelism, self.order, new, old)

    def run(self, cluster: Cluster) -> Loop:
        """Watch new tasks fail; report what becomes of each update."""
        changes = cluster.watch("version", "exit", "ready", "removed")
        failed: dict[str, int] = {}
        rolling: set[str] = set()
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            if change.kind == "version":
                failed[service] = 0
                rolling.add(service)
                text = f"update of {service} to {cluster.versions[service].name} begins"
                cluster.say("rollout", service, text)
            elif service in rolling and change.kind == "exit":
                c = change.container
                early = not c.was_ready or cluster.clock.now - c.started_s <= self.monitor_s
                if c.version == cluster.versions[service] and not c.deleting and early:
                    failed[service] += 1
                    self.failure(cluster, service, failed[service], rolling)
            elif service in rolling:
                self.look(cluster, service, rolling)

    def failure(self, cluster: Cluster, service: str, failed: int, rolling: set[str]) -> None:
        """A new task failed: pause, go on, or take the version before."""
        if not too_many_failures(failed, cluster.desired[service], self.max_failure_ratio):
            return
        name = cluster.versions[service].name
        if self.failure_action == "pause":
            rolling.discard(service)
            cluster.pause(service)
            cluster.say("rollout", service, f"update of {service} to {name} paused: a task failed")
        elif self.failure_action == "rollback":
            rolling.discard(service)
            cluster.say("rollback", service, f"update of {service} to {name} failed: rolled back")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])

    def look(self, cluster: Cluster, service: str, rolling: set[str]) -> None:
        live = [c for c in cluster.of(service) if not c.deleting]
        new = [c for c in live if c.ready and c.version == cluster.versions[service]]
        if len(new) == len(live) == cluster.desired[service]:
            rolling.discard(service)
            name = cluster.versions[service].name
            cluster.say("rollout", service, f"update of {service} to {name} is complete")
