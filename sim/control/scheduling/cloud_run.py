"""Cloud Run's instances: a machine each, streamed images, in sizes and at prices of Google's.

Rules: shared facts, orchestrators section 6. Uncertain: the seconds of a cold start, prices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.scheduling.kubelet import Kubelet, TaskAgent
from sim.control.scheduling.microvms import GIB, MicroVMs, Price
from sim.control.scheduling.placement import Resources

PRICES = "cloud.google.com/run/pricing, request-based billing, tier 1, as quoted in 2025"
STOP = Fact(
    "cloud_run.stop", 10.0, "s", "SIGTERM, this wait, then SIGKILL",
    "cloud.google.com/run/docs/container-contract, lifecycle",
)  # fmt: skip
INSTANCE = Fact("cloud_run.instance_start", 1.0, "s", "before the container's own boot", "chosen")
INSTANCE_CV = Fact("cloud_run.instance_start_cv", 0.5, "", "deviation / mean of it", "chosen")
CORE_PRICE = Fact("cloud_run.core_price", 0.0864, "USD/h", "a virtual core", PRICES)
GIB_PRICE = Fact("cloud_run.gib_price", 0.009, "USD/h", "a GiB of memory", PRICES)
SIZES = tuple(  # cores and GiB. Source: cloud.google.com/run/docs/configuring/services/cpu, memory
    Resources(cores, memory * GIB // 2)
    for cores, most in ((1.0, 8), (2.0, 16), (4.0, 32))
    for memory in range(1, most + 1)
)


@dataclass(frozen=True)
class InstanceStart(TaskAgent):
    """How an instance starts: images are streamed, nothing is pulled before."""

    pull_rate: float = math.inf
    start_mean_s: float = constant(INSTANCE)
    start_cv: float = constant(INSTANCE_CV)
    grace_s: float = constant(STOP)
    # cloud.google.com/run/docs/deploying: the image is imported when a revision is made, and
    # serving needs the registry no more
    pulls: bool = False


@dataclass(frozen=True)
class InstancePrice(Price):
    """What Google asks."""

    core: float = constant(CORE_PRICE)
    gib: float = constant(GIB_PRICE)


@dataclass(frozen=True)
class Instances(MicroVMs):
    """An instance is a machine; as many as are asked for come at once."""

    name: ClassVar[str] = "instances"
    console: ClassVar[str] = "gcloud run"

    sizes: tuple[Resources, ...] = SIZES
    price: Price = field(default_factory=InstancePrice)
    launch_rate: float = math.inf
    launch_burst: float = math.inf
    kubelet: Kubelet = field(default_factory=InstanceStart)
    default_cores: float = 1.0
