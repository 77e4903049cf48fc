"""Nomad: its constants, its rules as tables, and what it makes of the outages."""

import math

import pytest

from sim.control.scheduling.placement import Load, Resources
from sim.control.scheduling.tasks import binpack_choice, binpack_score, given_up_s
from sim.platforms import load
from sim.platforms.nomad import PLATFORM
from tests.platforms.outage import FAULT_S, availability, figures, replay, when

GIB = 1 << 30


def test_the_record():
    assert load("nomad") is PLATFORM
    assert not PLATFORM.rolling_updates.auto_revert


# ---- rules ----
@pytest.mark.parametrize(
    ("age_s", "ttl_s", "expected"), [(10.0, 10.0, 10.0), (0.0, 20.0, 30.0), (7.5, 15.0, 17.5)]
)
def test_a_silent_client_is_down_after_10_to_30_s(age_s, ttl_s, expected):
    assert given_up_s(0.0, age_s, ttl_s, 1.0, 10.0) == expected


def client(ident, used, same=0):
    capacity = Resources(4.0, 8 * GIB)
    return Load(ident, capacity, Resources(4.0 * used, int(8 * GIB * used)), same)


@pytest.mark.parametrize(
    ("used", "expected"), [(0.0, 0.0), (1.0, 18.0), (0.5, 20 - 2 * math.sqrt(10.0))]
)
def test_binpack_score(used, expected):
    assert binpack_score(client(0, used), Resources(0.0, 0)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ([client(0, 0.1), client(1, 0.5)], 1),  # the fuller one
        ([client(0, 0.1), client(1, 0.2, same=1)], 0),  # but not beside its like
        ([client(0, 0.99), client(1, 0.0)], 1),  # full
        ([client(0, 0.99)], None),
        ([client(0, 0.3), client(1, 0.3)], 0),
    ],
)
def test_placement(clients, expected):
    assert binpack_choice(clients, Resources(0.25, GIB), 3) == expected


# ---- outages ----
def test_a_crash_waits_15_s_and_jitter():
    run = replay("nomad", {"process_crash": {"service": "http"}})
    (again,) = when(run, "restart")
    assert 15.0 <= again <= 18.75


def test_the_third_failure_is_rescheduled():
    broken = {"crashes_at_start": True, "boot": "1s"}
    run = replay(
        "nomad", {"deploy": {"service": "http", "version": broken, "rollback": False}},
        horizon_s=700.0,
    )  # fmt: skip
    assert len(when(run, "reschedule", "in 30 s")) == 1
    assert len(when(run, "reschedule", "in 60 s")) == 1, "the delay follows the allocation"
    assert len(when(run, "restart")) >= 4
    assert availability(run) > 0.97  # two of three old ones serve on
    assert not when(run, "rollback")


def test_a_deployment_fails_after_ten_minutes_and_reverts_only_if_told():
    broken = {"crashes_at_start": True, "boot": "1s"}
    event = {"deploy": {"service": "http", "version": broken, "rollback": False}}
    for revert in (False, True):
        settings = {"nomad.rolling_updates.auto_revert": revert}
        run = replay("nomad", event, horizon_s=900.0, rate=2.0, settings=settings)
        (failed,) = when(run, "rollout", "failed")
        assert failed == pytest.approx(600.0, abs=2.0)
        assert len(when(run, "rollback")) == revert


def test_updates_are_one_at_a_time_and_wait_for_ten_healthy_seconds():
    run = replay("nomad", {"deploy": {"service": "http", "version": {"name": "v2"}}})
    begins = when(run, "placed")
    assert len(begins) == 3
    assert all(b - a >= 10.0 for a, b in zip(begins, begins[1:], strict=False))  # noqa: RUF007
    assert run.series["replicas"].min() == 2
    assert when(run, "rollout", "complete")


def test_a_lost_client_is_noticed_in_10_to_30_s_and_replaced_at_once():
    for seed in (1, 2, 3):
        run = replay("nomad", {"server_crash": {"hosting": "http", "returns": False}}, seed=seed)
        (down,) = when(run, "not_ready")
        assert 10.0 <= down <= 30.0
        assert when(run, "eviction") == [down]
        (said,) = [row.text for row in run.timeline if row.event == "not_ready"]
        assert said.endswith(f"is declared lost, {down:.0f} s after it fell silent")


def test_a_hung_allocation_loses_its_traffic_but_is_not_restarted():
    run = replay("nomad", {"hang": {"service": "http"}}, horizon_s=FAULT_S + 60.0)
    assert when(run, "readiness")
    assert not when(run, "restart")
    settings = {"nomad.health_checks.restart_limit": 3}
    run = replay("nomad", {"hang": {"service": "http"}}, settings=settings)
    assert when(run, "restart")


@pytest.mark.slow
def test_black_friday_ends_at_three_servers_until_somebody_rents_more():
    """Five hours of three servers are fifteen."""
    found = figures("black_friday:do_nothing", "nomad")
    assert 0.0 < found["availability"] < 0.98
    assert found["cost"]["server_hours"] > 15.0
    assert found["operator"]["minutes"] > 1.0
