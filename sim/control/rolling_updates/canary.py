"""Canary: a small share of the replicas first, and an analysis that decides whether to go on.

As Argo Rollouts does it without a traffic router: kube-proxy cannot weigh, so that the share of
the traffic is the share of the replicas, rounded up (20 % of three replicas is one of four: a
quarter of the users). Rules: argoproj/argo-rollouts utils/replicaset/canary.go @007a38d8,
docs/features/canary.md @0fb0fbb3. Left out: traffic routing by a mesh or an ingress controller
(Flagger's kind of canary needs one), pauses that wait for a person, scaling of the canary apart
from its weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.probes import GRACE
from sim.control.rolling_updates.deployment import scaled
from sim.control.rolling_updates.releases import (
    ABORT_AT_DEADLINE,
    DEADLINE,
    Analysis,
    Release,
    releases,
)
from sim.control.scheduling.replicas import Phase, ReplicaSet
from sim.schema.scenario import Version

CANARY_DOCS = "argoproj/argo-rollouts docs/features/canary.md @0fb0fbb3"
WEIGHTS: Fact[tuple[float, ...]] = Fact(
    "canary.weights", (20.0, 40.0, 60.0, 80.0), "%", "of the replicas, step by step, then all",
    "argoproj/argo-rollouts docs/features/analysis.md @010ad554, example; the API has no default",
)  # fmt: skip
PAUSE = Fact(
    "canary.pause", 120.0, "s", "between two steps",
    "chosen: two intervals of the analysis; Argo's example pauses 10 min",
)  # fmt: skip
CANARY_SURGE = Fact(
    "canary.max_surge", "25%", "of replicas", "extra replicas, rounded up", CANARY_DOCS
)
CANARY_UNAVAILABLE = Fact(
    "canary.max_unavailable", "25%", "of replicas", "that may be missing, rounded down", CANARY_DOCS
)


# ---- rules ----
def shares(replicas: int, weight: float) -> tuple[int, int]:
    """(canary, stable) replicas at a weight, percent: both rounded up, so that neither is empty
    unless the weight is 0 or 100.

    Source: utils/replicaset/canary.go DesiredReplicaCountsForCanary."""
    return math.ceil(replicas * weight / 100 - 1e-9), math.ceil(
        replicas * (1 - weight / 100) - 1e-9
    )


def canary_sizes(
    replicas: int, weight: float, surge: int, unavailable: int, new: ReplicaSet, stable: ReplicaSet
) -> tuple[int, int]:
    """(canary, stable) sizes after one sync on the way to `shares`.

    First up, the stable one before the canary, as far as the surge allows (one more where both
    were rounded up); then down, the canary first, as far as enough stay available. While the
    canary grows, its available replicas count and all of the stable one's; when it shrinks (an
    abort), all of its own and the stable one's available ones: else one that cannot start would
    block the way. Source: utils/replicaset/canary.go CalculateReplicaCountsForCanary."""
    want_new, want_stable = shares(replicas, weight)
    if want_new + want_stable > replicas:
        surge += 1
    sizes, room = [new.spec, stable.spec], replicas + surge - new.spec - stable.spec
    for i, want in ((1, want_stable), (0, want_new)):
        grown = max(0, min(want - sizes[i], room))
        sizes[i], room = sizes[i] + grown, room - grown
    growing = want_new >= new.spec
    counted = [
        new.spec if not growing else min(new.spec, new.available),
        stable.spec if growing else min(stable.spec, stable.available),
    ]
    spare = sum(counted) - (replicas - unavailable)
    for i, want in ((0, want_new), (1, want_stable)):
        gone = max(0, min(sizes[i] - want, spare))
        sizes[i], spare = sizes[i] - gone, spare - gone
    return sizes[0], sizes[1]


def shrink_others(
    replicas: int, unavailable: int, sets: Sequence[ReplicaSet], keep_: int
) -> list[int]:
    """Sizes of versions that are neither new nor stable: they go first, as far as enough replicas
    stay available; `keep_` of the available ones belong to the other two.

    Source: rollout/canary.go scaleDownOldReplicaSetsForCanary."""
    spare = keep_ + sum(s.available for s in sets) - (replicas - unavailable)
    sizes = []
    for s in sets:
        healthy = min(s.spec, s.available)  # the others go whatever follows
        gone = min(healthy, max(0, spare))
        spare -= gone
        sizes.append(healthy - gone)
    return sizes


# ---- the choice ----
@dataclass(frozen=True)
class Canary:
    """A Rollout's strategy canary, with a background analysis."""

    capability: ClassVar[str] = "rolling_updates"
    stop_first: ClassVar[bool] = False

    weights: tuple[float, ...] = constant(WEIGHTS)
    pause_s: float = constant(PAUSE)
    analysis: Analysis | None = field(default_factory=Analysis)
    max_surge: str = constant(CANARY_SURGE)
    max_unavailable: str = constant(CANARY_UNAVAILABLE)
    min_ready_s: float = 0.0
    progress_deadline_s: float = constant(DEADLINE)
    abort_at_deadline: bool = constant(ABORT_AT_DEADLINE)
    grace_s: float = constant(GRACE)

    def conflicts(self, platform: Choices) -> str:
        if platform.load_balancing is None:
            return "a canary is a share of the traffic: it needs a load balancer"
        if platform.service_discovery is None:
            return "a canary needs service discovery: nobody else tells users of its replicas"
        return ""

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        surge = scaled(self.max_surge, wanted, up=True)
        unavailable = scaled(self.max_unavailable, wanted, up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        weight = phase.new if phase.stable >= 0 else 100.0
        stable = old[phase.stable] if phase.stable >= 0 else ReplicaSet(0, 0)
        others = [i for i in range(len(old)) if i != phase.stable]
        sizes = [s.spec for s in old]
        left = shrink_others(
            wanted, unavailable, [old[i] for i in others], new.available + stable.available
        )
        for i, size in zip(others, left, strict=True):
            sizes[i] = size
        number, stays = canary_sizes(wanted, weight, surge, unavailable, new, stable)
        if any(left):  # these go first
            number, stays = max(number, new.spec), max(stays, stable.spec)
        if phase.stable >= 0:
            sizes[phase.stable] = stays
        return number, sizes

    def run(self, cluster: Cluster) -> Loop:
        return releases(cluster, partial(CanaryRelease, self, cluster))


class CanaryRelease(Release):
    """Step by step: a weight, its replicas available, a pause, the next."""

    word = "canary"

    def __init__(self, canary: Canary, cluster: Cluster, service: str, stable: Version) -> None:
        super().__init__(cluster, service, stable, canary.min_ready_s)
        self.canary = canary
        self.steps = (*canary.weights, 100.0)
        self.at = 0

    def begin(self) -> None:
        """A version that is stable already comes back at once, without steps (an undo)."""
        if self.version == self.stable:
            self.at = len(self.steps) - 1
            self.say("is the stable version: all replicas at once")
        elif self.canary.analysis is not None:
            self.cluster.clock.loop(self.analyse(self.canary.analysis))
        deadline = self.deadline(self.canary.progress_deadline_s, self.canary.abort_at_deadline)
        self.cluster.clock.loop(deadline)
        self.step()

    def step(self) -> None:
        weight = self.steps[self.at]
        self.paused = False
        self.share(weight, 100.0 - weight)
        if weight < 100.0:
            new, old = shares(self.wanted(), weight)
            self.say(f"gets {weight:g} %: {new} new beside {old} old replicas")
        self.look()

    def look(self) -> None:
        if self.paused or self.over:
            return
        available, wanted = self.progressed(), self.wanted()
        new, old = shares(wanted, self.steps[self.at])
        others = sum(
            c.version != self.version and not c.deleting for c in self.cluster.of(self.service)
        )
        if available != new or others > old:
            return
        if self.steps[self.at] < 100.0:
            self.paused = True
            self.cluster.clock.loop(self.pause(self.at))
        else:
            self.over = self.promoted = True
            self.say(f"is complete after {self.cluster.clock.now - self.began_s:.0f} s")

    def pause(self, at: int) -> Loop:
        yield from self.wait(self.canary.pause_s)
        if not self.over and self.at == at:
            self.at += 1
            self.step()

    def abort(self, why: str) -> None:
        """Weight 0: the old version gets its replicas back. Source: docs/features/analysis.md."""
        self.over = True
        self.say(f"is aborted, {why}: back to {self.stable.name}")
        self.share(0.0, 100.0)
