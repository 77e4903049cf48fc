"""Discovery by name: who asks DNS, how long an answer is kept, and who is sent to an old address.

A name is as fresh as the last look at it. nginx looks once, when it starts, and keeps the addresses
until it is reloaded; with a `resolver` it looks again when the answer has expired. Docker's DNS
knows every running container, healthy or not, and lets its answers live for ten minutes; the
cluster's DNS knows ready pods and lets them live for half a minute. A recreated container has
another address or the same: the Engine gives out the lowest that is free when a process starts,
so that a service recreated alone has its own back, unless a lower one has become free since it
started, or another container started while it was away (medic/cht-core#8205).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import ClassVar, Generic, NamedTuple, TypeVar

from sim.constants.facts import NGINX_CONNECT, Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Change, Cluster, Container
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


def lowest_free(taken: Collection[int]) -> int:
    """The number of the address that the Engine gives to the next container of a bridge network.

    Source: moby daemon/libnetwork/ipams/defaultipam/address_space.go requestAddress @0293eeaf: the
    first that is available, unless serial allocation is asked for (a bridge does not)."""
    return next(number for number in count() if number not in taken)


# ---- who has which address ----
class Place(NamedTuple):
    """An address on the network of one server's containers."""

    server: int
    number: int


class Bridge:
    """Every server's network of containers: who lives at which address, from start to end."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.holders: dict[Place, Container] = {}
        self.replicas: dict[tuple[str, Place], Container] = {}  # of a service: who had it last
        for c in cluster.containers:
            if c.alive:
                self.join(c)

    def join(self, c: Container) -> None:
        taken = {place.number for place in self.holders if place.server == c.server.id}
        place = Place(c.server.id, lowest_free(taken))
        self.holders[place] = c
        if c.service in self.cluster.doors:
            self.replicas[c.service, place] = c

    def leave(self, gone: Callable[[Container], bool]) -> None:
        self.holders = {place: c for place, c in self.holders.items() if not gone(c)}

    def heard(self, change: Change) -> None:
        """Processes start and end, one change after the other."""
        if change.kind == "server_down":
            self.leave(lambda c: c.server is change.server)
        elif change.kind == "exit":
            self.leave(lambda c: c is change.container)
        elif change.kind == "started" and change.container is not None:
            self.join(change.container)

    def answers(self, service: str) -> list[Place]:
        """What Docker's DNS says of a service: where its processes live."""
        return [place for place, c in sorted(self.holders.items()) if c.service == service]

    def at(self, service: str, place: Place) -> Container:
        """Who is reached there: a replica of it, be it down, or nobody who listens."""
        c = self.replicas.get((service, place))
        holder = self.holders.get(place)
        down = c is not None and holder is None and not c.alive
        if c is not None and (holder is c or down) and c in self.cluster.containers:
            return c
        return self.cluster.nowhere(self.cluster.numbered(place.server))


# ---- who looks ----
Answer = TypeVar("Answer")


class Resolver(Generic[Answer]):
    """One client of DNS with its last answer: all requests for the service go where that says.
    `reach`: whom one reaches at an answer now."""

    def __init__(
        self,
        cluster: Cluster,
        who: str,
        lookup: Lookup,
        ask: Callable[[], list[Answer]],
        reach: Callable[[Answer], Container],
        service: str = "",
    ) -> None:
        self.cluster, self.who, self.lookup = cluster, who, lookup
        self.ask, self.reach = ask, reach
        self.service = service or cluster.entry
        self.known: list[Answer] = []
        self.looks = 0

    def begin(self) -> None:
        """Second 0: it has looked at some time before."""
        self.known = self.ask()
        if not self.lookup.once:
            u = self.cluster.random(self.cluster.stream("dns/phase", self.service))
            at_s = self.cluster.clock.now + u * self.lookup.ttl
            self.cluster.clock.loop(self.later(at_s, self.looks))

    def look(self) -> None:
        """Ask now, and again when the answer has expired."""
        self.looks += 1
        self.known = self.ask()
        reached = [self.reach(answer) for answer in self.known]
        if tuple(c.id for c in reached) != self.cluster.front(self.service).listed:
            names = ", ".join(c.name for c in reached) or "nobody"
            look = "look up" if self.who == "clients" else "looks up"
            text = f"{self.who} {look} {self.service}: {names}"
            self.cluster.say("resolved", self.who, text)
        self.send()
        answers, lookup = len(self.known), self.lookup
        again = expires(self.cluster.clock.now, lookup.ttl, lookup.once, answers)
        if again < math.inf:
            self.cluster.clock.loop(self.later(again, self.looks))

    def send(self) -> None:
        """Requests go where the last answer leads now."""
        reached = [self.reach(answer) for answer in self.known]
        if tuple(c.id for c in reached) != self.cluster.front(self.service).listed:
            via = self.cluster.proxy_of(self.service)
            self.cluster.publish(reached, via, self.service)

    def later(self, at_s: float, looks: int) -> Loop:
        yield self.cluster.clock.at(at_s, Rank.RESOLVER)
        if self.looks == looks:  # nobody has looked meanwhile
            self.look()


# ---- a proxy in front of names in Docker's DNS ----
def by_name(cluster: Cluster, proxy: str, lookup: Lookup, services: Sequence[str]) -> Loop:
    """The stack's own proxy resolves when it starts, when it is reloaded, and after each TTL."""
    bridge = Bridge(cluster)
    resolvers = [
        Resolver(cluster, proxy, lookup, partial(bridge.answers, s), partial(bridge.at, s), s)
        for s in services
    ]
    changes = cluster.watch("started", "exit", "removed", "server_down", "addresses")
    for resolver in resolvers:
        resolver.begin()
        cluster.route(nginx(len(resolver.known), lookup.connect_timeout), resolver.service)
    while True:
        change = yield changes.get()
        bridge.heard(change)
        new = change.container if change.kind == "started" else None
        mine = new is not None and new.service == proxy
        for resolver in resolvers:
            resolver.send()
            asks_again = not resolver.known and not lookup.once
            reloaded = change.kind == "addresses" and change.service == resolver.service
            if reloaded or mine or asks_again:
                resolver.look()
                cluster.route(nginx(len(resolver.known), lookup.connect_timeout), resolver.service)


# ---- clients of a headless service ----
@dataclass(frozen=True)
class HeadlessNames:
    """A headless service: clients find the ready pods in DNS themselves, and keep what they found.

    One answer for all clients: as if they shared the cache of the cluster's DNS."""

    capability: ClassVar[str] = "service_discovery"
    ttl_s: float = constant(NAME_TTL, above_zero=True)

    def run(self, cluster: Cluster) -> Loop:
        lookup = Lookup(once=False, ttl=self.ttl_s)
        resolvers = [
            Resolver(cluster, "clients", lookup, partial(ready, cluster, name), lambda c: c, name)
            for name in cluster.fronts
        ]
        changes = cluster.watch("ready")
        for clients in resolvers:
            clients.begin()
        while True:
            yield changes.get()
            for clients in resolvers:
                if not clients.known:
                    clients.look()


def ready(cluster: Cluster, service: str) -> list[Container]:
    """Whom the cluster's DNS names: the pods that a Service would choose."""
    pods = cluster.of(service)
    ids = chosen([Endpoint(c.id, c.ready, c.deleting) for c in pods])
    return [c for c in pods if c.id in ids]
