"""The cluster autoscaler: servers for replicas that fit nowhere, and fewer when they are idle.

Rules and constants: shared facts, kubernetes section 6 (kubernetes/autoscaler
cluster-autoscaler/FAQ.md @55c37cd5). The provider's quota is the stack's (`servers.quota`). Left
out: several node groups and their back-off, boots that fail, the limits on unready servers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.core.records import STATEFUL
from sim.control.scheduling.disruption import evictable
from sim.control.scheduling.placement import Load, Resources, fits, load_of, requested, requests
from sim.dataplane.arithmetic import added
from sim.schema.fields import LawSpec

CA_FAQ = "kubernetes/autoscaler cluster-autoscaler/FAQ.md @55c37cd5"
SCAN = Fact(
    "cluster_autoscaler.scan", 10.0, "s",
    "it looks for replicas that fit nowhere; this makes the 5 s on average that its FAQ gives from "
    "unschedulable to the cloud request", CA_FAQ,
)  # fmt: skip
BOOT = Fact(
    "cluster_autoscaler.boot", 180.0, "s",
    "mean from the request to a Ready server, where the stack gives none (uniform, 60 to 300 s)",
    CA_FAQ + "; shared facts, kubernetes section 6 (blogs)",
)  # fmt: skip
BOOT_CV = Fact(
    "cluster_autoscaler.boot_cv", 0.385, "", "deviation / mean of that time: 60 to 300 s",
    "derived: (300 - 60) / sqrt(12) / 180",
)  # fmt: skip
UNNEEDED = Fact("cluster_autoscaler.unneeded", 600.0, "s", "idle so long: given back", CA_FAQ)
DELAY_AFTER_ADD = Fact(
    "cluster_autoscaler.delay_after_add", 600.0, "s", "no scale-down so long after an addition",
    CA_FAQ,
)  # fmt: skip
IDLE_BELOW = Fact(
    "cluster_autoscaler.utilization_threshold", 0.5, "",
    "requested share of a server below which it may go", CA_FAQ,
)  # fmt: skip
EXPENDABLE = Fact(
    "cluster_autoscaler.expendable_cutoff", -10, "",
    "of less priority: no server is added or kept for it",
    CA_FAQ + "; core/podlistprocessor/filter_out_expendable.go @142808dc",
)  # fmt: skip
UNREADY = Fact(
    "cluster_autoscaler.unready", 1200.0, "s", "unready and empty so long: given back",
    CA_FAQ + ", scale-down-unready-time",
)  # fmt: skip
EVICTION_TIMEOUT = Fact(
    "cluster_autoscaler.eviction_timeout", 120.0, "s",
    "a budget that refuses an eviction for so long ends the drain",
    CA_FAQ + ", max-pod-eviction-time",
)  # fmt: skip
EVICTION_RETRY = Fact(
    "cluster_autoscaler.eviction_retry", 10.0, "s", "it asks again after a refusal",
    "kubernetes/autoscaler cluster-autoscaler/core/scaledown/actuation/drain.go @1d0777f7",
)  # fmt: skip
MOST = Fact(
    "cluster_autoscaler.max_servers", 20, "servers", "largest size of the node group",
    "chosen: whoever makes the node group says it",
)  # fmt: skip


# ---- rules ----
def servers_needed(wanted: Sequence[Resources], capacity: Resources) -> int:
    """How many empty servers take these replicas: first fit, the largest first. What fits on no
    server at all helps nobody. Source: cluster-autoscaler estimator/binpacking_estimator.go."""

    def size(r: Resources) -> float:
        return r.cores / capacity.cores + r.memory / capacity.memory

    bins: list[Load] = []
    for replica in sorted(wanted, key=size, reverse=True):
        empty = Load(len(bins), capacity, Resources(0.0, 0), 0)
        if not fits(empty, replica):
            continue
        i = next((b.id for b in bins if fits(b, replica)), len(bins))
        if i == len(bins):
            bins.append(empty)
        bins[i] = bins[i].with_more(replica)
    return len(bins)


def asks_for_server(priority: int, nominated: bool, cutoff: int) -> bool:
    """Does a replica that fits nowhere call for a server? Not if it is expendable, nor if room is
    being made for it. Source: core/podlistprocessor/filter_out_expendable.go."""
    return priority >= cutoff and not nominated


def to_request(needed: int, booting: int, have: int, most: int) -> int:
    """Servers to ask for now: what is on its way counts; the quota binds."""
    return max(0, min(needed - booting, most - have - booting))


def could_go(load: Load, guests: Sequence[Resources], others: Sequence[Load], below: float) -> bool:
    """Is a server unneeded: little requested there, and all of it fits elsewhere?

    Source: cluster-autoscaler FAQ, "How does scale-down work?"."""
    cores = load.requested.cores / load.capacity.cores
    if max(cores, load.requested.memory / load.capacity.memory) >= below:
        return False
    rooms = list(others)
    for guest in guests:
        i = next((i for i, room in enumerate(rooms) if fits(room, guest)), None)
        if i is None:
            return False
        rooms[i] = rooms[i].with_more(guest)
    return True


# ---- the choice ----
@dataclass(frozen=True)
class ServerAutoscaler:
    """The cluster autoscaler with one node group of the stack's machines."""

    scan_s: float = constant(SCAN, above_zero=True)
    max_servers: int = constant(MOST)
    boot_s: float = constant(BOOT)
    unneeded_s: float = constant(UNNEEDED)
    delay_after_add_s: float = constant(DELAY_AFTER_ADD)
    idle_below: float = constant(IDLE_BELOW)
    expendable_below: int = constant(EXPENDABLE)  # a priority
    unready_s: float = constant(UNREADY)
    eviction_timeout_s: float = constant(EVICTION_TIMEOUT)
    eviction_retry_s: float = constant(EVICTION_RETRY, above_zero=True)
    boot_cv: float = constant(BOOT_CV)

    def run(self, cluster: Cluster) -> Loop:
        group = NodeGroup(cluster, self)
        first = cluster.random("cluster_autoscaler/phase") * self.scan_s
        ticks = cluster.ticks(
            self.scan_s, Rank.SERVER_AUTOSCALER, first, calm=group.calm, deaf=True
        )
        for tick in ticks:
            yield tick
            if not cluster.frozen["controllers"]:
                group.grow()
                group.shrink()


class NodeGroup:
    """The servers that the cluster autoscaler adds and takes away."""

    def __init__(self, cluster: Cluster, rules: ServerAutoscaler) -> None:
        self.cluster, self.rules = cluster, rules
        self.least = len(cluster.servers)
        quota = cluster.stack.servers.quota
        self.most = rules.max_servers if quota is None else min(rules.max_servers, quota)
        self.bound = (
            "its provider's quota is" if self.most == quota else "its node group has at most"
        )
        self.booting = 0
        self.asked = 0
        self.added_s = -rules.delay_after_add_s
        self.unneeded: dict[int, float] = {}  # since when
        self.unready: dict[int, float] = {}
        self.leaving: set[int] = set()
        self.edits = -1  # of the cluster, when it was last looked through
        self.removable: set[int] = set()  # servers, as it was then
        self.quota_told = False

    def calm(self) -> float:
        """It has seen what there is, and nobody waits for a server, or for the end of one."""
        looked = self.edits == self.cluster.edits and not self.waiting()
        ends = len(self.have()) > self.least and (self.unneeded or self.unready)
        return math.inf if (looked and not ends) or self.cluster.frozen["controllers"] else 0.0

    def have(self) -> list[Server]:
        return [s for s in self.cluster.servers if s.released_s is None]

    def waiting(self) -> list[Resources]:
        return [
            requests(service)
            for p in self.cluster.pending
            for service in [self.cluster.service(p.service)]
            if p.unschedulable and self.counts(service.priority, p.nominated is not None)
        ]

    def counts(self, priority: int, nominated: bool = False) -> bool:
        return asks_for_server(priority, nominated, self.rules.expendable_below)

    # ---- more ----
    def grow(self) -> None:
        waiting = self.waiting()
        if not waiting:
            return
        machine, reserved = self.cluster.stack.servers.machine, self.cluster.stack.servers.reserved
        capacity = Resources(machine.cores - reserved.cores, machine.memory - reserved.memory)
        needed = servers_needed(waiting, capacity)
        number = to_request(needed, self.booting, len(self.have()), self.most)
        if number and not self.cluster.lends:
            return  # asked again at its next look
        if number:
            text = f"cluster autoscaler asks for {number} more: {len(waiting)} replicas wait"
            self.cluster.say("servers", "cluster autoscaler", text)
            self.cluster.acted()
        elif needed > self.booting and not self.quota_told:
            self.quota_told = True
            text = f"cluster autoscaler gets no more servers: {self.bound} {self.most}"
            self.cluster.say("quota", "cluster autoscaler", text)
        for _ in range(number):
            self.booting += 1
            self.asked += 1
            self.cluster.clock.loop(self.boot(self.asked))

    def boot(self, number: int) -> Loop:
        """Rent a server; it costs money from now, and helps when it is Ready."""
        ordered_s = self.cluster.clock.now
        law = self.cluster.stack.servers.machine.boot
        if law.mean == 0.0:
            law = LawSpec(law="uniform", mean=self.rules.boot_s, cv=self.rules.boot_cv)
        seconds = self.cluster.duration(law, "cluster_autoscaler/boot")
        yield self.cluster.clock.after(seconds, Rank.ORDERED_MACHINE, number)
        self.booting -= 1
        self.added_s = self.cluster.clock.now
        server = self.cluster.add_server(ordered_s)
        text = f"{server.name} is Ready, {seconds:.0f} s after it was asked for"
        self.cluster.say("server", server.name, text)

    # ---- less ----
    def shrink(self) -> None:
        """Give back one server that has been unneeded, or away, for long enough."""
        now, rules = self.cluster.clock.now, self.rules
        changed = self.edits != self.cluster.edits
        have = self.have()
        if not changed and len(have) <= self.least:
            return  # no clock enters before there is one to give back, and no gauge
        ready = [s for s in have if s.ready and not s.cordoned]
        if changed:
            self.edits, loads = self.cluster.edits, {s.id: self.load(s) for s in ready}
            self.removable = {s.id for s in ready if self.could_go(s, loads)}
        for server in ready:
            if server.id in self.removable:
                self.unneeded.setdefault(server.id, now)
            else:
                self.unneeded.pop(server.id, None)
        away = self.away(now)
        if len(have) <= self.least:
            return
        long = [s for s in ready if now - self.unneeded.get(s.id, now) >= rules.unneeded_s]
        promised = any(p.nominated for p in self.cluster.pending)
        busy = self.booting or self.leaving or self.waiting() or promised
        rested = now - self.added_s >= rules.delay_after_add_s
        if not rested or busy:
            return
        if away:
            server = away[-1]
            gone_s = now - self.unready.pop(server.id)
            text = f"cluster autoscaler gives {server.name} back: away for {gone_s:.0f} s"
            self.cluster.say("servers", server.name, text)
            self.cluster.release(server)
        elif long:
            self.unneeded.pop(long[-1].id)
            self.cluster.clock.loop(self.leave(long[-1]))

    def load(self, server: Server) -> Load:
        """A server without what is expendable there."""
        load = load_of(self.cluster, server, "")
        services = [self.cluster.service(c.service) for c in self.cluster.on(server)]
        spare = [requests(s) for s in services if not self.counts(s.priority)]
        total = Resources(added(r.cores for r in spare), sum(r.memory for r in spare))
        return load.with_more(total, -1)

    def away(self, now: float) -> list[Server]:
        """Servers that were not Ready for long enough, and whose replicas have been evicted."""
        unready = [s for s in self.have() if not s.ready]
        self.unready = {s.id: self.unready.get(s.id, now) for s in unready}
        return [
            s
            for s in unready
            if now - self.unready[s.id] >= self.rules.unready_s
            and all(c.deleting for c in self.cluster.on(s))
        ]

    def could_go(self, server: Server, loads: dict[int, Load]) -> bool:
        containers = [
            c
            for c in self.cluster.on(server)
            if not c.deleting and self.counts(self.cluster.service(c.service).priority)
        ]
        if any(self.cluster.service(c.service).role in STATEFUL for c in containers):
            return False
        if not all(evictable(self.cluster, c) for c in containers):
            return False  # simulator/drainability/rules/pdb: a budget that allows none now
        guests = [requested(self.cluster, c.service) for c in containers]
        others = [load for i, load in loads.items() if i != server.id]
        return could_go(loads[server.id], guests, others, self.rules.idle_below)

    def leave(self, server: Server) -> Loop:
        """Drain: nothing new; what is there is evicted as its budget allows, ends gracefully and
        begins anew elsewhere. A budget that refuses for too long keeps the server."""
        cluster = self.cluster
        self.leaving.add(server.id)
        cluster.say("servers", server.name, f"cluster autoscaler drains {server.name}: unneeded")
        cluster.cordon(server, True, leaves=True)
        began, rules = cluster.clock.now, self.rules
        while kept := self.evict(server):
            if cluster.clock.now - began >= rules.eviction_timeout_s:
                text = f"the drain of {server.name} is given up: a budget keeps {kept[0].name}"
                cluster.say("drain_failed", server.name, text)
                cluster.cordon(server, False)
                self.leaving.discard(server.id)
                return
            yield cluster.clock.after(rules.eviction_retry_s, Rank.SERVER_DRAIN, server.id)
        while cluster.on(server):
            yield cluster.clock.after(1.0, Rank.SERVER_DRAIN, server.id)
        cluster.release(server)
        self.leaving.discard(server.id)

    def evict(self, server: Server) -> list[Container]:
        """Evict one after the other; what the eviction API refuses."""
        containers = [c for c in self.cluster.on(server) if not c.deleting]
        for c in containers:
            if evictable(self.cluster, c):
                self.cluster.retire(c)
        return [c for c in containers if not c.deleting]
