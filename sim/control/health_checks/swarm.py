"""HEALTHCHECK in a swarm: it gates traffic, and a task that turns unhealthy is shut down.

Rules: shared facts, orchestrators section 3 (moby/moby @b985e231 read).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.docker import START_INTERVAL, monitor
from sim.schema.stack import Service

SERVICE = "moby/swarmkit api/defaults/service.go @3e72cb64"
STOP_GRACE = Fact("swarm.stop_grace", 10.0, "s", "SIGTERM, this wait, then SIGKILL", SERVICE)


@dataclass(frozen=True)
class SwarmHealthchecks:
    """A task gets traffic when its HEALTHCHECK first passes (without one: when its process runs),
    and is shut down when it turns unhealthy.

    Source: moby daemon/cluster/executor/container/controller.go Start, Wait."""

    name: ClassVar[str] = "swarm_healthchecks"

    reads: ClassVar[str] = "healthcheck"  # of a service

    start_interval_s: float = constant(START_INTERVAL, above_zero=True)
    grace_s: float = constant(STOP_GRACE)

    def ends(self, service: Service) -> bool:
        """Does it end a process that hangs?"""
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
