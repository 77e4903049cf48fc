"""Blue/green: two full sets, one switch, and a way back for as long as the old set stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.rollback.undo import RolloutUndo
from sim.control.rolling_updates.blue_green import SCALE_DOWN_DELAY, BlueGreen, double_set
from sim.control.rolling_updates.releases import Analysis
from sim.platforms.compose import PLATFORM as COMPOSE
from sim.platforms.kubernetes import PLATFORM as KUBERNETES
from sim.schema.scenario import Version
from tests.control.world import MANAGED, World, stack_of

READINESS = {"probes": {"readiness": {"period": 5.0}}}
V2 = Version(name="v2")
BROKEN = Version(name="v2", crashes_at_start=True)


@pytest.mark.parametrize(
    ("new", "old", "stable", "sizes", "expected"),
    [
        (100.0, 100.0, 0, [3], (3, [3])),  # before and just after the switch
        (100.0, 0.0, 0, [3], (3, [0])),  # after the delay
        (0.0, 100.0, 0, [3], (0, [3])),  # aborted
        (100.0, 100.0, 1, [2, 3], (3, [0, 3])),  # a version between goes
        (100.0, 100.0, -1, [3], (3, [0])),  # the one before is gone
    ],
)
def test_double_set(new, old, stable, sizes, expected):
    assert double_set(3, new, old, stable, sizes) == expected


def test_it_needs_a_balancer_and_a_selector():
    assert BlueGreen().conflicts(KUBERNETES) == ""
    assert "selector" in BlueGreen().conflicts(replace(KUBERNETES, service_discovery=None))
    assert "load balancer" in BlueGreen().conflicts(COMPOSE)


def world_of(choice: BlueGreen, version: Version = V2, errors: float = 0.0) -> World:
    """Three replicas; the new version goes out at 60 s."""
    platform = replace(MANAGED, rolling_updates=choice)
    world = World(stack_of({"api": {"replicas": 3, **READINESS}}), platform)
    world.errs(errors)
    world.at(60.0).set_version("api", version)
    return world


def used(world: World) -> set[str]:
    """The versions that users get."""
    names = {c.id: c.version.name for c in world.cluster.containers}
    return {names.get(i, "gone") for i in world.cluster.front().backends}


def live(world: World) -> list[str]:
    return [c.version.name for c in world.cluster.of("api") if not c.deleting]


def test_users_never_meet_both_versions_and_the_old_set_stays_thirty_seconds():
    world = world_of(BlueGreen())
    switched, most = 0.0, 0
    for t in range(60, 200):
        world.until(float(t))
        assert len(used(world)) == 1
        if used(world) == {"v2"} and not switched:
            switched = float(t)
        most = max(most, len(live(world)))
    assert most == 6
    assert world.told("users are switched")[0] <= switched <= world.told("users are")[0] + 3.0
    assert world.told("the old set goes")[0] - world.told("users are")[0] == pytest.approx(
        SCALE_DOWN_DELAY.value
    )
    assert live(world) == ["v2"] * 3


def test_a_version_that_does_not_start_never_gets_users():
    world = world_of(BlueGreen(), BROKEN)
    world.until(900.0)
    assert used(world) == {"v1"}
    assert len(world.told("ProgressDeadlineExceeded")) == 1
    assert sorted(live(world)) == ["v1"] * 3 + ["v2"] * 3
    world = world_of(BlueGreen(progress_deadline_s=100.0, abort_at_deadline=True), BROKEN)
    world.until(185.0)
    assert len(live(world)) == 6  # the second set stays half a minute more
    world.until(200.0)
    assert live(world) == ["v1"] * 3


def test_a_rollback_is_a_switch_while_the_old_set_stands_and_a_release_afterwards():
    waits = []
    for delay_s in (300.0, 30.0):
        world = world_of(BlueGreen(scale_down_delay_s=delay_s))
        world.until(250.0)
        assert used(world) == {"v2"}
        RolloutUndo().undo(world.cluster, "api")
        t = 250.0
        while used(world) != {"v1"}:
            t += 1.0
            world.until(t)
        waits.append(t - 250.0)
        world.until(700.0)
        assert live(world) == ["v1"] * 3
    assert waits[0] <= 3.0  # proxies learn in two seconds
    assert waits[1] >= 6.0  # a start, a boot, a readiness probe


def test_an_undo_before_the_switch_changes_nothing_for_users():
    world = world_of(BlueGreen(auto_promotion_s=60.0))
    world.until(100.0)
    assert len(live(world)) == 6
    RolloutUndo().undo(world.cluster, "api")
    for t in range(100, 300, 5):
        world.until(float(t))
        assert used(world) == {"v1"}
    assert live(world) == ["v1"] * 3


def test_promotion_may_wait():
    soon, late = world_of(BlueGreen()), world_of(BlueGreen(auto_promotion_s=60.0))
    for world in (soon, late):
        world.until(300.0)
    waited = late.told("users are switched")[0] - soon.told("users are switched")[0]
    assert waited == pytest.approx(60.0)


def test_an_analysis_after_the_switch_switches_back():
    choice = BlueGreen(analysis=Analysis(interval_s=20.0), scale_down_delay_s=120.0)
    world = world_of(choice, errors=0.5)
    world.until(80.0)
    assert used(world) == {"v2"}
    world.until(130.0)
    assert used(world) == {"v1"}
    world.until(400.0)
    assert live(world) == ["v1"] * 3
    assert len(world.told("is aborted, 50% of")) == 1


def test_a_database_is_not_doubled():
    platform = replace(MANAGED, rolling_updates=BlueGreen())
    world = World(stack_of({"postgres": {"replicas": 1, **READINESS}}), platform)
    world.at(60.0).set_version("postgres", V2)
    for t in range(60, 200):
        world.until(float(t))
        assert len(world.cluster.of("postgres")) == 1
    assert world.cluster.of("postgres")[0].version == V2
