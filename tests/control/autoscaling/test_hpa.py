"""The HPA's arithmetic: upstream's tables, and the edges of each rule."""

from __future__ import annotations

from typing import Literal

import pytest

from sim.control.autoscaling import hpa
from sim.control.autoscaling.hpa import (
    Pod,
    Recommendation,
    Rules,
    Scaled,
    ScalingBehavior,
    ScalingPolicy,
    Tolerances,
)
from sim.control.autoscaling.hpa_loop import (
    CPU_INIT,
    READINESS_DELAY,
    STABILISATION,
    UP_FACTOR,
    UP_FLOOR,
)
from sim.schema import scaling

Select = Literal["max", "min", "disabled"]
SAME = Tolerances(0.1, 0.1)
N, U, P, M = "normal", "unready", "pending", "missing"  # kinds of pods in the tables


def pods(levels: list[int], kinds: list[str], request: int = 1000) -> list[Pod]:
    made = []
    for level, kind in zip(levels, kinds, strict=True):
        usage = None if kind == M else level
        made.append(Pod(request, usage, pending=kind == P, ready=kind != U, age_s=60.0))
    return made


# ---- the replica calculator: replica_calculator_test.go ----
@pytest.mark.parametrize(
    ("name", "current", "target", "levels", "kinds", "expected"),
    [
        ("ScaleUp", 3, 30, [300, 500, 700], [N, N, N], 5),
        ("ScaleUpUnreadyLessScale", 3, 30, [300, 500, 700], [U, N, N], 4),
        ("ScaleUpUnreadyNoScale", 3, 30, [400, 500, 700], [N, U, U], 3),
        ("ScaleUpIgnoresFailedPods", 2, 30, [500, 700], [N, N], 4),
        ("a pending one is unready", 3, 30, [300, 500, 700], [P, N, N], 4),
        ("ScaleDown", 5, 50, [100, 300, 500, 250, 250], [N] * 5, 3),
        ("ScaleDownIgnoresUnreadyPods", 5, 50, [100, 300, 500, 250, 250], [N, N, N, U, U], 2),
        ("Tolerance", 3, 100, [1010, 1030, 1020], [N, N, N], 3),
        ("SuperfluousMetrics", 4, 100, [4000, 9500, 3000, 7000], [N] * 4, 24),
        ("MissingNoChangeEq", 2, 100, [1000, 0], [N, M], 2),
        ("MissingNoChangeLt", 2, 100, [600, 0], [N, M], 2),
        ("MissingUnreadyNoChange", 3, 50, [100, 450, 0], [U, N, M], 3),
        ("MissingUnreadyScaleUp", 3, 50, [100, 2000, 0], [U, N, M], 4),
        ("MissingUnreadyScaleDown", 4, 50, [100, 100, 100, 0], [U, N, N, M], 3),
        ("missing counts as a target above 100", 4, 150, [600, 600, 600, 0], [N, N, N, M], 3),
        ("missing turns the move", 2, 70, [600, 0], [N, M], 2),  # 86 %, then 114 %
        ("missing makes more of a small move down", 2, 100, [700] * 3 + [0], [N, N, N, M], 2),
        ("unready makes less of a large move up", 9, 100, [2000, 0, 2000], [N, U, N], 9),
        ("DuringRollingUpdateEmpty", 2, 50, [0, 0], [M, M], None),
        ("AllUnready", 2, 50, [900, 900], [U, U], None),
    ],
)
def test_replica_calculator(name, current, target, levels, kinds, expected):
    got = hpa.replicas_for_cpu(current, pods(levels, kinds), target, SAME, 120.0, 10.0)
    assert got == expected, name


@pytest.mark.parametrize(
    ("name", "current", "levels", "kinds", "expected"),
    [  # TestReplicaCalc...CM, metricType podMetric, target 15000 thousandths
        ("ScaleUpCM", 3, [20_000, 10_000, 30_000], [N, N, N], 4),
        ("ScaleUpCMUnreadyHotCpuNoLessScale", 3, [50_000, 10_000, 30_000], [N, N, U], 6),
        ("missing counts as at the target on the way down", 4, [3_000, 3_000, 0], [N, N, M], 2),
        ("missing counts as idle on the way up", 3, [50_000, 40_000, 0], [N, N, M], 6),
        ("pending counts as idle on the way up", 3, [50_000, 10_000, 0], [N, N, P], 4),
        ("within the tolerance", 3, [16_000, 15_000, 15_500], [N, N, N], 3),
        ("pending has no say on the way down", 4, [3_000, 3_000, 0], [N, N, P], 1),
        ("nor does it make one", 3, [14_250, 14_250, 0], [N, N, P], 3),  # 95 %
        ("missing turns the move", 3, [20_000, 0, 0], [N, M, M], 3),
        ("pending makes less of a move up", 9, [50_000, 0], [N, P], 9),
        ("missing makes more of a move down", 1, [3_000] * 3 + [0], [N, N, N, M], 1),
        ("nobody does anything", 3, [0, 0, 0], [N, N, N], 0),
    ],
)
def test_a_metric_of_pods_sets_no_unready_or_young_one_aside(
    name, current, levels, kinds, expected
):
    assert hpa.replicas_for_pods(current, pods(levels, kinds), 15_000, SAME) == expected


def test_a_metric_of_pods_that_nobody_has():
    assert hpa.replicas_for_pods(3, pods([0, 0], [M, P]), 15_000, SAME) is None


def test_the_mean_of_a_metric_of_pods_is_rounded_down():
    """7.33 is 7: 7 / 3 x 3 replicas."""
    assert hpa.replicas_for_pods(3, pods([7, 7, 8], [N] * 3), 3, SAME) == 7


@pytest.mark.parametrize(
    ("current", "ready", "total", "target", "expected"),
    [
        (3, 3, 20.0, 15.0, 4),
        (3, 2, 30.0, 15.0, 4),  # times those that are ready, not those that there are
        (3, 3, 16.0, 15.0, 3),  # within the tolerance
        (0, 0, 31.0, 15.0, 3),  # from zero: the ratio itself
        (2, 2, 0.0, 15.0, 0),
        (0, 0, 14.5, 15.0, 1),  # no tolerance from zero
        (3, 3, 10.0, 15.0, 2),
    ],
)
def test_a_value_for_the_whole_is_times_the_ready(current, ready, total, target, expected):
    """replica_calculator.go getUsageRatioReplicaCount."""
    assert hpa.replicas_for_value(current, ready, total, target, SAME) == expected


def test_utilisation_is_whole_percent_rounded_down():
    """metrics/utilization_test.go: 5875 over 1000 is 587."""
    assert hpa.utilisation(5875, 1000) == 587


def test_the_number_counts_ready_pods_not_replicas():
    """ceil(ratio x counted): two of five replicas have no say while usage is low."""
    five = pods([100, 100, 100, 0, 0], [N, N, N, U, U])
    assert hpa.replicas_for_cpu(5, five, 50, SAME, 120.0, 10.0) == 1


@pytest.mark.parametrize(
    ("tolerance", "usage", "expected"), [(0.1, 540, 2), (0.1, 560, 3), (0.2, 560, 2)]
)
def test_tolerance(tolerance, usage, expected):
    two = pods([usage, usage], [N, N])
    assert hpa.replicas_for_cpu(2, two, 50, Tolerances(0.0, tolerance), 120.0, 10.0) == expected


@pytest.mark.parametrize(
    ("ratio", "still"),
    [(0.75, True), (0.7499, False), (1.0, True), (1.5, True), (1.5001, False)],
)
def test_at_the_tolerance_nothing_moves(ratio, still):
    assert hpa.within(ratio, Tolerances(0.25, 0.5)) is still


@pytest.mark.parametrize(
    ("pod", "of"),
    [
        (Pod(1, 1, pending=True), "unready"),
        (Pod(1, None), "missing"),
        (Pod(1, None, ready=False, age_s=1.0), "missing"),
        (Pod(1, 1, age_s=100.0, ready_age_s=20.0, sample_age_s=0.0), "counted"),
        (Pod(1, 1, age_s=100.0, ready_age_s=10.0, sample_age_s=0.0), "unready"),  # half a window
        (Pod(1, 1, age_s=100.0, ready_age_s=20.0, sample_age_s=6.0), "unready"),  # too old
        (Pod(1, 1, age_s=100.0, ready_age_s=20.0, sample_age_s=5.0), "counted"),  # just not
        (Pod(1, 1, ready=False, age_s=100.0, ready_age_s=50.0), "unready"),
        (Pod(1, 1, age_s=299.9, ready_age_s=1.0), "unready"),
        (Pod(1, 1, age_s=300.0, ready_age_s=1.0), "counted"),
        (Pod(1, 1, ready=False, age_s=400.0, ready_age_s=370.0), "counted"),  # after 30 s
        (Pod(1, 1, ready=False, age_s=400.0, ready_age_s=370.1), "unready"),
        (Pod(1, 1, age_s=400.0, ready_age_s=1.0), "counted"),  # after the initialisation period
        (Pod(1, 1, ready=False, age_s=400.0, ready_age_s=100.0), "counted"),  # was ready once
        (Pod(1, 1, ready=False, age_s=400.0, ready_age_s=390.0), "unready"),  # never was
    ],
)
def test_whose_sample_counts(pod, of):
    """replica_calculator_test.go TestGroupPods, with the defaults of 300 s and 30 s."""
    assert hpa.group(pod, CPU_INIT.value, READINESS_DELAY.value) == of


def test_several_metrics_take_the_highest_and_a_failed_one_stops_scaling_down():
    assert hpa.combined(4, [3, 6]) == 6
    assert hpa.combined(4, [None, 6]) == 6
    assert hpa.combined(4, [None, 3]) is None
    assert hpa.combined(4, [None, 4]) == 4  # no scaling down: what the others say holds
    assert hpa.combined(4, [None]) is None
    assert hpa.combined(4, [2, 3]) == 3


def test_queue_metric():
    """Average target of an external metric: ceil(total / target) outside the tolerance."""
    assert hpa.replicas_for_average(2, 50, 5, SAME) == 10
    assert hpa.replicas_for_average(10, 52, 5, SAME) == 10
    assert hpa.replicas_for_average(10, 56, 5, SAME) == 12
    assert hpa.replicas_for_average(0, 0, 5, SAME) == 0
    assert hpa.replicas_for_average(0, 6, 5, SAME) == 2
    assert hpa.replicas_for_average(1, 5.25, 5, SAME) == 1
    assert hpa.replicas_for_average(10, 41, 5, SAME) == 9


# ---- from a recommendation to a number ----
def test_without_behaviour_the_highest_of_the_window_counts():
    """horizontal_test.go TestNormalizeDesiredReplicas."""
    history = [Recommendation(0.0, 9), Recommendation(100.0, 5), Recommendation(250.0, 4)]
    assert hpa.stabilised(history, 310.0, STABILISATION.value, 3) == 5
    assert hpa.stabilised(history, 310.0, 60.1, 3) == 4
    assert hpa.stabilised(history, 310.0, 60.0, 3) == 3  # as old as the window: out of it
    assert hpa.stabilised(history, 310.0, STABILISATION.value, 7) == 7
    assert hpa.stabilised([], 0.0, 300.0, 2) == 2


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [(1, 100, 4), (2, 100, 4), (3, 100, 6), (6, 100, 12), (60, 200, 100), (10, 0, 1), (5, 7, 7)],
)
def test_without_behaviour_at_most_double_or_four(current, wanted, expected):
    assert hpa.limited(current, wanted, 1, 100, UP_FACTOR.value, UP_FLOOR.value) == expected


def test_half_a_replica_more_is_none_and_the_least_is_kept():
    assert hpa.limited(5, 100, 1, 100, 1.5, 4.0) == 7
    assert hpa.limited(5, 2, 3, 100, 2.0, 4.0) == 3


def asked(**ways: object) -> ScalingBehavior:
    """What a stack asks for, with the API's rules where it is silent."""
    return hpa.behavior(scaling.Behavior.model_validate(ways), STABILISATION.value)


def up(policies: tuple[ScalingPolicy, ...], select: Select = "max") -> ScalingBehavior:
    return asked()._replace(up=Rules(policies, 0.0, select))


def down(policies: tuple[ScalingPolicy, ...], select: Select = "max") -> ScalingBehavior:
    return asked()._replace(down=Rules(policies, 0.0, select))


def test_behavior_that_a_stack_does_not_write_is_the_apis():
    """pkg/apis/autoscaling/v2/defaults.go; the window down is the controller's own flag."""
    four, double, all_ = (
        ScalingPolicy(4, False, 15.0),
        ScalingPolicy(100, True, 15.0),
        ScalingPolicy(100, True, 15.0),
    )
    assert asked() == ScalingBehavior(Rules((four, double), 0.0), Rules((all_,), 300.0))
    assert hpa.behavior(scaling.Behavior(), 60.0).down.window_s == 60.0
    own = asked(down={"policies": [{"pods": 1, "period": 60}], "window": 120, "select": "min"})
    assert own == asked()._replace(down=Rules((ScalingPolicy(1, False, 60.0),), 120.0, "min"))


def test_a_tolerance_of_ones_own_goes_one_way():
    """types.go HPAScalingRules: null is the cluster's."""
    assert hpa.tolerances(None, 0.1) == (0.1, 0.1)
    wide = scaling.Behavior(
        up=scaling.ScaleUp(tolerance=0.0), down=scaling.ScaleDown(tolerance=0.5)
    )
    assert hpa.tolerances(wide, 0.1) == (0.5, 0.0)
    assert hpa.tolerances(scaling.Behavior(), 0.1) == (0.1, 0.1)


def test_with_behaviour_the_window_is_an_interval():
    """horizontal_test.go TestScaleUpOneMetricStabilization and the like."""
    rules = asked(up={"window": 60.0})
    history = [Recommendation(0.0, 8), Recommendation(250.0, 4)]
    at = 280.0
    assert hpa.stabilised_between(history, at, 5, 9, rules) == 5  # up: lowest of the last minute
    assert hpa.stabilised_between(history, at, 3, 9, rules) == 4
    assert hpa.stabilised_between(history, at, 9, 2, rules) == 8  # down: highest of five minutes
    assert hpa.stabilised_between(history, 300.0, 9, 2, rules) == 4  # 0 s is out of them
    assert hpa.stabilised_between(history, 310.0, 3, 9, rules) == 9  # so is 250 s of a minute
    assert hpa.stabilised_between([], at, 3, 9, asked()) == 9


@pytest.mark.parametrize(
    ("current", "wanted", "events", "rules", "expected"),
    [
        (6, 50, [], asked(), 12),  # +100 %
        (2, 50, [], asked(), 6),  # +4
        (12, 50, [Scaled(95.0, 6)], asked(), 12),  # the period began with 6
        (12, 50, [Scaled(80.0, 6)], asked(), 24),  # that was longer ago
        (12, 50, [Scaled(85.0, 6)], asked(), 24),  # just so long
        (12, 50, [Scaled(85.1, 6)], asked(), 12),
        (20, 50, [Scaled(95.0, -10)], asked(), 50),  # began with 30: up to 60
        (10, 1, [], asked(), 1),  # down 100 %
        (10, 1, [], down((ScalingPolicy(10, percent=True, period_s=60.0),)), 9),
        (15, 1, [], down((ScalingPolicy(10, percent=True),)), 13),  # truncated
        (10, 1, [], down((ScalingPolicy(2),)), 8),
        (8, 1, [Scaled(95.0, -2)], down((ScalingPolicy(2),)), 8),
        (10, 1, [Scaled(95.0, -8)], down((ScalingPolicy(2),)), 10),  # never up by it
        (10, 9, [], down((ScalingPolicy(2),)), 9),
        (10, 12, [], up((ScalingPolicy(15, percent=True),)), 12),  # rounded up
        (10, 10, [], asked(), 10),
        (40, 45, [Scaled(99.0, 38)], asked(), 40),  # an outsized past change blocks
        (10, 50, [], up((ScalingPolicy(4), ScalingPolicy(200, percent=True)), "max"), 30),
        (10, 50, [], up((ScalingPolicy(4), ScalingPolicy(200, percent=True)), "min"), 14),
        (10, 50, [], up((ScalingPolicy(4), ScalingPolicy(200, percent=True)), "disabled"), 10),
        (100, 1, [], down((ScalingPolicy(5), ScalingPolicy(20, percent=True)), "max"), 80),
        (100, 1, [], down((ScalingPolicy(5), ScalingPolicy(20, percent=True)), "min"), 95),
        (100, 1, [], down((ScalingPolicy(5), ScalingPolicy(20, percent=True)), "disabled"), 100),
        (100, 1, [], up((ScalingPolicy(5),), "disabled"), 1),  # the other way is as it was
    ],
)
def test_with_behaviour_the_rate_is_limited(current, wanted, events, rules, expected):
    """horizontal_test.go TestScalingWithRules; `now` is 100."""
    assert hpa.limited_by(current, wanted, 100.0, events, rules) == expected
