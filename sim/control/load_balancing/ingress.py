"""An ingress controller: a proxy at the edge of the cluster that knows the endpoints itself.

What a request sees of ingress-nginx with its defaults: round robin over the ready replicas, and a
second and third try on another one. The controller itself never fails here and costs no CPU; the
list of replicas is the one that service discovery publishes (ingress-nginx reads endpoints, not
DNS, and does not reload for them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices
from sim.control.load_balancing.kube_proxy import ENTRY_PRICE, NOT_LOCAL, ServiceBalancing
from sim.control.load_balancing.nodes import NodeBalancer
from sim.dataplane.codes import MOST_UNUSED, Algorithm
from sim.dataplane.profile import Routing

CONFIG = "kubernetes/ingress-nginx internal/ingress/controller/config/config.go"
CONNECT_TIMEOUT = Fact("ingress_nginx.proxy_connect_timeout", 5.0, "s", "of one try", CONFIG)
TRIES = Fact(
    "ingress_nginx.proxy_next_upstream_tries", 3, "tries",
    "the first one included; `proxy-next-upstream: error timeout`", CONFIG,
)  # fmt: skip
KEEPALIVE = Fact(
    "ingress_nginx.upstream_keepalive_timeout", 60.0, "s",
    "an idle connection to a replica is kept (320 of a worker: more than are ever idle here)",
    CONFIG,
)  # fmt: skip


@dataclass(frozen=True)
class IngressBalancing:
    """ingress-nginx: round robin, and the next replica when one refuses, swallows or resets.

    `replay`: also when the connection is lost after the request was sent, as nginx does for all
    methods but POST, LOCK and PATCH (ngx_http_upstream.c, non_idempotent); also when it met the
    close of a kept connection."""

    capability: ClassVar[str] = "load_balancing"
    name: ClassVar[str] = "ingress_balancing"
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    connect_timeout_s: float = constant(CONNECT_TIMEOUT)
    tries: int = constant(TRIES)
    replay: bool = True
    keepalive_s: float = constant(KEEPALIVE)
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # as of a Service

    def conflicts(self, platform: Choices) -> str:
        """Why it cannot balance here; "" if it can."""
        return NOT_LOCAL if self.nodes is not None and self.nodes.local else ""

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm,
            proxy=True,
            connect_timeout_s=self.connect_timeout_s,
            retries=max(0, self.tries - 1),
            redispatch=True,
            retry_errors=self.replay,
            keeps=MOST_UNUSED,
            keeps_s=self.keepalive_s,
        )

    def between(self) -> Routing:
        """Services call each other by a Service's address: kube-proxy."""
        return ServiceBalancing().routing()
