"""What becomes of the network, and of zones.

Of a lost zone the provider lends no server until it is back; then each of its servers boots as
after a crash. Source: docs.aws.amazon.com, Regions and Availability Zones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

from sim.control.core import wires
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server
from sim.control.faults.maintenance import reboot
from sim.control.resource_limits.profiles import law
from sim.schema.fields import InputError
from sim.schema.network import Latency, MendedByHand, PacketLoss, Partition, Sides, ZoneDown
from sim.schema.scenario_checks import side_issue, zone_issue
from sim.schema.stack_checks import resolve
from sim.schema.text.written import duration

PLACES = {"internet": wires.INTERNET, "control_plane": wires.CONTROL_PLANE}


def zone_down(cluster: Cluster, spec: ZoneDown) -> Loop:
    """All its servers at once; back after their boot, unless it is gone for good. Refuses a zone
    that no server has (a session's events are not of a file)."""
    if spec.zone not in cluster.stack.servers.zones:
        found, expected, nearest = zone_issue(spec.zone, cluster.stack.servers.zones)
        raise InputError(field="zone_down.zone", found=found, expected=expected, nearest=nearest)
    servers = [server for server in cluster.in_zone(spec.zone) if server.alive]
    names = ", ".join(server.name for server in servers) or "no server of ours"
    cluster.say("zone_down", spec.zone, f"zone {spec.zone} is lost with {names}")
    cluster.set_zone(spec.zone, lost=True)
    for server in servers:
        cluster.server_down(server, gone=spec.lasts is None)
    rented = [c for c in cluster.managed.values() if c.alive and c.server.zone == spec.zone]
    runs = {c.id: c.run for c in rented}
    for c in rented:
        cluster.say("hang", c.name, f"{c.name} is silent: its provider lost the zone as well")
        cluster.hang(c)
    if spec.lasts is None:
        return
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("zone_up", spec.zone, f"zone {spec.zone} is back: its servers boot")
    cluster.set_zone(spec.zone, lost=False)
    for c in rented:
        if c.run == runs[c.id]:
            cluster.resume(c)
    for server in servers:
        if server.released_s is None:
            cluster.clock.loop(reboot(cluster, server))


def latency(cluster: Cluster, spec: Latency) -> Loop:
    """Other round trips for a while; then those of the stack, whatever else was said meanwhile."""
    first, other = sides(cluster, "latency", spec, wires.segments)
    slow, network = law(spec.round_trip), cluster.stack.network
    where = " and ".join(dict.fromkeys(named(spec))) if spec.side else "all servers"
    took = duration(spec.round_trip.mean)
    cluster.say("latency", where, f"a round trip between {where} takes {took}")
    if not spec.side:
        wires.wire(cluster, slow, slow, slow)
    for pair in product(first, other):
        wires.link(cluster, *pair, slow)
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("latency_ends", where, f"the network between {where} is as before")
    wires.wire(
        cluster, law(network.same_server), law(network.same_zone), law(network.between_zones)
    )
    wires.wire_users(cluster, law(network.users))


def named(spec: Sides) -> tuple[str, str]:
    """The two sides in words."""
    return " and ".join(spec.side), " and ".join(spec.other_side) or "all the rest"


def sides(
    cluster: Cluster, kind: str, spec: Sides, everything: Callable[[Cluster], Iterable[int]]
) -> tuple[frozenset[int], frozenset[int]]:
    """The segments of the two; of the second, where nobody is named, all but the first's."""
    first = side(cluster, f"{kind}.side", spec.side)
    other = side(cluster, f"{kind}.other_side", spec.other_side)
    return first, other if spec.other_side else frozenset(everything(cluster)) - first


def servers_called(cluster: Cluster, name: str) -> list[Server]:
    """One by its own name, or those that a service runs on now."""
    named = [server for server in cluster.servers if server.name == name]
    if named or name.startswith("server-"):
        return named
    hosts = [c.server for c in cluster.of(resolve(cluster.stack, name)) if not c.deleting]
    return list(dict.fromkeys(hosts))


def side(cluster: Cluster, field: str, names: list[str], apart: bool = True) -> frozenset[int]:
    """The segments of these; refuses what is no part of this network. `apart`: a server gets one of
    its own."""
    zones, members = cluster.stack.servers.zones, set[int]()
    for name in names:
        if issue := side_issue(name, zones, cluster.stack, field.partition(".")[0]):
            found, expected, nearest = issue
            raise InputError(field=field, found=found, expected=expected, nearest=nearest)
        if name in zones:
            members.update(wires.segments(cluster, name))
        elif name in PLACES:
            members.add(PLACES[name])
        else:
            servers = servers_called(cluster, name)
            if apart and len(servers) > wires.left(cluster):
                found, expected = f"{len(servers)} servers of {name}", "fewer servers, or a zone"
                raise InputError(field=field, found=found, expected=expected)
            stands = wires.set_apart if apart else wires.segment
            members.update(stands(cluster, server) for server in servers)
    return frozenset(members)


def partition(cluster: Cluster, spec: Partition | PacketLoss) -> Loop:
    """Two sides lose each other, or some packets. Servers that the control plane loses are silent
    to it, and run on."""
    share = spec.share if isinstance(spec, PacketLoss) else 1.0
    kind = "partition" if isinstance(spec, Partition) else "packet_loss"
    first, other = sides(cluster, kind, spec, wires.everywhere)
    here, there = named(spec)
    if not first or not other - first:
        cluster.say("missed", here, f"no servers of {here} stand apart from {there}")
        return
    cut = wires.Cut(first, other - first, spec.one_way, share)
    way = f"from {here} to {there}" if spec.one_way else f"between {here} and {there}"
    words = "all" if share == 1.0 else f"{share:.2%} of the"
    cluster.say(kind, here, f"{words} packets {way} are lost, and nobody is told")
    wires.tear(cluster, cut)
    if spec.lasts is None:
        return
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    if cut in cluster.cuts:  # else somebody has mended it
        cluster.say(f"{kind}_ends", here, f"the network between {here} and {there} is as before")
        wires.mend(cluster, cut)


def mend_network(cluster: Cluster, spec: MendedByHand) -> None:
    """Who mends what is whole has nothing to do."""
    meant = side(cluster, "mend_network.side", spec.side, apart=False)
    cuts = [cut for cut in cluster.cuts if not meant or meant & (cut.side | cut.other)]
    where = " and ".join(spec.side) or "all servers"
    done = "is mended" if cuts else "needs no mending"
    cluster.say("mend_network", where, f"the network of {where} {done}")
    for cut in cuts:
        wires.mend(cluster, cut)
