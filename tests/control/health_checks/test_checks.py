"""Checks from outside: what a balancer, Consul, a swarm and Cloud Run make of an answer, and when.

Every check begins a quarter of its interval after the start. A process that refuses answers at
once; one that hangs has an answer when the time for it is over, and the interval counts from there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.control.core.cluster import Container
from sim.control.health_checks.checks import (
    ServiceChecks,
    StartupProbe,
    Target,
    TargetHealth,
    counted,
    restarts,
)
from sim.control.health_checks.docker import DockerHealthchecks, SwarmHealthchecks
from tests.control.world import EMPTY, World, stack_of

CHECK = {"interval": 10.0, "timeout": 4.0, "retries": 2}


# ---- rules ----
@pytest.mark.parametrize(
    ("target", "ok", "expected"),
    [
        (Target(None, 0), True, Target(True, 0)),  # a new target needs one pass only
        (Target(None, 0), False, Target(None, -1)),
        (Target(None, -1), False, Target(False, 0)),
        (Target(True, 0), True, Target(True, 0)),
        (Target(True, 0), False, Target(True, -1)),
        (Target(True, -1), False, Target(False, 0)),
        (Target(True, -1), True, Target(True, 0)),
        (Target(False, 3), True, Target(False, 4)),
        (Target(False, 4), True, Target(True, 0)),
        (Target(False, 4), False, Target(False, 0)),
    ],
)
def test_target_health(target: Target, ok: bool, expected: Target) -> None:
    assert counted(target, ok, 1, 5, 2) == expected


def test_a_new_target_passes_in_a_row() -> None:
    """Two passes are asked for: a failure before the first is none of them."""
    failed = counted(Target(), False, 2, 5, 2)
    once = counted(failed, True, 2, 5, 2)
    assert once == Target(None, 1)
    assert counted(once, False, 2, 5, 2) == Target(None, -1)
    assert counted(once, True, 2, 5, 2) == Target(True, 0)


@pytest.mark.parametrize(
    ("streak", "age_s", "limit", "expected"),
    [
        (9, 100.0, 0, False),  # never
        (2, 100.0, 3, False),
        (3, 100.0, 3, True),
        (4, 100.0, 3, True),
        (3, 0.9, 3, False),  # it has only just begun
        (3, 1.0, 3, True),
        (1, 1.0, 1, True),
    ],
)
def test_a_task_is_restarted_after_failures_in_a_row(
    streak: int, age_s: float, limit: int, expected: bool
) -> None:
    assert restarts(streak, age_s, limit, 1.0) is expected


# ---- lives ----
def world_of(checks: Any, **service: Any) -> World:
    """An API that has run for long, and a worker that nobody checks."""
    services = {"api": {"healthcheck": CHECK, "boot": 5.0, **service}, "worker": {"boot": 5.0}}
    world = World(stack_of(services), replace(EMPTY, health_checks=checks))
    world.phases(0.25)
    return world


def anew(world: World, name: str, t_s: float) -> Container:
    """Its process ends now, and another one begins."""
    c = world.get(name)
    world.at(t_s).exit(c, 1, "crashed")
    world.cluster.start(c)
    return c


def asked(world: World, since_s: float = 0.0) -> list[float]:
    return [t_s for t_s, _, _ in world.plane.probed if t_s >= since_s]


def texts(world: World, *events: str) -> list[tuple[float, str]]:
    return [(r.t_s, r.text) for r in world.cluster.timeline if r.event in events]


@pytest.mark.parametrize(
    ("checks", "refuses", "hangs"),
    [
        (TargetHealth(interval_s=10.0, timeout_s=4.0), 32.5, 40.5),  # the second failure
        (ServiceChecks(), 22.5, 26.5),  # the first
        (SwarmHealthchecks(), 32.5, 40.5),  # two retries
    ],
)
def test_when_traffic_ends(checks: Any, refuses: float, hangs: float) -> None:
    for way, ends_s in (("refusing", refuses), ("silent", hangs)):
        world = world_of(checks)
        world.at(20.0)
        getattr(world.plane, way).add(0)
        world.cluster.count.fault_s = 20.0
        world.until(ends_s - 0.01)
        assert world.get("api-1").ready
        world.until(ends_s)
        assert not world.get("api-1").ready
        assert world.cluster.count.detected_s == ends_s
    world.until(40.0)
    assert asked(world)[:4] == [2.5, 12.5, 22.5, 36.5]


@pytest.mark.parametrize(
    ("checks", "grace_s", "text"),
    [
        (
            TargetHealth(interval_s=10.0, stop_s=3.0),
            3.0,
            "api-1 failed its target's checks: stopped by ECS",
        ),
        (SwarmHealthchecks(grace_s=3.0), 3.0, "api-1 is unhealthy: shut down"),
        (ServiceChecks(restart_limit=2, kill_s=3.0), 3.0, "api-1 failed 2 checks: restarted"),
    ],
)
def test_who_ends_a_process_that_hangs(checks: Any, grace_s: float, text: str) -> None:
    world = world_of(checks)
    assert checks.ends(world.cluster.service("api"))
    world.at(20.0).hang(world.get("api-1"))
    world.until(60.0)
    ((ended_s, said),) = texts(world, "liveness")
    assert said == text
    assert world.when("exit") - ended_s == pytest.approx(grace_s)
    last = asked(world)[-1]
    world.until(200.0)
    assert asked(world)[-1] == last  # a process that has ended is not asked


def test_what_ends_nothing() -> None:
    for checks in (ServiceChecks(), StartupProbe(), DockerHealthchecks()):
        world = world_of(checks)
        assert not checks.ends(world.cluster.service("api"))
        world.at(20.0).hang(world.get("api-1"))
        world.until(100.0)
        assert not texts(world, "liveness", "exit")
    assert not ServiceChecks(restart_limit=1).ends(world.cluster.service("worker"))
    assert not SwarmHealthchecks().ends(world.cluster.service("worker"))
    assert not TargetHealth().ends(world.cluster.service("worker"))


def test_consul_lists_again_after_one_pass_and_counts_from_none() -> None:
    world = world_of(ServiceChecks(restart_limit=3))
    for fails_s, passes_s in ((20.0, 40.0), (60.0, 80.0)):  # two failures each time
        world.at(fails_s)
        world.plane.refusing.add(0)
        world.at(passes_s)
        assert not world.get("api-1").ready
        world.plane.refusing.discard(0)
        world.until(passes_s + 2.5)
        assert world.get("api-1").ready
    assert texts(world, "readiness", "liveness") == [
        (22.5, "api-1 fails its check: no traffic"),
        (62.5, "api-1 fails its check: no traffic"),
    ]


@pytest.mark.parametrize(
    ("checks", "ready_s"),
    [
        (TargetHealth(interval_s=10.0), 12.5),  # 2.5 s is too early for a boot of 5 s
        (ServiceChecks(), 12.5),
        (SwarmHealthchecks(), 10.0),  # moby waits for a whole interval
        (DockerHealthchecks(), 0.0),  # every process that exists
        (StartupProbe(), 5.0),  # its port answers
    ],
)
def test_when_a_new_process_gets_traffic(checks: Any, ready_s: float) -> None:
    world = world_of(checks)
    c = anew(world, "api-1", 100.0)
    world.until(100.0 + ready_s)
    assert c.ready_since_s == 100.0 + ready_s
    worker = anew(world, "worker-1", 200.0)
    world.until(200.0)
    assert worker.ready  # whom nobody asks


def test_failures_of_a_new_target_within_the_grace_stop_no_task() -> None:
    """Unhealthy at its second failure: 27.5 s and 4 s more after the start, both too late."""
    for grace_s, stopped in ((12.6, False), (12.5, True)):
        world = world_of(TargetHealth(interval_s=10.0, grace_s=grace_s))
        world.plane.refusing.add(0)
        anew(world, "api-1", 1.0)
        world.until(100.0)
        assert [t_s for t_s, _ in texts(world, "liveness")] == [13.5] * stopped


@pytest.mark.parametrize("hindrance", ["controllers", "deleting"])
def test_nobody_stops_a_task_of_a_control_plane_that_is_down_or_that_leaves(hindrance: str) -> None:
    world = world_of(TargetHealth(interval_s=10.0))
    if hindrance == "controllers":
        world.cluster.freeze(["controllers"])
    else:
        world.get("api-1").deleting = True
    world.plane.refusing.add(0)
    world.until(60.0)
    assert not world.get("api-1").ready
    assert not texts(world, "liveness")
    world.plane.refusing.clear()
    world.until(97.5)
    assert not world.get("api-1").ready  # four passes in a row
    world.until(102.5)
    assert world.get("api-1").ready


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({}, [110.0, 120.0, 130.0]),
        ({"start_period": 20.0}, [105.0, 115.0, 125.0]),  # the first pass ends it
        ({"start_period": 20.0, "start_interval": 1.0}, [101, 102, 103, 104, 105, 115, 125]),
        ({"start_period": 3.0, "start_interval": 1.0}, [101, 102, 103, 113, 123]),
    ],
)
def test_when_docker_asks_a_new_process(check: dict[str, float], expected: list[float]) -> None:
    world = world_of(DockerHealthchecks(), healthcheck={**CHECK, **check})
    assert world.get("api-1").health == ""
    world.until(50.0)
    assert asked(world) == [2.5, 12.5, 22.5, 32.5, 42.5]
    assert world.get("api-1").health == "healthy"
    c = anew(world, "api-1", 100.0)
    world.until(104.9)
    assert c.health == "starting"
    world.until(130.0)
    assert asked(world, 100.0) == pytest.approx(expected)
    assert c.health == "healthy"


def test_docker_labels_after_failures_in_a_row_and_after_one_pass() -> None:
    world = world_of(DockerHealthchecks())
    for fails_s, passes_s in ((20.0, 25.0), (40.0, 60.0)):  # one, then two
        world.at(fails_s)
        world.plane.refusing.add(0)
        world.at(passes_s)
        world.plane.refusing.discard(0)
    world.until(70.0)
    assert texts(world, "health") == [
        (52.5, "api-1 is labelled unhealthy by its HEALTHCHECK"),
        (62.5, "api-1 is labelled healthy by its HEALTHCHECK"),
    ]
