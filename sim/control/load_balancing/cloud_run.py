"""Google's front end before Cloud Run (shared facts, orchestrators section 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Agented
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing

SCALING = "cloud.google.com/run/docs/about-instance-autoscaling"
CONCURRENCY_DOC = "cloud.google.com/run/docs/about-concurrency"
CONCURRENCY = Fact("cloud_run.concurrency", 80, "requests", "an instance at most", CONCURRENCY_DOC)
PENDING = Fact(
    "cloud_run.pending", 10.0, "s", "a request waits for an instance at least, then 429",
    SCALING + " (older copies; the oldest say 60 s)",
)  # fmt: skip
PENDING_STARTS = Fact(
    "cloud_run.pending_starts", 3.5, "x",
    "... or so many mean start-up times of the service's containers, if that is longer",
    SCALING + " (the current copy)",
)  # fmt: skip
CONNECT = Fact("cloud_run.connect_timeout", 5.0, "s", "front end to instance", "chosen")


def pending_s(startup_s: float, least_s: float, starts: float) -> float:
    """How long a request may wait for an instance: the longer of the two.

    Source: about-instance-autoscaling, what happens at the maximum of instances."""
    return max(least_s, starts * startup_s)


@dataclass(frozen=True)
class FrontEnd:
    """Google's front end: an instance takes 80 requests; more wait, also where no instance is at
    all, and get 429 after 10 s or 3.5 start-up times."""

    name: ClassVar[str] = "front_end"

    algorithm: Algorithm = Algorithm.LEAST_CONNECTIONS
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    pending_s: float = constant(PENDING)
    pending_starts: float = constant(PENDING_STARTS)
    connect_timeout_s: float = constant(CONNECT)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            maxconn=self.concurrency,
            queue_timeout_s=self.pending_s,
            holds=True,
        )

    def run(self, cluster: Cluster) -> Loop:
        """The wait depends on how long the service's containers take to start."""
        scheduling = cluster.choices.scheduling
        for service in cluster.fronts:
            startup_s = cluster.service(service).boot.mean
            if isinstance(scheduling, Agented):
                startup_s += scheduling.kubelet.start_mean_s
            wait_s = pending_s(startup_s, self.pending_s, self.pending_starts)
            cluster.route(replace(self.routing(), queue_timeout_s=wait_s), service)
        yield from ()
