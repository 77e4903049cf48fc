"""Docker Swarm: swarmkit's constants, its rules as tables, and what it makes of the outages."""

import itertools
from dataclasses import fields

import pytest

from sim.control.scheduling.placement import Load, Resources
from sim.control.scheduling.tasks import SpreadNode, given_up_s, is_faulty, spread_choice
from sim.platforms import load
from sim.platforms.swarm import PLATFORM
from tests.platforms.outage import availability, figures, replay, when


def test_the_record():
    assert PLATFORM.health_checks.start_interval_s == 5.0
    assert PLATFORM.autoscaling is None
    assert [f.name for f in fields(PLATFORM) if getattr(PLATFORM, f.name) is None] == [
        "autoscaling"
    ]
    assert PLATFORM.rolling_updates.order == "stop-first"
    assert PLATFORM.rolling_updates.failure_action == "pause"
    assert PLATFORM.secrets.encrypted_at_rest
    assert load("swarm") is PLATFORM


# ---- rules ----
@pytest.mark.parametrize(
    ("age_s", "period_s", "expected"),
    [(4.5, 4.5, 9.0), (0.0, 5.5, 16.5), (0.0, 5.0, 15.0), (2.5, 5.0, 12.5)],
)
def test_a_silent_server_is_down_after_9_to_16_5_s(age_s, period_s, expected):
    assert given_up_s(0.0, age_s, period_s, 3.0, 0.0) == expected


def server(ident, same=0, tasks=0, faulty=False, cores=1.0):
    used = Resources(4.0 - cores, 0)
    return SpreadNode(Load(ident, Resources(4.0, 8 << 30), used, same), tasks, faulty)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([server(0, 1), server(1, 0, 9)], 1),  # fewest of the service, before fewest of all
        ([server(0, 1, 5), server(1, 1, 4)], 1),
        ([server(0), server(1)], 0),
        ([server(0, faulty=True), server(1, 3, 9)], 1),  # five failures in five minutes: last
        ([server(0, faulty=True)], 0),  # ... but better than nowhere
        ([server(0, cores=0.1), server(1, 3, 9)], 1),  # reservations filter
        ([server(0, cores=0.1)], None),
    ],
)
def test_placement(servers, expected):
    assert spread_choice(servers, Resources(0.25, 0)) == expected


@pytest.mark.parametrize(
    ("failures_s", "expected"),
    [([], False), ([1, 2, 3, 4], False), ([1, 2, 3, 4, 5], True), ([-400, 2, 3, 4, 5], False)],
)
def test_faulty(failures_s, expected):
    assert is_faulty(failures_s, 10.0, 300.0, 5) is expected


# ---- outages ----
def test_a_killed_task_is_replaced_after_5_s_even_after_docker_kill():
    run = replay("swarm", {"operator_kill": {"service": "http"}})
    assert when(run, "restart") == [pytest.approx(5.0)]
    assert availability(run) > 0.99


def test_a_task_that_crashes_for_ever_is_replaced_without_back_off():
    broken = {"crashes_at_start": True, "boot": "1s"}
    run = replay("swarm", {"deploy": {"service": "http", "version": broken, "rollback": False}})
    replaced = when(run, "restart")
    assert len(replaced) > 20
    gaps = [b - a for a, b in itertools.pairwise(replaced)]
    assert max(gaps) < 20.0  # 5 s, a start and a boot; never minutes
    assert when(run, "rollout", "paused"), "the first failure pauses the update"
    assert availability(run) > 0.98  # two of three old ones serve on


def test_a_failed_update_can_roll_back_by_itself():
    broken = {"crashes_at_start": True, "boot": "1s"}
    run = replay(
        "swarm",
        {"deploy": {"service": "http", "version": broken, "rollback": False}},
        settings={"swarm.rolling_updates.failure_action": "rollback"},
    )
    assert len(when(run, "rollback")) == 1
    assert len(when(run, "restart")) <= 2
    assert when(run, "rollout", "complete")


def test_an_update_stops_first_one_at_a_time():
    run = replay("swarm", {"deploy": {"service": "http", "version": {"name": "v2"}}})
    stops, begins = when(run, "exit"), when(run, "placed")
    assert len(stops) == len(begins) == 3
    assert all(a <= b for a, b in zip(stops, begins, strict=True))
    assert all(b <= a for a, b in zip(stops[1:], begins, strict=False))
    assert run.series["replicas"].min() == 2
    first = min(stops)
    assert first >= 2.0  # it leaves the mesh two seconds before SIGTERM
    assert availability(run) > 0.999


def test_a_limit_alone_reserves_nothing():
    """`deploy.resources.limits` of 5 GiB on machines of 8: two tasks a server all the same."""
    limit = {"stack.services.http.memory.limit": "5Gi", "stack.services.http.replicas": 6}
    alone = {**limit, "stack.services.http.memory.request": None}
    assert not when(replay("swarm", None, horizon_s=60.0, settings=alone), "unschedulable")
    reserved = {**limit, "stack.services.http.memory.request": "5Gi"}
    assert when(replay("swarm", None, horizon_s=60.0, settings=reserved), "unschedulable")


def test_a_lost_server_is_noticed_in_9_to_17_s_and_its_tasks_move():
    for seed in (1, 2, 3):
        run = replay("swarm", {"server_crash": {"hosting": "http", "returns": False}}, seed=seed)
        (down,) = when(run, "not_ready")
        assert 9.0 <= down <= 16.5
        (moved,) = when(run, "eviction")
        assert moved == pytest.approx(down + 5.0)


def test_nothing_rebalances_when_a_server_returns():
    crash = {"server_crash": {"hosting": "http"}}
    run = replay("swarm", crash, settings={"stack.servers.machine.reboot": "60s"})
    back = when(run, "server_up")[0]
    assert not [t for t in when(run, "placed") if t > back + 1.0]


def test_a_hung_task_is_shut_down_and_replaced():
    run = replay("swarm", {"hang": {"service": "http"}})
    (unhealthy,) = when(run, "liveness")
    assert 20.0 <= unhealthy <= 40.0  # three checks of 10 + 3 s
    assert when(run, "restart")


@pytest.mark.slow
def test_black_friday_without_an_autoscaler_waits_for_a_person():
    """Claim A1: Swarm has no HPA; whoever is paged scales it, and users bear it until then."""
    found = figures("black_friday:do_nothing", "swarm")
    assert found["availability"] < 0.95
    assert found["operator"]["minutes"] > 1.0
