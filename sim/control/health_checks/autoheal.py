"""autoheal: a container beside the others that restarts what Docker labels unhealthy.

Docker's HEALTHCHECK labels and nothing more; `willfarrell/autoheal` polls the Engine for the label
and restarts, one container after the other. Rules: willfarrell/docker-autoheal docker-entrypoint
@00b0c4b7 read. Left out: its own failure, its webhook, the 30 s after which its call to the Engine
is given up (a stop takes 10 s at most).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.health_checks.docker import DockerHealthchecks, Status
from sim.schema.stack import Service

AUTOHEAL = "willfarrell/docker-autoheal docker-entrypoint and README @00b0c4b7"
INTERVAL = Fact("autoheal.interval", 5.0, "s", "between two looks at the labels", AUTOHEAL)
START_PERIOD = Fact("autoheal.start_period", 0.0, "s", "before its first look", AUTOHEAL)
STOP_TIMEOUT = Fact(
    "autoheal.stop_timeout", 10.0, "s", "SIGTERM, this wait, then SIGKILL", AUTOHEAL
)


# ---- rules ----
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


# ---- the choice ----
@dataclass(frozen=True)
class Autoheal:
    """Docker's HEALTHCHECK, and somebody who acts on it. It routes nothing: that is the balancer's
    check."""

    capability: ClassVar[str] = "health_checks"
    name: ClassVar[str] = "autoheal"
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
