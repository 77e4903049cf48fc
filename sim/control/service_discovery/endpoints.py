"""A Service: which containers get new connections, and how late every proxy knows.

kube-proxy in iptables mode picks at random for each new connection and does not retry another one.
A change of an endpoint travels: endpoint slice -> watch -> kube-proxy, whose rules are rewritten at
most once per second. In that time a container that has left still gets connections: the race that
loses requests in a rollout without a preStop sleep. Rules and constants: shared facts, kubernetes
section 2. Connections that stay (`connections` of whoever asks) are pinned: a change of the list
moves none of them. Left out: one list per server (all proxies are as late as one), affinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container

VIRTUAL_IPS = "kubernetes.io/docs/reference/networking/virtual-ips @0180cc4b"
MIN_SYNC = Fact(
    "kube_proxy.min_sync_period", 1.0, "s",
    "kube-proxy rewrites its rules at most once in this time", VIRTUAL_IPS,
)  # fmt: skip
WATCH_DELAY = Fact(
    "endpoints.watch_delay", 1.0, "s",
    "longest way of a change from the kubelet over the endpoint slice to kube-proxy (uniform from "
    "0); no batching by default. With the rule above: 0 to about 2 s in all",
    "derived: pod-lifecycle termination flow steps 1-3, endpointslice-updates-batch-period 0",
)  # fmt: skip


# ---- rules ----
class Endpoint(NamedTuple):
    """One line of an endpoint slice."""

    id: int
    serving: bool  # the pod is Ready
    terminating: bool  # it is being deleted


def chosen(endpoints: Sequence[Endpoint], fail_open: bool = False) -> tuple[int, ...]:
    """Who gets new connections: ready ones; only if there is none, serving and terminating ones.
    A balancer that fails open then takes all that are registered, however sick (an AWS ALB does).

    Source: KEP-1669 (GA in 1.28), kubernetes/kubernetes pkg/proxy/topology.go; ready means serving
    and not terminating (kubernetes/api discovery/v1 types.go)."""
    ready = tuple(e.id for e in endpoints if e.serving and not e.terminating)
    if not ready and fail_open:
        return tuple(e.id for e in endpoints if not e.terminating)
    return ready or tuple(e.id for e in endpoints if e.serving and e.terminating)


def next_sync(now_s: float, last_sync_s: float, min_sync_s: float) -> float:
    """When the rules are next rewritten: at once, but not within the period after the last time.

    Source: kubernetes/kubernetes pkg/proxy/iptables with its BoundedFrequencyRunner."""
    return max(now_s, last_sync_s + min_sync_s)


# ---- the endpoint slice controller and kube-proxy ----
@dataclass(frozen=True)
class Endpoints:
    """Each change of an endpoint reaches the proxies after its delay, in order."""

    capability: ClassVar[str] = "service_discovery"
    selects: ClassVar[bool] = True  # a selector can leave a version out

    watch_delay_s: float = constant(WATCH_DELAY)
    min_sync_s: float = constant(MIN_SYNC)
    fail_open: bool = False  # with no ready one, everyone that is registered

    def run(self, cluster: Cluster) -> Loop:
        proxy = Proxy(cluster, self.min_sync_s, self.fail_open)
        changes = cluster.watch("ready", "unready", "stopping", "removed", "exit", "split")
        sent = {service: look(cluster, service) for service in cluster.fronts}
        arrivals_s, number = dict.fromkeys(sent, 0.0), 0
        proxy.known = dict(sent)
        proxy.publish()
        edits = -1
        while True:
            yield changes.get()
            if edits == cluster.edits:
                continue  # one of several changes at once, of which all were seen
            edits = cluster.edits
            for service, before in sent.items():
                now = look(cluster, service)
                if now == before:
                    continue
                sent[service], number = now, number + 1
                u = cluster.random(cluster.stream("endpoints/watch", service))
                arrival_s = cluster.clock.now + u * self.watch_delay_s
                arrivals_s[service] = max(arrivals_s[service], arrival_s)  # a watch keeps the order
                cluster.clock.loop(proxy.learn(service, now, arrivals_s[service], number))


Slice = tuple[tuple[Container, bool, bool], ...]  # each with `serving` and `terminating`
FLAGS = attrgetter("ready"), attrgetter("deleting")


def look(cluster: Cluster, service: str) -> Slice:
    """The endpoint slice of a service as it is now. Of a thousand replicas all are looked at, at
    each change of one: hence without a record for each."""
    split, selected = cluster.splits.get(service), cluster.of(service)
    if split is not None:
        selected = [c for c in selected if split.chooses(c)]
    return tuple(zip(selected, *(map(flag, selected) for flag in FLAGS), strict=True))


class Proxy:
    """What kube-proxy knows of each service, and when it wrote its rules, those of all at once."""

    def __init__(self, cluster: Cluster, min_sync_s: float, fail_open: bool = False) -> None:
        self.cluster, self.min_sync_s, self.fail_open = cluster, min_sync_s, fail_open
        self.known: dict[str, Slice] = {}
        self.last_sync_s = -min_sync_s
        self.planned = False

    def learn(self, service: str, endpoints: Slice, arrival_s: float, number: int) -> Loop:
        """A slice arrives; the rules follow when they may."""
        clock = self.cluster.clock
        yield clock.at(arrival_s, Rank.DISCOVERY, number)
        self.known[service] = endpoints
        if self.planned:
            return
        self.planned = True
        at_s = next_sync(clock.now, self.last_sync_s, self.min_sync_s)
        yield clock.at(at_s, Rank.DISCOVERY, number)
        self.planned, self.last_sync_s = False, clock.now
        self.publish()

    def publish(self) -> None:
        for service, endpoints in self.known.items():
            ids = chosen([Endpoint(c.id, *flags) for c, *flags in endpoints], self.fail_open)
            if ids != self.cluster.front(service).listed:
                addresses = {c.id: c for c, *_ in endpoints}  # removed ones, too, until a sync
                backends = [addresses[i] for i in ids]
                self.cluster.publish(backends, self.cluster.proxy_of(service), service)


# ---- Consul's catalogue, which Traefik polls (shared facts, orchestrators section 4) ----
REFRESH = Fact(
    "traefik.refresh_interval", 15.0, "s", "Traefik polls the catalogue (uniform from 0)",
    "doc.traefik.io providers/consul-catalog refreshInterval",
)  # fmt: skip
THROTTLE = Fact(
    "traefik.throttle", 2.0, "s", "between two changes of Traefik's routes",
    "doc.traefik.io providers.providersThrottleDuration",
)  # fmt: skip


@dataclass(frozen=True)
class Catalogue(Endpoints):
    """Consul's catalogue, as Traefik polls it."""

    watch_delay_s: float = constant(REFRESH)
    min_sync_s: float = constant(THROTTLE)


# ---- Swarm's IPVS on each node, by gossip (hashicorp/memberlist) ----
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

    watch_delay_s: float = constant(GOSSIP)
    min_sync_s: float = 0.0
    converge_s: float = constant(CONVERGE)

    @property
    def linger_s(self) -> float:
        """A task that leaves waits until the others have heard of it."""
        return self.converge_s


# ---- an ALB's target group (shared facts, orchestrators section 5) ----
PROPAGATION = Fact(
    "alb.propagation", 2.0, "s", "longest way of a target's state to all balancer nodes (uniform)",
    "chosen: AWS gives no number",
)  # fmt: skip
DEREGISTRATION = Fact(
    "alb.deregistration", 300.0, "s",
    "ECS waits from the draining target to SIGTERM (deregistration_delay.timeout_seconds); ends "
    "early only when no connection is open, and clients keep theirs alive; the guide's tuning for "
    "requests below a second is 5",
    "docs.aws.amazon.com AmazonECS developerguide load-balancer-connection-draining",
)  # fmt: skip


@dataclass(frozen=True)
class Targets(Endpoints):
    """The balancer's target group; when all targets are sick, all get traffic.

    A target that leaves drains for its whole delay before its task is told to stop: deploys and
    scale-ins wait for it."""

    watch_delay_s: float = constant(PROPAGATION)
    min_sync_s: float = 0.0
    fail_open: bool = True
    deregistration_s: float = constant(DEREGISTRATION)

    @property
    def linger_s(self) -> float:
        """A draining target serves on."""
        return self.deregistration_s


# ---- Google's front end (shared facts, orchestrators section 6) ----
ROUTE = Fact("cloud_run.route", 1.0, "s", "longest way of an instance to the front end", "chosen")


@dataclass(frozen=True)
class Routes(Endpoints):
    """Which instances the front end knows. It moves the traffic first; the instance serves on until
    no part of the front end sends to it any more.

    Source: cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration: requests under way
    finish, and a revision gets no new ones before it ends."""

    watch_delay_s: float = constant(ROUTE)
    min_sync_s: float = 0.0

    @property
    def linger_s(self) -> float:
        return self.watch_delay_s
