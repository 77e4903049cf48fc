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
    "alb.deregistration", 5.0, "s",
    "from the draining target to SIGTERM: the delay of 300 s ends early when nothing is in flight",
    "ALB user guide, deregistration delay; 5 s is the longest request here",
)  # fmt: skip


@dataclass(frozen=True)
class Targets(Endpoints):
    """The balancer's target group; when all targets are sick, all get traffic."""

    name: ClassVar[str] = "targets"

    watch_delay_s: float = constant(PROPAGATION)
    min_sync_s: float = 0.0
    fail_open: bool = True
