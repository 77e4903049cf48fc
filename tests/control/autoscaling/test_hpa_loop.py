"""The HPA's loop on a plane that uses CPU as told, and what it reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from sim.control.autoscaling.hpa_loop import Autoscaling, Metrics
from sim.control.autoscaling.keda import Keda
from sim.platforms.kubernetes import PLATFORM
from sim.platforms.platform import Platform
from tests.control.world import World, stack_of, steps

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


# ---- what the loop reads ----
def steady(cores: float, *later: tuple[float, float], **service: object) -> World:
    """Readings and looks at 3.75 s past each 15 s."""
    world = world_of(ALONE, lambda _: 0.0, **service)
    world.phases(0.25)
    world.uses(cores, *later)
    return world


def test_readings_and_looks_begin_at_a_phase_of_their_own():
    """56 % from a reading on moves it at the next; 54 % would not."""
    world = steady(0.5, (408.75, 0.565))
    world.until(430.0)
    assert steps(world) == [(423.75, 3)]


def test_the_line_says_what_was_read():
    world = steady(0.5, (408.75, 0.755))
    world.until(425.0)
    row = next(r for r in world.cluster.timeline if r.event == "autoscaling")
    assert row.text.endswith("replicas: CPU at 75 % of the requests, target 50 %")


def test_metrics_are_means_between_two_readings_in_thousandths():
    world = steady(0.0)
    metrics, (c, *_) = Metrics(world.cluster, 15.0), world.cluster.of("api")
    world.plane.answered = lambda _container, now: int(now * 4) // 3
    world.uses(0.0625)
    assert metrics.of(c) is metrics.rate_of(c) is None
    world.until(30.0)
    metrics.read()
    assert metrics.of(c) is metrics.rate_of(c) is None
    assert metrics.since([c]) == math.inf
    world.until(42.0)
    metrics.read()
    world.until(45.0)
    assert metrics.of(c) == (63, 3.0, 12.0)  # 62.5
    assert metrics.rate_of(c) == 1333  # 40 at 30 s, 56 at 42 s
    assert metrics.since(world.cluster.of("api")) == 30.0
    c.run += 1  # another process: its readings begin anew
    metrics.read()
    assert metrics.of(c) is metrics.rate_of(c) is None
    assert metrics.since(world.cluster.of("api")) == 42.0


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"value": 30}, "45 requests/s, target 30"),  # 1.5 times two replicas
        ({"average_value": 15}, "45 requests/s, target 15 a replica"),
    ],
)
def test_an_object_metric_is_the_requests_of_the_last_interval(target, text):
    """30 a second until the reading at 18.75 s, then 45."""
    world = on_metrics([{"type": "object", **target}])
    world.phases(0.25)
    world.plane.arrived = lambda now: int(30 * now + 15 * max(0.0, now - 18.75))
    world.until(40.0)
    assert steps(world) == [(33.75, 3)]
    row = next(r for r in world.cluster.timeline if r.event == "autoscaling")
    assert row.text.endswith(text)
