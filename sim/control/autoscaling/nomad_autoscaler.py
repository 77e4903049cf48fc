"""The Nomad Autoscaler: a separate daemon with the target-value strategy on CPU.

It has no cap per step and no stabilisation, only a cool-down. Rules: shared facts, orchestrators
section 4 (hashicorp/nomad-autoscaler @ede4e617 read). Left out: cluster policies (more servers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.autoscaling.hpa_loop import Metrics
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.scheduling.placement import requested
from sim.dataplane.arithmetic import added

AUTOSCALER = "hashicorp/nomad-autoscaler agent/config/config.go @ede4e617"
EVALUATION = Fact("nomad_autoscaler.evaluation", 10.0, "s", "a policy is looked at", AUTOSCALER)
COOLDOWN = Fact("nomad_autoscaler.cooldown", 300.0, "s", "after an action, both ways", AUTOSCALER)
THRESHOLD = Fact(
    "nomad_autoscaler.threshold", 0.01, "", "a factor this near to 1 moves nothing",
    "hashicorp/nomad-autoscaler plugins/builtin/strategy/target-value @ede4e617",
)  # fmt: skip


def target_value(count: int, metric: float, target: float, threshold: float) -> int:
    """The autoscaler's count: ceil(count x metric / target), no cap up or down.

    Source: nomad-autoscaler target-value plugin.go (count 0: ceil of the factor)."""
    factor = metric / target
    if abs(factor - 1.0) <= threshold:
        return count
    return math.ceil(factor if count == 0 else count * factor)


@dataclass(frozen=True)
class NomadAutoscaler:
    """target-value on CPU of what is reserved; servers are fixed."""

    capability: ClassVar[str] = "autoscaling"
    name: ClassVar[str] = "nomad_autoscaler"

    evaluation_s: float = constant(EVALUATION, above_zero=True)
    cooldown_s: float = constant(COOLDOWN)
    threshold: float = constant(THRESHOLD)

    def run(self, cluster: Cluster) -> Loop:
        metrics = Metrics(cluster, self.evaluation_s)
        cluster.clock.loop(metrics.run())
        free_s: dict[str, float] = {}
        first = cluster.random("nomad_autoscaler/phase") * self.evaluation_s

        def calm() -> float:
            scaled = [n for n, s in cluster.stack.services.items() if s.scaling is not None]
            still = all(self.calm(cluster, metrics, name) for name in scaled)
            return math.inf if still or cluster.frozen["controllers"] else 0.0

        for tick in cluster.ticks(self.evaluation_s, Rank.AUTOSCALER, first, calm=calm):
            yield tick
            if cluster.frozen["controllers"]:
                continue
            for name, service in cluster.stack.services.items():
                rested = cluster.clock.now >= free_s.get(name, 0.0)
                if service.scaling is not None and rested and self.look(cluster, metrics, name):
                    free_s[name] = cluster.clock.now + self.cooldown_s

    def calm(self, cluster: Cluster, metrics: Metrics, name: str) -> bool:
        """Is there nothing to do, whatever the checks use between two readings?"""
        count = cluster.desired[name]
        its = [c for c in cluster.of(name) if not c.deleting]
        most = [metrics.most(c) for c in its]
        return all(metrics.stood(c) for c in its) and all(
            self.wanted(cluster, name, usage)[0] == count for usage in ([0] * len(its), most)
        )

    def wanted(self, cluster: Cluster, name: str, usage: Sequence[int]) -> tuple[int, float]:
        """The count for the usage of those that are read, millicores; their mean as a share."""
        asks, count = cluster.service(name).scaling, cluster.desired[name]
        assert asks is not None
        reserved = requested(cluster, name).cores * 1000.0
        if not usage or reserved <= 0.0:
            return count, 0.0
        share = added(usage) / len(usage) / reserved
        wanted = target_value(count, share, asks.cpu, self.threshold)
        return min(max(wanted, asks.min), asks.max), share

    def look(self, cluster: Cluster, metrics: Metrics, name: str) -> bool:
        """One evaluation; did it act?"""
        asks, count = cluster.service(name).scaling, cluster.desired[name]
        assert asks is not None
        read = [metrics.of(c) for c in cluster.of(name) if not c.deleting]
        usage = [reading[0] for reading in read if reading is not None]
        wanted, share = self.wanted(cluster, name, usage)
        if wanted == count:
            return False
        why = f"CPU at {share:.0%} of what is reserved, target {asks.cpu:.0%}"
        cluster.say("autoscaling", name, f"{name} scaled from {count} to {wanted}: {why}")
        if wanted > count:
            cluster.acted(metrics.since(cluster.of(name)))
        cluster.want(name, wanted)
        return True
