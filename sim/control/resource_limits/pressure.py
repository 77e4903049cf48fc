"""The kubelet and memory: QoS classes for the kernel, and evictions before the kernel must act.

Docker leaves every oom_score_adj at 0; the kubelet derives it from requests and limits, and the
kernel chooses by it (core/oom.py). Every ten seconds the kubelet looks at what is available; below
100Mi it ends one replica, at once and whatever its budget, and whoever keeps the replicas places
another. A leak that fills a server faster is the kernel's. Sources: kubernetes/kubernetes
pkg/kubelet/qos/policy.go @00bdb3fa (read, an old one: -998 there),
pkg/apis/core/v1/helper/qos/qos.go; kubernetes.io/docs node-pressure-eviction @03c1bdca. Left out:
soft thresholds, the taint that keeps BestEffort away from a server under pressure, disks, process
ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server
from sim.control.resource_limits.profiles import Limits
from sim.schema.stack import Service

DOCS = "kubernetes.io/docs node-pressure-eviction @03c1bdca"
COMPILED = "compiled into the kubelet (pkg/kubelet/qos/policy.go): no flag, no field of a manifest"
ADJ_GUARANTEED = Fact(
    "qos.adj_guaranteed", -997, "points", "oom_score_adj of Guaranteed", DOCS, COMPILED
)
ADJ_BEST_EFFORT = Fact(
    "qos.adj_best_effort", 1000, "points", "oom_score_adj of BestEffort", DOCS, COMPILED
)
ADJ_BURSTABLE_LEAST = Fact(
    "qos.adj_burstable_least", 2, "points", "least of Burstable", DOCS, COMPILED
)
ADJ_BURSTABLE_MOST = Fact(
    "qos.adj_burstable_most", 999, "points", "most of Burstable", DOCS, COMPILED
)
ADJUSTMENTS = (ADJ_GUARANTEED, ADJ_BEST_EFFORT, ADJ_BURSTABLE_LEAST, ADJ_BURSTABLE_MOST)

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]


def qos_class(service: Service) -> QosClass:
    """The class of a replica, from what its service requests and limits.

    Guaranteed: limits for CPU and memory, and requests equal to them (a missing request is the
    limit). BestEffort: nothing at all. Source: helper/qos/qos.go ComputePodQOS."""
    pairs = [(p.request, p.limit) for p in (service.cpu, service.memory)]
    if all(not request and not limit for request, limit in pairs):
        return "BestEffort"
    if all(limit and request in (None, limit) for request, limit in pairs):
        return "Guaranteed"
    return "Burstable"


def oom_score_adj(of: QosClass, requested: int, capacity: int) -> int:
    """What the kubelet writes for a container: `requested` bytes of the machine's `capacity`.

    Burstable: min(max(2, 1000 - 1000 requested / capacity), 999). Source: qos/policy.go."""
    if of == "Guaranteed":
        return ADJ_GUARANTEED.value
    if of == "BestEffort":
        return ADJ_BEST_EFFORT.value
    share = 1000 - 1000 * requested // capacity
    return min(max(ADJ_BURSTABLE_LEAST.value, share), ADJ_BURSTABLE_MOST.value)


class Consumer(NamedTuple):
    """A replica as the kubelet ranks it."""

    id: int
    priority: int
    used: int  # bytes
    requested: int  # bytes


def eviction_ranking(replicas: Sequence[Consumer]) -> list[int]:
    """Whom the kubelet evicts first when memory is short: those above their request, then the
    lower priority, then the one furthest above its request. The QoS class is no input.

    Source: pkg/kubelet/eviction/helpers.go rankMemoryPressure; node-pressure-eviction."""

    def rank(c: Consumer) -> tuple[bool, int, int, int]:
        return (c.used <= c.requested, c.priority, c.requested - c.used, c.id)

    return [c.id for c in sorted(replicas, key=rank)]


EVICTION_HARD = Fact(
    "kubelet.eviction_hard_memory", 100.0 * 1024**2, "bytes",
    "less available: a replica is evicted",
    DOCS + ", default hard thresholds: memory.available<100Mi",
)  # fmt: skip
EVICTION_MONITOR = Fact(
    "kubelet.eviction_monitor", 10.0, "s", "the kubelet looks at what is available",
    "kubernetes/kubernetes pkg/kubelet/kubelet.go evictionMonitoringPeriod",
)  # fmt: skip


@dataclass(frozen=True)
class KubeletLimits(Limits):
    """Limits as the kubelet sets them: weights by CPU request, oom_score_adj by QoS class, and
    eviction under memory pressure."""

    capability: ClassVar[str] = "resource_limits"
    weights: Literal["shares", "requests"] = "requests"
    evict_below: float = constant(EVICTION_HARD)
    monitor_s: float = constant(EVICTION_MONITOR, above_zero=True)

    @property
    def fixed(self) -> tuple[Fact[Any], ...]:
        """Weights, and what the kubelet writes as oom_score_adj."""
        return (*super().fixed, *ADJUSTMENTS)

    def oom_score_adj(self, service: Service, capacity: int) -> int:
        """By QoS class, and by what is requested of a machine of `capacity` bytes."""
        wanted = service.memory.request or service.memory.limit or 0
        return oom_score_adj(qos_class(service), wanted, capacity)

    def run(self, cluster: Cluster) -> Loop:
        def calm() -> float:
            return math.inf if all(self.told_of(cluster, s) for s in cluster.servers) else 0.0

        for tick in cluster.ticks(self.monitor_s, Rank.MEMORY_PRESSURE, calm=calm, deaf=True):
            yield tick
            for server in cluster.servers:
                if server.alive:
                    self.look(cluster, server)

    def told_of(self, cluster: Cluster, server: Server) -> bool:
        """Is enough available, and will it be told when no longer?"""
        above = int(server.memory - self.evict_below)
        if above <= 0 or not self.has_room(cluster, server):
            return False
        cluster.watch_memory(server, above)
        return True

    def has_room(self, cluster: Cluster, server: Server) -> bool:
        """Is enough available?"""
        return server.memory - cluster.memory_on(server) >= self.evict_below

    def look(self, cluster: Cluster, server: Server) -> None:
        """Evict one replica if memory is short."""
        if self.has_room(cluster, server):
            return
        running = [c for c in cluster.on(server) if c.alive]
        used = {c.id: cluster.gauge_of(c).memory for c in running}
        ranked = eviction_ranking(
            [
                Consumer(c.id, service.priority, used[c.id], memory.request or memory.limit or 0)
                for c in running
                for service in [cluster.service(c.service)]
                for memory in [service.memory]
                if not c.deleting
            ]
        )
        worst = next((c for c in running if ranked and c.id == ranked[0]), None)
        if worst is not None:
            cluster.acted()
            cluster.retire(worst)
            cluster.exit(worst, 137, f"evicted: {server.name} is short of memory")
