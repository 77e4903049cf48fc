"""Target tracking: the alarms and the size as tables, then the policy on CPU as told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from sim.control.autoscaling.target_tracking import TargetTracking, alarm, proportional
from tests.control.world import steps, tracked


# ---- rules ----
@pytest.mark.parametrize(
    ("points", "count", "expected"),
    [
        ([0.9] * 2, 3, False),
        ([0.9] * 3, 3, True),
        ([0.9, 0.5, 0.9], 3, False),
        ([0.5] + [0.9] * 3, 3, True),
        ([0.9, 0.7, 0.9], 3, False),  # at the target is not above it
        ([0.5, 0.9], 1, True),
        ([], 1, False),
    ],
)
def test_scale_out_alarm(points, count, expected):
    assert alarm(points, count, 0.7, above=True) is expected


@pytest.mark.parametrize(
    ("points", "expected"),
    [([0.6] * 2, False), ([0.6] * 3, True), ([0.6, 0.63, 0.6], False), ([0.9] + [0.6] * 3, True)],
)
def test_scale_in_alarm(points, expected):
    assert alarm(points, 3, 0.63, above=False) is expected


@pytest.mark.parametrize(
    ("count", "metric", "target", "expected"),
    [
        (3, 0.7, 0.7, 3),
        (3, 0.71, 0.7, 4),
        (3, 1.4, 0.7, 6),
        (3, 0.1, 0.7, 1),
        (10, 0.25, 0.5, 5),
        (7, 0.5, 0.25, 14),
        (5, 0.0, 0.5, 0),
    ],
)
def test_proportional(count, metric, target, expected):
    assert proportional(count, metric, target) == expected


# ---- the policy ----
RULES = TargetTracking()
BUSIER = (135.0, 1.6)  # two cores are reserved
# readings at 15 s past each minute, which the alarms see two minutes later
world_of = partial(tracked, rules=RULES, cores=0.8)


def test_it_scales_out_when_the_third_point_above_is_two_minutes_old():
    """Points of 80 % at 195, 255 and 315 s; 2 x 0.8 / 0.5 = 3.2, 4 x 1.6 = 6.4, then the most."""
    world = world_of(BUSIER)
    world.until(700.0)
    assert steps(world) == [(435.0, 4), (495.0, 7), (555.0, 9)]
    row = next(r for r in world.cluster.timeline if r.event == "autoscaling")
    assert row.text == "api scaled from 2 to 4 tasks: CPU at 80% of what is reserved"


def test_the_first_point_is_of_one_period_too():
    """45 % all the time; over the 75 s until then it would be 56 %."""
    world = world_of(rules=replace(RULES, out_points=1), cores=0.9)
    world.until(300.0)
    assert steps(world) == []


@pytest.mark.parametrize(
    ("rules", "first_s"),
    [
        (replace(RULES, lag_s=30.0), 345.0),
        (replace(RULES, out_points=2), 375.0),
        (replace(RULES, period_s=20.0), 305.0),  # at 145 s (60 %), 165 and 185 s
    ],
)
def test_when_it_scales_out_is_its_lag_and_its_points(rules, first_s):
    world = world_of(BUSIER, rules=rules)
    world.until(700.0)
    assert steps(world)[0][0] == first_s


@pytest.mark.parametrize(
    ("fault_s", "seen_s"), [(135.0, 435.0), (135.1, 495.0), (195.1, 555.0), (255.1, None)]
)
def test_it_has_seen_a_fault_if_all_its_points_came_after_it(fault_s, seen_s):
    world = world_of(BUSIER)
    world.cluster.count.fault_s = fault_s
    world.until(700.0)
    assert world.cluster.count.detected_s == seen_s


@pytest.mark.parametrize("cooldown_s", [300.0, 240.0, 0.0])
def test_after_a_step_out_the_same_size_comes_again_after_the_cooldown(cooldown_s):
    """Somebody takes it back at once, and nobody looks but each minute."""
    world = world_of(BUSIER, rules=replace(RULES, out_cooldown_s=cooldown_s), most=4)
    world.at(440.0).want("api", 2)
    world.until(800.0)
    assert steps(world) == [(435.0, 4), (435.0 + max(60.0, cooldown_s), 4)]


def test_a_larger_step_waits_for_no_cooldown():
    """120 % from 435 s on, at 615 s in the alarm: 2 x 1.2 / 0.5 = 4.8."""
    world = world_of(BUSIER, (435.0, 2.4))
    world.at(440.0).want("api", 2)
    world.until(620.0)
    assert steps(world) == [(435.0, 4), (615.0, 5)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (RULES, [(1035.0, 3), (1335.0, 2)]),  # 4 x 0.3 / 0.5 = 2.4; 3 x 0.6 = 1.8; 2 x 0.6
        (replace(RULES, in_points=2), [(255.0, 3), (555.0, 2)]),
        (replace(RULES, in_points=2, in_cooldown_s=60.0), [(255.0, 3), (315.0, 2)]),
        (replace(RULES, in_share=0.5), []),
    ],
)
def test_it_scales_in_after_fifteen_points_below_nine_tenths(rules, expected):
    world = world_of(rules=rules, cores=0.6, replicas=4)
    world.until(1500.0)
    assert steps(world) == expected


@pytest.mark.parametrize(
    ("cores", "moves"), [(0.98, False), (0.92, False), (0.88, True), (0.0, True)]
)
def test_between_nine_tenths_of_the_target_and_the_target_nothing_moves(cores, moves):
    """Half of two cores is the target."""
    world = world_of(cores=cores, replicas=9)
    world.until(1500.0)
    assert bool(steps(world)) is moves


def test_a_step_out_keeps_no_step_in_and_stays_at_the_least():
    world = world_of((1015.0, 0.1), cores=1.6, replicas=1, rules=replace(RULES, in_points=2))
    world.until(1500.0)
    assert steps(world)[0] == (315.0, 2)
    assert steps(world)[-1] == (1275.0, 1)  # points at 1095 and 1155 s; the least is 1


def test_a_control_plane_that_is_down_reads_and_does_not_look():
    world = world_of(BUSIER)
    world.cluster.freeze(["controllers"])
    world.at(500.0).thaw(["controllers"])
    world.until(560.0)
    assert steps(world) == [(555.0, 4)]


def test_a_process_that_begins_anew_has_used_what_its_counter_says():
    world = world_of(cores=1.6)
    world.until(140.0)
    anew, total = world.cluster.of("api")[0], world.plane.cpu
    anew.run += 1
    world.plane.cpu = lambda c, now: total(c, now) - (total(c, 135.0) if c == anew.id else 0.0)
    world.until(320.0)
    assert steps(world) == [(315.0, 4)]


def test_a_replica_counts_from_its_second_reading_on():
    """80 % of two, not of three: 3.2 tasks, not 2.1."""
    world = world_of(cores=1.6)
    world.until(140.0)
    server = world.cluster.choose_server("api")
    assert server is not None
    world.cluster.start(world.cluster.create("api", server))
    world.until(320.0)
    assert steps(world) == [(315.0, 4)]


def test_a_silent_machine_gives_no_reading_and_what_reserves_nothing_none_either():
    world = world_of(cores=1.6)
    for server in world.cluster.servers:
        world.cluster.server_down(server)
    world.until(900.0)
    assert not steps(world)
    world = world_of(cores=1.6, reserved=None)
    world.until(900.0)
    assert not steps(world)
