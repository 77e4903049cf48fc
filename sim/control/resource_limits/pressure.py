"""The kubelet and memory: QoS classes for the kernel, and evictions before the kernel must act.

Every ten seconds the kubelet looks at what is available; below 100Mi it ends one replica, at once
and whatever its budget, and whoever keeps the replicas places another. A leak that fills a server
faster is the kernel's (qos.py). Left out: soft thresholds, the taint that keeps BestEffort away
from a server under pressure, disks, process ids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Server
from sim.control.resource_limits.profiles import Limits
from sim.control.resource_limits.qos import (
    ADJUSTMENTS,
    DOCS,
    Consumer,
    eviction_ranking,
    oom_score_adj,
    qos_class,
)
from sim.schema.stack import Service

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
    name: ClassVar[str] = "kubelet_limits"
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
            return math.inf if all(self.roomy(cluster, s) for s in cluster.servers) else 0.0

        for tick in cluster.ticks(self.monitor_s, Rank.MEMORY_PRESSURE, calm=calm):
            yield tick
            for server in cluster.servers:
                if server.alive:
                    self.look(cluster, server)

    def roomy(self, cluster: Cluster, server: Server) -> bool:
        """Would it find enough while only checks pass?"""
        checks = sum(cluster.checks_use(c, 0.0)[1] for c in cluster.on(server))
        return not server.alive or self.has_room(cluster, server, checks)

    def has_room(self, cluster: Cluster, server: Server, more: int = 0) -> bool:
        """Is enough available, were so many bytes more in use?"""
        return server.memory - cluster.memory_on(server) - more >= self.evict_below

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
