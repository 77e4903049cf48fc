"""Balancers that check nobody themselves: what is done with each request, as data.

kube-proxy (and IPVS elsewhere) balances by a Service's address, with nobody in between. An ingress
controller is a proxy at the edge of the cluster that knows the endpoints itself, by the list that
service discovery publishes (ingress-nginx reads endpoints, not DNS, and does not reload for them);
it never fails here and costs no CPU. What a request sees of ingress-nginx with its defaults: round
robin over the ready replicas, and a second and third try on another one; of Traefik: round robin,
and no retry by itself. Google's front end stands before Cloud Run (shared facts, orchestrators
section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Agented, Choices, Maintaining
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
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
    """kube-proxy in iptables mode: random per connection, no proxy in between, no retry."""

    capability: ClassVar[str] = "load_balancing"

    algorithm: Algorithm = Algorithm.RANDOM
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # null: whoever lets users in knows which servers live

    def conflicts(self, platform: Choices) -> str:
        tasks = isinstance(platform.scheduling, Maintaining)
        return NO_NODES if self.nodes is not None and tasks else ""

    def refuses(self, stack: Stack) -> str:
        several = self.nodes is not None and self.nodes.local and len(stack.doors) > 1
        asked = f"users ask {', '.join(stack.doors)}, each by a balancer of its own"
        return f"{asked}: nodes with local: are for one" if several else ""

    def routing(self) -> Routing:
        return Routing(algorithm=self.algorithm)


@dataclass(frozen=True)
class TargetBalancing:
    """An Application Load Balancer: it looks at each request, whatever connection it comes by, and
    keeps its own to a target for `idle_s` after their last use. No retry."""

    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    idle_s: float = constant(ALB_IDLE)
    price_per_hour: float = constant(ENTRY_PRICE)

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm, per_request=True, keeps=MOST_UNUSED, keeps_s=self.idle_s
        )


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
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    connect_timeout_s: float = constant(CONNECT_TIMEOUT)
    tries: int = constant(TRIES)
    replay: bool = True
    keepalive_s: float = constant(KEEPALIVE)
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # as of a Service

    def conflicts(self, platform: Choices) -> str:
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


DIAL = Fact(
    "traefik.dial_timeout", 30.0, "s", "Traefik gives up connecting to a replica; no retry",
    "doc.traefik.io forwardingTimeouts.dialTimeout",
)  # fmt: skip


@dataclass(frozen=True)
class Traefik:
    """Round robin over what the catalogue listed at the last poll; no retry unless configured."""

    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    connect_timeout_s: float = constant(DIAL)
    price_per_hour: float = constant(ENTRY_PRICE)
    nodes: NodeBalancer | None = None  # as of a Service

    def conflicts(self, platform: Choices) -> str:
        return NOT_LOCAL if self.nodes is not None and self.nodes.local else ""

    def routing(self) -> Routing:
        return Routing(
            algorithm=self.algorithm, proxy=True, connect_timeout_s=self.connect_timeout_s
        )


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
