"""Service checks as Consul and Nomad run them: one failure takes a replica out of the catalogue,
one pass puts it back; a restart after failures is opt-in (check_restart).

Rules: shared facts, orchestrators section 4; hashicorp/consul check blocks (initial state critical;
success_before_passing and failures_before_critical 0). The interval and the timeout are the
service's `healthcheck:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Container
from sim.control.health_checks.checks import checks
from sim.schema.stack import Service

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
    name: ClassVar[str] = "service_checks"
    reads: ClassVar[str] = "healthcheck"  # of a service

    restart_limit: int = constant(RESTART_LIMIT)
    restart_grace_s: float = constant(RESTART_GRACE)
    kill_s: float = constant(KILL)

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
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
