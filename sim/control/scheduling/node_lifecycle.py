"""Servers that die: leases, NotReady, and the eviction of what ran there.

Each kubelet renews a lease; the node controller looks every 5 s and believes a server silent for 50
s to be gone: its replicas leave the endpoints at once. The taint comes with the next look, since
each look taints by the condition that it found (monitorNodeHealth hands observedReadyCondition to
processTaintBaseEviction); from then on the toleration of 300 s runs. A server that is back before
it is over starts the same replicas again, in place. Rules and constants: shared facts, kubernetes
section 3 (kubernetes/kubernetes pkg/controller/nodelifecycle @003e8629, tainteviction; website
architecture/nodes.md @0189ae0f). A server that is cut off is silent, too, and what runs there runs
on until it hears that it was evicted. Left out: several zones (one zone: all servers). Pods of a
lost server stay until it is back, unless somebody marks it out of service (then the pod garbage
collector deletes them by force), or a managed cluster repairs the node.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server

FLAGS = "kubernetes.io/docs reference kube-controller-manager flags"
NODES = "kubernetes.io/docs architecture/nodes @0189ae0f"
LIFECYCLE = "kubernetes/kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go"
LEASE_RENEW = Fact(
    "node.lease_renew", 10.0, "s", "a kubelet renews its lease (a quarter of 40 s)",
    "kubernetes/kubernetes pkg/kubelet/kubelet.go nodeLeaseRenewIntervalFraction 0.25",
)  # fmt: skip
MONITOR_PERIOD = Fact("node.monitor_period", 5.0, "s", "the node controller looks", FLAGS)
MONITOR_GRACE = Fact(
    "node.monitor_grace", 50.0, "s", "silent for longer: NotReady (40 s before 1.32)",
    "kubernetes/kubernetes pull request 126287; kube-controller-manager flags",
)  # fmt: skip
TOLERATION = Fact(
    "node.toleration", 300.0, "s",
    "every pod tolerates not-ready and unreachable for so long, unless it says otherwise",
    "kubernetes.io/docs taint-and-toleration @0008cd26",
)  # fmt: skip
EVICTION_RATE = Fact("node.eviction_rate", 0.1, "servers/s", "tainted per second", NODES)
SECONDARY_RATE = Fact(
    "node.secondary_eviction_rate", 0.01, "servers/s",
    "... in a large zone that is partly down", NODES,
)  # fmt: skip
LARGE_CLUSTER = Fact(
    "node.large_cluster", 50, "servers",
    "a zone of at most this size that is partly down evicts nothing", NODES,
)  # fmt: skip
UNHEALTHY_SHARE = Fact(
    "node.unhealthy_zone_share", 0.55, "", "NotReady share that makes a zone partly down", NODES
)
UNHEALTHY_LEAST = Fact(
    "node.unhealthy_zone_least", 2, "servers",
    "and more than so many must be NotReady (the documentation leaves this out)",
    LIFECYCLE + " ComputeZoneState",
)  # fmt: skip

POD_GC = Fact(
    "node.pod_gc", 20.0, "s", "the pod garbage collector looks",
    "kubernetes/kubernetes pkg/controller/podgc/gc_controller.go @003e8629 gcCheckPeriod",
)  # fmt: skip

REPAIR = Fact(
    "node.repair", 600.0, "s",
    "a managed cluster replaces a node that is NotReady for so long, object and machine",
    "cloud.google.com/kubernetes-engine/docs/how-to/node-auto-repair (read in 2026): approximately "
    "10 minutes, on by default. On EKS repair is opt-in, but the object of a terminated instance "
    "goes within a minute (kubernetes-sigs/aws-ebs-csi-driver issue 833): 0 s there",
)  # fmt: skip

ZoneState = Literal["normal", "partial", "full"]


# ---- rules ----
def is_silent(now_s: float, renewed_s: float, grace_s: float) -> bool:
    """Is a server believed gone? Source: node_lifecycle_controller.go tryUpdateNodeHealth."""
    return now_s > renewed_s + grace_s


def zone_state(ready: int, not_ready: int, share: float, least: int) -> ZoneState:
    """How bad is it? Source: node_lifecycle_controller.go ComputeZoneState."""
    if ready == 0 and not_ready > 0:
        return "full"
    if not_ready > least and not_ready / (ready + not_ready) >= share:
        return "partial"
    return "normal"


def eviction_rate(
    state: ZoneState, servers: int, normal: float, secondary: float, large: int
) -> float:
    """Servers tainted per second. With one zone, all of it down means that nothing is evicted: the
    fault is then rather the controller's own.

    Source: node_lifecycle_controller.go setLimiterInZone, handleDisruption; nodes.md."""
    if state == "full":
        return 0.0
    if state == "partial":
        return secondary if servers > large else 0.0
    return normal


def eviction_due(tainted_s: float, tolerations_s: list[float | None]) -> float | None:
    """When a replica on a tainted server is deleted; None: never.

    One entry for each toleration of the taints: seconds, or None for ever; no entry at all: now.
    The smallest counts. Source: tainteviction/taint_eviction.go getMinTolerationTime."""
    if not tolerations_s:
        return tainted_s
    limited = [t for t in tolerations_s if t is not None]
    return tainted_s + max(0.0, min(limited)) if limited else None


def may_collect(terminating: bool, ready: bool, out_of_service: bool) -> bool:
    """May a pod be deleted by force, though its kubelet has not answered?

    Source: podgc/gc_controller.go gcTerminating."""
    return terminating and not ready and out_of_service


def last_renewal(end_s: float, first_s: float, period_s: float, began_s: float) -> float:
    """The last renewal before `end_s` of a lease that began at `began_s`, and is renewed at
    `first_s` and each period from then."""
    k = next_tick(end_s, first_s, period_s) - 1
    return began_s if k < 0 else first_s + k * period_s


def next_tick(now_s: float, first_s: float, period_s: float) -> int:
    """The number of the first tick that is not before now: `first_s` is number 0."""
    k = max(0, int((now_s - first_s) // period_s))
    return k + 1 if first_s + k * period_s < now_s else k


# ---- the controllers ----
@dataclass(frozen=True)
class NodeRepair:
    """Who runs the cluster replaces a node that is silent for long: the pods on it go with its
    object, a new machine is ordered. GKE drains first, and gives the new one the old one's name:
    of a dead machine nothing can be drained, and neither is modelled."""

    after_s: float = constant(REPAIR)


@dataclass(frozen=True)
class NodeLifecycle:
    """Leases, the node controller, and taint-based eviction.

    A lease is computed when somebody reads it, and nobody looks while every server is well: in an
    hour of a calm cluster of three that would be 1,800 events."""

    renew_s: float = constant(LEASE_RENEW, above_zero=True)
    monitor_s: float = constant(MONITOR_PERIOD, above_zero=True)
    grace_s: float = constant(MONITOR_GRACE)
    toleration_s: float = constant(TOLERATION)
    eviction_rate: float = constant(EVICTION_RATE)
    secondary_rate: float = constant(SECONDARY_RATE)
    large_cluster: int = constant(LARGE_CLUSTER)
    unhealthy_share: float = constant(UNHEALTHY_SHARE)
    unhealthy_least: int = constant(UNHEALTHY_LEAST)
    pod_gc_s: float = constant(POD_GC)
    repair: NodeRepair | None = None  # a cluster of one's own: a person deletes the node

    def run(self, cluster: Cluster) -> Loop:
        """The node controller's ticks; each server's lease and taint run beside it."""
        nodes = Nodes(cluster, self)
        cluster.clock.loop(nodes.follow())
        gone = cluster.watch("server_down", "server_unready", "server_silent")
        first = cluster.random("node/monitor") * self.monitor_s
        k = 0
        while True:
            yield cluster.clock.at(first + k * self.monitor_s, Rank.NODE_MONITOR)
            if not cluster.frozen["controllers"]:
                nodes.look()
            k += 1
            gone.items.clear()
            if nodes.calm():  # then a look finds nothing until a server goes
                yield gone.get()
                k = max(k, next_tick(cluster.clock.now, first, self.monitor_s))


class Nodes:
    """What the node controller knows of each server."""

    def __init__(self, cluster: Cluster, rules: NodeLifecycle) -> None:
        self.cluster, self.rules = cluster, rules
        self.leases: dict[int, tuple[float, float]] = {}  # began, is renewed for the first time
        self.died: dict[int, float] = {}  # who renews none since
        self.tainted: dict[int, float] = {}  # since when
        self.next_taint_s = 0.0  # the rate limiter
        for server in cluster.servers:
            self.register(server)

    # ---- kubelets ----
    def register(self, server: Server) -> None:
        now = self.cluster.clock.now
        phase = self.cluster.random("node/lease") * self.rules.renew_s
        self.leases[server.id] = now, now + phase
        self.died.pop(server.id, None)

    def renewed_s(self, server: Server) -> float:
        """Of its lease, so far: whoever looks at the instant of a renewal comes before it."""
        began_s, first_s = self.leases[server.id]
        end_s = self.died.get(server.id, self.cluster.clock.now)
        return last_renewal(end_s, first_s, self.rules.renew_s, began_s)

    def calm(self) -> bool:
        """Is every server there, and can none seem silent?"""
        servers = [s for s in self.cluster.servers if s.released_s is None]
        return self.rules.renew_s <= self.rules.grace_s and all(
            s.answers and s.ready for s in servers
        )

    def follow(self) -> Loop:
        """New and rebooted servers announce themselves."""
        changes = self.cluster.watch(
            "server_added", "server_up", "server_down", "out_of_service", "server_silent",
            "server_heard",
        )  # fmt: skip
        while True:
            change = yield changes.get()
            if change.kind in ("server_down", "server_silent"):
                self.died.setdefault(change.server.id, self.cluster.clock.now)
                continue
            if change.kind == "out_of_service":
                self.cluster.clock.loop(self.collect(change.server))
                continue
            if not change.server.answers and change.kind != "server_added":
                continue  # it booted, and is cut off; or the network is back, and it is not
            self.register(change.server)
            if not change.server.answers:
                self.died[change.server.id] = self.cluster.clock.now
            if not change.server.ready:
                self.back(change.server)

    # ---- the node controller ----
    def look(self) -> None:
        """One tick: who is silent, and may another server be tainted?"""
        now, rules = self.cluster.clock.now, self.rules
        servers = [s for s in self.cluster.servers if s.released_s is None]
        unready = [s for s in servers if not s.ready]  # of what it does by the state that it read
        for server in servers:
            if server.ready and is_silent(now, self.renewed_s(server), rules.grace_s):
                self.lost(server)
        silent = [s for s in servers if not s.ready]
        state = zone_state(
            len(servers) - len(silent), len(silent), rules.unhealthy_share, rules.unhealthy_least
        )
        rate = eviction_rate(
            state, len(servers), rules.eviction_rate, rules.secondary_rate, rules.large_cluster
        )
        if state == "full":
            self.tainted.clear()  # all deadlines are called off
        for server in unready:
            if rate > 0.0 and server.id not in self.tainted and now >= self.next_taint_s:
                self.next_taint_s = now + 1.0 / rate
                self.tainted[server.id] = now
                self.cluster.clock.loop(self.evict(server, now))

    def lost(self, server: Server) -> None:
        """NotReady: its replicas get no more traffic (MarkPodsNotReady)."""
        silent = self.cluster.clock.now - self.renewed_s(server)
        text = f"{server.name} is NotReady: no lease renewal for {silent:.0f} s"
        self.cluster.say("not_ready", server.name, text)
        self.cluster.acted()
        self.cluster.set_server_ready(server, False)
        for c in self.cluster.on(server):
            self.cluster.believe(c, False)
        if self.rules.repair is not None:
            self.cluster.clock.loop(self.repaired(server, server.boots, self.rules.repair))

    def repaired(self, server: Server, boot: int, repair: NodeRepair) -> Loop:
        """Wait, and replace it if it has not come back meanwhile."""
        cluster = self.cluster
        yield cluster.clock.after(repair.after_s, Rank.NODE_REPAIR, server.id)
        while not cluster.lends and not server.answers:
            yield cluster.clock.after(repair.after_s, Rank.NODE_REPAIR, server.id)
        if server.answers or server.boots != boot or server.released_s is not None:
            return
        text = f"{server.name} is replaced: NotReady for {repair.after_s:.0f} s"
        cluster.say("node_repair", server.name, text)
        cluster.acted()
        cluster.release(server)
        ordered_s = cluster.clock.now
        seconds = cluster.duration(cluster.stack.servers.machine.boot, "node/repair")
        yield cluster.clock.after(seconds, Rank.ORDERED_MACHINE, server.id)
        fresh = cluster.add_server(ordered_s)
        cluster.say("server", fresh.name, f"{fresh.name} is Ready in the place of {server.name}")

    def back(self, server: Server) -> None:
        """Ready again: the taint goes, and with it the deadlines."""
        self.tainted.pop(server.id, None)
        self.cluster.say("ready", server.name, f"{server.name} is Ready again")
        self.cluster.set_server_ready(server, True)

    def evict(self, server: Server, since_s: float) -> Loop:
        """Delete what runs there when its toleration is over."""
        due = eviction_due(since_s, [self.rules.toleration_s])
        if due is None:
            return
        yield self.cluster.clock.at(due, Rank.NODE_EVICTION, server.id)
        yield from self.cluster.thawed("controllers")
        if self.tainted.get(server.id) != since_s:
            return
        doomed = [c for c in self.cluster.on(server) if not c.deleting]
        if doomed:
            names = ", ".join(c.name for c in doomed)
            text = f"{names} evicted: {server.name} unreachable for {self.rules.toleration_s:.0f} s"
            self.cluster.say("eviction", server.name, text)
        for c in doomed:
            self.cluster.retire(c)

    def collect(self, server: Server) -> Loop:
        """The out-of-service taint is NoExecute, and nobody tolerates it: all there is deleted now,
        and by force when the garbage collector finds it terminating. Its volumes are free then."""
        cluster, period = self.cluster, self.rules.pod_gc_s
        for c in [c for c in cluster.on(server) if not c.deleting]:
            cluster.retire(c)
        phase = cluster.random("node/pod_gc") * period
        k = math.ceil((cluster.clock.now - phase) / period)
        while not server.alive and cluster.on(server):
            yield cluster.clock.at(phase + k * period, Rank.POD_GC, server.id)
            containers = [
                c for c in cluster.on(server) if may_collect(c.deleting, server.ready, True)
            ]
            if containers and not server.alive:
                names = ", ".join(c.name for c in containers)
                text = f"{names} deleted by force: {server.name} is out of service"
                cluster.say("eviction", server.name, text)
                for c in containers:
                    cluster.remove(c)
            k += 1
