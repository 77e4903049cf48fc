"""A zone that is lost with all its servers.

Of a lost zone the provider lends no server until it is back; then each of its servers boots as
after a crash. Source: docs.aws.amazon.com, Regions and Availability Zones.
"""

from __future__ import annotations

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.faults.maintenance import reboot
from sim.schema.fields import InputError
from sim.schema.scenario import ZoneDown
from sim.schema.scenario_checks import zone_issue


def zone_down(cluster: Cluster, spec: ZoneDown) -> Loop:
    """All its servers at once; back after their boot, unless it is gone for good."""
    zones = cluster.stack.servers.zones
    if spec.zone not in zones:
        found, expected, nearest = zone_issue(spec.zone, zones)
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
