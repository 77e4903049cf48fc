"""kube-scheduler: a queue by priority, a server for each replica, room made for the important.

What waits is tried by priority, then age. What fits nowhere may end replicas of lower priority: it
is nominated for their server, which is kept from everybody of lower priority until they are gone,
and goes wherever it fits first. The victims end gracefully, with preStop and grace period; whoever
keeps them asks for others, which wait in turn. Sources as in placement.py; kubernetes/kubernetes
pkg/scheduler/framework/plugins/queuesort/priority_sort.go, pkg/scheduler/schedule_one.go
evaluateNominatedNode, framework/runtime/framework.go RunFilterPluginsWithNominatedPods; of
preemption: @008b3652 framework/plugins/defaultpreemption/default_preemption.go and util/utils.go,
@00e6d951 framework/preemption/preemption.go (read); kubernetes.io/docs pod-priority-preemption
@09959b44. Left out: the sample of a tenth of the servers, at least a hundred (all are looked at
here), extenders, groups of pods, preemption across servers (upstream has none either).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster, Pending, Server
from sim.control.scheduling import placement
from sim.control.scheduling.disruption import Evictions, budget_of
from sim.control.scheduling.kubelet import Kubelet
from sim.control.scheduling.node_lifecycle import NodeLifecycle
from sim.control.scheduling.placement import Load, Resources, fits, requested
from sim.control.scheduling.replicas import keep
from sim.control.scheduling.surplus import deletion_order
from sim.dataplane.arithmetic import added
from sim.schema.stack import Stack

LEAST_PRIORITY = -(2**31)  # of a pod, so that each victim adds to a sum


class Guest(NamedTuple):
    """A placed replica of lower priority, which may have to give way."""

    id: int
    priority: int
    since_s: float  # when it came to its server
    requested: Resources
    service: str = ""  # whose disruption budget guards it


class Sacrifice(NamedTuple):
    """What room on one server would cost."""

    server: int
    victims: tuple[Guest, ...]  # the most important first; never empty
    violations: int  # victims whose disruption budget does not allow it


def may_preempt(policy: str, nominated: bool, still_able: bool, leaving: bool) -> bool:
    """May a replica that fits nowhere end others for its sake now?

    `policy`: its PriorityClass's preemptionPolicy. `nominated`: it has made room somewhere before;
    `still_able`: that server passes the filters that no eviction can help; `leaving`: somebody
    there is still ending for it. Source: default_preemption.go PodEligibleToPreemptOthers."""
    if policy == "never":
        return False
    return not (nominated and still_able and leaving)


def importance(guest: Guest) -> tuple[int, float, int]:
    """Sorts the most important first: the higher priority, then who runs for longer (upstream has
    no third rule; here the lower id). Source: util/utils.go MoreImportantPod."""
    return (-guest.priority, guest.since_s, guest.id)


def over_budget(guests: Sequence[Guest], allowed: Mapping[str, int]) -> list[bool]:
    """For each of these, in this order: would ending it as well break its budget?

    `allowed`: disruptions allowed now, by service; none where it has no budget. One that is ending
    already counts as well. Source: default_preemption.go filterPodsWithPDBViolation."""
    budgets, broken = dict(allowed), []
    for guest in guests:
        if guest.service in budgets:
            budgets[guest.service] -= 1
        broken.append(budgets.get(guest.service, 0) < 0)
    return broken


def sacrifice(
    load: Load, wanted: Resources, guests: Sequence[Guest], allowed: Mapping[str, int]
) -> Sacrifice | None:
    """Who must go from one server so that `wanted` fits: all guests of lower priority leave, then
    as many as fit come back, first those whose budget would break, the important ones first.

    `load`: the server with the guests. None: it helps nothing, or nobody need go.
    Source: default_preemption.go SelectVictimsOnNode."""
    room = load
    for guest in guests:
        room = room.with_more(guest.requested, -1)
    if not guests or not fits(room, wanted):
        return None
    ordered = sorted(guests, key=importance)
    ranked = list(zip(over_budget(ordered, allowed), ordered, strict=True))
    victims, violations = [], 0
    for breaks, guest in sorted(ranked, key=lambda pair: not pair[0]):  # stable
        back = room.with_more(guest.requested)
        if fits(back, wanted):
            room = back
        else:
            victims.append(guest)
            violations += breaks
    chosen = tuple(sorted(victims, key=importance))
    return Sacrifice(load.id, chosen, violations) if chosen else None


def cheapest(options: Sequence[Sacrifice]) -> Sacrifice | None:
    """The server whose victims matter least: fewest broken budgets, then the lowest of the highest
    priorities, the lowest sum of priorities (each counted from the least possible one, so that
    fewer victims of negative priority win), fewest victims, and the latest start of the earliest
    started among those of the highest priority (of one instant: the later id; upstream: any).

    Source: preemption.go pickOneNodeForPreemption; util/utils.go GetEarliestPodStartTime."""

    def cost(option: Sacrifice) -> tuple[int, int, int, int, float, int]:
        oldest = option.victims[0]  # of those of the highest priority
        total = sum(v.priority - LEAST_PRIORITY for v in option.victims)
        started = (-oldest.since_s, -oldest.id)
        return (option.violations, oldest.priority, total, len(option.victims), *started)

    return min(options, key=cost, default=None)


CONTROL_PLANE = Fact(
    "kubernetes.control_plane_price", 0.10, "USD/h",
    "a managed control plane in standard support; 0.60 beyond 14 months (extended support)",
    "aws.amazon.com/eks/pricing, as quoted in June 2026 (GKE asks the same)",
)  # fmt: skip


# ---- rules ----
def queue_order(waiting: Sequence[tuple[int, int]]) -> list[int]:
    """Whom the scheduler tries first: the higher priority, then who has waited for longer.

    (priority, number in order of asking) of each; numbers are returned.
    Source: queuesort/priority_sort.go Less."""
    return [number for _, number in sorted(waiting, key=lambda one: (-one[0], one[1]))]


def yields_to(own: int, promised: Sequence[tuple[int, Resources]]) -> Resources:
    """What a replica of this priority must leave free for others that wait for a server's place:
    theirs, of equal or higher priority.

    Source: framework/runtime/framework.go addGENominatedPods."""
    ahead = [wanted for priority, wanted in promised if priority >= own]
    return Resources(added(r.cores for r in ahead), sum(r.memory for r in ahead))


# ---- the choice ----
@dataclass(frozen=True)
class Scheduling:
    """kube-scheduler; and what happens when a server dies (node_lifecycle.py), how its kubelet
    starts a replica, and who replaces one (replicas.py)."""

    capability: ClassVar[str] = "scheduling"
    console: ClassVar[str] = "kubectl"

    # where the stack names no number
    default_servers: int = constant(placement.SERVERS, above_zero=True)
    max_skew: int = constant(placement.MAX_SKEW)
    zone_max_skew: int = constant(placement.ZONE_SKEW)
    fit_weight: float = constant(placement.FIT_WEIGHT)
    balance_weight: float = constant(placement.BALANCE_WEIGHT)
    spread_weight: float = constant(placement.SPREAD_WEIGHT)
    default_cpu_request: float = constant(placement.SMALLEST_CPU)
    default_memory_request: int = constant(placement.SMALLEST_MEMORY)
    bin_pack: bool = False  # MostAllocated instead of LeastAllocated
    hard_spread: bool = False  # topologySpreadConstraints with DoNotSchedule for every service
    hard_max_skew: int = constant(placement.HARD_SKEW)
    preemption: bool = True  # the plugin DefaultPreemption; without it priorities only sort
    kubelet: Kubelet = field(default_factory=Kubelet)
    price_per_hour: float = constant(CONTROL_PLANE)
    lifecycle: NodeLifecycle = field(default_factory=NodeLifecycle)
    evictions: Evictions = field(default_factory=Evictions)  # how a drain empties a server

    def servers(self, stack: Stack) -> int:
        return stack.servers.count or self.default_servers

    def choose(
        self, cluster: Cluster, service: str, waiting: Pending | None = None
    ) -> Server | None:
        """A server for one more replica; None if it must wait. `waiting`: which one it is."""
        able = self.able(cluster, service)
        wanted = requested(cluster, service)
        if any(p.nominated for p in cluster.pending):
            able = [s for s in able if fits(with_promises(cluster, s, service, waiting), wanted)]
            if waiting is not None and waiting.nominated in able:
                return waiting.nominated  # before any other
        by_zone = cluster.by_zone(service)
        loads = [placement.load_of(cluster, s, service, by_zone=by_zone) for s in able]
        weights = (self.fit_weight, self.balance_weight, self.spread_weight)
        smallest = Resources(self.default_cpu_request, self.default_memory_request)

        def pick(some: list[Load]) -> int | None:
            skews = self.max_skew, weights, self.bin_pack, smallest, self.zone_max_skew
            return placement.best(some, wanted, *skews)

        return placement.choose_apart(cluster, service, loads, attrgetter("id"), pick)

    def able(self, cluster: Cluster, service: str) -> list[Server]:
        """Servers that pass all filters but that for resources. A cloud disk is of one zone, and so
        is what has it. Source: plugins/volumezone; docs.aws.amazon.com/ebs, Availability Zones."""
        volume = cluster.volumes.get(service)
        up = [
            s for s in cluster.servers
            if s.ready and not s.cordoned and (volume is None or s.zone == volume.server.zone)
        ]  # fmt: skip
        if not self.hard_spread:
            return up
        same = {
            s.id: sum(c.service == service and not c.deleting for c in cluster.on(s))
            for s in cluster.servers
            if s.released_s is None
        }
        domains = list(same.values())
        return [s for s in up if placement.within_skew(same[s.id], domains, self.hard_max_skew)]

    def run(self, cluster: Cluster) -> Loop:
        cluster.clock.loop(self.lifecycle.run(cluster))
        yield from keep(cluster, PriorityQueue(cluster, self), deletion_order)


def with_promises(cluster: Cluster, server: Server, service: str, waiting: Pending | None) -> Load:
    """A server with all that is placed there, and what is kept there for others."""
    load = placement.load_of(cluster, server, service)
    promised = [
        (cluster.service(p.service).priority, requested(cluster, p.service))
        for p in cluster.pending
        if p.nominated is server and p is not waiting
    ]
    kept = yields_to(cluster.service(service).priority, promised)
    return load.with_more(kept)


class PriorityQueue:
    """The scheduling queue of one run."""

    def __init__(self, cluster: Cluster, rules: Scheduling) -> None:
        self.cluster, self.rules = cluster, rules

    def order(self, waiting: Sequence[Pending]) -> list[Pending]:
        by_id = {p.id: p for p in waiting}
        return [by_id[i] for i in queue_order([(self.priority(p.service), p.id) for p in waiting])]

    def choose(self, waiting: Pending) -> Server | None:
        return self.rules.choose(self.cluster, waiting.service, waiting)

    def rejected(self, waiting: Pending) -> None:
        """It fits nowhere: may it make room?"""
        service = self.cluster.service(waiting.service)
        least = min(s.priority for s in self.cluster.stack.services.values())
        if not self.rules.preemption or service.priority <= least:
            return
        able, there = self.rules.able(self.cluster, waiting.service), waiting.nominated
        leaving = there is not None and any(
            c.preempted and self.priority(c.service) < service.priority
            for c in self.cluster.on(there)
        )
        if may_preempt(service.preemption_policy, there is not None, there in able, leaving):
            options = [one for s in able if (one := self.option(waiting, s)) is not None]
            chosen = cheapest(options)
            self.cluster.nominate(waiting, None)
            if chosen is not None:
                self.preempt(waiting, chosen)

    def option(self, waiting: Pending, server: Server) -> Sacrifice | None:
        """What room on this server would cost."""
        cluster = self.cluster
        own = self.priority(waiting.service)
        guests = [
            Guest(
                c.id,
                self.priority(c.service),
                c.created_s,
                requested(cluster, c.service),
                c.service,
            )
            for c in cluster.on(server)
            if self.priority(c.service) < own
        ]
        budgets = {g.service: budget_of(cluster, g.service) for g in guests}
        allowed = {name: budget.allowed for name, budget in budgets.items() if budget is not None}
        load = with_promises(cluster, server, waiting.service, waiting)
        return sacrifice(load, requested(cluster, waiting.service), guests, allowed)

    def preempt(self, waiting: Pending, chosen: Sacrifice) -> None:
        """Nominate it, and end who is in its way; who was promised the place for less loses it."""
        cluster, own = self.cluster, self.priority(waiting.service)
        server = next(s for s in cluster.servers if s.id == chosen.server)
        for other in cluster.pending:
            if other.nominated is server and self.priority(other.service) < own:
                cluster.nominate(other, None)
        cluster.nominate(waiting, server)
        victims = {v.id for v in chosen.victims}
        for c in [c for c in cluster.on(server) if c.id in victims]:
            if not c.deleting:
                ranks = f"priority {own} over {self.priority(c.service)}"
                text = f"{c.name} gives way to {waiting.service} on {server.name}: {ranks}"
                cluster.say("preempted", c.name, text)
                cluster.acted()
            cluster.preempt(c)

    def priority(self, service: str) -> int:
        return self.cluster.service(service).priority
