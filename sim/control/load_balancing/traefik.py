"""Traefik as an ingress: round robin over what discovery lists, and no retry by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices
from sim.control.load_balancing.kube_proxy import ENTRY_PRICE, NOT_LOCAL
from sim.control.load_balancing.nodes import NodeBalancer
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing

DIAL = Fact(
    "traefik.dial_timeout", 30.0, "s", "Traefik gives up connecting to a replica; no retry",
    "doc.traefik.io forwardingTimeouts.dialTimeout",
)  # fmt: skip


@dataclass(frozen=True)
class Traefik:
    """Round robin over what the catalogue listed at the last poll; no retry unless configured."""

    name: ClassVar[str] = "traefik"

    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    connect_timeout_s: float = constant(DIAL)
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # as of a Service

    def conflicts(self, platform: Choices) -> str:
        """Why it cannot balance here; "" if it can."""
        return NOT_LOCAL if self.nodes is not None and self.nodes.local else ""

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm, proxy=True, connect_timeout_s=self.connect_timeout_s
        )
