"""What becomes of the network, and of zones.

Of a lost zone the provider lends no server until it is back; then each of its servers boots as
after a crash. Source: docs.aws.amazon.com, Regions and Availability Zones.
"""

from __future__ import annotations

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.core.wires import link, wire
from sim.control.faults.maintenance import reboot
from sim.control.resource_limits.profiles import law
from sim.schema.fields import InputError
from sim.schema.scenario import Latency, ZoneDown
from sim.schema.scenario_checks import zone_issue
from sim.schema.text.written import duration


def known(cluster: Cluster, field: str, *zones: str) -> None:
    """Refuses a zone that no server has (a session's events are not of a file)."""
    there = cluster.stack.servers.zones
    for zone in zones:
        if zone not in there:
            found, expected, nearest = zone_issue(zone, there)
            raise InputError(field=field, found=found, expected=expected, nearest=nearest)


def zone_down(cluster: Cluster, spec: ZoneDown) -> Loop:
    """All its servers at once; back after their boot, unless it is gone for good."""
    known(cluster, "zone_down.zone", spec.zone)
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
    known(cluster, "latency.zones", *spec.zones)
    slow, network = law(spec.round_trip), cluster.stack.network
    where = " and ".join(dict.fromkeys(spec.zones)) or "all servers"
    took = duration(spec.round_trip.mean)
    cluster.say("latency", where, f"a round trip between {where} takes {took}")
    if spec.zones:
        link(cluster, spec.zones[0], spec.zones[-1], slow)
    else:
        wire(cluster, slow, slow, slow)
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("latency_ends", where, f"the network between {where} is as before")
    wire(cluster, law(network.same_server), law(network.same_zone), law(network.between_zones))
