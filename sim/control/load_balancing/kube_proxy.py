"""Balancing by a Service's address: kube-proxy, and IPVS elsewhere; nobody in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices, Maintaining
from sim.control.load_balancing.nodes import NodeBalancer
from sim.dataplane.codes import MOST_UNUSED, Algorithm
from sim.dataplane.profile import Routing
from sim.schema.stack import Stack

ENTRY_PRICE = Fact(
    "balancer.price", 0.0225, "USD/h",
    "the provider's balancer before several servers (an ALB or NLB), without its use",
    "aws.amazon.com/elasticloadbalancing/pricing, us-east-1, as quoted in June 2025",
)  # fmt: skip


ALB_IDLE = Fact(
    "alb.idle_timeout", 60.0, "s", "an ALB keeps an idle connection to a target",
    "docs.aws.amazon.com elasticloadbalancing, application: idle_timeout.timeout_seconds",
)  # fmt: skip
NOT_LOCAL = "it knows the replicas of all servers: nodes with local: are for a Service alone"
NO_NODES = "its balancer knows the tasks themselves: nodes stand where servers are one's own"


@dataclass(frozen=True)
class ServiceBalancing:
    """kube-proxy in iptables mode: random per connection, no proxy in between, no retry. An ALB
    (`per_request`) looks at each request, whatever connection it comes by, and keeps its own to a
    replica for `idle_s` after their last use (its idle time-out, of a proxy alone)."""

    capability: ClassVar[str] = "load_balancing"
    name: ClassVar[str] = "service_balancing"

    algorithm: Algorithm = Algorithm.RANDOM
    per_request: bool = False
    idle_s: float = constant(ALB_IDLE)
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # null: whoever lets users in knows which servers live

    def conflicts(self, platform: Choices) -> str:
        """Why it cannot balance here; "" if it can."""
        tasks = isinstance(platform.scheduling, Maintaining)
        return NO_NODES if self.nodes is not None and tasks else ""

    def refuses(self, stack: Stack) -> str:
        """Why it does not take the stack; "" if it does."""
        several = self.nodes is not None and self.nodes.local and len(stack.doors) > 1
        asked = f"users ask {', '.join(stack.doors)}, each by a balancer of its own"
        return f"{asked}: nodes with local: are for one" if several else ""

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm, per_request=self.per_request, keeps=MOST_UNUSED,
            keeps_s=self.idle_s,
        )  # fmt: skip
