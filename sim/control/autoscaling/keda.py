"""KEDA on the queue's length (redis-lists): the metric for the HPA, and the steps from and to zero.

Between one replica and the maximum the HPA decides, at its own sync and with its own limits; KEDA
only serves it the number. Rules: shared facts, kubernetes section 7 (kedacore/keda @8b4f083c). Left
out: other scalers, fallback, idleReplicaCount, initialCooldownPeriod, paused ScaledObjects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.schema.stack import Service

TYPES = "kedacore/keda apis/keda/v1alpha1/withtriggers_types.go @8b4f083c"
POLLING = Fact("keda.polling", 30.0, "s", "it asks whether there is work at all", TYPES)
COOLDOWN = Fact(
    "keda.cooldown", 300.0, "s", "without work so long: down to zero, where the minimum is zero",
    "kedacore/keda pkg/scaling/executor @8b4f083c",
)  # fmt: skip
ACTIVATION = Fact(
    "keda.activation_list_length", 0, "jobs", "there is work if more jobs than this wait",
    "kedacore/keda pkg/scalers/redis_scaler.go @8b4f083c",
)  # fmt: skip


def wanted_by_keda(
    current: int, least: int, active: bool, inactive_s: float, cooldown_s: float
) -> int:
    """The number after one poll. `inactive_s`: since the last poll that saw work, inf for never.

    Source: kedacore/keda pkg/scaling/executor/scale_scaledobjects.go RequestScale: work and no
    replica: the minimum, at least one; no work: zero after the cooldown where the minimum is zero,
    and the minimum if fewer run. Everything else is the HPA's."""
    if active:
        return max(1, least) if current == 0 else current
    if least == 0:
        return 0 if inactive_s > cooldown_s else current
    return max(current, least)


@dataclass(frozen=True)
class Keda:
    """A ScaledObject for each service whose `scaling.queue` is given (jobs per replica)."""

    polling_s: float = constant(POLLING, above_zero=True)
    cooldown_s: float = constant(COOLDOWN)
    activation: int = constant(ACTIVATION)

    def run(self, cluster: Cluster) -> Loop:
        last: dict[str, float] = {}  # when there was work
        first = cluster.random("keda/phase") * self.polling_s

        def calm() -> float:
            services = cluster.stack.services.items()
            polled = [] if cluster.frozen["controllers"] else services
            return min((self.calm(cluster, *each, last) for each in polled), default=math.inf)

        for tick in cluster.ticks(self.polling_s, Rank.KEDA, first, calm=calm):
            yield tick
            if cluster.frozen["controllers"]:
                continue
            for name, service in cluster.stack.services.items():
                if service.scaling is not None and service.scaling.queue is not None:
                    self.poll(cluster, name, service.scaling.min, last)

    def calm(self, cluster: Cluster, name: str, service: Service, last: dict[str, float]) -> float:
        """Until when no poll of a service changes anything."""
        if service.scaling is None or service.scaling.queue is None:
            return math.inf
        current, least = cluster.desired[name], service.scaling.min
        if cluster.jobs_waiting(name) > self.activation:
            return 0.0
        idle = wanted_by_keda(current, least, False, math.inf, self.cooldown_s)
        return math.inf if idle == current else last.get(name, -math.inf) + self.cooldown_s

    def poll(self, cluster: Cluster, name: str, least: int, last: dict[str, float]) -> None:
        now, current = cluster.clock.now, cluster.desired[name]
        waiting = cluster.jobs_waiting(name)
        active = waiting > self.activation
        if active:
            last[name] = now
        inactive_s = now - last.get(name, -math.inf)
        new = wanted_by_keda(current, least, active, inactive_s, self.cooldown_s)
        if new != current:
            text = f"{name} scaled from {current} to {new} replicas by KEDA: {waiting} jobs wait"
            cluster.scale(name, new, text)
