"""Probes: the counting rules as tables, then lives of containers against a fake data plane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.control.health_checks.probes import (
    GRACE,
    HealthChecks,
    ProbeKind,
    Prober,
    Streak,
    asks,
    counted,
    first_tick,
)
from sim.dataplane.codes import Note
from sim.dataplane.plane import RoundsSoFar
from tests.control.world import MANAGED, World, stack_of

LIVE = {"liveness": {}, "readiness": {}}


# ---- rules ----
@pytest.mark.parametrize(
    ("results", "success", "failure", "published"),
    [
        ("F", 1, 3, [None]),
        ("FF", 1, 3, [None, None]),
        ("FFF", 1, 3, [None, None, False]),
        ("FFSFF", 1, 3, [None, None, True, None, None]),  # one success starts anew
        ("FFFF", 1, 3, [None, None, False, False]),
        ("S", 1, 3, [True]),
        ("SS", 3, 1, [None, None]),
        ("SSS", 3, 1, [None, None, True]),
        ("SSFSSS", 3, 1, [None, None, False, None, None, True]),
    ],
)
def test_a_result_is_published_after_so_many_in_a_row(results, success, failure, published):
    """worker_test.go TestFailureThreshold, TestSuccessThreshold."""
    tally, seen = Streak(), []
    for one in results:
        tally, told = counted(tally, one == "S", success, failure)
        seen.append(told)
    assert seen == published


@pytest.mark.parametrize(
    ("kind", "started", "deleting", "age", "delay", "sends"),
    [
        (ProbeKind.STARTUP, False, False, 0.0, 0.0, True),
        (ProbeKind.STARTUP, True, False, 99.0, 0.0, False),  # it has passed
        (ProbeKind.READINESS, False, False, 99.0, 0.0, False),  # waits for startup
        (ProbeKind.READINESS, True, False, 0.0, 0.0, True),
        (ProbeKind.LIVENESS, True, False, 9.99, 10.0, False),
        (ProbeKind.LIVENESS, True, False, 10.0, 10.0, True),
        (ProbeKind.LIVENESS, True, False, 10.4, 10.5, False),  # whole seconds count
        (ProbeKind.LIVENESS, True, False, 10.7, 10.5, False),
        (ProbeKind.LIVENESS, True, False, 11.0, 10.5, True),
        (ProbeKind.LIVENESS, True, True, 99.0, 0.0, False),  # deletion ends it
        (ProbeKind.STARTUP, False, True, 99.0, 0.0, False),
        (ProbeKind.READINESS, True, True, 99.0, 0.0, True),  # but not readiness
    ],
)
def test_which_ticks_send_a_probe(kind, started, deleting, age, delay, sends):
    assert asks(kind, started, deleting, age, delay) is sends


def test_only_a_young_kubelet_waits_before_its_first_probe():
    assert first_tick(100.0, 0.0, 10.0, 0.7) == 100.0
    assert first_tick(100.0, 95.0, 10.0, 0.7) == 107.0
    assert first_tick(100.0, 90.0, 10.0, 0.7) == 100.0
    assert first_tick(100.0, 90.5, 10.0, 0.0) == 100.0


# ---- lives ----
def test_a_hung_process_leaves_traffic_and_is_killed_within_20_to_31_seconds():
    """Shared facts, section 8: 20-30 s, up to 1 s of timeout each, then the whole grace period."""
    for offset in (0.0, 3.7, 9.1):
        world = World(stack_of({"api": {"replicas": 3, "probes": LIVE}}))
        began = 60.0 + offset
        world.at(began).hang(world.get("api-1"))
        world.until(began + 90.0)
        killed = world.when("liveness", "api-1")
        assert 20.0 <= killed - began <= 31.0
        assert 20.0 <= world.when("readiness", "api-1") - began <= 31.0
        gone = world.when("exit", "api-1")
        assert gone - killed == pytest.approx(GRACE.value)
        assert "137" in next(r.text for r in world.cluster.timeline if r.event == "exit")
        again = world.when("restart", "api-1")
        assert 0.0 <= again - gone <= 1.0
        world.until(began + 120.0)
        assert world.get("api-1").ready


def test_grace_is_a_field_and_the_stack_goes_before_it():
    for stop, grace in (({}, 7.0), ({"grace": 3.0}, 3.0)):
        checks = replace(MANAGED, health_checks=HealthChecks(grace_s=7.0))
        stack = stack_of({"api": {"probes": {"liveness": {}}, "stop": stop}})
        world = World(stack, checks)
        world.at(20.0).hang(world.get("api-1"))
        world.until(90.0)
        lasted = world.when("exit", "api-1") - world.when("liveness", "api-1")
        assert lasted == pytest.approx(grace)


def test_a_timeout_really_waits_and_a_refusal_does_not():
    stack = stack_of({"api": {"probes": {"readiness": {"timeout": 4.0, "failure": 1}}}})
    for silent in (True, False):
        world = World(stack)
        world.until(50.0)
        first = world.plane.probed[-1][0]
        (world.plane.silent if silent else world.plane.refusing).add(0)
        world.until(70.0)
        lost = world.when("readiness", "api-1")
        assert lost - first == pytest.approx(14.0 if silent else 10.0)


def test_an_answer_in_time_counts_as_success_again():
    world = World(stack_of({"api": {"probes": {"readiness": {}}}}))
    world.at(30.0)
    world.plane.silent.add(0)
    world.until(70.0)
    assert not world.get("api-1").ready
    world.plane.silent.discard(0)
    world.until(80.1)
    assert world.get("api-1").ready  # one success is enough


def test_a_started_process_is_asked_at_once_and_its_period_counts_from_there():
    """prober_manager.go UpdatePodStatus: a manual run, by which the ticker is reset."""
    world = World(stack_of({"api": {"probes": {"readiness": {"period": 10.0}}, "boot": 3.0}}))
    c = world.get("api-1")
    world.until(40.0)
    world.cluster.exit(c, 1, "crashed")
    assert not c.ready
    world.until(60.0)
    asked = [t - c.started_s for t, _, _ in world.plane.probed if t > 40.0]
    assert asked == pytest.approx([0.0, 10.0])  # too early, then on the new grid
    assert c.ready_since_s == pytest.approx(c.started_s + 10.0)


def test_a_passed_startup_probe_asks_for_readiness_at_once():
    """Not a tick of its own later: 120 starts of the old rule took 2.98 s on average."""
    probes = {"startup": {"period": 2.0, "failure": 30}, "readiness": {"period": 60.0}}
    for boot in (0.5, 3.0, 7.7):
        world = World(stack_of({"api": {"probes": probes, "boot": boot}}))
        c = world.get("api-1")
        world.at(20.0).exit(c, 1, "crashed")
        world.until(40.0)
        assert c.ready_since_s is not None
        assert boot <= c.ready_since_s - c.started_s <= boot + 2.0  # a startup tick, no more
        assert [t for t, _, _ in world.plane.probed][-2:] == [c.ready_since_s] * 2


def test_readiness_that_has_failed_is_asked_again_at_once():
    world = World(stack_of({"api": {"probes": {"readiness": {"failure": 3}}}}))
    world.at(30.0)
    world.plane.refusing.add(0)
    world.until(60.0)
    lost = world.when("readiness", "api-1")
    assert [t for t, _, _ in world.plane.probed].count(lost) == 2
    world.plane.refusing.discard(0)
    world.until(80.0)
    assert world.get("api-1").ready_since_s == pytest.approx(lost + 10.0)


def test_the_initial_delay_holds_for_what_is_asked_at_once():
    probes = {"readiness": {"period": 5.0, "initial_delay": 12.0}}
    world = World(stack_of({"api": {"probes": probes, "boot": 1.0}}))
    c = world.get("api-1")
    world.at(20.0).exit(c, 1, "crashed")
    world.until(60.0)
    assert c.ready_since_s == pytest.approx(c.started_s + 15.0)


def test_startup_holds_the_others_back_and_kills_when_it_fails():
    slow = {"startup": {"period": 2.0, "failure": 5}, **LIVE}
    world = World(stack_of({"api": {"probes": slow, "boot": 6.0}}))
    c = world.get("api-1")
    world.at(10.0).exit(c, 1, "crashed")
    world.until(40.0)
    asked = [t for t, _, _ in world.plane.probed if t > 10.0]
    assert asked[1] - asked[0] == pytest.approx(2.0)  # only startup probes at first
    assert c.ready
    world = World(stack_of({"api": {"probes": slow, "boot": 60.0}}))
    world.at(10.0).exit(world.get("api-1"), 1, "crashed")
    world.until(40.0)
    assert 8.0 <= world.when("startup") - 10.0 <= 11.1  # five failures, 2 s apart


def test_without_a_readiness_probe_a_started_process_is_ready():
    """Kubelet: no probe means success; it says nothing about listening."""
    world = World(stack_of({"api": {"boot": 30.0}}))
    c = world.get("api-1")
    world.at(10.0).exit(c, 1, "crashed")
    world.until(12.0)
    assert c.state == "starting"
    assert c.ready


def test_during_deletion_liveness_stops_and_readiness_goes_on():
    stack = stack_of(
        {"api": {"replicas": 2, "probes": {**LIVE}, "stop": {"drains": False, "ignores": True}}}
    )
    world = World(stack)
    world.until(50.0)
    c = world.get("api-1")
    world.cluster.retire(c)
    world.plane.refusing.add(c.id)
    world.until(79.0)
    assert not any(r.event == "liveness" for r in world.cluster.timeline)
    assert not c.ready  # three failed readiness probes
    world.until(81.0)
    assert c not in world.cluster.containers


def test_a_dead_server_asks_nothing():
    world = World(stack_of({"api": {"probes": LIVE}}))
    world.at(30.0).server_down(world.cluster.servers[0])
    before = len(world.plane.probed)
    world.until(300.0)
    assert len(world.plane.probed) == before


def test_a_deep_probe_is_sent_as_one():
    world = World(stack_of({"api": {"probes": {"liveness": {"deep": True}}}}))
    world.until(15.0)
    assert [deep for _, _, deep in world.plane.probed] == [True] * len(world.plane.probed)


def test_failures_of_the_process_before_do_not_count_against_the_new_one():
    world = World(stack_of({"api": {"probes": {"liveness": {"period": 10.0}}}}))
    world.until(60.0)
    c = world.get("api-1")
    world.plane.refusing.add(c.id)
    failed = 0
    while failed < 2:  # of the three that would kill it
        before = len(world.plane.probed)
        world.until(world.plane.now + 1.0)
        failed += len(world.plane.probed) - before
    world.cluster.exit(c, 1, "crashed")
    world.until(world.plane.now + 25.0)  # its first probes: two more failures
    began = c.started_s
    assert began > 60.0
    assert not any(row.event == "liveness" for row in world.cluster.timeline)
    world.until(began + 40.0)
    assert world.when("liveness", "api-1") - began >= 20.0


def test_a_process_that_hangs_again_is_killed_again():
    world = World(stack_of({"api": {"probes": LIVE, "stop": {"grace": 5.0}}}))
    c = world.get("api-1")
    world.at(60.0).hang(c)
    world.until(120.0)
    first = world.when("liveness", "api-1")
    assert c.ready
    world.cluster.hang(c)
    world.until(180.0)
    assert 140.0 <= world.when("liveness", "api-1", after=first + 10.0) <= 151.0


def test_after_a_reboot_a_container_is_asked_once_a_period():
    world = World(stack_of({"api": {"probes": {"liveness": {"period": 10.0}}}}))
    c = world.get("api-1")
    world.at(30.0).server_down(c.server)
    world.at(60.0).server_up(c.server)
    world.until(100.0)
    assert c.alive
    world.until(200.0)
    asked = [t for t, container, _ in world.plane.probed if container == c.id and t >= 100.0]
    assert 10 <= len(asked) <= 11


def test_an_answer_after_its_time_out_reaches_nobody():
    probe = {"period": 10.0, "timeout": 2.0, "failure": 1}
    world = World(stack_of({"api": {"probes": {"readiness": probe}}}))
    world.until(50.0)
    c = world.get("api-1")
    world.plane.silent.add(c.id)
    world.until(70.0)
    assert not c.ready
    asked, number = world.plane.probed[-1][0], world.plane.probes - 1
    world.until(asked + 3.0)
    world.plane.tell(Note.PROBE_OK, number)
    world.until(asked + 4.0)
    assert not c.ready
    world.until(asked + 9.9)
    assert world.plane.probes == number + 1  # nor is it asked the sooner


def test_pre_stop_runs_before_a_liveness_kill_too():
    """container/kuberuntime killContainer: preStop, then SIGTERM, whatever the reason."""
    stop = {"pre_stop": 5.0, "grace": 30.0}
    world = World(stack_of({"api": {"probes": {"liveness": {}}, "stop": stop}}))
    world.until(60.0)
    world.plane.refusing.add(world.get("api-1").id)  # it fails its probes and obeys SIGTERM
    world.until(120.0)
    lasted = world.when("exit", "api-1") - world.when("liveness", "api-1")
    assert lasted == pytest.approx(5.0)


# ---- asked by the data plane ----
@pytest.mark.parametrize("answers", [True, False])
def test_a_question_that_the_data_plane_has_open_is_over_at_its_own_time(answers):
    """Asked at 47 s of a process that hangs, taken back at 48 s, over at 47 + 4 s."""
    probe = {"period": 10.0, "timeout": 4.0, "failure": 1}
    world = World(
        stack_of({"api": {"probes": {"readiness": probe}}}), replace(MANAGED, health_checks=None)
    )
    prober, c = Prober(world.cluster, 30.0), world.get("api-1")
    world.phases(0.25)
    prober.adopt(c)
    world.until(45.0)
    worker = prober.of[c.id].readiness
    worker.timer.cancel()
    world.plane.silent.add(c.id)
    world.until(47.0)
    question = world.plane.probe(c.id)
    world.until(48.0)
    worker.recalled(RoundsSoFar(5, 52.5, 47.0, question))
    if answers:
        world.plane.tell(Note.PROBE_OK, question)
    world.until(50.9)
    assert c.ready
    world.until(51.1)
    assert c.ready is answers


def test_a_worker_whose_questions_come_back_asks_when_they_were_due():
    probe = {"period": 10.0}
    world = World(
        stack_of({"api": {"probes": {"readiness": probe}}}), replace(MANAGED, health_checks=None)
    )
    prober, c = Prober(world.cluster, 30.0), world.get("api-1")
    world.phases(0.25)
    prober.adopt(c)
    world.until(45.0)
    assert [t_s for t_s, _, _ in world.plane.probed] == [2.5, 12.5, 22.5, 32.5, 42.5]
    worker = prober.of[c.id].readiness
    worker.timer.cancel()
    worker.recalled(RoundsSoFar(6, 62.5, -1.0, -1))
    world.until(80.0)
    assert [t_s for t_s, _, _ in world.plane.probed if t_s > 45.0] == [62.5, 72.5]


def test_a_slow_answer_leaves_the_next_question_where_its_grid_has_it():
    """Asked at 42.5 s, answered at 52 s: the data plane is to ask at 52.5 s."""
    probe = {"period": 10.0, "timeout": 9.8}
    world = World(
        stack_of({"api": {"probes": {"readiness": probe}}}), replace(MANAGED, health_checks=None)
    )
    prober, c = Prober(world.cluster, 30.0), world.get("api-1")
    world.phases(0.25)
    prober.adopt(c)
    left = []
    world.plane.stand = lambda check: bool(left.append(check))
    world.until(40.0)
    world.plane.silent.add(c.id)
    world.until(52.0)
    world.plane.tell(Note.PROBE_OK, world.plane.probes - 1)
    world.until(52.1)
    assert [check.due_s for check in left[-2:]] == [42.5, 52.5]
