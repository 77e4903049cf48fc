"""Autoscaling: upstream's tables for the HPA, then loops on a plane that uses CPU as told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
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
    RESOLUTION,
    STABILISATION,
    SYNC,
    TOLERANCE,
    UP_FACTOR,
    UP_FLOOR,
    Autoscaling,
)
from sim.control.autoscaling.keda import Keda
from sim.platforms.kubernetes import PLATFORM
from sim.platforms.platform import Platform
from sim.schema import stack
from tests.control.world import World, stack_of, steps

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
    ],
)
def test_a_metric_of_pods_sets_no_unready_or_young_one_aside(
    name, current, levels, kinds, expected
):
    assert hpa.replicas_for_pods(current, pods(levels, kinds), 15_000, SAME) == expected


def test_a_metric_of_pods_that_nobody_has():
    assert hpa.replicas_for_pods(3, pods([0, 0], [M, P]), 15_000, SAME) is None


@pytest.mark.parametrize(
    ("current", "ready", "total", "target", "expected"),
    [
        (3, 3, 20.0, 15.0, 4),
        (3, 2, 30.0, 15.0, 4),  # times those that are ready, not those that there are
        (3, 3, 16.0, 15.0, 3),  # within the tolerance
        (0, 0, 31.0, 15.0, 3),  # from zero: the ratio itself
        (2, 2, 0.0, 15.0, 0),
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
    ("pod", "of"),
    [
        (Pod(1, 1, pending=True), "unready"),
        (Pod(1, None), "missing"),
        (Pod(1, None, ready=False, age_s=1.0), "missing"),
        (Pod(1, 1, age_s=100.0, ready_age_s=20.0, sample_age_s=0.0), "counted"),
        (Pod(1, 1, age_s=100.0, ready_age_s=10.0, sample_age_s=0.0), "unready"),  # half a window
        (Pod(1, 1, age_s=100.0, ready_age_s=20.0, sample_age_s=6.0), "unready"),  # too old
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


# ---- from a recommendation to a number ----
def test_without_behaviour_the_highest_of_the_window_counts():
    """horizontal_test.go TestNormalizeDesiredReplicas."""
    history = [Recommendation(0.0, 9), Recommendation(100.0, 5), Recommendation(250.0, 4)]
    assert hpa.stabilised(history, 310.0, STABILISATION.value, 3) == 5
    assert hpa.stabilised(history, 310.0, 60.1, 3) == 4
    assert hpa.stabilised(history, 310.0, STABILISATION.value, 7) == 7
    assert hpa.stabilised([], 0.0, 300.0, 2) == 2


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [(1, 100, 4), (2, 100, 4), (3, 100, 6), (6, 100, 12), (60, 200, 100), (10, 0, 1), (5, 7, 7)],
)
def test_without_behaviour_at_most_double_or_four(current, wanted, expected):
    assert hpa.limited(current, wanted, 1, 100, UP_FACTOR.value, UP_FLOOR.value) == expected


def asked(**ways: object) -> ScalingBehavior:
    """What a stack asks for, with the API's rules where it is silent."""
    return hpa.behavior(stack.Behavior.model_validate(ways), STABILISATION.value)


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
    assert hpa.behavior(stack.Behavior(), 60.0).down.window_s == 60.0
    own = asked(down={"policies": [{"pods": 1, "period": 60}], "window": 120, "select": "min"})
    assert own == asked()._replace(down=Rules((ScalingPolicy(1, False, 60.0),), 120.0, "min"))


def test_a_tolerance_of_ones_own_goes_one_way():
    """types.go HPAScalingRules: null is the cluster's."""
    assert hpa.tolerances(None, 0.1) == (0.1, 0.1)
    wide = stack.Behavior(up=stack.ScaleUp(tolerance=0.0), down=stack.ScaleDown(tolerance=0.5))
    assert hpa.tolerances(wide, 0.1) == (0.5, 0.0)
    assert hpa.tolerances(stack.Behavior(), 0.1) == (0.1, 0.1)


def test_with_behaviour_the_window_is_an_interval():
    """horizontal_test.go TestScaleUpOneMetricStabilization and the like."""
    rules = asked(up={"window": 60.0})
    history = [Recommendation(0.0, 8), Recommendation(250.0, 4)]
    at = 280.0
    assert hpa.stabilised_between(history, at, 5, 9, rules) == 5  # up: lowest of the last minute
    assert hpa.stabilised_between(history, at, 3, 9, rules) == 4
    assert hpa.stabilised_between(history, at, 9, 2, rules) == 8  # down: highest of five minutes
    assert hpa.stabilised_between([], at, 3, 9, asked()) == 9


@pytest.mark.parametrize(
    ("current", "wanted", "events", "rules", "expected"),
    [
        (6, 50, [], asked(), 12),  # +100 %
        (2, 50, [], asked(), 6),  # +4
        (12, 50, [Scaled(95.0, 6)], asked(), 12),  # the period began with 6
        (12, 50, [Scaled(80.0, 6)], asked(), 24),  # that was longer ago
        (20, 50, [Scaled(95.0, -10)], asked(), 50),  # began with 30: up to 60
        (10, 1, [], asked(), 1),  # down 100 %
        (10, 1, [], down((ScalingPolicy(10, percent=True, period_s=60.0),)), 9),
        (15, 1, [], down((ScalingPolicy(10, percent=True),)), 13),  # truncated
        (10, 1, [], down((ScalingPolicy(2),)), 8),
        (8, 1, [Scaled(95.0, -2)], down((ScalingPolicy(2),)), 8),
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


def test_constants_are_upstreams():
    assert Autoscaling(servers=None) == Autoscaling(
        15.0, 0.1, 300.0, 30.0, 300.0, 2.0, 4.0, 15.0, None, None
    )
    assert (SYNC.value, TOLERANCE.value, RESOLUTION.value) == (15.0, 0.1, 15.0)


# ---- the loop ----
SERVICE = {"replicas": 2, "cpu": {"request": 1.0}, "scaling": {"min": 1, "max": 100, "cpu": 0.5}}


def scaling(rules: Autoscaling) -> Platform:
    return replace(PLATFORM, autoscaling=rules)


def using(world: World, cores: Callable[[float], float]) -> None:
    """Every container uses so many cores at the time t (integrated by a tenth of a second)."""
    total, upto = 0.0, 0.0

    def busy(_container: int, now: float) -> float:
        nonlocal total, upto
        while upto < now:
            total += cores(upto) * min(0.1, now - upto)
            upto += 0.1
        return total

    world.plane.cpu = busy


def world_of(rules: Autoscaling, cores: Callable[[float], float], **service: object) -> World:
    big = {"cores": 1000.0, "memory": 2**50}
    world = World(stack_of({"api": {**SERVICE, **service}}, machine=big), scaling(rules))
    using(world, cores)
    return world


ALONE = Autoscaling(servers=None)


def test_fifty_times_the_load_takes_a_metric_lag_and_doublings():
    """2, 4, 8 .. at 15 s each at the fastest; young replicas are set aside, which makes it slower
    (shared facts, kubernetes section 5, last row)."""
    world = world_of(ALONE, lambda t: 0.4 if t < 400.0 else 5.0)
    world.until(900.0)
    done = [(t, n) for t, n in steps(world) if t >= 400.0]
    assert 0.0 < done[0][0] - 400.0 <= 45.0
    numbers = [n for _, n in done]
    assert numbers[:3] == [4, 8, 16]
    assert numbers[-1] == 100
    assert all(b - a >= 15.0 - 1e-6 for (a, _), (b, _) in itertools.pairwise(done))


def test_scale_down_takes_the_highest_wish_of_five_minutes():
    for rules, wait in ((ALONE, 300.0), (replace(ALONE, stabilisation_s=60.0), 60.0)):
        world = world_of(rules, lambda t: 0.5 if t < 700.0 else 0.05, replicas=10)
        world.until(1300.0)
        done = [(t, n) for t, n in steps(world) if n < 10]
        assert wait - 15.0 <= done[0][0] - 700.0 <= wait + 45.0  # the last high wish is older
        assert done[-1][1] == 1
        assert done[-1][0] - 700.0 <= wait + 60.0


def test_nothing_is_scaled_down_in_the_first_five_minutes():
    world = world_of(ALONE, lambda _: 0.05, replicas=10)
    world.until(900.0)
    assert 300.0 <= steps(world)[0][0] <= 330.0


def test_sync_and_resolution_are_fields():
    def first(rules: Autoscaling) -> float:
        world = world_of(rules, lambda t: 0.5 if t < 400.0 else 5.0)
        world.until(900.0)
        return next(t for t, _ in steps(world) if t > 400.0) - 400.0

    assert first(ALONE) <= 45.0
    assert first(replace(ALONE, sync_s=1.0, resolution_s=1.0)) <= 5.0
    assert first(replace(ALONE, resolution_s=120.0)) > 45.0


def test_young_replicas_count_as_idle_when_scaling_up():
    """CPU initialisation: without it, unready replicas would be averages like all others."""

    def reached(rules: Autoscaling) -> float:
        slow = {"boot": 40.0, "probes": {"readiness": {}}}
        world = world_of(rules, lambda t: 0.5 if t < 400.0 else 1.1, **slow)
        world.until(1500.0)
        return next(t for t, n in steps(world) if n >= 8)

    assert reached(replace(ALONE, cpu_init_s=0.0, readiness_delay_s=0.0)) < reached(ALONE)


def test_the_tolerance_field_stops_a_small_move():
    low = world_of(ALONE, lambda t: 0.5 if t < 400.0 else 0.58)
    high = world_of(replace(ALONE, tolerance=0.2), lambda t: 0.5 if t < 400.0 else 0.58)
    for world in (low, high):
        world.until(600.0)
    assert steps(low)
    assert not steps(high)


def test_step_limits_are_fields():
    world = world_of(replace(ALONE, up_factor=3.0, up_floor=1.0), lambda _: 5.0)
    world.until(200.0)
    assert [n for _, n in steps(world)][:2] == [6, 18]
    world = world_of(replace(ALONE, up_floor=12.0), lambda _: 5.0)
    world.until(200.0)
    assert steps(world)[0][1] == 12


def behaving(cores: Callable[[float], float], replicas: int = 2, **ways: object) -> World:
    """A world whose stack writes `scaling.behavior`."""
    asks = {"min": 1, "max": 100, "cpu": 0.5, "behavior": ways}
    return world_of(ALONE, cores, replicas=replicas, scaling=asks)


def test_behavior_replaces_the_old_limits():
    world = behaving(lambda _: 5.0, up={"policies": [{"pods": 1, "period": 60}]})
    world.until(400.0)
    times = [t for t, _ in steps(world)]
    assert all(b - a >= 60.0 for a, b in itertools.pairwise(times))
    assert [n for _, n in steps(world)][:3] == [3, 4, 5]


BOTH = [{"pods": 3, "period": 15}, {"percent": 50, "period": 15}]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ({}, [6, 12, 24]),  # +4, then +100 %
        ({"policies": BOTH}, [5, 8, 12]),  # +3, +3, +50 %
        ({"policies": BOTH, "select": "min"}, [3, 5, 8]),  # +50 % up, then +3
        ({"select": "disabled"}, []),
    ],
)
def test_policies_up_make_the_steps(way, expected):
    world = behaving(lambda _: 5.0, up=way)
    world.until(200.0)
    assert [n for _, n in steps(world)][:3] == expected


@pytest.mark.parametrize(
    ("way", "first_s", "reached"),
    [
        ({}, 300.0, 1),
        ({"window": 60}, 60.0, 1),
        ({"window": 0}, 0.0, 1),
        ({"window": 0, "policies": [{"pods": 2, "period": 120}]}, 0.0, 4),
        ({"window": 0, "policies": [{"percent": 50, "period": 300}]}, 0.0, 2),  # 5, then 2.5
        ({"select": "disabled"}, None, 10),
    ],
)
def test_rules_down_decide_when_and_how_fast(way, first_s, reached):
    """Ten replicas that are needed until second 700, and one from then on."""
    world = behaving(lambda t: 0.5 if t < 700.0 else 0.05, replicas=10, down=way)
    world.until(1055.0)
    times = [t - 700.0 for t, n in steps(world) if n < 10]
    assert world.cluster.desired["api"] == reached
    assert not times if first_s is None else first_s - 15.0 <= times[0] <= first_s + 45.0


def test_a_window_up_waits_out_a_spike_however_long_it_is():
    def spike(t: float) -> float:
        return 0.5 if t < 1500.0 or t > 1590.0 else 1.0

    for window, grows in ((0.0, True), (60.0, True), (120.0, False), (1200.0, False)):
        world = behaving(spike, up={"window": window})
        world.until(1800.0)
        assert any(n > 2 for _, n in steps(world)) is grows


@pytest.mark.parametrize(
    ("way", "cores", "moves"),
    [
        ({}, 0.58, True),
        ({"up": {"tolerance": 0.2}}, 0.58, False),
        ({"down": {"tolerance": 0.2}}, 0.58, True),
        ({}, 0.47, False),
        ({"up": {"tolerance": 0.01}}, 0.47, False),
        ({"down": {"tolerance": 0.01}}, 0.47, True),
    ],
)
def test_a_tolerance_of_ones_own_changes_what_moves(way, cores, moves):
    ways = {"up": {}, "down": {"window": 0}, **way}
    world = behaving(lambda t: 0.5 if t < 400.0 else cores, replicas=20, **ways)
    world.until(800.0)
    assert bool(steps(world)) is moves


def test_outside_its_limits_it_moves_at_once():
    world = world_of(ALONE, lambda _: 0.5, replicas=2, scaling={"min": 5, "max": 8})
    world.until(20.0)
    assert world.cluster.desired["api"] == 5
    world.cluster.want("api", 20)
    world.until(40.0)
    assert world.cluster.desired["api"] == 8
    world.cluster.want("api", 0)  # paused
    world.until(100.0)
    assert world.cluster.desired["api"] == 0


def test_without_requests_there_is_no_utilisation():
    world = world_of(ALONE, lambda _: 5.0, cpu={})
    world.until(300.0)
    assert not steps(world)
    assert [r.event for r in world.cluster.timeline].count("metric_failed") == 1


def test_a_scale_down_is_no_answer_to_a_fault():
    world = world_of(ALONE, lambda t: 0.5 if t < 100.0 else 0.2)
    world.cluster.count.fault_s = 50.0
    world.until(700.0)
    assert steps(world)[-1][1] == 1
    assert world.cluster.count.detected_s is None


def test_a_scale_up_is_one():
    world = world_of(ALONE, lambda t: 0.5 if t < 100.0 else 4.0)
    world.cluster.count.fault_s = 50.0
    world.until(300.0)
    assert world.cluster.count.detected_s == steps(world)[0][0]


def test_a_scale_up_by_usage_from_before_the_fault_is_none():
    """The load rose earlier; the fault comes between the reading and the decision."""

    def busy(fault_s: float) -> World:
        world = world_of(ALONE, lambda t: 0.5 if t < 100.0 else 0.6)
        world.cluster.count.fault_s = fault_s
        world.until(400.0)
        return world

    times = [t for t, _ in steps(busy(50.0))]
    assert busy(50.0).cluster.count.detected_s == times[0]
    by_chance = busy(times[0] - 1.0)
    assert [t for t, _ in steps(by_chance)] == times
    assert by_chance.cluster.count.detected_s in times[1:]


def test_the_queue_is_asked_when_it_decides():
    service = {"worker": {**SERVICE, "scaling": {"max": 50, "cpu": 0.7, "queue": 5}}}
    rules = replace(ALONE, keda=Keda())
    world = World(stack_of(service, machine={"cores": 1000.0, "memory": 2**50}), scaling(rules))
    world.until(60.0)
    world.plane.queued, world.cluster.count.fault_s = 100, 60.0
    world.until(76.0)
    assert world.cluster.count.detected_s == steps(world)[0][0] <= 75.0


def test_the_queue_asks_for_workers_where_the_stack_says_so():
    service = {"worker": {**SERVICE, "scaling": {"max": 50, "cpu": 0.7, "queue": 5}}}
    rules = replace(ALONE, keda=Keda())
    world = World(stack_of(service, machine={"cores": 1000.0, "memory": 2**50}), scaling(rules))
    world.plane.queued = 100
    world.until(120.0)
    assert world.cluster.desired["worker"] == 20


# ---- metrics other than CPU ----
def on_metrics(metrics: list[dict], **more) -> World:
    asks = {"min": 1, "max": 20, "metrics": metrics, **more}
    scaled = {"replicas": 2, "cpu": {"request": 0.1}, "boot": 0.5, "scaling": asks}
    return World(stack_of({"api": scaled, "redis": {}}), PLATFORM)


def scaled_to(world: World) -> list[int]:
    return [number for _, number in steps(world)]


def test_replicas_scale_on_the_requests_that_they_answer():
    """Two replicas of 20 a second with a target of 10: four, though the CPU is idle."""
    world = on_metrics([{"type": "pods", "average_value": 10}])
    world.plane.answered = lambda _container, now: int(20 * now)
    world.until(60.0)
    assert scaled_to(world)[0] == 4
    row = next(r for r in world.cluster.timeline if r.event == "autoscaling")
    assert row.text.endswith("20 requests/s a replica, target 10")


@pytest.mark.parametrize(("target", "first"), [("value", 4), ("average_value", 3)])
def test_the_two_targets_of_an_external_metric(target, first):
    """60 jobs: a value of 20 for all is three times as many (4 at a time), 20 a replica are 3."""
    world = on_metrics([{"type": "external", "reads": "jobs", target: 20}])
    world.plane.queued = 60
    world.until(30.0)
    assert scaled_to(world)[0] == first


def test_of_several_metrics_the_largest_wins():
    jobs = {"type": "external", "reads": "jobs", "average_value": 25}
    world = on_metrics([{"type": "resource"}, jobs, {"type": "pods", "average_value": 10}])
    world.plane.queued = 100
    world.plane.answered = lambda _container, now: int(10 * now)
    world.until(100.0)
    assert scaled_to(world) == [4]


def test_to_zero_and_back_by_an_external_metric():
    """HPAScaleToZero, on since 1.37: without jobs nobody is there, with some there is."""
    jobs = {"type": "external", "reads": "jobs", "average_value": 20}
    world = on_metrics([jobs], min=0)
    world.until(400.0)
    assert world.cluster.desired["api"] == 0
    world.plane.queued = 50
    world.until(420.0)
    assert world.cluster.desired["api"] == 3


@pytest.mark.parametrize(
    ("metrics", "least", "why"),
    [
        ([{"type": "pods", "value": 10}], 1, "average_value of requests"),
        ([{"type": "pods", "reads": "jobs", "average_value": 1}], 1, "average_value of requests"),
        ([{"type": "external"}], 1, "one of value, average_value"),
        ([{"type": "object", "value": 1, "average_value": 1}], 1, "one of value, average_value"),
        ([{"type": "resource", "value": 1}], 1, "CPU: cpu"),
        ([{"type": "pods", "average_value": 1}], 0, "starts the first one"),
        ([{"type": "object", "value": 1}], 0, ""),
    ],
)
def test_metrics_that_the_api_server_refuses(metrics, least, why):
    asks = {"min": least, "metrics": metrics}
    made = stack_of({"api": {"cpu": {"request": 0.1}, "scaling": asks}})
    refused = Autoscaling().refuses(made)
    assert (why in refused) if why else (refused == "")
