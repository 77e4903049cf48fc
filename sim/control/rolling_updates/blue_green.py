"""Blue/green: a full second set, users switched to it at once, the old set kept for a while.

As Argo Rollouts does it by a Service's selector. While both sets run, twice the processes hold
database connections and memory. Until the old set is gone a rollback is a switch back; afterwards
it is another full release. Rules: argoproj/argo-rollouts docs/features/bluegreen.md @023c7449,
utils/defaults/defaults.go @03055326. Left out: the preview service and its smaller set, promotion
by a person, limits on unavailable replicas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Choices, Selecting
from sim.control.core.clock import Loop
from sim.control.core.cluster import Cluster
from sim.control.health_checks.probes import GRACE
from sim.control.rolling_updates.releases import (
    ABORT_AT_DEADLINE,
    ABORT_DELAY,
    DEADLINE,
    DEFAULTS,
    Analysis,
    Release,
    releases,
)
from sim.control.scheduling.replicas import Phase, ReplicaSet
from sim.schema.scenario import Version

BLUE_GREEN = "argoproj/argo-rollouts docs/features/bluegreen.md @023c7449"
SCALE_DOWN_DELAY = Fact(
    "blue_green.scale_down_delay", 30.0, "s",
    "the old set stays so long after the switch: proxies learn late, and a rollback is quick",
    DEFAULTS,
)  # fmt: skip
AUTO_PROMOTION = Fact(
    "blue_green.auto_promotion",
    0.0,
    "s",
    "the full new set waits so long before the switch",
    BLUE_GREEN,
)


# ---- rules ----
def double_set(
    replicas: int, new: float, old: float, stable: int, sizes: Sequence[int]
) -> tuple[int, list[int]]:
    """Sizes of the new version and of the old ones: shares of the wanted number, rounded up, and
    nothing of a version that is neither new nor stable (`stable`: its index, or -1).

    Source: docs/features/bluegreen.md, sequence of events."""
    kept = [math.ceil(replicas * old / 100) if i == stable else 0 for i in range(len(sizes))]
    return math.ceil(replicas * new / 100), kept


# ---- the choice ----
@dataclass(frozen=True)
class BlueGreen:
    """A Rollout's strategy blueGreen; `analysis`: of the new version after the switch, until the
    old set goes (Argo's post-promotion analysis; none by default)."""

    capability: ClassVar[str] = "rolling_updates"
    stop_first: ClassVar[bool] = False

    auto_promotion_s: float = constant(AUTO_PROMOTION)
    scale_down_delay_s: float = constant(SCALE_DOWN_DELAY)
    abort_scale_down_delay_s: float = constant(ABORT_DELAY)
    analysis: Analysis | None = None
    min_ready_s: float = 0.0
    progress_deadline_s: float = constant(DEADLINE)
    abort_at_deadline: bool = constant(ABORT_AT_DEADLINE)
    grace_s: float = constant(GRACE)

    def conflicts(self, platform: Choices) -> str:
        if platform.load_balancing is None:
            return "blue/green switches users between two sets: it needs a load balancer"
        discovery = platform.service_discovery
        if not (isinstance(discovery, Selecting) and discovery.selects):
            return "blue/green switches a selector: it needs service discovery that has one"
        return ""

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        alone = phase.stable < 0
        return double_set(
            wanted, 100.0 if alone else phase.new, phase.old, phase.stable, [s.spec for s in old]
        )

    def run(self, cluster: Cluster) -> Loop:
        return releases(cluster, partial(BlueGreenRelease, self, cluster))


class BlueGreenRelease(Release):
    """A full set, the switch, the delay, one set again."""

    word = "blue/green release"

    def __init__(self, choice: BlueGreen, cluster: Cluster, service: str, stable: Version) -> None:
        super().__init__(cluster, service, stable, choice.min_ready_s)
        self.choice = choice

    def begin(self) -> None:
        if self.version == self.stable:  # an undo before the switch: users never left it
            self.say("keeps its users; the second set goes")
            self.share(100.0, 0.0, self.version)
            self.over = self.promoted = True
            return
        self.say(f"begins: {self.wanted()} new replicas beside the old ones")
        self.share(100.0, 100.0, self.stable)
        deadline = self.deadline(self.choice.progress_deadline_s, self.choice.abort_at_deadline)
        self.cluster.clock.loop(deadline)
        self.look()

    def look(self) -> None:
        if not self.paused and not self.over and self.progressed() >= self.wanted() > 0:
            self.paused = True
            self.cluster.clock.loop(self.promote())

    def promote(self) -> Loop:
        """All are available: switch, and keep the old set for a while."""
        if self.choice.auto_promotion_s:
            yield from self.wait(self.choice.auto_promotion_s)
        if self.over:
            return
        self.promoted = True
        self.share(100.0, 100.0, self.version)
        self.say(f"has {self.wanted()} replicas available: users are switched to them")
        if self.choice.analysis is not None:
            self.cluster.clock.loop(self.analyse(self.choice.analysis))
        yield from self.wait(self.choice.scale_down_delay_s)
        if not self.over:
            self.over = True
            self.share(100.0, 0.0, self.version)
            took = self.cluster.clock.now - self.began_s
            self.say(f"is complete after {took:.0f} s: the old set goes")

    def abort(self, why: str) -> None:
        """Users (back) to the old set; the new one goes a little later."""
        self.over, self.promoted = True, False
        self.say(f"is aborted, {why}: users stay with {self.stable.name}")
        self.share(100.0, 100.0, self.stable)
        self.cluster.clock.loop(self.scale_down())

    def scale_down(self) -> Loop:
        yield from self.wait(self.choice.abort_scale_down_delay_s)
        if not self.replaced:
            self.share(0.0, 100.0, self.stable)
