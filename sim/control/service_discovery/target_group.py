"""The target group of an Application Load Balancer (shared facts, orchestrators section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.service_discovery.endpoints import Endpoints

PROPAGATION = Fact(
    "alb.propagation", 2.0, "s", "longest way of a target's state to all balancer nodes (uniform)",
    "chosen: AWS gives no number",
)  # fmt: skip
DEREGISTRATION = Fact(
    "alb.deregistration", 300.0, "s",
    "ECS waits from the draining target to SIGTERM (deregistration_delay.timeout_seconds); ends "
    "early only when no connection is open, and clients keep theirs alive; the guide's tuning for "
    "requests below a second is 5",
    "docs.aws.amazon.com AmazonECS developerguide load-balancer-connection-draining",
)  # fmt: skip


@dataclass(frozen=True)
class Targets(Endpoints):
    """The balancer's target group; when all targets are sick, all get traffic.

    A target that leaves drains for its whole delay before its task is told to stop: deploys and
    scale-ins wait for it."""

    name: ClassVar[str] = "targets"

    watch_delay_s: float = constant(PROPAGATION)
    min_sync_s: float = 0.0
    fail_open: bool = True
    deregistration_s: float = constant(DEREGISTRATION)

    @property
    def linger_s(self) -> float:
        """A draining target serves on."""
        return self.deregistration_s
