"""Docker's HEALTHCHECK: the Engine asks, counts, and writes a label. What others do with the label
is their choice: Compose nothing, autoheal a restart, Swarm a replacement.

Rules: shared facts, orchestrators 1.4 (moby daemon/health.go @b985e231 read). Left out: the time to
start the check's own process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
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
    name: ClassVar[str] = "docker_healthchecks"
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


def monitor(cluster: Cluster, start_interval_s: float = START_INTERVAL.value) -> Loop:
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
