"""The Nomad Autoscaler: a separate daemon with the target-value strategy on CPU.

It has no cap per step and no stabilisation, only a cool-down. Rules: shared facts, orchestrators
section 4 (hashicorp/nomad-autoscaler @ede4e617 read). Left out: cluster policies (more servers).
"""

from __future__ import annotations

import math
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
        for tick in cluster.clock.ticks(self.evaluation_s, Rank.AUTOSCALER, first):
            yield tick
            if cluster.frozen["controllers"]:
                continue
            for name, service in cluster.stack.services.items():
                rested = cluster.clock.now >= free_s.get(name, 0.0)
                if service.scaling is not None and rested and self.look(cluster, metrics, name):
                    free_s[name] = cluster.clock.now + self.cooldown_s

    def look(self, cluster: Cluster, metrics: Metrics, name: str) -> bool:
        """One evaluation; did it act?"""
        asks = cluster.service(name).scaling
        assert asks is not None
        reserved = requested(cluster, name).cores * 1000.0
        read = [metrics.of(c) for c in cluster.of(name) if not c.deleting]
        usage = [one[0] for one in read if one is not None]
        if not usage or reserved <= 0.0:
            return False
        share = added(usage) / len(usage) / reserved
        count = cluster.desired[name]
        wanted = target_value(count, share, asks.cpu, self.threshold)
        wanted = min(max(wanted, asks.min), asks.max)
        if wanted == count:
            return False
        why = f"CPU at {share:.0%} of what is reserved, target {asks.cpu:.0%}"
        cluster.say("autoscaling", name, f"{name} scaled from {count} to {wanted}: {why}")
        if wanted > count:
            cluster.acted(metrics.since(cluster.of(name)))
        cluster.want(name, wanted)
        return True
