"""Cloud Run's instances: the rules as tables, then the loop on CPU and requests as told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.autoscaling.target_tracking import OnDemand, allowed, instances_for
from sim.control.core.records import Change
from tests.control.world import EMPTY, World, stack_of, steps


# ---- rules ----
@pytest.mark.parametrize(
    ("cpu", "in_flight", "waiting", "expected"),
    [
        (0.6, 1.0, 1, 1),  # 60 % of one instance's CPU
        (0.61, 1.0, 1, 2),
        (0.1, 48.0, 48, 1),  # 60 % of 80 requests
        (0.1, 49.0, 49, 2),
        (0.1, 1.0, 400, 5),  # on demand: what waits now
        (0.1, 1.0, 401, 6),
        (3.0, 10.0, 10, 5),
        (1.8, 0.0, 0, 3),  # three times 0.6, whatever a quotient of floats is
        (4.2, 0.0, 0, 7),
        (0.0, 336.0, 0, 7),
        (0.0, 0.0, 0, 0),
        (0.0, 0.0, 1, 1),
        (0.01, 0.0, 0, 1),
    ],
)
def test_instances(cpu, in_flight, waiting, expected):
    assert instances_for(cpu, in_flight, waiting, (0.6, 0.6), 80) == expected


@pytest.mark.parametrize(
    ("wish", "most", "surging_s", "expected"),
    [
        (5, 20, 0.0, 5),
        (25, 20, 0.0, 25),
        (99, 20, 0.0, 30),
        (99, 20, 899.0, 30),
        (99, 20, 900.0, 20),
        (5, 20, 900.0, 5),
        (9, 3, 0.0, 5),  # 4.5
    ],
)
def test_the_maximum_may_be_exceeded_for_a_while(wish, most, surging_s, expected):
    assert allowed(wish, most, 1.5, surging_s, 900.0) == expected


# ---- the loop ----
RULES = OnDemand(idle_s=20.0, concurrency=10)


def world_of(rules: OnDemand = RULES, instances: int = 1, least: int = 0, most: int = 9) -> World:
    """It looks each five seconds; the number of containers stays as it is."""
    scaling = {"min": least, "max": most}
    stack = stack_of({"api": {"replicas": instances, "scaling": scaling}})
    return World(stack, replace(EMPTY, autoscaling=rules))


def test_the_mean_cpu_of_a_minute_asks_for_instances():
    """1.5 cores from 100 s on: after 5 s a mean of 0.125, after 25 s of 0.625, which needs two,
    after 50 s of 1.25, which needs three."""
    world = world_of()
    world.uses(0.0, (100.0, 1.5))
    world.plane.in_flight = 1
    world.until(200.0)
    assert steps(world) == [(125.0, 2), (150.0, 3)]


def test_the_window_is_a_field_and_the_first_means_are_of_less():
    world = world_of(replace(RULES, window_s=10.0))
    world.uses(0.0, (100.0, 1.5))
    world.plane.in_flight = 1
    world.until(200.0)
    assert steps(world) == [(105.0, 2), (110.0, 3)]
    world = world_of()
    world.uses(1.5)
    world.plane.in_flight = 1
    world.until(60.0)
    assert steps(world) == [(5.0, 3)]


def test_so_does_the_mean_of_what_is_inside():
    """18 requests are 60 % of an instance; 27 are more of 13 looks' mean at the ninth of them."""
    world = world_of(replace(RULES, concurrency=30), least=1)
    world.at(98.0)
    world.plane.in_flight = 27
    world.until(200.0)
    assert steps(world) == [(140.0, 2)]  # 8 x 27 / 13 = 16.6, 9 x 27 / 13 = 18.7


def test_what_waits_asks_at_once_and_the_highest_wish_of_the_idle_time_stays():
    """Four for 31 requests at 100 s. Their share in the mean needs two until 120 s."""
    world = world_of()
    world.plane.in_flight = 6
    world.at(98.0)
    world.plane.in_flight = 31
    world.at(101.0)
    world.plane.in_flight = 1
    world.at(200.0)
    world.plane.in_flight = 0  # its last share in the mean is at 260 s
    world.until(400.0)
    assert steps(world) == [(100.0, 4), (125.0, 2), (145.0, 1), (285.0, 0)]


@pytest.mark.parametrize(
    ("lasts_s", "expected"),
    [(30.0, [(10.0, 6), (60.0, 4)]), (60.0, [(10.0, 6), (90.0, 4)]), (0.0, [(10.0, 4)])],
)
def test_a_surge_exceeds_the_maximum_for_its_time(lasts_s, expected):
    """It begins at the look at 10 s; the wishes of its end are kept 20 s, and one look."""
    world = world_of(replace(RULES, overshoot_lasts_s=lasts_s), most=4)
    world.at(8.0)
    world.plane.in_flight = 100
    world.until(200.0)
    assert steps(world) == expected
    texts = [r.text for r in world.cluster.timeline if r.event == "autoscaling"]
    assert [", past the maximum of 4" in text for text in texts] == [n > 4 for _, n in expected]


def test_a_surge_that_comes_again_may_exceed_it_again():
    world = world_of(replace(RULES, overshoot_lasts_s=10.0, window_s=5.0), most=4)
    for begins_s in (8.0, 208.0):
        world.at(begins_s)
        world.plane.in_flight = 100
        world.at(begins_s + 60.0)
        world.plane.in_flight = 24
    world.until(300.0)
    assert [(t_s, n) for t_s, n in steps(world) if n > 4] == [(10.0, 6), (210.0, 6)]


def test_the_least_stays_and_what_runs_at_the_start_was_needed_a_moment_ago():
    world = world_of(instances=3, least=2)
    world.until(100.0)
    assert steps(world) == [(20.0, 2)]


@pytest.mark.parametrize(
    ("cores", "in_flight", "fault_s", "seen_s"),
    [
        (0.0, 31, 98.0, 100.0),  # what waits is of now
        (0.0, 31, 100.1, None),
        (9.0, 1, 94.0, 105.0),  # the CPU is of the last interval at the earliest
        (9.0, 1, 100.0, 105.0),
        (9.0, 1, 100.1, 110.0),
    ],
)
def test_whether_a_step_has_seen_a_fault(cores, in_flight, fault_s, seen_s):
    world = world_of(least=1, most=99)
    world.uses(0.0, (100.0, cores))
    world.cluster.count.fault_s = fault_s
    world.at(98.0)
    world.plane.in_flight = in_flight
    world.until(112.0)
    assert world.cluster.count.detected_s == seen_s


def test_a_scale_down_is_no_answer_to_a_fault():
    world = world_of(instances=3)
    world.cluster.count.fault_s = 1.0
    world.until(100.0)
    assert steps(world) == [(20.0, 0)]
    assert world.cluster.count.detected_s is None


def test_a_request_that_finds_no_instance_starts_one_and_is_seen():
    world = world_of()
    world.at(50.0).count.fault_s = 51.0
    assert world.cluster.desired["api"] == 0
    world.at(52.0).tell(Change("none_listed", service="other"))
    world.until(53.0)
    assert world.cluster.desired["api"] == 0
    world.at(53.0).tell(Change("none_listed", service="api"))
    world.until(54.0)
    assert world.cluster.desired["api"] == 1
    assert world.cluster.count.detected_s == 53.0
    world.until(74.0)
    assert world.cluster.desired["api"] == 1  # its wish is kept for 20 s, too
    world.until(76.0)
    assert world.cluster.desired["api"] == 0


def test_a_control_plane_that_is_down_does_not_look():
    world = world_of()
    world.cluster.freeze(["controllers"])
    world.plane.in_flight = 30
    world.at(52.0).thaw(["controllers"])
    world.until(60.0)
    assert steps(world) == [(55.0, 5)]  # 60 % of ten each


def test_what_its_stack_does_not_scale_it_leaves():
    stack = stack_of({"api": {"replicas": 1}})
    world = World(stack, replace(EMPTY, autoscaling=RULES))
    world.plane.in_flight = 99
    world.until(100.0)
    assert world.cluster.desired["api"] == 1
