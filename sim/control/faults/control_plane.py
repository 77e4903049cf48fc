"""A control plane that does nothing for a while, while what it has started runs on.

What freezes is read where it acts: placing (scheduling/replicas.py), keeping replicas, autoscalers
and node controllers (`thawed`), the list of a balancer (`Cluster.publish`), names. A kubelet, a
Docker Engine and a Nomad client restart in place all the same: they are no part of it. Sources:
kubernetes.io/docs concepts/architecture (a node's kubelet and kube-proxy go on without the API
server); docs.docker.com engine/swarm/admin_guide (tasks run on without a quorum of managers);
AWS, summaries of the events of 25 November 2020 and 19 October 2025 (running tasks run on).
"""

from __future__ import annotations

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.schema.scenario import ControlPlane

WORDS = {
    "scheduler": "places nothing",
    "controllers": "replaces, evicts and scales nothing",
    "endpoints": "tells no balancer who is there",
    "dns": "answers no name",
}


def freeze(cluster: Cluster, spec: ControlPlane) -> Loop:
    """From now on for so long. Where people are the control plane, there is only the DNS."""
    choices = cluster.choices
    there = {
        "scheduler": choices.scheduling is not None,
        "controllers": choices.scheduling is not None or choices.autoscaling is not None,
        "endpoints": choices.service_discovery is not None,
        "dns": True,
    }
    parts = [part for part in dict.fromkeys(spec.what) if there[part]]
    if not parts:
        text = "there is no control plane here that could freeze: people do its work"
        cluster.say("control_plane", "platform", text)
        return
    words = ", ".join(WORDS[part] for part in parts)
    cluster.say("control_plane", "platform", f"the control plane freezes: it {words}")
    cluster.freeze(parts)
    if "dns" in parts:
        cluster.clock.loop(nameless(cluster))
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("thawed", "platform", "the control plane goes on")
    cluster.thaw(parts)


def nameless(cluster: Cluster) -> Loop:
    """Nobody finds the database by name: connections that are open stay, new ones fail."""
    changes = cluster.watch("created", "thawed")
    locked: list[Container] = []

    def lock(c: Container) -> None:
        if cluster.stack.pools(c.service) and not c.locked_out:
            cluster.lock_out(c, True)
            locked.append(c)

    for c in cluster.containers:
        lock(c)
    while cluster.frozen["dns"]:
        change = yield changes.get()
        if change.container is not None and cluster.frozen["dns"]:
            lock(change.container)
    for c in locked:
        cluster.lock_out(c, False)
