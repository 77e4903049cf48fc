"""Zones, and the network between servers as the data plane is told of it: segments, round trips,
packets that are lost.

A zone is a segment, and so is a server that an event names. The control plane stands in none: it is
told apart where a cut keeps it from servers, whose processes run on meanwhile.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.control.core.records import Change, Server
from sim.control.core.world import World
from sim.dataplane.arithmetic import either, resend_after
from sim.dataplane.codes import MOST_SEGMENTS, ONE_SERVER, SYN_RESEND_S
from sim.dataplane.profile import Law

if TYPE_CHECKING:
    from sim.control.core.containers import Containers

INTERNET = 0  # users, what others run, and people who come by SSH
CONTROL_PLANE = -1


@dataclass(eq=False)
class Cut:
    """Between two sides, of segments, this share of packets is lost; `one_way`: of those from the
    first to the second alone."""

    side: frozenset[int]
    other: frozenset[int]
    one_way: bool = False
    share: float = 1.0
    since_s: float = 0.0


def emptiest(counts: Mapping[str, int]) -> str:
    """The zone that gets the next one: of the fewest, the first as they are written; "": there is
    none. Sources: Amazon EC2 Auto Scaling user guide, Distribute instances across Availability
    Zones; Google Compute Engine, regional managed instance groups, target shape EVEN."""
    return min(counts, key=lambda zone: counts[zone], default="")


# ---- segments ----
def zones_of(world: World) -> list[str]:
    return world.stack.servers.zones or [""]


def segment(world: World, server: Server) -> int:
    """Its own, its zone's, or that of all servers without one."""
    zones = zones_of(world)
    return world.own_segments.get(
        server.id, 1 + (zones.index(server.zone) if server.zone in zones else 0)
    )


def segments(world: World, zone: str = "") -> Iterator[int]:
    """Of a zone, or of all: its own, and those of servers there that stand apart."""
    for number, name in enumerate(zones_of(world), start=1):
        if zone in ("", name):
            yield number
    apart = [s for s in (*world.servers, *machines(world)) if s.id in world.own_segments]
    yield from (world.own_segments[s.id] for s in apart if zone in ("", s.zone))


def machines(world: World) -> list[Server]:
    """Of providers."""
    return [c.server for c in world.managed.values()]


def left(world: World) -> int:
    """So many more servers may stand apart."""
    return MOST_SEGMENTS - 2 - len(zones_of(world)) - len(world.own_segments)


def set_apart(world: Containers, server: Server) -> int:
    """The segment that it has to itself from now on, with the round trips and cuts of its zone."""
    if server.id not in world.own_segments:
        before = segment(world, server)
        world.own_segments[server.id] = own = 1 + len(zones_of(world)) + len(world.own_segments)
        for (a, b), law in list(world.round_trips.items()):
            if a == before:
                link(world, own, b, law)
        link(world, own, own, world.round_trips.get((before, before), Law()))
        for cut in world.cuts:
            cut.side, cut.other = (
                ends | {own} if before in ends else ends for ends in (cut.side, cut.other)
            )
        rewire(world)
        world.plane.place(server.id, own)
    return world.own_segments[server.id]


# ---- round trips ----
def wire(world: World, same_server: Law, same_zone: Law, between_zones: Law) -> None:
    """Round trips between all servers, from now on."""
    world.plane.link(ONE_SERVER, ONE_SERVER, same_server)
    for zone, other in itertools.product(zones_of(world), repeat=2):
        for pair in itertools.product(segments(world, zone), segments(world, other)):
            link(world, *pair, same_zone if zone == other else between_zones)


def wire_users(world: World, round_trip: Law) -> None:
    """Round trips between users and all servers, from now on."""
    for number in segments(world):
        link(world, INTERNET, number, round_trip)


def link(world: World, a: int, b: int, round_trip: Law) -> None:
    """Round trips between two segments, or within one, from now on."""
    for ends in ((a, b), (b, a)):
        world.round_trips[ends] = round_trip
        world.plane.link(*ends, round_trip)


# ---- cuts ----
def tear(world: Containers, cut: Cut) -> None:
    """From now on; whoever it keeps from the control plane is silent to that, and runs on."""
    cut.since_s = world.clock.now
    world.cuts.append(cut)
    rewire(world)


def mend(world: Containers, cut: Cut) -> None:
    world.cuts.remove(cut)
    rewire(world)
    world.tell(Change("mended"))


def rewire(world: Containers) -> None:
    """Say what is lost now, and who is heard."""
    lost: dict[tuple[int, int], float] = {}
    for cut in world.cuts:
        ways = [(cut.side, cut.other)] + ([] if cut.one_way else [(cut.other, cut.side)])
        for ends in itertools.chain.from_iterable(itertools.product(*way) for way in ways):
            lost[ends] = either(lost.get(ends, 0.0), cut.share)
    before, world.lost = world.lost, lost
    for ends in {**before, **lost}:
        if min(ends) >= 0 and before.get(ends, 0.0) != lost.get(ends, 0.0):
            world.plane.lose(*ends, lost.get(ends, 0.0))
    for key in list(world.standing):  # who asks may get no answer now
        world.recall(key)
    centre = INTERNET if "scheduling" in world.left_to_operator else CONTROL_PLANE
    for server in world.servers:
        _heard(world, server, not torn(world, segment(world, server), centre))


def lossy(world: World, a: int, b: int) -> bool:
    """Is any packet lost between two segments?"""
    return world.lost.get((a, b), 0.0) > 0.0 or world.lost.get((b, a), 0.0) > 0.0


def missed(world: World, asker: int, server: Server, within_s: float) -> bool:
    """Is a health check from this segment, or its answer, lost for so long? Its draws are the
    server's own, and none where nothing is lost; one that is late but in time is as good as
    prompt."""
    there = segment(world, server)
    if torn(world, asker, there) or not lossy(world, asker, there):
        return torn(world, asker, there)
    shares = world.lost.get((asker, there), 0.0), world.lost.get((there, asker), 0.0)
    stream = f"lossy_check/{server.name}"
    return late_s(*shares, within_s, lambda: world.random(stream)) >= within_s


def late_s(there: float, back: float, most_s: float, draw: Callable[[], float]) -> float:
    """Seconds that a check is late by the packets that it loses, or `most_s` and more: a SYN and
    its answer each second, the question and the answer by TCP's rule."""
    seconds = 0.0
    while seconds < most_s and draw() < either(there, back):
        seconds += SYN_RESEND_S
    for share in (there, back):
        losses = 0
        while seconds < most_s and draw() < share:
            seconds += resend_after(losses)
            losses += 1
    return seconds


def torn(world: World, a: int, b: int) -> bool:
    """Does nothing pass between two segments, one way or the other?"""
    return world.lost.get((a, b), 0.0) >= 1.0 or world.lost.get((b, a), 0.0) >= 1.0


def torn_since_s(world: World, a: int, b: int) -> float:
    """Since when nothing passes between two segments; never: for ever."""
    ways = ((a, b), (b, a))
    between = [
        cut.since_s
        for cut in world.cuts
        if cut.share >= 1.0 and any(x in cut.side and y in cut.other for x, y in ways)
    ]
    return min(between, default=math.inf)


def _heard(world: Containers, server: Server, heard: bool) -> None:
    """Whoever keeps servers, or logs in there, hears of it or not."""
    if server.heard == heard:
        return
    server.heard = heard
    if not heard:
        server.silent_s = world.clock.now
        for c in world.on(server):
            world.silent_s[c.service] = world.clock.now
    world.tell(Change("server_heard" if heard else "server_silent", server=server))
    for c in world.on(server) if heard else []:
        if c.id in world.unsaid:
            world.believe(c, world.unsaid.pop(c.id) and c.alive)


def everywhere(world: World) -> Iterable[int]:
    """All that a side may be cut off from."""
    return (INTERNET, CONTROL_PLANE, *segments(world))
