"""The Nomad Autoscaler: its strategy as a table, then its loop on CPU as told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from sim.control.autoscaling.target_tracking import NomadAutoscaler, target_value
from tests.control.world import steps, tracked


@pytest.mark.parametrize(
    ("count", "metric", "target", "expected"),
    [
        (3, 0.7, 0.7, 3),
        (3, 0.705, 0.7, 3),
        (3, 0.72, 0.7, 4),
        (3, 1.4, 0.7, 6),
        (4, 0.1, 0.7, 1),
        (0, 1.4, 0.7, 2),
        (10, 7.0, 0.7, 100),
        (100, 1.0078125, 1.0, 100),  # a factor of 1 and 1/128, and below it
        (100, 0.9921875, 1.0, 100),
        (100, 1.015625, 1.0, 102),  # 1 and 1/64: outside
        (100, 0.984375, 1.0, 99),
        (0, 0.3, 0.5, 1),  # from none: the factor itself
        (5, 0.0, 0.5, 0),
    ],
)
def test_target_value(count, metric, target, expected):
    assert target_value(count, metric, target, 0.01) == expected


def test_a_factor_at_the_threshold_moves_nothing():
    assert target_value(100, 1.25, 1.0, 0.25) == 100
    assert target_value(100, 0.75, 1.0, 0.25) == 100


RULES = NomadAutoscaler(cooldown_s=30.0)
BUSIER = (92.5, 1.6)  # at a reading
# it reads and looks at 2.5 s past each ten
world_of = partial(tracked, rules=RULES, cores=1.0)


def test_it_follows_the_last_ten_seconds_and_rests_after_a_step():
    """80 % at 102.5 s: 2 x 1.6 = 3.2, 4 x 1.6 = 6.4, and the most."""
    world = world_of(BUSIER)
    world.until(200.0)
    assert steps(world) == [(102.5, 4), (132.5, 7), (162.5, 9)]
    row = next(r for r in world.cluster.timeline if r.event == "autoscaling")
    assert row.text == "api scaled from 2 to 4: CPU at 80% of what is reserved, target 50%"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (replace(RULES, cooldown_s=0.0), [(102.5, 4), (112.5, 7), (122.5, 9)]),
        (replace(RULES, evaluation_s=50.0), [(112.5, 3), (162.5, 5)]),  # 64 %: 2.6; 80 %: 4.8
        (replace(RULES, threshold=0.7), []),
    ],
)
def test_its_constants_are_fields(rules, expected):
    world = world_of(BUSIER, rules=rules)
    world.until(165.0)
    assert steps(world) == expected


def test_it_scales_in_by_the_same_rule_and_to_the_least():
    world = world_of((92.5, 0.6))
    world.at(60.0).want("api", 9)
    world.until(300.0)  # 9 x 0.6 = 5.4, 6 x 0.6 = 3.6, 2.4, 1.8, 1.2
    assert steps(world) == [(102.5, 6), (132.5, 4), (162.5, 3), (192.5, 2)]
    world = world_of((92.5, 0.0))
    world.until(200.0)
    assert steps(world) == [(102.5, 1)]


@pytest.mark.parametrize(("fault_s", "seen_s"), [(92.5, 102.5), (92.6, 132.5), (122.6, 162.5)])
def test_it_has_seen_a_fault_that_came_before_its_window(fault_s, seen_s):
    world = world_of(BUSIER)
    world.cluster.count.fault_s = fault_s
    world.until(200.0)
    assert world.cluster.count.detected_s == seen_s


def test_a_scale_down_is_no_answer_to_a_fault():
    world = world_of((92.5, 0.0))
    world.cluster.count.fault_s = 50.0
    world.until(200.0)
    assert steps(world)
    assert world.cluster.count.detected_s is None


def test_what_reserves_nothing_has_no_share_and_what_is_deleted_no_say():
    world = world_of(BUSIER, reserved=None)
    world.until(200.0)
    assert not steps(world)
    world = world_of(BUSIER)
    for container in world.cluster.of("api"):
        container.deleting = True
    world.until(200.0)
    assert not steps(world)


def test_a_control_plane_that_is_down_does_not_look():
    world = world_of(BUSIER)
    world.cluster.freeze(["controllers"])
    world.at(150.0).thaw(["controllers"])
    world.until(160.0)
    assert steps(world) == [(152.5, 4)]
