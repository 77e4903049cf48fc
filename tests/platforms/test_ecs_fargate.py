"""ECS on Fargate: its constants, its rules as tables, and what it makes of the outages."""

import pytest

from sim.control.scheduling.microvms import FARGATE_SIZES, GIB, Price, bucket, task_size
from sim.control.scheduling.placement import Resources
from sim.control.service_discovery.endpoints import Endpoint, chosen
from sim.dataplane.codes import Outcome
from sim.dataplane.tables import FIRST_CAUSE
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import layers, load
from sim.platforms.ecs_fargate import PLATFORM
from sim.schema.layers import stack_on
from tests.platforms.outage import FAULT_S, availability, figures, replay, when


def test_the_record():
    assert load("ecs_fargate") is PLATFORM
    assert not PLATFORM.rolling_updates.breaker


# ---- rules ----
def test_with_no_healthy_target_the_balancer_fails_open():
    sick = [Endpoint(1, False, False), Endpoint(2, False, False), Endpoint(3, False, True)]
    assert chosen(sick, fail_open=True) == (1, 2)
    assert chosen(sick) == ()
    well = [*sick, Endpoint(4, True, False)]
    assert chosen(well, fail_open=True) == (4,)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((0.2, 0.3), (0.25, 0.5)),
        ((0.25, 3.0), (0.5, 3.0)),  # a quarter core offers 2 GiB at most
        ((1.0, 1.0), (1.0, 2.0)),  # a core begins at 2 GiB
        ((3.0, 4.0), (4.0, 8.0)),
        ((9.0, 99.0), (4.0, 30.0)),
    ],
)
def test_task_sizes(wanted, expected):
    size = task_size(Resources(wanted[0], int(wanted[1] * GIB)), FARGATE_SIZES)
    assert (size.cores, size.memory / GIB) == expected


def test_a_task_may_have_a_smaller_limit_than_its_machine():
    """`run noisy_neighbour:limits --platform ecs_fargate` was refused: the platform asked for more
    than the scenario's limit."""
    stack = stack_on(
        load_stack("sspp"), layers("ecs_fargate"), load_scenario("noisy_neighbour:limits")
    )
    worker = stack.services["worker"]
    assert worker.memory.limit == GIB // 4
    assert PLATFORM.scheduling.size(worker) == Resources(1.0, 2 * GIB)


def test_price():
    assert Price(0.04048, 0.004445).of(Resources(1.0, 2 * GIB)) == pytest.approx(0.04937)


@pytest.mark.parametrize(
    ("tokens", "since_s", "expected"), [(0.0, 1.0, 20.0), (90.0, 5.0, 100.0), (3.0, 0.0, 3.0)]
)
def test_launch_rate(tokens, since_s, expected):
    assert bucket(tokens, since_s, 20.0, 100.0) == expected


# ---- outages ----
def test_a_crashed_task_is_replaced_by_a_new_machine_in_half_a_minute_or_more():
    run = replay("ecs_fargate", {"operator_kill": {"service": "http"}})
    assert when(run, "restart") == [0.0]
    back = run.series["replicas"]
    lacking = back[int(FAULT_S) + 1 :] < 3
    assert 23.0 < lacking.sum() < 120.0  # provisioning, the whole image, the boot
    assert availability(run) > 0.99


def test_a_hung_task_is_stopped_after_two_checks_and_replaced():
    run = replay("ecs_fargate", {"hang": {"service": "http"}})
    (stopped,) = when(run, "liveness")
    assert 30.0 <= stopped <= 70.0
    assert when(run, "restart")


def test_a_bad_deployment_is_tried_for_ever_unless_the_breaker_is_on():
    broken = {"crashes_at_start": True, "boot": "1s"}
    event = {"deploy": {"service": "http", "version": broken, "rollback": False}}
    run = replay("ecs_fargate", event, horizon_s=500.0)
    assert len(when(run, "restart")) > 10
    assert availability(run) == 1.0  # 100 % of the old ones serve on
    on = {
        "ecs_fargate.rolling_updates.breaker": True,
        "ecs_fargate.rolling_updates.rollback": True,
    }
    run = replay("ecs_fargate", event, settings=on, horizon_s=500.0)
    assert len(when(run, "rollback")) == 1
    assert len(when(run, "restart")) <= 6


def test_who_deploys_sees_that_tasks_of_the_new_version_are_replaced_again_and_again():
    broken = {"crashes_at_start": True, "boot": "1s"}
    run = replay("ecs_fargate", {"deploy": {"service": "http", "version": broken}})
    assert when(run, "rollback")


GOOD = {"deploy": {"service": "http", "version": {"name": "v2"}}}


def test_a_default_deploy_waits_five_minutes_for_the_targets_that_drain():
    """The guide's tuning of 5 s makes it that much shorter; users notice nothing of either."""
    tuned = {"ecs_fargate.service_discovery.deregistration_s": 5.0}
    slow = replay("ecs_fargate", GOOD, horizon_s=700.0)
    quick = replay("ecs_fargate", GOOD, horizon_s=700.0, settings=tuned)
    (late,), (soon,) = (when(run, "rollout", "is complete") for run in (slow, quick))
    assert late - soon == pytest.approx(295.0)
    assert 300.0 < late < 420.0
    assert availability(slow) == availability(quick) == 1.0


def test_so_does_a_rollback():
    bad = {"deploy": {"service": "http", "version": {"name": "v2", "error_rate": 0.5}}}
    run = replay("ecs_fargate", bad, horizon_s=1500.0)
    (typed,) = when(run, "rollback")
    complete = [t_s for t_s in when(run, "rollout", "v1 is complete") if t_s > typed]
    assert 300.0 < complete[0] - typed < 420.0


def long_requests(deregistration_s: float) -> list[int]:
    """How many requests of a minute each a deploy cuts off, and how many are served."""
    settings = {
        "ecs_fargate.service_discovery.deregistration_s": deregistration_s,
        "ecs_fargate.autoscaling": None,
        "stack.services.http.cpu.demand": "6s",
        "stack.services.http.cpu.request": 0.1,
        "stack.services.http.cpu.limit": 0.1,  # a minute on a tenth of a core
        "stack.services.http.database": None,
        "stack.services.http.push.share": 0.0,
    }
    run = replay("ecs_fargate", GOOD, rate=0.05, horizon_s=900.0, settings=settings, timeout_s=600)
    totals = run.recording.requests.sum(axis=0)
    return [int(totals[FIRST_CAUSE + Outcome.DROPPED_ON_KILL - Outcome.REFUSED]), int(totals[1])]


def test_requests_longer_than_the_deregistration_delay_and_the_stop_timeout_are_cut_off():
    assert long_requests(300.0)[0] == 0
    assert long_requests(5.0)[0] > 0


def test_scaling_out_takes_minutes():
    settings = {"stack.services.http.cpu.demand": {"exponential": "150ms"}}
    run = replay("ecs_fargate", None, rate=18.0, horizon_s=900.0, settings=settings)
    first = min(r.t_s for r in run.timeline if r.event == "autoscaling")
    assert 3 * 60.0 + 120.0 <= first <= 3 * 60.0 + 120.0 + 60.0


def test_a_lost_machine_is_one_lost_task():
    run = replay("ecs_fargate", {"server_crash": {"hosting": "http"}})
    assert when(run, "not_ready") == [60.0]
    assert when(run, "placed")
    assert availability(run) > 0.9


@pytest.mark.slow
def test_black_friday_outruns_minutes_of_metric_lag():
    found = figures("black_friday:do_nothing", "ecs_fargate")
    assert 300.0 < found["downtime_s"] < 3600.0
