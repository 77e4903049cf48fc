"""The arithmetic of the horizontal pod autoscaler v2: pure rules, from samples to a wanted number.

Rules: shared facts, kubernetes section 5 (kubernetes/kubernetes pkg/controller/podautoscaler
replica_calculator.go @00067268; horizontal.go as in omerap12/kubernetes @a769d588, which emulates
1.37). hpa_loop.py reads the metrics and carries the decisions out. Left out: memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from sim.constants.facts import Fact
from sim.schema import scaling

API_DEFAULTS = "kubernetes/kubernetes pkg/apis/autoscaling/v2/defaults.go"
_FIXED = "a stack that writes `scaling.behavior.*.policies` replaces all of them"
UP_PODS = Fact(
    "hpa.up_pods", 4, "replicas", "with `behavior`: may be added per period", API_DEFAULTS, _FIXED
)
UP_PERCENT = Fact(
    "hpa.up_percent", 100, "%", "... or so much, whichever is more", API_DEFAULTS, _FIXED
)
DOWN_PERCENT = Fact(
    "hpa.down_percent", 100, "%", "with `behavior`: may go per period", API_DEFAULTS, _FIXED
)
POLICY_PERIOD = Fact(
    "hpa.policy_period", 15.0, "s", "the period of these policies", API_DEFAULTS, _FIXED
)


class Tolerances(NamedTuple):
    """How far from 1 a ratio may be, either way, before anything moves."""

    down: float
    up: float


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
    tolerance: Tolerances,
    cpu_init_s: float,
    readiness_delay_s: float,
) -> int | None:
    """The number that brings mean utilisation to `target` percent of the requests.

    Source: replica_calculator.go GetResourceReplicas: counted samples give a ratio; missing and
    unready replicas are then filled in against the direction of the move, and the corrected ratio
    must still point the same way. None: no sample counts (upstream: the metric failed)."""
    groups: dict[Group, list[Pod]] = {"counted": [], "missing": [], "unready": []}
    for pod in pods:
        groups[group(pod, cpu_init_s, readiness_delay_s)].append(pod)
    counted, missing, unready = groups["counted"], groups["missing"], groups["unready"]
    if not counted:
        return None
    usage = sum(pod.usage or 0 for pod in counted)
    requests = sum(pod.request for pod in counted)
    ratio = utilisation(usage, requests) / target
    fill_unready = bool(unready) and ratio > 1.0
    if not fill_unready and not missing:
        return by_ratio(current, ratio, len(counted), tolerance)
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
    return agreed(current, ratio, corrected, number, tolerance)


def by_ratio(current: int, ratio: float, number: int, tolerance: Tolerances) -> int:
    """Of so many replicas, all of which count."""
    return current if within(ratio, tolerance) else math.ceil(ratio * number)


def agreed(current: int, ratio: float, corrected: float, number: int, tolerance: Tolerances) -> int:
    """The number by the corrected ratio, if that and it still go the way of the first one."""
    if within(corrected, tolerance) or (ratio < 1.0 < corrected) or (corrected < 1.0 < ratio):
        return current
    wanted = math.ceil(corrected * number)
    against = (corrected < 1.0 and wanted > current) or (corrected > 1.0 and wanted < current)
    return current if against else wanted


def replicas_for_pods(
    current: int, pods: Sequence[Pod], target: float, tolerance: Tolerances
) -> int | None:
    """The number that brings the mean of a metric of the replicas (Pod.usage) to `target`.

    Source: replica_calculator.go GetMetricReplicas, calcPlainMetricReplicas: only those that are
    Pending are set aside, whatever their readiness and age; where others lack the metric they
    count as at the target on the way down, and as idle on the way up. It counts in thousandths, and
    rounds the mean down. None: no replica has the metric."""
    values = [pod.usage for pod in pods if pod.usage is not None and not pod.pending]
    pending = sum(pod.pending for pod in pods)
    missing = sum(pod.usage is None and not pod.pending for pod in pods)
    if not values:
        return None

    def ratio_of(numbers: Sequence[float]) -> float:
        return int(sum(numbers) / len(numbers)) / target

    ratio = ratio_of(values)
    fill_pending = pending > 0 and ratio > 1.0
    if not fill_pending and not missing:
        return by_ratio(current, ratio, len(values), tolerance)
    stands_for = int(target) if ratio < 1.0 else 0
    filled = [*values, *[stands_for] * missing, *[0] * (pending if fill_pending else 0)]
    corrected = ratio_of(filled)
    return agreed(current, ratio, corrected, len(filled), tolerance)


def replicas_for_value(
    current: int, ready: int, total: float, target: float, tolerance: Tolerances
) -> int:
    """An object or external metric with a target for the whole: times the replicas that are ready.

    Source: replica_calculator.go getUsageRatioReplicaCount."""
    ratio = total / target
    if current == 0:
        return math.ceil(ratio)
    return by_ratio(current, ratio, ready, tolerance)


def within(ratio: float, tolerance: Tolerances) -> bool:
    """No move. Source: replica_calculator.go Tolerances.isWithin."""
    return 1.0 - tolerance.down <= ratio <= 1.0 + tolerance.up


def replicas_for_average(current: int, total: float, target: float, tolerance: Tolerances) -> int:
    """An object or external metric with a target for one replica (KEDA's redis-lists: LLEN, jobs
    per replica).

    Source: replica_calculator.go GetObjectPerPodMetricReplicas, GetExternalPerPodMetricReplicas."""
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
    history: Iterable[Recommendation], now_s: float, window_s: float, wanted: int
) -> int:
    """Without `behavior`: the highest recommendation of the window, this one included.

    Source: horizontal.go stabilizeRecommendation."""
    begin_s = now_s - window_s
    return max([wanted, *[r.replicas for r in history if r.t_s > begin_s]])


def limited(current: int, wanted: int, least: int, most: int, factor: float, floor: float) -> int:
    """Without `behavior`: at most max(2 x current, 4) at a time, and within min and max.

    Source: horizontal.go convertDesiredReplicasWithRules, calculateScaleUpLimit."""
    return max(least, min(wanted, most, int(max(factor * current, floor))))


class ScalingPolicy(NamedTuple):
    """So many replicas, or percent, per period."""

    value: int
    percent: bool = False
    period_s: float = POLICY_PERIOD.value


class Rules(NamedTuple):
    """`behavior.scaleUp` or `behavior.scaleDown`, with nothing left open."""

    policies: tuple[ScalingPolicy, ...]
    window_s: float
    select: Literal["max", "min", "disabled"] = "max"


class ScalingBehavior(NamedTuple):
    up: Rules
    down: Rules


UP_POLICIES = (ScalingPolicy(UP_PODS.value), ScalingPolicy(UP_PERCENT.value, percent=True))
DOWN_POLICIES = (ScalingPolicy(DOWN_PERCENT.value, percent=True),)


def behavior(asks: scaling.Behavior, stabilisation_s: float) -> ScalingBehavior:
    """What a stack writes, with the API's policies and the controller's window down where it writes
    none.

    Source: defaults.go GenerateHPAScaleUpRules, GenerateHPAScaleDownRules; horizontal.go
    maybeInitScaleDownStabilizationWindow."""

    def policies(
        rules: scaling.ScalingRules, otherwise: tuple[ScalingPolicy, ...]
    ) -> tuple[ScalingPolicy, ...]:
        if rules.policies is None:
            return otherwise
        return tuple(
            ScalingPolicy(p.pods or p.percent or 0, p.percent is not None, p.period)
            for p in rules.policies
        )

    up, down = asks.up, asks.down
    window = stabilisation_s if down.window is None else down.window
    return ScalingBehavior(
        Rules(policies(up, UP_POLICIES), up.window, up.select),
        Rules(policies(down, DOWN_POLICIES), window, down.select),
    )


def tolerances(asks: scaling.Behavior | None, otherwise: float) -> Tolerances:
    """Of one HPA. Source: autoscaling/v2 types.go HPAScalingRules: null is the cluster's."""
    if asks is None:
        return Tolerances(otherwise, otherwise)
    own = (asks.down.tolerance, asks.up.tolerance)
    return Tolerances(*(otherwise if tolerance is None else tolerance for tolerance in own))


class Scaled(NamedTuple):
    """A past change: positive added, negative removed."""

    t_s: float
    by: int


def stabilised_between(
    history: Iterable[Recommendation],
    now_s: float,
    current: int,
    wanted: int,
    rules: ScalingBehavior,
) -> int:
    """With `behavior`: move into [lowest of the up window, highest of the down window].

    Source: horizontal.go stabilizeRecommendationWithBehaviors; `history` is unstabilised."""
    up = [r.replicas for r in history if r.t_s > now_s - rules.up.window_s]
    down = [r.replicas for r in history if r.t_s > now_s - rules.down.window_s]
    low, high = min([wanted, *up]), max([wanted, *down])
    return low if current < low else high if current > high else current


def limited_by(
    current: int, wanted: int, now_s: float, events: Sequence[Scaled], rules: ScalingBehavior
) -> int:
    """With `behavior`: the largest change (select `min`: the smallest) of those that the policies
    allow from the number at the beginning of their periods; select `disabled`: none.

    Source: horizontal.go convertDesiredReplicasWithBehaviorRate, calculateScaleUpLimitWith-
    ScalingRules, calculateScaleDownLimitWithBehaviors; percent up rounds up, down truncates."""

    def began(policy: ScalingPolicy) -> int:
        return current - sum(e.by for e in events if e.t_s > now_s - policy.period_s)

    way = rules.up if wanted > current else rules.down
    if wanted == current or way.select == "disabled":
        return current
    if wanted > current:
        caps = [
            math.ceil(began(p) * (1 + p.value / 100)) if p.percent else began(p) + p.value
            for p in way.policies
        ]
        cap = max(caps) if way.select == "max" else min(caps)
        return min(wanted, max(current, cap))
    floors = [
        int(began(p) * (1 - p.value / 100)) if p.percent else began(p) - p.value
        for p in way.policies
    ]
    floor = min(floors) if way.select == "max" else max(floors)
    return max(wanted, min(current, floor))
