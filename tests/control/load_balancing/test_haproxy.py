"""HAProxy's counting and routing, and addresses that people wrote down."""

from __future__ import annotations

import pytest

from sim.control.load_balancing.haproxy import (
    FALL,
    RISE,
    HAProxy,
    LineHealth,
    checked,
    in_use,
)
from sim.dataplane.codes import Algorithm, Outcome
from sim.dataplane.tables import FIRST_CAUSE
from sim.platforms import load
from tests.control.outage import replay, rows, when

FIVE = {  # five replicas on five servers: the operator's HAProxy is there from the start
    "stack.servers.count": 5,
    "stack.services.api.replicas": 5,
}


@pytest.mark.parametrize(
    ("checks", "states"),
    [
        ("---", "UUD"),  # fall 3
        ("--+--", "UUUUU"),  # only failures in a row count
        ("---++", "UUDDU"),  # rise 2
        ("---+-+", "UUDDDD"),
    ],
)
def test_checked(checks: str, states: str) -> None:
    health, seen = LineHealth(), ""
    for check in checks:
        health = checked(health, check == "+", FALL.value, RISE.value)
        seen += "U" if health.up else "D"
    assert seen == states


@pytest.mark.parametrize(
    ("up", "least", "used"),
    [
        ("UUU", 0, (0, 1, 2)),
        ("UDU", 0, (0, 2)),
        ("DDD", 0, ()),  # HAProxy: 503
        ("DDD", 1, (0, 1, 2)),  # an Application Load Balancer fails open
        ("DUD", 1, (1,)),
        ("DUD", 2, (0, 1, 2)),  # minimum healthy target count 2
        ("", 1, ()),
    ],
)
def test_who_is_in_use(up: str, least: int, used: tuple[int, ...]) -> None:
    assert in_use([state == "U" for state in up], least) == used


@pytest.mark.parametrize(("least_up", "served"), [(0, False), (1, True)])
def test_too_slow_for_every_check_is_not_dead(least_up: int, served: bool) -> None:
    """Checks that ask more than users do: all lines DOWN, and users could have been served."""
    balancer = {"mechanism": "ha_proxy", "check_timeout_s": 0.0005, "least_up": least_up}
    slow = {"stack.services.api.cpu.demand": "50ms", "compose.load_balancing": balancer}
    run = replay({"at": 300, "hang": {"service": "worker", "lasts": 1}},
                 settings={**FIVE, **slow}, rate=4.0, horizon_s=400.0)  # fmt: skip
    arrived, succeeded = run.recording.requests[60:360, :2].sum(axis=0)
    assert bool(succeeded == arrived) is served, (succeeded, arrived)


def test_a_file_written_by_hand_is_no_discovery() -> None:
    assert not HAProxy().conflicts(load("compose"))
    assert "service_discovery" in HAProxy().conflicts(load("kubernetes"))


def test_its_routing() -> None:
    routing = HAProxy().routing()
    assert (routing.retries, routing.retry_pause_s, routing.connect_timeout_s) == (3, 1.0, 5.0)
    assert routing.algorithm == Algorithm.ROUND_ROBIN
    assert routing.proxy
    assert not routing.redispatch
    assert HAProxy(redispatch=True).routing().redispatch


def test_a_dead_backend_is_down_after_four_to_six_seconds() -> None:
    """(fall - 1) x inter + U(0, inter): shared facts, dataplane section 3, measured."""
    seen = set()
    for seed in range(1, 6):
        run = replay(
            {"at": 300, "operator_kill": {"service": "http"}},
            settings=FIVE, seed=seed, horizon_s=400.0,
        )  # fmt: skip
        (down,) = when(run, "balancer")
        assert 304.0 <= down <= 306.0
        seen.add(down)
    assert len(seen) > 1, "the phase is drawn"


def test_a_hung_backend_costs_each_check_its_timeout() -> None:
    """[(2 fall - 1) x inter, 2 fall x inter] = 10-12 s; a TCP check would never see it."""
    run = replay({"at": 300, "hang": {"service": "http"}}, settings=FIVE, horizon_s=400.0)
    (down,) = when(run, "balancer")
    assert 310.0 <= down <= 312.0


def test_one_that_is_cut_off_is_as_silent_to_it_as_one_that_hangs() -> None:
    """A check each 2 s, which waits 2 s: the third fails 10 to 12 s after the cut, and the second
    that passes is 2 to 6 s after its end."""
    cut = {"at": 100, "partition": {"side": ["server-3"], "lasts": "60s"}}
    run = replay(cut, settings=FIVE, horizon_s=300.0)
    (down, up), (first, then) = rows(run, "balancer"), when(run, "balancer")
    assert "DOWN" in down.text
    assert "UP" in up.text
    assert 10.0 <= first - 100.0 <= 12.0
    assert 2.0 <= then - 160.0 <= 6.0


def test_up_again_two_to_four_seconds_after_it_listens() -> None:
    run = replay({"at": 300, "hang": {"service": "http", "lasts": 60}}, settings=FIVE,
                 horizon_s=500.0)  # fmt: skip
    _, up = rows(run, "balancer")
    assert up.text.endswith("UP")
    assert 362.0 <= up.t_s <= 364.0


def test_five_replicas_on_five_servers_lose_a_fifth_for_some_seconds() -> None:
    kill = {"at": 300, "operator_kill": {"service": "http"}}
    run = replay(kill, settings=FIVE, rate=20.0, horizon_s=400.0)
    failed = run.gauge.failed
    assert 5 <= failed <= 40  # 20/s x a fifth x 4-6 s, those of the last 3 s retried in vain


def test_users_know_one_published_address() -> None:
    """The recreated container has the same address: nobody has to be told."""
    run = replay({"at": 300, "deploy": {"service": "http"}}, horizon_s=600.0)
    late = run.recording.requests[400:]
    assert late[:, 1].sum() == late[:, 0].sum() > 0


def test_a_user_chooses_haproxy_on_compose_and_the_operator_edits_its_file() -> None:
    """`--set compose.load_balancing=ha_proxy`; without it the published port is taken."""
    scale = {"at": 300, "scale": {"services": {"http": 3}}}
    ask = {"rate": 8.0, "horizon_s": 900.0}
    chosen = {"compose.load_balancing": "ha_proxy", "stack.services.http.replicas": 2}
    run, without = replay(scale, settings=chosen, **ask), replay(scale, **ask)
    assert run.gauge.failed == 0
    assert not rows(run, "port_taken")
    assert rows(without, "port_taken")
    done = [r for r in run.timeline if r.event == "operator" and "has done" in r.text]
    assert [r.text.split(": ")[1] for r in done] == ["edit the address list", "reload HAProxy"]
    assert "api-3" in {span.name for span in run.spans if span.kind == "container"}


def test_haproxy_takes_a_hung_replica_out_on_compose() -> None:
    hang = {"at": 300, "hang": {"service": "http"}}
    chosen = {"compose.load_balancing": "ha_proxy", "stack.services.http.replicas": 2}
    run = replay(hang, settings=chosen, rate=8.0, horizon_s=900.0)
    assert next(r.text for r in rows(run, "balancer")).endswith("DOWN")
    late = run.recording.requests[320:890].sum(axis=0)
    assert late[1] == late[0] > 0


def test_what_the_manual_lets_a_file_set_reaches_the_engine() -> None:
    """maxconn 1 at 40 ms a request: 25/s a server at most, and who waits longer than 500 ms gets
    503; a lost answer is asked for again where `retry-on` says so."""
    ask = {"platform": "compose_hardened", "horizon_s": 120.0, "rate": 30.0}
    one = {
        "stack.services.api.cpu.demand": "40ms",
        "stack.services.api.replicas": 1,
        "compose_hardened.load_balancing.maxconn": 1,
    }
    short = {**one, "compose_hardened.load_balancing.queue_timeout_s": "500ms"}
    patient = replay(settings=one, **ask)
    hasty = replay(settings=short, **ask)
    column = FIRST_CAUSE + Outcome.NO_BACKEND - 2
    refused = [int(run.recording.requests[:, column].sum()) for run in (patient, hasty)]
    assert refused[0] < refused[1]
    assert refused[1] > 60, "5 of 30 a second are too many, once the wait is 500 ms"
    crash = {"at": 60, "process_crash": {"service": "http"}}
    busy = {"stack.services.api.cpu.demand": "40ms", "stack.services.api.concurrency": 8}
    again = {**busy, "compose_hardened.load_balancing.retry_on": "all_retryable_errors"}
    lost = [
        int(run.recording.requests[:, FIRST_CAUSE + Outcome.DROPPED_ON_KILL - 2].sum())
        for run in (replay(crash, settings=each, **ask) for each in (busy, again))
    ]
    assert lost[0] > 0 == lost[1]
