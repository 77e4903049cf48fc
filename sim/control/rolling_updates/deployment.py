"""Rolling updates and rollback: the arithmetic of a Deployment and its ReplicaSets.

Rules: shared facts, kubernetes section 4 (kubernetes/kubernetes pkg/controller/deployment
rolling.go @95f08499, sync.go @00a28c36, util @977e6e96 read). Everything here is pure; replicas.py
carries it out. A ReplicaSet is one version with a wanted size; sizes count what is specified, not
what is ready, and a replica that is being deleted counts no more (so that the peak of processes,
and of their database connections, exceeds wanted + surge). Left out: pausing, revisionHistoryLimit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.health_checks.probes import GRACE
from sim.control.scheduling.replicas import Phase, ReplicaSet, keep_unscheduled
from sim.schema.fields import InputError

TYPES = "kubernetes/api apps/v1/types.go @10b39a39"
MAX_SURGE = Fact(
    "rollout.max_surge", "25%", "of replicas", "extra replicas during a rollout, rounded up", TYPES
)
MAX_UNAVAILABLE = Fact(
    "rollout.max_unavailable", "25%", "of replicas",
    "replicas that may be missing during a rollout, rounded down", TYPES,
)  # fmt: skip
MIN_READY = Fact("rollout.min_ready", 0.0, "s", "ready for so long means available", TYPES)
PROGRESS_DEADLINE = Fact(
    "rollout.progress_deadline", 600.0, "s",
    "without progress for so long a condition is set; nothing is rolled back", TYPES,
)  # fmt: skip


# ---- rules ----
def scaled(value: str, replicas: int, up: bool) -> int:
    """A count ("2") or a share of the replicas ("25%"), rounded up or down.

    Source: kubernetes/apimachinery pkg/util/intstr GetScaledValueFromIntOrPercent."""
    text = value.strip()
    try:
        if not text.endswith("%"):
            return int(text)
        share = int(text[:-1]) * replicas / 100
    except ValueError:
        raise InputError(
            field="rolling_updates", found=repr(value), expected='a count or a share such as "25%"'
        ) from None
    return math.ceil(share) if up else math.floor(share)


def resolve_fenceposts(max_surge: str, max_unavailable: str, replicas: int) -> tuple[int, int]:
    """(surge, unavailable): surge rounds up, unavailable down; both zero would never move, so
    unavailable becomes 1; more than all cannot be unavailable.

    Source: deployment/util ResolveFenceposts and MaxUnavailable."""
    surge = scaled(max_surge, replicas, up=True)
    unavailable = scaled(max_unavailable, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def new_replica_set_size(replicas: int, surge: int, new: int, total: int) -> int:
    """How large the new ReplicaSet becomes in one step; `total` is the sum of all sizes.

    Source: deployment/util NewRSNewReplicas and rolling.go reconcileNewReplicaSet."""
    if new >= replicas:
        return replicas
    room = replicas + surge - total
    return new if room <= 0 else new + min(room, replicas - new)


def shrink_old(
    replicas: int, unavailable: int, new: ReplicaSet, old: Sequence[ReplicaSet]
) -> list[int]:
    """The old ReplicaSets' sizes after one step, oldest first.

    First replicas that do not serve go, as far as the new version's own missing ones allow; then
    serving ones as far as enough stay available.
    Source: rolling.go reconcileOldReplicaSets, cleanupUnhealthyReplicas,
    scaleDownOldReplicaSetsForRollingUpdate."""
    sizes = [s.spec for s in old]
    least = replicas - unavailable
    may_go = new.spec + sum(sizes) - least - (new.spec - new.available)
    if may_go <= 0:
        return sizes
    for i, s in enumerate(old):  # unhealthy ones
        gone = min(may_go, max(0, s.spec - s.available))
        sizes[i] -= gone
        may_go -= gone
    spare = new.available + sum(s.available for s in old) - least
    for i, size in enumerate(sizes):  # available ones
        gone = min(max(0, spare), size)
        sizes[i] -= gone
        spare -= gone
    return sizes


def step(
    replicas: int, surge: int, unavailable: int, new: ReplicaSet, old: Sequence[ReplicaSet]
) -> tuple[int, list[int]]:
    """One sync: scale the new one up and stop; else scale the old ones down.

    Source: rolling.go rolloutRolling."""
    sizes = [s.spec for s in old]
    grown = new_replica_set_size(replicas, surge, new.spec, new.spec + sum(sizes))
    if grown != new.spec or not any(sizes):
        return grown, sizes
    return new.spec, shrink_old(replicas, unavailable, new, old)


def proportions(sizes: Sequence[int], before: int, after: int) -> list[int]:
    """Scaling in mid-rollout: each ReplicaSet grows or shrinks by its share.

    `sizes`: newest first; `before`, `after`: wanted + surge then and now. Shares are taken from the
    largest down; what rounding leaves over goes to the first of them.
    Source: deployment/sync.go scale, util GetReplicaSetProportion."""
    missing = after - sum(sizes)
    indices = range(len(sizes))
    up = missing > 0  # ties: newer first when growing, older first when shrinking
    order = sorted(indices, key=lambda i: (-sizes[i], i if up else -i))
    result, remainder = list(sizes), missing
    for i in order:
        share = math.floor(sizes[i] * after / before + 0.5) - sizes[i] if before else -sizes[i]
        change = min(share, remainder) if up else max(share, remainder)
        if missing:
            result[i] += change
            remainder -= change
    if order and missing:
        result[order[0]] = max(0, result[order[0]] + remainder)
    return result


def is_complete(replicas: int, updated: int, total: int, available: int) -> bool:
    """Source: deployment/util DeploymentComplete: all wanted, all new, all available, no other."""
    return updated == replicas and total == replicas and available == replicas


class DeploymentStatus(NamedTuple):
    """What a Deployment's status counts."""

    updated: int
    old: int
    ready: int
    available: int


def is_progressing(was: DeploymentStatus, now: DeploymentStatus) -> bool:
    """More new, fewer old, more ready or available? Source: util DeploymentProgressing."""
    return (
        now.updated > was.updated
        or now.old < was.old
        or now.ready > was.ready
        or now.available > was.available
    )


def resize(
    replicas: int,
    before: int,
    fenceposts: tuple[int, int],
    surge_before: int,
    new: ReplicaSet,
    old: Sequence[ReplicaSet],
) -> tuple[int, list[int]]:
    """One sync of a Deployment that wants `replicas` and wanted `before` when it was last sized.

    A changed number is dealt out first; a rollout moves on at the next sync.
    Source: deployment_controller.go syncDeployment, sync.go scale (FindActiveOrLatest)."""
    sizes = [s.spec for s in old]
    if replicas == before:
        return step(replicas, *fenceposts, new, old)
    active = [i for i, size in enumerate(sizes) if size]
    if not active:
        return replicas, sizes
    if new.spec == 0 and len(active) == 1:
        sizes[active[0]] = replicas
        return 0, sizes
    dealt = proportions(
        [new.spec, *reversed(sizes)], before + surge_before, replicas + fenceposts[0]
    )
    return dealt[0], dealt[:0:-1]


def recreated(replicas: int, new: ReplicaSet, old: Sequence[ReplicaSet]) -> int:
    """The new ReplicaSet's size in a Recreate: nothing while an old one has replicas (`stop_first`
    has the keeper wait for those that are still terminating).

    Source: kubernetes/kubernetes pkg/controller/deployment/recreate.go rolloutRecreate."""
    return new.spec if any(s.spec for s in old) else replicas


# ---- the choices ----
class Reported(Protocol):
    """What the report of a rollout asks of its strategy."""

    @property
    def min_ready_s(self) -> float: ...
    @property
    def progress_deadline_s(self) -> float: ...
    def begins(self, replicas: int) -> str:
        """How it goes about it, in words."""


@dataclass(frozen=True)
class RollingUpdate:
    """A Deployment's strategy RollingUpdate; the keeper of replicas.py carries it out."""

    capability: ClassVar[str] = "rolling_updates"
    stop_first: ClassVar[bool] = False

    max_surge: str = constant(MAX_SURGE)
    max_unavailable: str = constant(MAX_UNAVAILABLE)
    min_ready_s: float = constant(MIN_READY)
    progress_deadline_s: float = constant(PROGRESS_DEADLINE)
    grace_s: float = constant(GRACE)  # of a deleted replica, where the stack gives none

    def fenceposts(self, replicas: int) -> tuple[int, int]:
        return resolve_fenceposts(self.max_surge, self.max_unavailable, replicas)

    def begins(self, replicas: int) -> str:
        surge, unavailable = self.fenceposts(replicas)
        return f"begins (surge {surge}, unavailable {unavailable})"

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        surge_before, _ = self.fenceposts(before)
        return resize(wanted, before, self.fenceposts(wanted), surge_before, new, old)

    def run(self, cluster: Cluster) -> Loop:
        return report(cluster, self)


@dataclass(frozen=True)
class Recreate:
    """A Deployment's strategy Recreate: an outage as long as stopping and starting take, and no
    two versions ever side by side."""

    capability: ClassVar[str] = "rolling_updates"
    stop_first: ClassVar[bool] = True

    min_ready_s: float = constant(MIN_READY)
    progress_deadline_s: float = constant(PROGRESS_DEADLINE)
    grace_s: float = constant(GRACE)

    def begins(self, replicas: int) -> str:
        return f"begins: the old replicas stop first, then {replicas} start"

    def resize(
        self, wanted: int, before: int, new: ReplicaSet, old: Sequence[ReplicaSet], phase: Phase
    ) -> tuple[int, list[int]]:
        return recreated(wanted, new, old), [0] * len(old)

    def run(self, cluster: Cluster) -> Loop:
        return report(cluster, self)


# ---- the status of a Deployment ----
def report(cluster: Cluster, strategy: Reported) -> Loop:
    """The status of each Deployment: complete, progressing, or past its deadline."""
    keep_unscheduled(cluster)
    changes = cluster.watch("version", "created", "removed", "ready", "unready", "stopping", "exit")
    rollouts: dict[str, Rollout] = {}
    while True:
        change = yield changes.get()
        if change.kind == "version":
            rollouts[change.service] = rollout = Rollout(strategy, cluster, change.service)
            cluster.clock.loop(rollout.deadline(rollouts))
            rollout.look(rollouts)  # nothing may be left to do
        elif change.container is not None and change.container.service in rollouts:
            rollout = rollouts[change.container.service]
            rollout.look(rollouts)
            if change.kind == "ready" and strategy.min_ready_s:
                cluster.clock.loop(rollout.look_later(rollouts, change.container.id))


class Rollout:
    """One rollout on its way."""

    def __init__(self, strategy: Reported, cluster: Cluster, service: str) -> None:
        self.strategy, self.cluster, self.service = strategy, cluster, service
        self.version = cluster.versions[service]
        self.began_s = self.progress_s = cluster.clock.now
        self.best, self.seen = self.status(), (0.0, -1)
        self.say(strategy.begins(cluster.desired[service]))

    def say(self, text: str) -> None:
        text = f"rollout of {self.service} {self.version.name} {text}"
        self.cluster.say("rollout", self.service, text)

    def status(self) -> DeploymentStatus:
        live = [c for c in self.cluster.of(self.service) if not c.deleting]
        ready = [c for c in live if c.ready and c.ready_since_s is not None]
        since = self.cluster.clock.now - self.strategy.min_ready_s
        updated = sum(c.version == self.version for c in live)
        available = sum((c.ready_since_s or 0.0) <= since for c in ready)
        return DeploymentStatus(updated, len(live) - updated, len(ready), available)

    def look(self, rollouts: dict[str, Rollout]) -> None:
        """Something changed; is it complete?"""
        moment = self.cluster.moment
        if self.seen == moment:
            return  # one of several changes at once, of which all were seen
        self.seen = moment
        now, wanted = self.status(), self.cluster.desired[self.service]
        if is_progressing(self.best, now):
            self.progress_s = self.cluster.clock.now
        self.best = now
        if is_complete(wanted, now.updated, now.updated + now.old, now.available):
            self.say(f"is complete after {self.cluster.clock.now - self.began_s:.0f} s")
            del rollouts[self.service]

    def look_later(self, rollouts: dict[str, Rollout], key: int) -> Loop:
        """A replica that is ready becomes available without another event."""
        yield self.cluster.clock.after(self.strategy.min_ready_s, Rank.ROLLOUT_STATUS, key)
        if rollouts.get(self.service) is self:
            self.look(rollouts)

    def deadline(self, rollouts: dict[str, Rollout]) -> Loop:
        """Only tells: nothing is rolled back by itself."""
        while rollouts.get(self.service) is self:
            due = self.progress_s + self.strategy.progress_deadline_s
            if due <= self.cluster.clock.now:
                text = f"made no progress for {self.strategy.progress_deadline_s:.0f} s"
                self.say(f"{text}: ProgressDeadlineExceeded, old replicas go on")
                return
            key = list(self.cluster.versions).index(self.service)
            yield self.cluster.clock.at(due, Rank.ROLLOUT_DEADLINE, key)
