"""Swarm's endpoints: they travel between the nodes' IPVS by gossip (hashicorp/memberlist)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.service_discovery.endpoints import Endpoints

CONVERGE = Fact(
    "swarm.gossip_converge", 2.0, "s",
    "between leaving the balancer and SIGTERM",
    "moby daemon/cluster/executor/container/controller.go defaultGossipConvergeDelay",
)  # fmt: skip
GOSSIP = Fact(
    "swarm.gossip", 1.0, "s", "longest way of an endpoint to the other servers' IPVS (uniform)",
    "derived: hashicorp/memberlist gossip interval 200 ms, three to five rounds",
)  # fmt: skip


@dataclass(frozen=True)
class Gossip(Endpoints):
    """Endpoints travel between the nodes' IPVS by gossip."""

    name: ClassVar[str] = "gossip"

    watch_delay_s: float = constant(GOSSIP)
    min_sync_s: float = 0.0
    converge_s: float = constant(CONVERGE)

    @property
    def linger_s(self) -> float:
        """A task that leaves waits until the others have heard of it."""
        return self.converge_s
