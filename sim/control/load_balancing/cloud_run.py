"""Google's front end before Cloud Run (shared facts, orchestrators section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing

SCALING = "cloud.google.com/run/docs/about-instance-autoscaling"
CONCURRENCY_DOC = "cloud.google.com/run/docs/about-concurrency"
CONCURRENCY = Fact("cloud_run.concurrency", 80, "requests", "an instance at most", CONCURRENCY_DOC)
PENDING = Fact(
    "cloud_run.pending", 10.0, "s", "a request waits for an instance, then 429",
    SCALING + " (older copies; the current one says 3.5 start-up times or 10 s)",
)  # fmt: skip
CONNECT = Fact("cloud_run.connect_timeout", 5.0, "s", "front end to instance", "chosen")


@dataclass(frozen=True)
class FrontEnd:
    """Google's front end: an instance takes 80 requests; more wait, and get 429 after 10 s."""

    name: ClassVar[str] = "front_end"

    algorithm: Algorithm = Algorithm.LEAST_CONNECTIONS
    concurrency: int = constant(CONCURRENCY, above_zero=True)
    pending_s: float = constant(PENDING)
    connect_timeout_s: float = constant(CONNECT)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            maxconn=self.concurrency,
            queue_timeout_s=self.pending_s,
        )
