"""Who starts what has ended again, when, and what it remembers: each controller by itself.

Nobody else is at work, and every draw is a half.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.control.core.cluster import Container
from sim.control.self_healing.managed import provide
from sim.control.self_healing.restarts import DockerRestarts, KubeletRestarts
from sim.control.self_healing.tasks import (
    Restart,
    SwarmReplacement,
    TaskReplacement,
    reschedule_delay,
    restarts_in_place,
)
from tests.control.world import EMPTY, World, stack_of


# ---- rules ----
@pytest.mark.parametrize(
    ("failures_s", "expected"),
    [
        ([], True),
        ([1000.0], True),
        ([1000.0, 1500.0], False),
        ([200.0, 1500.0], True),  # just half an hour ago
        ([200.1, 1500.0], False),
        ([0.0, 100.0, 1500.0], True),
    ],
)
def test_two_restarts_in_half_an_hour(failures_s: list[float], expected: bool) -> None:
    assert restarts_in_place(failures_s, 2000.0, Restart()) is expected


def test_reschedule_delays_double_to_an_hour() -> None:
    delays, last = [], 0.0
    for _ in range(9):
        last = reschedule_delay(last, 10.0, 30.0, 3600.0)
        delays.append(last)
    assert delays == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert reschedule_delay(3600.0, 3700.0, 30.0, 3600.0) == 30.0  # it outlived the cap
    assert reschedule_delay(3600.0, 3600.0, 30.0, 3600.0) == 3600.0
    assert reschedule_delay(960.0, 3700.0, 30.0, 3600.0) == 1920.0


# ---- controllers ----
def world_of(choice: Any, **service: Any) -> World:
    services = {"api": {"boot": 0.5, "restart": "always", **service}, "worker": {"boot": 0.5}}
    world = World(stack_of(services), replace(EMPTY, self_healing=choice))
    world.phases(0.5)
    return world


def crash(world: World, t_s: float, name: str = "api-1") -> Container:
    c = world.get(name)
    world.at(t_s).exit(c, 1, "crashed")
    world.until(t_s)
    return c


def told(world: World, *events: str) -> list[tuple[float, str]]:
    return [(r.t_s, r.text) for r in world.cluster.timeline if r.event in (events or ("restart",))]


CHOICES = [
    (KubeletRestarts(), 0.5, "restarted by the kubelet at once"),  # its next listing
    (DockerRestarts(), 0.1, "restarted by Docker after 0.1 s (restart: always)"),
    (Restart(), 15 * 1.125, "restarted by Nomad after 17 s"),  # half of a jitter of a quarter
    (TaskReplacement(delay_s=3.0, who="ECS"), 3.0, "is replaced by ECS after 3 s"),
    (TaskReplacement(delay_s=0.0, who="ECS"), 0.0, "is replaced by ECS at once"),
    (SwarmReplacement(), 5.0, "is replaced by Swarm after 5 s"),
]


@pytest.mark.parametrize(("choice", "wait_s", "text"), CHOICES)
def test_what_has_ended_is_back_or_replaced_after_its_wait(
    choice: Any, wait_s: float, text: str
) -> None:
    world = world_of(choice)
    world.cluster.count.fault_s = 90.0
    c = crash(world, 100.0)
    assert c.restarting is (wait_s > 0.0)
    world.until(150.0)
    assert told(world) == [(100.0 + wait_s, f"api-1 {text}")]
    assert c.alive is not isinstance(choice, TaskReplacement)
    assert c.deleting is isinstance(choice, TaskReplacement)
    assert not c.restarting
    assert world.cluster.count.detected_s == 100.0 + wait_s


@pytest.mark.parametrize(("choice", "wait_s", "text"), CHOICES)
def test_nobody_starts_what_is_to_go_or_whose_server_is_down(
    choice: Any, wait_s: float, text: str
) -> None:
    world = world_of(choice)
    world.until(99.0)
    world.get("api-1").deleting = True
    c = crash(world, 100.0)
    assert not c.restarting
    world.until(150.0)
    assert not told(world)
    if wait_s:
        world = world_of(choice)
        c = crash(world, 100.0)
        c.deleting = True
        world.until(150.0)
        assert not told(world)
        assert not c.restarting
    world = world_of(choice)
    c = world.get("api-1")
    world.at(100.0).server_down(c.server)
    world.until(150.0)
    assert not told(world)


@pytest.mark.parametrize(("choice", "wait_s", "text"), CHOICES)
def test_what_was_started_by_hand_meanwhile_is_left_alone(
    choice: Any, wait_s: float, text: str
) -> None:
    world = world_of(choice)
    c = crash(world, 100.0)
    if wait_s:
        world.cluster.start(c)
        world.until(150.0)
        assert not told(world)
        assert (c.alive, c.deleting) == (True, False)


def test_tasks_wait_for_a_control_plane_that_is_down() -> None:
    world = world_of(SwarmReplacement())
    world.cluster.freeze(["controllers"])
    crash(world, 100.0)
    world.at(120.0).thaw(["controllers"])
    world.until(150.0)
    assert told(world) == [(120.0, "api-1 is replaced by Swarm after 5 s")]


def test_after_a_reboot_tasks_that_ended_with_it_are_replaced_and_no_others() -> None:
    world = world_of(SwarmReplacement())
    c = world.get("api-1")
    other = world.cluster.create("worker", c.server)
    world.at(100.0).server_down(c.server)
    world.at(200.0).server_up(c.server)
    world.cluster.start(other)
    world.until(250.0)
    assert (205.0, "api-1 is replaced by Swarm after 5 s") in told(world)
    assert not other.deleting


def test_a_crash_loop_of_the_kubelet_is_forgotten_with_the_machine() -> None:
    world = world_of(KubeletRestarts())
    for t_s in (100.0, 110.0, 130.0):
        crash(world, t_s)
    assert [t_s for t_s, _ in told(world)] == [100.5, 120.0]
    c = world.get("api-1")
    world.until(150.0)
    text = "api-1 restarted by the kubelet after 20 s of CrashLoopBackOff"
    assert told(world)[-1] == (150.0, text)
    world.at(160.0).server_down(c.server)
    world.at(200.0).server_up(c.server)
    world.until(200.0)
    assert (200.0, "api-1 restarted in place after the server's reboot") in told(world)
    crash(world, 210.0)
    world.until(220.0)
    assert told(world)[-1] == (210.5, "api-1 restarted by the kubelet at once")


def test_a_start_by_hand_makes_dockers_budget_whole_again() -> None:
    world = world_of(DockerRestarts(), restart="on-failure", restart_attempts=1)
    for t_s in (100.0, 200.0):
        c = crash(world, t_s)
    world.until(210.0)
    assert not c.restarting
    world.cluster.start(c)
    crash(world, 220.0)
    world.until(230.0)
    assert [t_s for t_s, _ in told(world)] == [100.1, 220.1]


def test_dockers_waits_grow_and_end_with_a_stop_or_its_daemon() -> None:
    world = world_of(DockerRestarts(start_s=8.0))
    crash(world, 100.0)
    crash(world, 110.0)
    world.until(126.0)
    assert [t_s for t_s, _ in told(world)] == [108.0, 126.0]
    for hindrance in ("manually_stopped", "daemon"):
        world = world_of(DockerRestarts(start_s=8.0))
        c = crash(world, 100.0)
        if hindrance == "daemon":
            c.server.daemon = False
        else:
            c.manually_stopped = True
        world.until(150.0)
        assert not told(world)
        assert not c.restarting


def test_nomads_third_failure_is_rescheduled_and_its_heir_waits_twice_as_long() -> None:
    world = world_of(Restart())
    for t_s in (100.0, 200.0, 300.0):
        c = crash(world, t_s)
    assert len(told(world)) == 2
    assert c.restarting
    assert told(world, "reschedule") == [(300.0, "api-1 failed too often: rescheduled in 30 s")]
    world.until(329.9)
    assert not c.deleting
    world.until(330.0)
    assert c.deleting
    stranger = world.cluster.create("worker", c.server)
    heir, second = (world.cluster.create("api", c.server) for _ in range(2))
    for one in (stranger, heir, second):
        world.cluster.start(one)
    for t_s in (400.0, 500.0, 600.0):
        for one in (stranger, heir, second):
            crash(world, t_s, one.name)
    assert told(world, "reschedule")[1:] == [
        (600.0, f"{stranger.name} failed too often: rescheduled in 30 s"),
        (600.0, f"{heir.name} failed too often: rescheduled in 60 s"),
        (600.0, f"{second.name} failed too often: rescheduled in 30 s"),
    ]


def test_a_nomad_allocation_after_a_reboot_has_failed_once() -> None:
    world = world_of(Restart())
    c = crash(world, 99.0)
    world.at(100.0).server_down(c.server)
    world.at(200.0).server_up(c.server)
    world.until(250.0)
    assert told(world)[0] == (200.0 + 15 * 1.125, "api-1 restarted by Nomad after 17 s")
    crash(world, 300.0)
    assert told(world, "reschedule") == [(300.0, "api-1 failed too often: rescheduled in 30 s")]


@pytest.mark.parametrize("heard", [False, True])
def test_a_managed_database_that_is_silent_serves_from_another_machine_at_once(heard: bool) -> None:
    """It has its disk and needs no boot; one that is heard of before stays."""
    world = World(stack_of({"postgres": {"managed": {"takes": 35.0}, "boot": 9.0}}), EMPTY)
    c = world.get("postgres-1")
    world.cluster.managed["postgres"] = c
    world.cluster.clock.loop(provide(world.cluster))
    world.at(60.0).hang(c)
    if heard:
        world.at(80.0).resume(c)
    world.until(95.0)
    assert (c.state, c.run) == ("running", 1 if heard else 2)
    text = "postgres: another machine serves in its place"
    assert told(world, "promoted") == ([] if heard else [(95.0, text)])
