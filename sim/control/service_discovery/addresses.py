"""Where requests are sent when nobody discovers anything: addresses that somebody wrote down.

An address is a place (a server and a port), not a container: a container that is recreated at the
same port is found again, a moved or new one is not until a person edits the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sim.control.core.clock import Loop
from sim.control.core.cluster import Address, Cluster, Container, Front
from sim.control.service_discovery.dns import by_name


def addresses_of(cluster: Cluster, service: str = "") -> tuple[Address, ...]:
    """The addresses of a service as it stands, each once; of the entry, where none is named."""
    places = [Address(c.server.id, c.port) for c in cluster.of(service or cluster.entry)]
    return tuple(dict.fromkeys(places))


def at(cluster: Cluster, address: Address, service: str = "") -> list[Container]:
    """Who answers at an address: whose process lives there, and be it told to stop; else the newest
    container, or a place where nothing listens.

    Without a port (names in Docker's DNS) it is every container of the service on the server."""
    containers = [
        c
        for c in cluster.of(service or cluster.entry)
        if c.server.id == address.server and c.port == address.port
    ]
    alive = [c for c in containers if c.alive]
    containers = alive or [c for c in containers if not c.deleting]
    if address.port is not None:
        containers = containers[-1:]
    if not containers:
        containers = [cluster.nowhere(next(s for s in cluster.servers if s.id == address.server))]
    return containers


def send_to(cluster: Cluster, containers: Iterable[Container], service: str = "") -> None:
    """Publish, if it changes anything, through the stack's own proxy if there is one."""
    backends = list(containers)
    if tuple(c.id for c in backends) != cluster.front(service).listed:
        cluster.publish(backends, cluster.proxy_of(service), service)


def lines(cluster: Cluster, front: Front) -> tuple[Address, ...]:
    """Where the replicas are, as lines of the balancer's file: with checks, if it has any."""
    checked = not front.addresses or any(line.checked for line in front.addresses)
    return tuple(a._replace(checked=checked) for a in addresses_of(cluster, front.service))


def write_down(
    cluster: Cluster, typed: Mapping[str, tuple[Address, ...]] = {}, balanced: bool = False
) -> None:
    """Every address as it is now, in users' DNS, in balancers' files and in callers' settings.
    `typed`: those of a service as somebody typed them; `balanced`: a balancer stands before what
    users ask from now."""
    for service, front in cluster.fronts.items():
        addresses = typed[service] if service in typed else lines(cluster, front)
        joins = balanced and service in cluster.doors
        cluster.point(addresses, front.balanced or joins, service)


@dataclass(frozen=True)
class StaticAddress:
    """What callers know without discovery: the addresses that somebody wrote down once."""

    def run(self, cluster: Cluster) -> Loop:
        for proxy in cluster.stack.playing("proxy"):
            lookup = cluster.service(proxy).lookup
            named = [door for door in cluster.doors if cluster.service(door).port is None]
            if lookup is not None and named:
                rest = [service for service in cluster.fronts if service not in named]
                cluster.clock.loop(self.follow(cluster, rest))
                yield from by_name(cluster, proxy, lookup, named)
        yield from self.follow(cluster, [*cluster.fronts])

    def follow(self, cluster: Cluster, services: Sequence[str]) -> Loop:
        """Requests for these go to whoever is at their addresses."""
        # what has exited is not in Docker's DNS any more; a published port stays where it is
        changes = cluster.watch("created", "started", "exit", "removed", "addresses")
        while services:
            yield changes.get()
            for service in services:
                front = cluster.front(service)
                if not front.balanced:
                    places = [c for a in front.addresses for c in at(cluster, a, service)]
                    send_to(cluster, places, service)
