"""Docker's HEALTHCHECK: the Engine asks, counts, and writes a label. What others do with the label
is their choice: Compose nothing, autoheal a restart, Swarm a replacement.

Rules: shared facts, orchestrators 1.4 (moby daemon/health.go @b985e231 read) and section 3. Left
out: the time to start the check's own process. `willfarrell/autoheal`, a container beside the
others, polls the Engine for the label and restarts, one container after the other
(willfarrell/docker-autoheal docker-entrypoint @00b0c4b7 read); left out: its own failure, its
webhook, the 30 s after which its call to the Engine is given up (a stop takes 10 s at most).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.health_checks.checks import checks
from sim.schema.stack import Healthcheck, Service

START_INTERVAL = Fact(
    "healthcheck.start_interval", 5.0, "s",
    "between two checks inside the start period, until the first success",
    "moby/moby daemon/health.go defaultStartInterval @b985e231",
)  # fmt: skip

Status = Literal["", "starting", "healthy", "unhealthy"]


# ---- rules ----
class Label(NamedTuple):
    """What `docker ps` says, and the failures in a row behind it."""

    status: Status = "starting"
    streak: int = 0


def labelled(label: Label, ok: bool, retries: int, in_start_period: bool) -> Label:
    """The label after one more check.

    One success is enough for healthy; `retries` failures in a row make unhealthy; failures inside
    the start period do not count while the first success is awaited. Source: moby daemon/health.go
    handleProbeResult."""
    if ok:
        return Label("healthy", 0)
    if in_start_period and label.status == "starting":
        return label
    streak = label.streak + 1
    return Label("unhealthy" if streak >= retries else label.status, streak)


def next_check_s(label: Label, check: Healthcheck, age_s: float, start_interval_s: float) -> float:
    """Seconds from the end of one check (or the start of the process) to the next one.

    Source: moby daemon/health.go monitor: the first check, too, waits for an interval."""
    early = label.status == "starting" and age_s < check.start_period
    own = start_interval_s if check.start_interval is None else check.start_interval
    return min(own, check.interval) if early else check.interval


# ---- the Engine ----
@dataclass(frozen=True)
class DockerHealthchecks:
    """The Engine labels; nobody acts on it. Every process that exists may get traffic."""

    capability: ClassVar[str] = "health_checks"
    reads: ClassVar[str] = "healthcheck"  # of a service

    start_interval_s: float = constant(START_INTERVAL, above_zero=True)

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs? A label ends nothing."""
        return False

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(monitor(cluster, self.start_interval_s))
        starts = cluster.watch("started")
        while True:
            change = yield starts.get()
            if change.container is not None and change.container.alive:
                cluster.set_ready(change.container, True)


def monitor(cluster: Cluster, start_interval_s: float) -> Loop:
    """Check every container whose service has a HEALTHCHECK, and keep `Container.health`."""
    starts = cluster.watch("started")
    for c in cluster.containers:
        if c.alive and cluster.service(c.service).healthcheck is not None:
            cluster.set_health(c, "healthy")  # ran well for days before the run began
            cluster.clock.loop(check(cluster, c, start_interval_s))
    while True:
        change = yield starts.get()
        c = change.container
        if c is not None and cluster.service(c.service).healthcheck is not None:
            cluster.set_health(c, "starting")
            cluster.clock.loop(check(cluster, c, start_interval_s))


def check(cluster: Cluster, c: Container, start_interval_s: float) -> Loop:
    """One process's checks, for as long as it lives."""
    spec = cluster.service(c.service).healthcheck
    assert spec is not None
    label = Label(c.health or "starting")
    first_s = next_check_s(label, spec, cluster.clock.now - c.started_s, start_interval_s)
    if label.status == "healthy":
        first_s *= cluster.random(f"healthcheck/{c.service}")  # somewhere in its interval

    def result(passed: bool) -> float:
        nonlocal label
        age_s = cluster.clock.now - c.started_s
        label = labelled(label, passed, spec.retries, age_s < spec.start_period)
        cluster.set_health(c, label.status)
        return next_check_s(label, spec, age_s, start_interval_s)

    def steady() -> float | None:
        return spec.interval if label == Label("healthy", 0) else None

    yield from checks(cluster, c, first_s, spec.timeout, result, spec.deep, steady)


# ---- autoheal ----
AUTOHEAL = "willfarrell/docker-autoheal docker-entrypoint and README @00b0c4b7"
INTERVAL = Fact("autoheal.interval", 5.0, "s", "between two looks at the labels", AUTOHEAL)
START_PERIOD = Fact("autoheal.start_period", 0.0, "s", "before its first look", AUTOHEAL)
STOP_TIMEOUT = Fact(
    "autoheal.stop_timeout", 10.0, "s", "SIGTERM, this wait, then SIGKILL", AUTOHEAL
)


class Seen(NamedTuple):
    """A container as the Engine's list shows it."""

    id: int
    health: Status | None
    running: bool
    restarting: bool


def unhealthy(containers: Iterable[Seen]) -> list[int]:
    """Whom it restarts: running and labelled unhealthy, the newest first; not what already
    restarts. Source: docker-entrypoint; the Engine lists running containers, newest first."""
    sick = [c.id for c in containers if c.health == "unhealthy" and c.running and not c.restarting]
    return sorted(sick, reverse=True)


@dataclass(frozen=True)
class Autoheal:
    """Docker's HEALTHCHECK, and somebody who acts on it. It routes nothing: that is the balancer's
    check."""

    capability: ClassVar[str] = "health_checks"
    reads: ClassVar[str] = "healthcheck"  # of a service

    interval_s: float = constant(INTERVAL, above_zero=True)
    start_period_s: float = constant(START_PERIOD)
    stop_timeout_s: float = constant(STOP_TIMEOUT)
    engine: DockerHealthchecks = field(default_factory=DockerHealthchecks)

    def ends(self, service: Service) -> bool:
        """A process that hangs is restarted, if the service has a HEALTHCHECK."""
        return service.healthcheck is not None

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.heal(cluster))
        yield from self.engine.run(cluster)

    def heal(self, cluster: Cluster) -> Loop:
        """Look, restart one after the other, wait, look again."""
        phase = cluster.random("autoheal/phase") * self.interval_s
        first_s = cluster.clock.now + self.start_period_s + phase

        def listed() -> list[int]:
            return unhealthy(
                Seen(c.id, c.health, c.state == "running" and c.server.alive, c.restarting)
                for c in cluster.containers
            )

        for tick in cluster.ticks(
            self.interval_s, Rank.AUTOHEAL, first_s, chained=True,
            calm=lambda: 0.0 if listed() else math.inf,
        ):  # fmt: skip
            yield tick
            of = {c.id: c for c in cluster.containers}
            for ident in listed():
                yield from self.restart(cluster, of[ident])

    def restart(self, cluster: Cluster, c: Container) -> Loop:
        """`docker restart -t 10`: it starts again whatever its restart policy is."""
        if c.state != "running" or not c.server.alive:
            return  # ended while another one was restarted
        cluster.say("autoheal", c.name, f"autoheal restarts {c.name}: it is labelled unhealthy")
        cluster.acted()
        run = c.run
        yield cluster.stop(c, self.stop_timeout_s)
        if c.run == run and not c.alive and not c.deleting and c.server.alive:
            cluster.try_start(c)


# ---- a swarm: it gates traffic, and a task that turns unhealthy is shut down ----
SERVICE = "moby/swarmkit api/defaults/service.go @3e72cb64"
STOP_GRACE = Fact("swarm.stop_grace", 10.0, "s", "SIGTERM, this wait, then SIGKILL", SERVICE)


@dataclass(frozen=True)
class SwarmHealthchecks:
    """A task gets traffic when its HEALTHCHECK first passes (without one: when its process runs),
    and is shut down when it turns unhealthy.

    Source: moby daemon/cluster/executor/container/controller.go Start, Wait."""

    reads: ClassVar[str] = "healthcheck"  # of a service

    start_interval_s: float = constant(START_INTERVAL, above_zero=True)
    grace_s: float = constant(STOP_GRACE)

    def ends(self, service: Service) -> bool:
        return service.healthcheck is not None

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(monitor(cluster, self.start_interval_s))
        changes = cluster.watch("started", "health")
        while True:
            change = yield changes.get()
            c = change.container
            if c is None or not c.alive:
                continue
            runs = cluster.service(c.service).healthcheck is None  # all that is asked of it
            if (change.kind == "started" and runs) or (
                change.kind == "health" and c.health == "healthy"
            ):
                cluster.set_ready(c, True)
            elif change.kind == "health" and c.health == "unhealthy":
                cluster.set_ready(c, False)
                cluster.say("liveness", c.name, f"{c.name} is unhealthy: shut down")
                cluster.acted()
                cluster.stop(c, self.grace_s)
