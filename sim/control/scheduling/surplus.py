"""Too many replicas: who goes first. A ReplicaSet's order, Swarm's, and one for where none is
published.

Kubernetes: kubernetes/kubernetes pkg/controller/controller_utils.go ActivePodsWithRanks and
pkg/controller/replicaset/replica_set.go getPodsRankedByRelatedPodsOnSameNode. That ages compare by
powers of two is the gate LogarithmicScaleDown (KEP-2185): on since 1.22, stable since 1.31. Left
out: the annotation controller.kubernetes.io/pod-deletion-cost, which no stack here writes, and the
phase Unknown, which no kubelet reports any more. Known consequence, and upstream's to this day:
ranks are counted once per pass, so that a large step leaves what stays on one server (kubernetes
issue 102948).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import NamedTuple


class DeletionCandidate(NamedTuple):
    """A replica that may have to go. Times as the API stores them: whole seconds, None where it
    stores none."""

    id: int
    server: int | None = 0
    started: bool = True  # no longer Pending: its process has been started once
    ready: bool = True
    rank: int = 1  # replicas of the Deployment on its server, this one included
    ready_since_s: int | None = None
    restarts: int = 0
    created_s: int | None = None
    uid: float = 0.0  # random, and its own for as long as it lives


Order = Callable[[Sequence[DeletionCandidate], float], list[int]]  # of ids, at a time


def placed(candidate: DeletionCandidate) -> bool:
    """It has a server."""
    return candidate.server is not None


def ranks(homes: Sequence[int], related: Sequence[int]) -> list[int]:
    """How many of the Deployment's replicas share the server with each of `homes`; `related`: the
    servers of all its living replicas, of every version."""
    there = Counter(related)
    return [there[server] for server in homes]


def age_rank(age_s: float) -> int:
    """Ages within a power of two (of nanoseconds) count as equal. Source: logarithmicRankDiff."""
    return int(math.log2(age_s * 1e9)) if age_s > 0.0 else -1


def _younger(a: float | None, b: float | None, uids: tuple[float, float], now_s: float) -> bool:
    """Of two unequal times: does the first belong to the one that goes? None goes before any."""
    if a is None or b is None:
        return a is None
    older = age_rank(now_s - a) - age_rank(now_s - b)
    return uids[0] < uids[1] if older == 0 else older < 0


def goes_before(a: DeletionCandidate, b: DeletionCandidate, now_s: float) -> bool:
    """Without a server, never started, not ready; on the server with more of the same; ready for
    the shorter time; more restarts; younger. Equal ages are a matter of chance."""
    for first, second in ((placed(a), placed(b)), (a.started, b.started), (a.ready, b.ready)):
        if first != second:
            return not first
    if a.rank != b.rank:
        return a.rank > b.rank
    uids = (a.uid, b.uid)
    if a.ready and a.ready_since_s != b.ready_since_s:
        return _younger(a.ready_since_s, b.ready_since_s, uids, now_s)
    if a.restarts != b.restarts:
        return a.restarts > b.restarts
    if a.created_s != b.created_s:
        return _younger(a.created_s, b.created_s, uids, now_s)
    return a.uid < b.uid  # upstream: as the list happened to be


def deletion_order(candidates: Sequence[DeletionCandidate], now_s: float) -> list[int]:
    """Ids of a ReplicaSet's replicas, who goes first at the front."""

    def compared(a: DeletionCandidate, b: DeletionCandidate) -> int:
        return -1 if goes_before(a, b, now_s) else int(goes_before(b, a, now_s))

    return [c.id for c in sorted(candidates, key=cmp_to_key(compared))]


# ---- elsewhere ----
def newest_first(candidates: Sequence[DeletionCandidate], now_s: float) -> list[int]:
    """Where no order is published (chosen): without a server, not ready, ready for the shortest
    time, most restarts, newest."""

    def key(c: DeletionCandidate) -> tuple[bool, bool, int, int, int, int]:
        ready, created = c.ready_since_s or 0, c.created_s or 0
        return (placed(c), c.ready, -ready, -c.restarts, -created, -c.id)

    return [c.id for c in sorted(candidates, key=key)]


def leave_balanced(candidates: Sequence[DeletionCandidate], now_s: float) -> list[int]:
    """Swarm: each task is the first, second ... of the service on its node, those that run before
    those that do not; the highest goes first. What has no node goes before all of them.

    Source: moby/swarmkit manager/orchestrator/replicated/services.go reconcile, slot.go
    slotsByIndex."""
    copies: Counter[int] = Counter()
    index: dict[int, float] = {}
    for c in sorted(candidates, key=lambda c: not c.ready):
        if c.server is None:
            index[c.id] = math.inf
            continue
        copies[c.server] += 1
        index[c.id] = copies[c.server]
    return sorted(index, key=lambda ident: -index[ident])
