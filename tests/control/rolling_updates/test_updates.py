"""Updates of a swarm, ECS, Nomad and Cloud Run: sizes as tables, then who calls one done or failed.

In the second part nobody starts or stops a replica but the test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.control.core.cluster import Container
from sim.control.rolling_updates.updates import (
    EcsDeployment,
    Revisions,
    SwarmUpdate,
    Update,
    batch,
    breaker_threshold,
    fenceposts,
    too_many_failures,
    update_step,
)
from sim.control.scheduling.replicas import Phase, ReplicaSet
from sim.schema.scenario import Version
from tests.control.world import EMPTY, World, stack_of

V2 = Version(name="v2")


# ---- sizes ----
@pytest.mark.parametrize(
    ("total", "parallelism", "expected"), [(5, 1, 1), (5, 0, 5), (5, 5, 5), (5, 6, 5), (2, 4, 2)]
)
def test_batch(total: int, parallelism: int, expected: int) -> None:
    assert batch(total, parallelism) == expected


@pytest.mark.parametrize(
    ("order", "new", "old", "expected"),
    [
        ("stop-first", (0, 0), 3, (0, 2)),  # an old one goes first
        ("stop-first", (0, 0), 2, (1, 2)),  # then a new one comes
        ("stop-first", (1, 0), 2, (1, 2)),  # the update waits for it, for ever if need be
        ("stop-first", (1, 1), 2, (1, 1)),
        ("stop-first", (2, 2), 1, (2, 0)),
        ("stop-first", (2, 2), 0, (3, 0)),
        ("stop-first", (3, 3), 0, (3, 0)),
        ("stop-first", (5, 5), 0, (3, 0)),  # more than are wanted
        ("stop-first", (2, 2), 2, (2, 1)),
        ("start-first", (0, 0), 3, (1, 3)),  # the new one overlaps
        ("start-first", (1, 0), 3, (1, 3)),
        ("start-first", (1, 1), 3, (1, 2)),
        ("start-first", (1, 1), 2, (2, 2)),
        ("start-first", (3, 3), 1, (3, 0)),
        ("start-first", (2, 2), 0, (3, 0)),
    ],
)
def test_update_step(order: Any, new: Any, old: int, expected: Any) -> None:
    size, sizes = update_step(3, 3, 1, order, ReplicaSet(*new), [ReplicaSet(old, old)])
    assert (size, *sizes) == expected


@pytest.mark.parametrize(
    ("order", "new", "old", "expected"),
    [
        ("stop-first", (0, 0), [1, 3], (0, [0, 2])),  # the oldest first
        ("stop-first", (0, 0), [0, 2], (2, [0, 2])),
        ("stop-first", (2, 2), [0, 1], (3, [0, 1])),  # one stopped by itself
        ("stop-first", (3, 3), [1], (3, [0])),  # the last batch is smaller
        ("start-first", (0, 0), [4], (2, [4])),
        ("start-first", (2, 2), [4], (2, [2])),
        ("start-first", (2, 2), [2], (4, [2])),
        ("start-first", (4, 4), [2], (4, [0])),
        ("start-first", (3, 3), [2], (4, [2])),
        ("start-first", (4, 4), [1], (4, [0])),
    ],
)
def test_an_update_of_four_two_at_a_time(order: Any, new: Any, old: Any, expected: Any) -> None:
    assert (
        update_step(4, 4, 2, order, ReplicaSet(*new), [ReplicaSet(n, n) for n in old]) == expected
    )


@pytest.mark.parametrize("choice", [SwarmUpdate(), Update()])
def test_a_changed_number_is_taken_at_once_where_nothing_is_outdated(choice: Any) -> None:
    new = ReplicaSet(3, 1)
    assert choice.resize(5, 3, new, [ReplicaSet(0, 0)], Phase()) == (5, [0])
    assert choice.resize(5, 3, new, [], Phase()) == (5, [])
    assert choice.resize(3, 3, new, [], Phase()) == (3, [])
    assert choice.resize(5, 3, new, [ReplicaSet(1, 1)], Phase()) == (3, [1])  # it waits


@pytest.mark.parametrize(
    ("failures", "tasks", "ratio", "expected"),
    [
        (0, 3, 0.0, False),
        (1, 3, 0.0, True),
        (1, 3, 0.4, False),
        (2, 3, 0.4, True),
        (1, 4, 0.25, False),  # the ratio may be reached
        (2, 4, 0.25, True),
        (1, 0, 0.0, False),
    ],
)
def test_failure_ratio(failures: int, tasks: int, ratio: float, expected: bool) -> None:
    assert too_many_failures(failures, tasks, ratio) is expected


@pytest.mark.parametrize(
    ("desired", "percents", "expected"),
    [
        (3, (100, 200), (3, 0)),
        (3, (50, 150), (1, 1)),
        (1, (0, 100), (0, 1)),
        (4, (50, 100), (0, 2)),
        (5, (90, 110), (0, 0)),  # 5.5 rounds down, 4.5 up
    ],
)
def test_fenceposts(desired: int, percents: Any, expected: Any) -> None:
    assert fenceposts(desired, *percents) == expected


def test_ecs_deals_a_changed_number_out_by_its_surge_before() -> None:
    """Of 3 + 3 allowed there are 6, of 5 + 5 each set may have 5."""
    new, old = ReplicaSet(3, 3), [ReplicaSet(3, 3)]
    assert EcsDeployment().resize(5, 3, new, old, Phase()) == (5, [5])
    assert EcsDeployment().resize(3, 3, new, old, Phase()) == (3, [0])


@pytest.mark.parametrize(
    ("desired", "expected"), [(1, 3), (6, 3), (7, 4), (8, 4), (20, 10), (400, 200), (1000, 200)]
)
def test_breaker_threshold(desired: int, expected: int) -> None:
    assert breaker_threshold(desired, 0.5, 3, 200) == expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ((0, 0), 3, (3, [3])),
        ((3, 2), 3, (3, [3])),
        ((3, 3), 3, (3, [0])),
        ((3, 3), 0, (3, [0])),
        ((2, 2), 3, (3, [3])),
        ((4, 4), 3, (3, [0])),
    ],
)
def test_a_revision_gets_the_traffic_when_it_is_ready(new: Any, old: int, expected: Any) -> None:
    assert Revisions().resize(3, 3, ReplicaSet(*new), [ReplicaSet(old, old)], Phase()) == expected


# ---- done, or failed ----
def world_of(choice: Any, replicas: int = 2) -> World:
    """The new version of the API is wanted from 60 s on."""
    services = {"api": {"replicas": replicas}, "worker": {}}
    world = World(stack_of(services), replace(EMPTY, rolling_updates=choice))
    world.at(60.0).set_version("api", V2)
    world.until(60.0)
    return world


def begin(world: World, service: str = "api", ready: bool = True) -> Container:
    cluster = world.cluster
    c = cluster.create(service, cluster.servers[0])
    cluster.start(c, warm=True)
    cluster.set_ready(c, ready)
    return c


def fail(world: World, t_s: float, c: Container) -> None:
    world.at(t_s).exit(c, 1, "crashed")
    world.until(t_s)


def replace_all(world: World) -> None:
    """Each old replica by a new one, two seconds apart, from 62 s on."""
    old = [c for c in world.cluster.of("api") if c.version != V2]
    for t_s, c in enumerate(old):
        world.until(62.0 + 2 * t_s)
        begin(world)
        world.cluster.remove(c)
    world.until(world.cluster.clock.now + 0.5)


def told(world: World, *events: str) -> list[tuple[float, str]]:
    return [(r.t_s, r.text) for r in world.cluster.timeline if r.event in (events or ("rollout",))]


@pytest.mark.parametrize(
    ("choice", "begins", "ends"),
    [
        (SwarmUpdate(), "update of api to v2 begins", "update of api to v2 is complete"),
        (EcsDeployment(), "deployment of api v2 begins", "deployment of api v2 is complete"),
        (Revisions(), "revision v2 of api starts", "revision v2 of api has all the traffic"),
    ],
)
def test_an_update_is_complete_when_all_are_new_and_ready(
    choice: Any, begins: str, ends: str
) -> None:
    world = world_of(choice)
    replace_all(world)
    assert told(world) == [(60.0, begins), (64.0, ends)]
    for c in world.cluster.of("api"):  # whatever happens then is no part of it
        world.cluster.exit(c, 1, "crashed")
    world.until(100.0)
    assert len(told(world)) == 2


@pytest.mark.parametrize("choice", [SwarmUpdate(), EcsDeployment(), Revisions(), Update()])
@pytest.mark.parametrize("lacks", ["a new one", "readiness", "the end of an old one", "a size"])
def test_what_an_update_is_not_complete_without(choice: Any, lacks: str) -> None:
    world = world_of(choice)
    old = world.cluster.of("api")[:]
    if lacks == "a size":
        world.cluster.want("api", 3)
    begin(world)
    if lacks != "a new one":
        begin(world, ready=lacks != "readiness")
    for c in old[: 1 if lacks == "the end of an old one" else 2]:
        world.cluster.remove(c)
    world.until(100.0)
    assert len(told(world)) == 1


def test_ecs_waits_for_tasks_that_drain_and_the_others_do_not() -> None:
    for choice, lines in ((EcsDeployment(), 1), (SwarmUpdate(), 2), (Revisions(), 2)):
        world = world_of(choice)
        for c in world.cluster.of("api")[:]:
            world.cluster.retire(c)
            begin(world)
        world.until(70.0)
        assert len(told(world)) == lines


def test_the_breaker_trips_at_its_number_and_may_roll_back() -> None:
    world = world_of(EcsDeployment(breaker=True, breaker_least=2, rollback=True))
    before = world.cluster.previous["api"]
    old, left = world.cluster.of("api")[0], begin(world)
    fail(world, 61.0, old)  # of the version before
    world.cluster.retire(left)
    fail(world, 62.0, left)  # it was to go
    fail(world, 63.0, begin(world, "worker"))
    fail(world, 64.0, begin(world))
    world.cluster.count.fault_s = 60.0
    assert "api" not in world.cluster.paused
    assert world.cluster.versions["api"] == V2
    fail(world, 65.0, begin(world))
    assert told(world, "rollout", "rollback") == [
        (60.0, "deployment of api v2 begins"),
        (65.0, "deployment of api failed: 2 tasks, the circuit breaker trips"),
        (65.0, "ECS rolls api back"),
        (65.0, f"deployment of api {before.name} begins"),
    ]
    assert world.cluster.versions["api"] == before
    assert world.cluster.count.detected_s == 65.0


def test_without_its_rollback_a_breaker_stops_and_without_a_breaker_nothing_does() -> None:
    for breaker in (True, False):
        world = world_of(EcsDeployment(breaker=breaker, breaker_least=1))
        fail(world, 61.0, begin(world))
        fail(world, 62.0, begin(world))
        assert ("api" in world.cluster.paused) is breaker
        assert len(told(world, "rollout", "rollback")) == 1 + breaker
        assert world.cluster.versions["api"] == V2


@pytest.mark.parametrize(
    ("lived_s", "ready", "counts"),
    [(5.0, True, True), (5.1, True, False), (99.0, False, True)],
)
def test_a_task_that_fails_within_the_monitor_pauses_a_swarms_update(
    lived_s: float, ready: bool, counts: bool
) -> None:
    world = world_of(SwarmUpdate())
    fail(world, 60.0 + lived_s, begin(world, ready=ready))
    assert ("api" in world.cluster.paused) is counts
    paused = [(60.0 + lived_s, "update of api to v2 paused: a task failed")]
    assert told(world)[1:] == paused * counts
    fail(world, 170.0, begin(world))
    assert len(told(world)) == 1 + counts  # once, and never for this one


@pytest.mark.parametrize("action", ["rollback", "continue"])
def test_a_swarm_may_roll_back_or_go_on(action: Any) -> None:
    world = world_of(SwarmUpdate(failure_action=action, max_failure_ratio=0.5))
    before = world.cluster.previous["api"]
    world.cluster.count.fault_s = 60.0
    left = begin(world)
    world.cluster.retire(left)
    fail(world, 61.0, left)
    fail(world, 62.0, world.cluster.of("api")[0])
    fail(world, 63.0, begin(world))  # one of two
    assert world.cluster.versions["api"] == V2
    fail(world, 64.0, begin(world))
    back = action == "rollback"
    text = (64.0, "update of api to v2 failed: rolled back")
    assert told(world, "rollback") == [text] * back
    assert (world.cluster.versions["api"] == before) is back
    assert world.cluster.count.detected_s == (64.0 if back else None)
    assert "api" not in world.cluster.paused


def test_nomad_calls_a_deployment_complete_once_all_were_healthy_for_ten_seconds() -> None:
    world = world_of(Update())
    replace_all(world)  # at 62 and 64 s
    world.until(100.0)
    assert told(world) == [
        (60.0, "deployment of api v2 begins"),
        (74.0, "deployment of api v2 is complete"),
    ]


@pytest.mark.parametrize("revert", [True, False])
def test_nomads_deadline_counts_from_the_last_newly_healthy_task(revert: bool) -> None:
    """One is healthy at 100 s, after its ten seconds; it ends later, which is no progress."""
    world = world_of(Update(progress_deadline_s=60.0, auto_revert=revert))
    before = world.cluster.previous["api"]
    world.cluster.count.fault_s = 60.0
    world.until(90.0)
    first = begin(world)
    world.until(110.0)
    world.cluster.remove(first)
    world.until(120.0)
    begin(world)
    world.until(200.0)
    assert told(world)[:2] == [
        (60.0, "deployment of api v2 begins"),
        (160.0, "deployment of api v2 failed: no progress in time"),
    ]
    assert told(world, "rollback") == [(160.0, "Nomad reverts api")] * revert
    assert (world.cluster.versions["api"] == before) is revert
    assert ("api" in world.cluster.paused) is not revert
    assert world.cluster.count.detected_s == (160.0 if revert else None)


def test_another_version_ends_nomads_watch() -> None:
    world = world_of(Update(progress_deadline_s=60.0))
    world.at(80.0).set_version("api", Version(name="v3"))
    world.until(200.0)
    assert [text for _, text in told(world)] == [
        "deployment of api v2 begins",
        "deployment of api v3 begins",
        "deployment of api v3 failed: no progress in time",
    ]


@pytest.mark.parametrize(
    ("code", "ready", "old", "back"),
    [
        (1, False, False, True),
        (0, False, False, False),  # it was stopped
        (1, True, False, False),  # it had started
        (1, False, True, False),  # an instance of the revision before
    ],
)
def test_a_revision_that_does_not_start_gets_no_traffic(
    code: int, ready: bool, old: bool, back: bool
) -> None:
    world = world_of(Revisions())
    before = world.cluster.previous["api"]
    world.cluster.count.fault_s = 60.0
    c = world.cluster.of("api")[0] if old else begin(world, ready=ready)
    world.at(61.0).exit(c, code, "ended")
    world.until(62.0)
    text = (61.0, "revision v2 of api did not start: traffic stays")
    assert told(world)[1:] == [text] * back
    assert (world.cluster.versions["api"] == before) is back
    assert world.cluster.count.detected_s == (61.0 if back else None)


def test_a_revision_that_serves_already_does_not_start_again() -> None:
    world = world_of(Revisions())
    replace_all(world)
    world.cluster.set_version("api", V2)
    world.until(70.0)
    assert len(told(world)) == 2
    world.cluster.set_version("api", Version(name="v3"))
    world.until(71.0)
    assert told(world)[-1] == (70.0, "revision v3 of api starts")
