"""Servers that are silent for too long are given up, and what ran there begins anew elsewhere.

Swarm and Nomad work so; their constants are in swarm.py and nomad.py. The keeper of replicas.py
starts what is missing. Sources: shared facts, orchestrators sections 3 and 4 (moby/swarmkit
@3e72cb64, hashicorp/nomad @aa026cc9 read).
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server


def given_up_s(
    crash_s: float, age_s: float, period_s: float, multiple: float, grace_s: float
) -> float:
    """When a silent server is believed down: `multiple` periods and a grace after its last beat,
    which was `age_s` before the crash.

    Swarm: 3 periods of 4.5 to 5.5 s (dispatcher.go, period.go): 9 to 16.5 s after the crash.
    Nomad: one TTL of 10 to 20 s and 10 s of grace (heartbeat.go): 10 to 30 s."""
    return crash_s - age_s + multiple * period_s + grace_s


@dataclass(frozen=True)
class Heartbeats:
    """Agents beat, a manager waits: what a silent server ran is replaced elsewhere."""

    least_s: float  # a period is drawn between these
    most_s: float
    multiple: float  # periods without a beat
    grace_s: float  # ... and so much more
    withdrawn_s: float  # how soon the others stop sending there (gossip); inf: not before
    delay_s: float  # from down to the replacement

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("server_down", "server_up", "server_silent", "server_heard")
        while True:
            change = yield changes.get()
            server = change.server
            if change.kind in ("server_down", "server_silent"):
                cluster.clock.loop(self.silence(cluster, server, server.boots))
            elif server.answers and not server.ready:
                cluster.say(
                    "ready", server.name, f"{server.name} is back: nothing moves there by itself"
                )
                cluster.set_server_ready(server, True)

    def silence(self, cluster: Cluster, server: Server, boot: int) -> Loop:
        crash_s = cluster.clock.now
        period_s = self.least_s + cluster.random("heartbeat/period") * (self.most_s - self.least_s)
        age_s = cluster.random("heartbeat/age") * period_s
        due_s = given_up_s(crash_s, age_s, period_s, self.multiple, self.grace_s)

        def away() -> bool:
            again = server.boots != boot or server.silent_s > crash_s
            return not (again or server.answers or server.released_s is not None)

        if crash_s + self.withdrawn_s < due_s:
            yield cluster.clock.at(crash_s + self.withdrawn_s, Rank.NODE, server.id)
            self.withdraw(cluster, server, away())
        yield cluster.clock.at(due_s, Rank.NODE, server.id)
        yield from cluster.thawed("controllers")
        if not away():
            return
        text = f"{server.name} is declared lost, {due_s - crash_s:.0f} s after it fell silent"
        cluster.say("not_ready", server.name, text)
        cluster.acted()
        cluster.set_server_ready(server, False)
        self.withdraw(cluster, server, True)
        yield cluster.clock.after(self.delay_s, Rank.NODE, server.id)
        doomed = [c for c in cluster.on(server) if not c.deleting]
        if doomed:
            self.tell(cluster, server, doomed)
        for c in doomed:
            cluster.retire(c)

    def tell(self, cluster: Cluster, server: Server, doomed: list[Container]) -> None:
        """Who begins anew elsewhere, and who waits for the disk that went with the server."""
        held = {name for name, volume in cluster.volumes.items() if volume.pinned}
        pinned = [c.name for c in doomed if c.service in held]
        names = [c.name for c in doomed if c.name not in pinned]
        if names:
            text = f"{', '.join(names)} replaced: {server.name} is down"
            cluster.say("eviction", server.name, text)
        if pinned:
            text = f"{', '.join(pinned)} cannot move: the volume is on {server.name}"
            cluster.say("unschedulable", server.name, text)

    def withdraw(self, cluster: Cluster, server: Server, gone: bool) -> None:
        """No more traffic to what is there."""
        for c in cluster.on(server) if gone else []:
            cluster.believe(c, False)


# ---- placement ----
