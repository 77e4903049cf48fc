"""Where requests are sent when nobody discovers anything: addresses that somebody wrote down.

An address is a place (a server and a port), not a container: a container that is recreated at the
same port is found again, a moved or new one is not until a person edits the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.control.core.clock import Loop
from sim.control.core.cluster import Address, Cluster, Container
from sim.control.service_discovery.dns import by_name


def addresses_of(cluster: Cluster) -> tuple[Address, ...]:
    """The addresses of the entry service as it stands, each once."""
    places = [Address(c.server.id, c.port) for c in cluster.of(cluster.entry)]
    return tuple(dict.fromkeys(places))


def at(cluster: Cluster, address: Address) -> list[Container]:
    """Who answers at an address: whose process lives there, and be it told to stop; else the newest
    container, or a place where nothing listens.

    Without a port (names in Docker's DNS) it is every container of the service on the server."""
    containers = [
        c
        for c in cluster.of(cluster.entry)
        if c.server.id == address.server and c.port == address.port
    ]
    alive = [c for c in containers if c.alive]
    containers = alive or [c for c in containers if not c.deleting]
    if address.port is not None:
        containers = containers[-1:]
    if not containers:
        containers = [cluster.nowhere(next(s for s in cluster.servers if s.id == address.server))]
    return containers


def send_to(cluster: Cluster, containers: Iterable[Container]) -> None:
    """Publish, if it changes anything, through the stack's own proxy if there is one."""
    proxies = [c for name in cluster.stack.playing("proxy") for c in cluster.of(name)]
    backends = list(containers)
    if tuple(c.id for c in backends) != cluster.listed:
        cluster.publish(backends, proxies[0] if proxies else None)


@dataclass(frozen=True)
class StaticAddress:
    """What users know without discovery: the address that somebody wrote down once."""

    def run(self, cluster: Cluster) -> Loop:
        for proxy in cluster.stack.playing("proxy"):
            lookup = cluster.service(proxy).lookup
            if lookup is not None and cluster.service(cluster.entry).port is None:
                yield from by_name(cluster, proxy, lookup)
        # what has exited is not in Docker's DNS any more; a published port stays where it is
        changes = cluster.watch("created", "started", "exit", "removed", "addresses")
        while True:
            yield changes.get()
            if not cluster.balanced:
                send_to(cluster, [c for a in cluster.addresses for c in at(cluster, a)])
