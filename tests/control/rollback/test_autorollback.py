"""Automatic rollback: on a time-out, on errors, never of an undo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.rollback.undo import AutoRollback, verdict
from sim.control.rolling_updates.releases import Analysis
from sim.platforms.compose import PLATFORM as COMPOSE
from sim.platforms.kubernetes import PLATFORM as KUBERNETES
from sim.schema.scenario import Version
from tests.control.world import MANAGED, World, stack_of

READINESS = {"probes": {"readiness": {"period": 5.0}}}
BROKEN = Version(name="v2", crashes_at_start=True)


@pytest.mark.parametrize(
    ("complete", "age_s", "complete_for_s", "expected"),
    [
        (False, 299.0, 0.0, ""),
        (False, 300.0, 0.0, "late"),
        (True, 20.0, 0.0, ""),
        (True, 400.0, 100.0, ""),  # complete in time: the time-out is over
        (True, 400.0, 300.0, "good"),
    ],
)
def test_verdict(complete, age_s, complete_for_s, expected):
    assert verdict(complete, age_s, complete_for_s, timeout_s=300.0, bake_s=300.0) == expected


def test_it_needs_something_to_roll_back():
    assert AutoRollback().conflicts(KUBERNETES) == ""
    assert "rolling updates" in AutoRollback().conflicts(COMPOSE)


def world_of(choice: AutoRollback, errors: float = 0.0) -> World:
    world = World(
        stack_of({"api": {"replicas": 3, **READINESS}}), replace(MANAGED, rollback=choice)
    )
    world.errs(errors)
    return world


def rollbacks(world: World) -> list[float]:
    return [r.t_s for r in world.cluster.timeline if r.event == "rollback"]


def test_a_version_that_does_not_start_is_undone_at_the_time_out():
    for timeout_s in (300.0, 100.0):
        world = world_of(AutoRollback(timeout_s=timeout_s))
        world.at(60.0).set_version("api", BROKEN)
        world.until(60.0 + timeout_s - 5.0)
        assert world.cluster.versions["api"] == BROKEN
        world.until(1000.0)
        assert rollbacks(world) == [60.0 + timeout_s]
        assert [c.version.name for c in world.cluster.of("api")] == ["v1"] * 3


def test_errors_are_seen_by_an_analysis_only():
    for analysis, expected in ((None, []), (Analysis(interval_s=30.0), [90.0])):
        world = world_of(AutoRollback(analysis=analysis), errors=0.5)
        world.at(60.0).set_version("api", Version(name="v2"))
        world.until(1500.0)
        assert rollbacks(world) == expected


def test_what_has_baked_is_good_and_the_next_failure_goes_back_to_it():
    world = world_of(AutoRollback(bake_s=100.0))
    good = Version(name="v3")
    world.at(60.0).set_version("api", good)
    world.until(400.0)
    world.cluster.set_version("api", BROKEN)
    world.until(1000.0)
    assert rollbacks(world) == [700.0]
    assert world.cluster.versions["api"] == good


def test_a_version_that_has_not_baked_is_nothing_to_go_back_to():
    world = world_of(AutoRollback(bake_s=600.0))
    world.at(60.0).set_version("api", Version(name="v3"))
    world.until(400.0)
    world.cluster.set_version("api", BROKEN)
    world.until(1500.0)
    assert world.cluster.versions["api"].name == "v1"


def test_a_person_who_was_quicker_is_not_undone():
    world = world_of(AutoRollback())
    world.at(60.0).set_version("api", BROKEN)
    world.until(100.0)
    AutoRollback().undo(world.cluster, "api")
    world.until(1000.0)
    assert rollbacks(world) == []
    assert world.cluster.versions["api"].name == "v1"
