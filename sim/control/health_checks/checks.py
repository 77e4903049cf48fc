"""Checks from outside, and who gets traffic by them: a process is asked, answers or not, and is
asked again while it lives.

Consul's catalogue (for Nomad): one failure takes a replica out, one pass puts it back; a restart
after failures is opt-in (check_restart). Rules: shared facts, orchestrators section 4;
hashicorp/consul check blocks (initial state critical; success_before_passing and
failures_before_critical 0). The interval and the timeout are the service's `healthcheck:`.

An AWS Application Load Balancer: a new target is in service after one passed check; two failed ones
take it out; five passed ones in a row bring it back. ECS stops and replaces a task whose target is
unhealthy. Rules: section 5 (awsdocs user guides of June 2023, current pages where they differ).

Cloud Run's start-up probe: section 6. Docker's HEALTHCHECK (docker.py) and HAProxy's lines are
asked by the same loop; the kubelet's probes have a clock of their own (probes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import simpy

from sim.constants.facts import Fact, constant
from sim.control.core.check import Check
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container
from sim.control.core.wires import INTERNET
from sim.schema.stack import Service


def ask(
    cluster: Cluster, c: Container, timeout_s: float, rank: Rank, key: int, deep: bool = False
) -> Task[bool]:
    """Send a probe and wait for its answer: False when it fails or none comes in time."""
    over = cluster.clock.event()

    def heard(passed: bool) -> None:
        if not over.triggered:  # else both came at this instant
            over.succeed(passed)

    probe = cluster.probe(c, heard, deep)
    deadline = cluster.clock.after(timeout_s, rank, key, 1)
    deadline.callbacks.append(lambda _: heard(False))
    passed: bool = yield over
    cluster.forget(probe)
    deadline.cancel()
    return passed


def checks(
    cluster: Cluster,
    c: Container,
    first_s: float,
    timeout_s: float,
    counted: Callable[[bool], float | None],
    deep: bool = False,
    steady: Callable[[], float | None] = lambda: None,
    asker: int | None = None,
) -> Loop:
    """Check one process for as long as it lives, the first time after `first_s` seconds.

    `counted(passed)` does what one result means, and says how many seconds later the next check
    begins; None: no more. `steady()` says the same of one more pass if it would change nothing
    that anybody sees, else None. `asker`: the segment it is asked from, if not on its server."""
    over = cluster.clock.event()
    process = LivingProcess(c, counted, steady, c.run, over)
    check = Check(cluster, process, Rank.PROBE, c.id, timeout_s, deep, asker=lambda: asker)
    check.wait(first_s)
    yield over


@dataclass(frozen=True)
class LivingProcess:
    """A container's process, for as long as it lives. See `checks`."""

    c: Container
    counted: Callable[[bool], float | None]
    steady: Callable[[], float | None]
    run: int
    over: simpy.Event

    def goes_on(self) -> bool:
        return self.c.run == self.run and self.c.alive

    def asked(self) -> Container:
        return self.c

    def ended(self) -> None:
        self.over.succeed()


# ---- Consul, and Nomad ----
CHECK_RESTART = "hashicorp/nomad api/services.go CheckRestart @aa026cc9"
RESTART_LIMIT = Fact(
    "nomad.check_restart_limit", 0, "failures", "in a row restart the task; 0: never", CHECK_RESTART
)
RESTART_GRACE = Fact(
    "nomad.check_restart_grace", 1.0, "s", "failures so soon after a start do not count",
    CHECK_RESTART,
)  # fmt: skip
KILL = Fact(
    "nomad.check_restart_kill", 5.0, "s", "signal, this wait, then SIGKILL",
    "hashicorp/nomad nomad/structs/structs.go DefaultKillTimeout @aa026cc9",
)  # fmt: skip


def restarts(streak: int, age_s: float, limit: int, grace_s: float) -> bool:
    """Is a task restarted after `streak` failures in a row?

    Source: hashicorp/nomad command/agent/consul check_watcher.go."""
    return limit > 0 and streak >= limit and age_s >= grace_s


@dataclass(frozen=True)
class ServiceChecks:
    """The catalogue lists who passed the last check; a service without one is listed at once."""

    capability: ClassVar[str] = "health_checks"
    reads: ClassVar[str] = "healthcheck"  # of a service

    restart_limit: int = constant(RESTART_LIMIT)
    restart_grace_s: float = constant(RESTART_GRACE)
    kill_s: float = constant(KILL)

    def ends(self, service: Service) -> bool:
        return self.restart_limit > 0 and service.healthcheck is not None

    def run(self, cluster: Cluster) -> Loop:
        starts = cluster.watch("started")
        for c in cluster.containers:
            if c.alive and cluster.service(c.service).healthcheck is not None:
                cluster.clock.loop(self.check(cluster, c))
        while True:
            c = (yield starts.get()).container
            if c is None or not c.alive:
                continue
            if cluster.service(c.service).healthcheck is None:
                cluster.set_ready(c, True)
            else:
                cluster.clock.loop(self.check(cluster, c))

    def check(self, cluster: Cluster, c: Container) -> Loop:
        """One process's check, with a phase of its own, for as long as it lives."""
        streak = 0
        spec = cluster.service(c.service).healthcheck
        assert spec is not None

        def result(passed: bool) -> float | None:
            nonlocal streak
            streak = 0 if passed else streak + 1
            if c.ready and not passed:
                cluster.say("readiness", c.name, f"{c.name} fails its check: no traffic")
                cluster.acted()
            cluster.set_ready(c, passed)
            age_s = cluster.clock.now - c.started_s
            if not restarts(streak, age_s, self.restart_limit, self.restart_grace_s):
                return spec.interval
            cluster.say("liveness", c.name, f"{c.name} failed {streak} checks: restarted")
            cluster.stop(c, self.kill_s)
            return None

        def steady() -> float | None:
            return spec.interval if c.ready and streak == 0 else None

        phase_s = cluster.random(f"servicecheck/{c.service}") * spec.interval
        yield from checks(cluster, c, phase_s, spec.timeout, result, spec.deep, steady)


# ---- an ALB, and ECS ----
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

    interval_s: float = constant(INTERVAL, above_zero=True)
    timeout_s: float = constant(TIMEOUT)
    healthy: int = constant(HEALTHY)
    unhealthy: int = constant(UNHEALTHY)
    first: int = constant(FIRST)
    grace_s: float = constant(GRACE)
    stop_s: float = constant(STOP_TIMEOUT)

    def ends(self, service: Service) -> bool:
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


# ---- Cloud Run ----
@dataclass(frozen=True)
class StartupProbe:
    """An instance gets traffic when its port answers; there is no liveness probe by default."""

    def ends(self, service: Service) -> bool:
        return False

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("listening", "started")
        while True:
            change = yield changes.get()
            c = change.container
            if c.alive and (change.kind == "listening" or c.service not in cluster.fronts):
                cluster.set_ready(c, True)
