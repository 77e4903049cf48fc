"""The arithmetic of the horizontal pod autoscaler v2: pure rules, from samples to a wanted number.

Rules: shared facts, kubernetes section 5 (kubernetes/kubernetes pkg/controller/podautoscaler
replica_calculator.go @00067268; horizontal.go as in omerap12/kubernetes @a769d588, which emulates
1.37). autoscalers.py reads the metrics and carries the decisions out. Left out: memory and object
metrics, per-HPA tolerances, selectPolicy Min.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sim.spec.facts import Fact, constant

API_DEFAULTS = "kubernetes/kubernetes pkg/apis/autoscaling/v2/defaults.go"
UP_WINDOW = Fact("hpa.up_window", 0.0, "s", "with `behavior`: no wait before growing", API_DEFAULTS)
DOWN_WINDOW = Fact(
    "hpa.down_window", 300.0, "s", "with `behavior`: down to the highest wish of this time",
    API_DEFAULTS,
)  # fmt: skip


class Pod(NamedTuple):
    """A replica as the autoscaler sees it. `usage` in millicores; None: no sample yet."""

    request: int  # millicores
    usage: int | None = None
    pending: bool = False
    ready: bool = True
    age_s: float = math.inf  # since its start
    ready_age_s: float = math.inf  # since the last turn of its Ready condition
    sample_age_s: float = 0.0
    window_s: float = 15.0


Group = Literal["counted", "unready", "missing"]


def group(pod: Pod, cpu_init_s: float, readiness_delay_s: float) -> Group:
    """Does its CPU sample count? Source: replica_calculator.go groupPods.

    Within the initialisation period a sample counts only if the replica is ready and a whole window
    has passed since that; afterwards only one that has never been ready is set aside."""
    if pod.pending:
        return "unready"
    if pod.usage is None:
        return "missing"
    if pod.age_s < cpu_init_s:
        unready = not pod.ready or pod.sample_age_s > pod.ready_age_s - pod.window_s
    else:
        unready = not pod.ready and pod.age_s - pod.ready_age_s < readiness_delay_s
    return "unready" if unready else "counted"


def utilisation(usage: int, requests: int) -> int:
    """Whole percent, rounded down. Source: metrics/utilization.go GetResourceUtilizationRatio."""
    return usage * 100 // requests


def replicas_for_cpu(
    current: int,
    pods: Sequence[Pod],
    target: int,
    tolerance: float,
    cpu_init_s: float,
    readiness_delay_s: float,
) -> int | None:
    """The number that brings mean utilisation to `target` percent of the requests.

    Source: replica_calculator.go GetResourceReplicas: counted samples give a ratio; missing and
    unready replicas are then filled in against the direction of the move, and the corrected ratio
    must still point the same way. None: no sample counts (upstream: the metric failed)."""
    groups = [(pod, group(pod, cpu_init_s, readiness_delay_s)) for pod in pods]
    counted = [pod for pod, of in groups if of == "counted"]
    missing = [pod for pod, of in groups if of == "missing"]
    unready = [pod for pod, of in groups if of == "unready"]
    if not counted:
        return None
    usage = sum(pod.usage or 0 for pod in counted)
    requests = sum(pod.request for pod in counted)
    ratio = utilisation(usage, requests) / target
    fill_unready = bool(unready) and ratio > 1.0
    if not fill_unready and not missing:
        return current if within(ratio, tolerance) else math.ceil(ratio * len(counted))
    number = len(counted)
    if ratio != 1.0:
        if ratio < 1.0:  # as if using their whole request (or the target, if that is more)
            usage += sum(pod.request * max(100, target) // 100 for pod in missing)
        requests += sum(pod.request for pod in missing)
        number += len(missing)
    if fill_unready:
        requests += sum(pod.request for pod in unready)
        number += len(unready)
    corrected = utilisation(usage, requests) / target
    if within(corrected, tolerance) or (ratio < 1.0 < corrected) or (corrected < 1.0 < ratio):
        return current
    wanted = math.ceil(corrected * number)
    against = (corrected < 1.0 and wanted > current) or (corrected > 1.0 and wanted < current)
    return current if against else wanted


def within(ratio: float, tolerance: float) -> bool:
    """No move. Source: replica_calculator.go Tolerances.isWithin."""
    return 1.0 - tolerance <= ratio <= 1.0 + tolerance


def replicas_for_queue(current: int, total: int, target: int, tolerance: float) -> int:
    """An external metric with an average target (KEDA's redis-lists: LLEN, jobs per replica).

    Source: replica_calculator.go GetExternalPerPodMetricReplicas."""
    if current and within(total / (target * current), tolerance):
        return current
    return math.ceil(total / target)


def combined(current: int, proposals: Sequence[int | None]) -> int | None:
    """Several metrics: the highest number; while one fails nothing is scaled down. None: no move.

    Source: horizontal.go computeReplicasForMetrics."""
    valid = [n for n in proposals if n is not None]
    if not valid or (len(valid) < len(proposals) and max(valid) < current):
        return None
    return max(valid)


# ---- from a recommendation to a number ----
class Recommendation(NamedTuple):
    t_s: float
    replicas: int


def stabilised(
    history: Sequence[Recommendation], now_s: float, window_s: float, wanted: int
) -> int:
    """Without `behavior`: the highest recommendation of the window, this one included.

    Source: horizontal.go stabilizeRecommendation."""
    return max([wanted, *(r.replicas for r in history if r.t_s > now_s - window_s)])


def limited(current: int, wanted: int, least: int, most: int, factor: float, floor: float) -> int:
    """Without `behavior`: at most max(2 x current, 4) at a time, and within min and max.

    Source: horizontal.go convertDesiredReplicasWithRules, calculateScaleUpLimit."""
    return max(least, min(wanted, most, int(max(factor * current, floor))))


@dataclass(frozen=True)
class Policy:
    """One entry of `behavior.scaleUp.policies`: so many replicas, or percent, per period."""

    value: int
    percent: bool = False
    period_s: float = 15.0


@dataclass(frozen=True)
class Behaviour:
    """`behavior` of an autoscaler, with the API's defaults where a part is not written.

    Source: kubernetes/api autoscaling/v2 types.go; pkg/apis/autoscaling/v2/defaults.go."""

    up: tuple[Policy, ...] = (Policy(4), Policy(100, percent=True))
    down: tuple[Policy, ...] = (Policy(100, percent=True),)
    up_window_s: float = constant(UP_WINDOW)
    down_window_s: float = constant(DOWN_WINDOW)


class Scaled(NamedTuple):
    """A past change: positive added, negative removed."""

    t_s: float
    by: int


def stabilised_between(
    history: Sequence[Recommendation], now_s: float, current: int, wanted: int, rules: Behaviour
) -> int:
    """With `behavior`: move into [lowest of the up window, highest of the down window].

    Source: horizontal.go stabilizeRecommendationWithBehaviors; `history` is unstabilised."""
    up = [r.replicas for r in history if r.t_s > now_s - rules.up_window_s]
    down = [r.replicas for r in history if r.t_s > now_s - rules.down_window_s]
    low, high = min([wanted, *up]), max([wanted, *down])
    return low if current < low else high if current > high else current


def limited_by(
    current: int, wanted: int, now_s: float, events: Sequence[Scaled], rules: Behaviour
) -> int:
    """With `behavior`: the largest change that one of the policies allows from the number at the
    beginning of its period.

    Source: horizontal.go convertDesiredReplicasWithBehaviorRate, calculateScaleUpLimitWith-
    ScalingRules, calculateScaleDownLimitWithBehaviors; percent up rounds up, down truncates."""

    def began(policy: Policy) -> int:
        return current - sum(e.by for e in events if e.t_s > now_s - policy.period_s)

    if wanted > current:
        caps = [
            math.ceil(began(p) * (1 + p.value / 100)) if p.percent else began(p) + p.value
            for p in rules.up
        ]
        return min(wanted, max(current, *caps))
    if wanted < current:
        floors = [
            int(began(p) * (1 - p.value / 100)) if p.percent else began(p) - p.value
            for p in rules.down
        ]
        return max(wanted, min(current, *floors), 0)
    return wanted
