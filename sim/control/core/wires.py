"""Zones, and the network between servers as the data plane is told of it: segments, round trips."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from sim.control.core.world import World
from sim.dataplane.codes import ONE_SERVER
from sim.dataplane.profile import Law


def emptiest(counts: Mapping[str, int]) -> str:
    """The zone that gets the next one: of the fewest, the first as they are written; "": there is
    none. Sources: Amazon EC2 Auto Scaling user guide, Distribute instances across Availability
    Zones; Google Compute Engine, regional managed instance groups, target shape EVEN."""
    return min(counts, key=lambda zone: counts[zone], default="")


def segment(world: World, zone: str) -> int:
    """A zone's, or that of all servers without one. Number 0 is elsewhere."""
    zones = world.stack.servers.zones
    return 1 + (zones.index(zone) if zone in zones else 0)


def wire(world: World, same_server: Law, same_zone: Law, between_zones: Law) -> None:
    """Round trips between all servers, from now on."""
    world.plane.link(ONE_SERVER, ONE_SERVER, same_server)
    ends = range(1, 1 + max(1, len(world.stack.servers.zones)))
    for a, b in itertools.product(ends, ends):
        world.plane.link(a, b, same_zone if a == b else between_zones)


def link(world: World, zone: str, other: str, round_trip: Law) -> None:
    """Round trips between two zones, or within one, from now on."""
    a, b = segment(world, zone), segment(world, other)
    world.plane.link(a, b, round_trip)
    world.plane.link(b, a, round_trip)
