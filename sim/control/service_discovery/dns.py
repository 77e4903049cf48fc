"""Discovery by name: who asks DNS, how long an answer is kept, and who is sent to an old address.

A name is as fresh as the last look at it. nginx looks once, when it starts, and keeps the addresses
until it is reloaded; with a `resolver` it looks again when the answer has expired. Docker's DNS
knows every running container, healthy or not, and lets its answers live for ten minutes; the
cluster's DNS knows ready pods and lets them live for half a minute. A recreated container has
another address, the old one stops working (docs.docker.com, Compose networking); one that starts
again in place keeps it. Left out: an old address that another container has got meanwhile (the
Engine gives out the lowest free one, so that a container recreated alone may get its own back).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import NGINX_CONNECT, Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.service_discovery.endpoints import Endpoint, chosen
from sim.dataplane.codes import Algorithm
from sim.dataplane.profile import Routing
from sim.schema.stack import Lookup

NAME_TTL = Fact(
    "coredns.ttl", 30.0, "s", "an address of a headless service is kept so long",
    "kubernetes.io/docs, the Corefile of kubeadm; plugin kubernetes, ttl",
)  # fmt: skip


# ---- rules ----
def expires(looked_s: float, ttl_s: float, once: bool, answers: int) -> float:
    """When the name is looked up again by itself; never if once is enough.

    An empty answer is not kept: the next request asks again (here: the next change does), unless
    nobody ever asks again. Source: nginx.org resolver (valid, else the answer's TTL)."""
    if once or answers == 0:
        return math.inf
    return looked_s + ttl_s


def nginx(peers: int, connect_timeout_s: float = NGINX_CONNECT.value) -> Routing:
    """`proxy_pass` with defaults: round robin; on an error or time-out each other peer once.

    Source: ngx_http_proxy_module.c proxy_next_upstream (error timeout, tries unlimited),
    ngx_http_upstream_round_robin.c: a peer that was tried is not tried again for this request.
    Left out: max_fails 1 / fail_timeout 10 s, which only saves the first try."""
    return Routing(
        algorithm=Algorithm.ROUND_ROBIN,
        proxy=True,
        connect_timeout_s=connect_timeout_s,
        retries=max(0, peers - 1),
        redispatch=True,
        retry_errors=True,
    )


# ---- who looks ----
class Resolver:
    """One client of DNS with its last answer: all requests go where that says."""

    def __init__(
        self, cluster: Cluster, who: str, lookup: Lookup, ask: Callable[[], list[Container]]
    ) -> None:
        self.cluster, self.who, self.lookup, self.ask = cluster, who, lookup, ask
        self.known: list[Container] = []
        self.looks = 0

    def begin(self) -> None:
        """Second 0: it has looked at some time before."""
        self.known = self.ask()
        if not self.lookup.once:
            u = self.cluster.random("dns/phase")
            at_s = self.cluster.clock.now + u * self.lookup.ttl
            self.cluster.clock.loop(self.later(at_s, self.looks))

    def look(self) -> None:
        """Ask now, and again when the answer has expired."""
        self.looks += 1
        self.known = self.ask()
        proxies = self.cluster.stack.playing("proxy")
        via = next((c for name in proxies for c in self.cluster.of(name)), None)
        if tuple(c.id for c in self.known) != self.cluster.listed:
            names = ", ".join(c.name for c in self.known) or "nobody"
            look = "look up" if self.who == "clients" else "looks up"
            text = f"{self.who} {look} {self.cluster.entry}: {names}"
            self.cluster.say("resolved", self.who, text)
            self.cluster.publish(self.known, via)
        answers, lookup = len(self.known), self.lookup
        again = expires(self.cluster.clock.now, lookup.ttl, lookup.once, answers)
        if again < math.inf:
            self.cluster.clock.loop(self.later(again, self.looks))

    def later(self, at_s: float, looks: int) -> Loop:
        yield self.cluster.clock.at(at_s, Rank.RESOLVER)
        if self.looks == looks:  # nobody has looked meanwhile
            self.look()


# ---- a proxy in front of names in Docker's DNS ----
def running(cluster: Cluster) -> list[Container]:
    """What Docker's DNS answers for the entry service: every container whose process lives."""
    return [c for c in cluster.of(cluster.entry) if c.alive]


def by_name(cluster: Cluster, proxy: str, lookup: Lookup) -> Loop:
    """The stack's own proxy resolves when it starts, when it is reloaded, and after each TTL."""
    resolver = Resolver(cluster, proxy, lookup, lambda: running(cluster))
    changes = cluster.watch("started", "addresses")
    resolver.begin()
    cluster.route(nginx(len(resolver.known), lookup.connect_timeout))
    while True:
        change = yield changes.get()
        mine = change.container is not None and change.container.service == proxy
        asks_again = not resolver.known and not lookup.once
        if change.kind == "addresses" or mine or asks_again:
            resolver.look()
            cluster.route(nginx(len(resolver.known), lookup.connect_timeout))


# ---- clients of a headless service ----
@dataclass(frozen=True)
class HeadlessNames:
    """A headless service: clients find the ready pods in DNS themselves, and keep what they found.

    One answer for all clients: as if they shared the cache of the cluster's DNS."""

    capability: ClassVar[str] = "service_discovery"
    name: ClassVar[str] = "headless_names"
    ttl_s: float = constant(NAME_TTL, above_zero=True)

    def run(self, cluster: Cluster) -> Loop:
        def ready() -> list[Container]:
            pods = cluster.of(cluster.entry)
            ids = chosen([Endpoint(c.id, c.ready, c.deleting) for c in pods])
            return [c for c in pods if c.id in ids]

        clients = Resolver(cluster, "clients", Lookup(once=False, ttl=self.ttl_s), ready)
        changes = cluster.watch("ready")
        clients.begin()
        while True:
            yield changes.get()
            if not clients.known:
                clients.look()
