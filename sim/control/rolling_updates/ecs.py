"""Deployments of Amazon ECS: percentages, and a circuit breaker that is off unless asked for.

Rules: shared facts, orchestrators section 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.target_group import STOP_TIMEOUT
from sim.control.rolling_updates.deployment import resize
from sim.control.scheduling.replicas import Phase, ReplicaSet

SERVICE = "awsdocs/amazon-ecs-developer-guide service_definition_parameters.md @49232cf2"
BREAKER = "Amazon ECS API reference, DeploymentCircuitBreaker"
MIN_PERCENT = Fact("ecs.min_healthy_percent", 100, "%", "of the tasks, rounded up", SERVICE)
MAX_PERCENT = Fact("ecs.max_percent", 200, "%", "of the tasks, rounded down", SERVICE)
BREAKER_SHARE = Fact("ecs.breaker_share", 0.5, "", "of the tasks may fail, rounded up", BREAKER)
BREAKER_LEAST = Fact("ecs.breaker_least", 3, "failures", "... at least", BREAKER)
BREAKER_MOST = Fact("ecs.breaker_most", 200, "failures", "... at most", BREAKER)


def fenceposts(desired: int, least: int, most: int) -> tuple[int, int]:
    """(surge, unavailable): the least percentage rounds up, the most rounds down.

    Source: ECS developer guide, minimumHealthyPercent and maximumPercent."""
    return math.floor(desired * most / 100) - desired, desired - math.ceil(desired * least / 100)


def breaker_threshold(desired: int, share: float, least: int, most: int) -> int:
    """Failed tasks that trip the circuit breaker. Source: API_ServiceDeploymentCircuitBreaker."""
    return min(max(math.ceil(share * desired), least), most)


@dataclass(frozen=True)
class EcsDeployment:
    """New tasks first, as far as 200 % allow. The circuit breaker is off unless asked for: then a
    bad deployment is tried for ever, while the old tasks serve on."""

    name: ClassVar[str] = "ecs_deployment"

    min_percent: int = constant(MIN_PERCENT)
    max_percent: int = constant(MAX_PERCENT)
    breaker: bool = False
    rollback: bool = False  # the breaker also goes back to the last completed deployment
    breaker_share: float = constant(BREAKER_SHARE)
    breaker_least: int = constant(BREAKER_LEAST)
    breaker_most: int = constant(BREAKER_MOST)
    grace_s: float = constant(STOP_TIMEOUT)
    min_ready_s: float = 0.0
    stop_first: bool = False

    def fenceposts(self, desired: int) -> tuple[int, int]:
        return fenceposts(desired, self.min_percent, self.max_percent)

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        """The sizes after one step: as a Deployment's, with ECS' percentages."""
        surge, _ = self.fenceposts(before)
        return resize(wanted, before, self.fenceposts(wanted), surge, new, old)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("version", "exit", "ready", "removed")
        failed: dict[str, int] = {}  # of the deployments under way
        while True:
            change = yield changes.get()
            service = change.container.service if change.container else change.service
            name = cluster.versions[service].name if service else ""
            if change.kind == "version":
                failed[service] = 0
                cluster.say("rollout", service, f"deployment of {service} {name} begins")
            elif service in failed and change.kind == "exit":
                c = change.container
                if c.version == cluster.versions[service] and not c.deleting:
                    failed[service] += 1
                    self.failure(cluster, service, failed)
            elif service in failed:
                tasks = cluster.of(service)  # those that drain too: it waits for their end
                new = [c for c in tasks if c.ready and c.version == cluster.versions[service]]
                if len(new) == len(tasks) == cluster.desired[service]:
                    failed.pop(service)
                    cluster.say("rollout", service, f"deployment of {service} {name} is complete")

    def failure(self, cluster: Cluster, service: str, failed: dict[str, int]) -> None:
        """Another task of the new version failed."""
        most = breaker_threshold(
            cluster.desired[service], self.breaker_share, self.breaker_least, self.breaker_most
        )
        if not self.breaker or failed[service] < most:
            return
        failed.pop(service)
        text = f"deployment of {service} failed: {most} tasks, the circuit breaker trips"
        cluster.say("rollout", service, text)
        cluster.pause(service)
        if self.rollback:
            cluster.say("rollback", service, f"ECS rolls {service} back")
            cluster.acted()
            cluster.set_version(service, cluster.previous[service])
