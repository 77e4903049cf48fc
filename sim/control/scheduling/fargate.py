"""Fargate: a machine for each task, in the sizes and at the prices that AWS offers.

Rules: shared facts, orchestrators section 5. Uncertain: start times, prices (from memory).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.health_checks.checks import STOP_TIMEOUT
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.microvms import GIB, MicroVMs, Price
from sim.control.scheduling.placement import Resources

PRICES = "aws.amazon.com/fargate/pricing, Linux/x86 in us-east-1, as quoted in June 2026"
PROVISION = Fact(
    "fargate.provisioning", 23.0, "s", "mean from the launch to a running task, small image",
    "derived: AWS' benchmark of June 2026, trigger at 363 s, task ready at 386 s",
)  # fmt: skip
PROVISION_CV = Fact("fargate.provisioning_cv", 0.3, "", "deviation / mean of that time", "chosen")
PULL_RATE = Fact(
    "fargate.pull_rate", 12.0 * 1024**2, "bytes/s", "the whole image at each start: no cache",
    "derived: 413 MB start in 53-62 s (elasticscale 2024), less the provisioning",
)  # fmt: skip
THROTTLE = "Amazon ECS developer guide, service throttle logic"
PULL_RETRY = Fact("fargate.pull_retry", 60.0, "s", "another task after a failed pull", "chosen")
PULL_RETRY_CAP = Fact("fargate.pull_retry_cap", 1620.0, "s", "27 minutes at most", THROTTLE)
LAUNCH_BURST = Fact("fargate.launch_burst", 100.0, "tasks", "at once", "Fargate throttling quotas")
LAUNCH_RATE = Fact("fargate.launch_rate", 20.0, "tasks/s", "sustained", "Fargate throttling quotas")
CORE_PRICE = Fact("fargate.core_price", 0.04048, "USD/h", "a virtual core", PRICES)
GIB_PRICE = Fact("fargate.gib_price", 0.004445, "USD/h", "a GiB of memory", PRICES)
SIZES = tuple(  # cores and GiB on offer. Source: ECS developer guide, Fargate task sizes
    Resources(cores, gib * GIB // 2)
    for cores, least, most in (
        (0.25, 1, 4), (0.5, 2, 8), (1.0, 4, 16), (2.0, 8, 32), (4.0, 16, 60),
    )
    for gib in range(least, most + 1)
)  # fmt: skip


@dataclass(frozen=True)
class FargateAgent(TaskAgent):
    """How a task starts: a machine, the whole image, the process."""

    pull_rate: float = constant(PULL_RATE, above_zero=True)
    start_mean_s: float = constant(PROVISION)
    start_cv: float = constant(PROVISION_CV)
    grace_s: float = constant(STOP_TIMEOUT)
    pull_backoff_s: float = constant(PULL_RETRY, above_zero=True)
    pull_backoff_cap_s: float = constant(PULL_RETRY_CAP, above_zero=True)


@dataclass(frozen=True)
class FargatePrice(Price):
    """What AWS asks."""

    core: float = constant(CORE_PRICE)
    gib: float = constant(GIB_PRICE)


@dataclass(frozen=True)
class Fargate(MicroVMs):
    """A task is a machine, within the account's launch rate."""

    name: ClassVar[str] = "fargate"
    console: ClassVar[str] = "aws ecs"

    sizes: tuple[Resources, ...] = SIZES
    price: Price = field(default_factory=FargatePrice)
    launch_rate: float = constant(LAUNCH_RATE)
    launch_burst: float = constant(LAUNCH_BURST)
    kubelet: Kubelet = field(default_factory=FargateAgent)
