"""Target health as an AWS Application Load Balancer sees it, and what ECS does about it.

A new target is in service after one passed check; two failed ones take it out; five passed ones in
a row bring it back. ECS stops and replaces a task whose target is unhealthy. Rules: shared facts,
orchestrators section 5 (awsdocs user guides of June 2023, current pages where they differ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Container
from sim.control.core.wires import INTERNET
from sim.control.health_checks.checks import checks
from sim.schema.stack import Service

ALB = "awsdocs/elb-application-load-balancers-user-guide target-group-health-checks @0835fefa"
SERVICE = "awsdocs/amazon-ecs-developer-guide service_definition_parameters.md @49232cf2"
INTERVAL = Fact("alb.interval", 30.0, "s", "between two checks of a target", ALB)
TIMEOUT = Fact("alb.timeout", 5.0, "s", "an answer later than this is a failure", ALB)
HEALTHY = Fact("alb.healthy", 5, "checks", "passed in a row: unhealthy -> healthy", ALB)
UNHEALTHY = Fact("alb.unhealthy", 2, "checks", "failed in a row: healthy -> unhealthy", ALB)
FIRST = Fact("alb.first", 1, "checks", "passed: a new target is in service", ALB)
GRACE = Fact("ecs.health_check_grace", 0.0, "s", "failures after the start are ignored", SERVICE)
STOP_TIMEOUT = Fact(
    "ecs.stop_timeout", 30.0, "s", "SIGTERM, this wait, then SIGKILL",
    "Amazon ECS API reference, ContainerDefinition stopTimeout (EC2 and Fargate alike)",
)  # fmt: skip


class Target(NamedTuple):
    """What the balancer knows of a target; `healthy` None: registered, no result yet."""

    healthy: bool | None = None
    streak: int = 0  # results in a row that contradict it: passes; failures count below zero


def counted(target: Target, ok: bool, first: int, healthy: int, unhealthy: int) -> Target:
    """One more result. Source: ALB user guide, health checks for target groups."""
    if ok == target.healthy:
        return Target(ok, 0)
    step = 1 if ok else -1
    streak = target.streak + step if target.streak * step >= 0 else step
    passes = first if target.healthy is None else healthy
    enough = abs(streak) >= (passes if ok else unhealthy)
    return Target(ok, 0) if enough else Target(target.healthy, streak)


@dataclass(frozen=True)
class TargetHealth:
    """The ALB asks, ECS replaces; services without a balancer count as healthy when they run."""

    capability: ClassVar[str] = "health_checks"
    name: ClassVar[str] = "target_health"

    interval_s: float = constant(INTERVAL, above_zero=True)
    timeout_s: float = constant(TIMEOUT)
    healthy: int = constant(HEALTHY)
    unhealthy: int = constant(UNHEALTHY)
    first: int = constant(FIRST)
    grace_s: float = constant(GRACE)
    stop_s: float = constant(STOP_TIMEOUT)

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
        return service.role == "http"

    def run(self, cluster: Cluster) -> Loop:
        starts = cluster.watch("started")
        for c in [c for service in cluster.fronts for c in cluster.of(service)]:
            if c.alive:
                cluster.clock.loop(self.check(cluster, c, Target(True)))
        while True:
            c = (yield starts.get()).container
            if c is not None and c.alive and c.service in cluster.fronts:
                cluster.clock.loop(self.check(cluster, c, Target()))
            elif c is not None and c.alive:
                cluster.set_ready(c, True)

    def check(self, cluster: Cluster, c: Container, target: Target) -> Loop:
        """One target's checks, with a phase of its own, for as long as its process lives."""

        def result(passed: bool) -> float | None:
            nonlocal target
            before = target.healthy
            target = counted(target, passed, self.first, self.healthy, self.unhealthy)
            if target.healthy is not before:
                cluster.believe(c, bool(target.healthy))
                if not target.healthy and self.replace(cluster, c):
                    return None
            return self.interval_s

        def steady() -> float | None:
            return self.interval_s if target == Target(True) else None

        phase_s = cluster.random(cluster.stream("alb/phase", c.service)) * self.interval_s
        yield from checks(
            cluster, c, phase_s, self.timeout_s, result, steady=steady, asker=INTERNET
        )

    def replace(self, cluster: Cluster, c: Container) -> bool:
        """An unhealthy target's task is stopped, unless it has only just begun."""
        young = cluster.clock.now - c.started_s < self.grace_s
        if young or c.deleting or cluster.frozen["controllers"]:
            return False
        cluster.say("liveness", c.name, f"{c.name} failed its target's checks: stopped by ECS")
        cluster.acted()
        cluster.stop(c, self.stop_s)
        return True
