"""Kubernetes as a whole: ten choices, and the budgets that its constants add up to.

The budgets are those of the shared facts, kubernetes section 8, on the article's stack: if one
breaks, a rule or a constant does not do what upstream's does.
"""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from sim.dataplane.codes import REQUEST_CAUSES, Algorithm
from sim.dataplane.tables import ARRIVED, FIRST_CAUSE, SUCCEEDED
from sim.platforms import configure, load, title
from sim.platforms.kubernetes import PLATFORM
from sim.results.run import Run
from tests.platforms import outage
from tests.platforms.outage import FAULT_S, when

CHOICES = [f.name for f in fields(PLATFORM)]
replay = partial(outage.replay, "kubernetes")


def failed(run: Run, *causes: str) -> np.ndarray[Any, Any]:
    """Failures per second, of these causes or of all."""
    columns = [FIRST_CAUSE + REQUEST_CAUSES.index(c) for c in causes or REQUEST_CAUSES]
    return run.recording.requests[:, columns].sum(axis=1)


def span(counts: np.ndarray[Any, Any]) -> tuple[float, float]:
    """First and last second with a failure, after the fault."""
    seconds = np.nonzero(counts)[0]
    return float(seconds[0] - FAULT_S), float(seconds[-1] - FAULT_S)


# ---- the record ----
def test_all_ten_choices_are_filled_and_have_a_title():
    assert len(CHOICES) == 10
    assert all(getattr(PLATFORM, name) is not None for name in CHOICES)
    assert load("kubernetes") is PLATFORM
    assert title("kubernetes").startswith("Kubernetes")
    assert PLATFORM.load_balancing.routing().algorithm == Algorithm.RANDOM


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("autoscaling.tolerance", 0.2, 0.2),
        ("autoscaling.servers.max_servers", 5, 5),
        ("autoscaling.servers", None, None),
        ("scheduling.lifecycle.toleration_s", "30s", 30.0),
        ("scheduling.kubelet.pull_rate", 1e9, 1e9),
        ("rolling_updates.max_surge", "50%", "50%"),
        ("health_checks.grace_s", "10s", 10.0),
        ("service_discovery.watch_delay_s", 0.0, 0.0),
    ],
)
def test_constants_can_be_set_by_path(path, value, expected):
    record = configure(PLATFORM, {path: value})
    for name in path.split("."):
        record = getattr(record, name)
    assert record == expected


@pytest.mark.parametrize("name", CHOICES)
def test_without_any_one_choice_it_still_runs_and_serves(name):
    run = replay({"process_crash": {"service": "http"}}, settings={f"kubernetes.{name}": None})
    total = run.recording.requests.sum(axis=0)
    assert total[SUCCEEDED] >= 0.9 * total[ARRIVED]


# ---- budgets ----
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crash_is_over_in_seconds_and_costs_a_third_of_two(seed):
    """Process exit: at most 1 s to see it, then boot and readiness; meanwhile a random third of
    the connections is refused until the endpoints know, which takes up to two seconds."""
    run = replay({"process_crash": {"service": "http"}}, seed=seed)
    assert 0.0 <= when(run, "restart")[0] <= 1.0
    assert when(run, "page") == []
    first, last = span(failed(run, "refused", "dropped_on_kill"))
    assert first >= -1.0
    assert last <= 2.0
    assert failed(run).sum() <= 15


def test_crashes_at_once_back_off():
    """Crash loop with instant exit: at once, then 10, 20, 40, 80 s after each exit."""
    broken = {"deploy": {"service": "http", "version": {"crashes_at_start": True, "boot": 0.0}}}
    run = replay({**broken, "deploy": {**broken["deploy"], "rollback": False}}, horizon_s=420.0)
    starts = when(run, "restart", "api-4")
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert gaps[:4] == pytest.approx([10.0, 20.0, 40.0, 80.0], abs=0.1)
    assert failed(run).sum() == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hang_is_out_of_traffic_by_readiness_and_over_after_liveness_and_grace(seed):
    """Readiness 3 x 5 s, liveness 20-30 s and up to a second each, 30 s of grace, then a start."""
    run = replay({"hang": {"service": "http"}}, seed=seed)
    assert 10.0 <= when(run, "readiness")[0] <= 16.5
    killed = when(run, "liveness")[0]
    assert 20.0 <= killed <= 31.5
    assert when(run, "exit")[0] - killed == pytest.approx(30.0, abs=0.01)
    assert when(run, "restart")[0] - killed <= 31.1
    first, last = span(failed(run, "client_timeout", "dropped_on_kill"))
    assert first >= -6.0  # asked before, answered never
    assert last <= 16.5 + 2.0
    share = failed(run)[int(FAULT_S) : int(FAULT_S) + 12].sum() / (12 * 6.0)
    assert 0.1 <= share <= 0.6  # about a third


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lost_server_costs_its_share_for_50_s_and_is_replaced_after_345_s(seed):
    """Node loss: out of the endpoints at 40-55 s, replacements at 345-360 s and a start."""
    settings = {"stack.services.postgres.probes.readiness": None}
    event = {"server_crash": {"server": 2, "returns": False}}
    run = replay(event, horizon_s=560.0, seed=seed, settings=settings)
    assert 40.0 <= when(run, "not_ready")[0] <= 55.0
    first, last = span(failed(run, "connect_timeout"))
    assert first >= -3.0
    assert 40.0 <= last <= 57.0
    assert 345.0 <= when(run, "eviction")[0] <= 360.0
    assert any(345.0 <= t <= 361.0 for t in when(run, "placed"))
    assert failed(run)[int(FAULT_S) + 60 :].sum() == 0


def test_a_shorter_toleration_replaces_sooner():
    settings = {"kubernetes.scheduling.lifecycle.toleration_s": "30s"}
    event = {"server_crash": {"server": 2, "returns": False}}
    run = replay(event, horizon_s=300.0, settings=settings)
    assert 75.0 <= when(run, "eviction")[0] <= 90.0


def test_a_database_on_a_rebooting_server_is_down_for_the_boot():
    settings = {"stack.servers.machine.reboot": "120s"}
    event = {"server_crash": {"hosting": "postgres"}}
    run = replay(event, horizon_s=500.0, settings=settings)
    assert when(run, "eviction") == []
    assert when(run, "server_up") == [120.0]
    down = failed(run)[int(FAULT_S) + 5 : int(FAULT_S) + 115].sum()
    arrived = run.recording.requests[int(FAULT_S) + 5 : int(FAULT_S) + 115, ARRIVED].sum()
    assert down == arrived  # nothing works without the database
    assert span(failed(run))[1] <= 120.0 + 30.0


def test_a_good_rollout_loses_nothing_with_pre_stop_and_something_without():
    """The endpoint race: K8s calls it zero downtime, and a preStop sleep makes it so."""
    event = {"deploy": {"service": "http", "version": {"name": "v2"}}}
    lost = []
    for pre_stop in ("5s", "0s"):
        settings = {"stack.services.http.stop.pre_stop": pre_stop}
        run = replay(event, rate=20.0, settings=settings)
        assert any("is complete" in r.text for r in run.timeline)
        lost.append(int(failed(run).sum()))
    assert lost[0] == 0
    assert 3 <= lost[1] <= 60  # about a quarter of 20/s for up to 2 s, three times


def test_a_broken_version_never_gets_traffic():
    event = {"deploy": {"service": "http", "version": {"crashes_at_start": True}}}
    run = replay(event, horizon_s=600.0)
    assert failed(run).sum() == 0
    assert len(when(run, "rollback")) == 1  # a person's decision, one command


def test_a_version_that_answers_errors_is_rolled_out_completely():
    event = {"deploy": {"service": "http", "version": {"error_rate": 0.5}, "rollback": False}}
    run = replay(event, horizon_s=400.0)
    assert any("is complete" in r.text for r in run.timeline)
    tail = run.recording.requests[330:380]
    assert 0.35 <= failed(run, "http_500")[330:380].sum() / tail[:, ARRIVED].sum() <= 0.65


BUSY = {  # heavy pages; one API replica fills what is left of a server
    "stack.services.http.cpu.demand": "400ms",
    "stack.services.http.cpu.request": 2.4,
    "stack.services.http.cpu.threads": 3,
    "stack.services.http.push.share": "0%",
    "stack.services.http.probes.liveness": None,  # see the test of the spiral
}
RUSH = {"points": [{"at": 0.0, "rate": 2.0}, {"at": FAULT_S, "rate": 28.0}]}


def served_again(run: Run) -> float:
    """Seconds from the rush until 98 % succeed for a minute (in windows of 30 s)."""
    requests = run.recording.requests
    good = requests[:, SUCCEEDED] / np.maximum(1, requests[:, ARRIVED])
    half_minute = np.convolve(good, np.ones(30) / 30, mode="valid")
    from_s = int(FAULT_S) + 30
    last = range(from_s, len(half_minute) - 60)
    return next(t for t in last if (half_minute[t : t + 60] > 0.98).all()) - FAULT_S


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("spare", "low", "high"), [(False, 150.0, 360.0), (True, 45.0, 180.0)])
def test_black_friday_takes_minutes_without_spare_servers(spare, low, high, seed):
    """Metric lag, syncs of 15 s, the cluster autoscaler, a boot of minutes, pull and start: 2.5 to
    6 minutes; 1.5 to 3 where servers stand idle (here less: two steps of the HPA suffice)."""
    settings = BUSY | ({"stack.servers.count": 9} if spare else {})
    run = replay(None, horizon_s=FAULT_S + 600.0, traffic=RUSH, settings=settings, seed=seed)
    requests = run.recording.requests[int(FAULT_S) + 20 : int(FAULT_S) + 45]
    assert requests[:, SUCCEEDED].sum() < 0.9 * requests[:, ARRIVED].sum()  # three cannot do it
    served = served_again(run)
    assert low <= served <= high
    assert any(t < served for t in when(run, "server")) is not spare


def test_liveness_probes_make_an_overload_worse():
    """Too slow is killed like dead: the rest gets the load of the killed, and back-off grows."""
    probes_too = {**BUSY, "stack.services.http.probes.liveness": {"period": "10s"}}
    calm = replay(None, horizon_s=FAULT_S + 600.0, traffic=RUSH, settings=BUSY)
    spiral = replay(None, horizon_s=FAULT_S + 600.0, traffic=RUSH, settings=probes_too)
    assert len(when(spiral, "liveness")) >= 5
    assert failed(spiral).sum() > 1.1 * failed(calm).sum()


def test_a_quota_keeps_black_friday_broken():
    settings = BUSY | {"kubernetes.autoscaling.servers.max_servers": 3}
    run = replay(None, horizon_s=FAULT_S + 400.0, traffic=RUSH, settings=settings)
    assert when(run, "quota")
    tail = run.recording.requests[-60:]
    assert tail[:, SUCCEEDED].sum() < 0.9 * tail[:, ARRIVED].sum()


def test_the_autoscaler_itself_runs_into_the_connection_limit():
    """20 replicas x 10 connections against 97: Kubernetes does not cure it, a pooler does."""
    heavy = {
        "stack.services.http.database.at_start": 10,
        "stack.services.http.scaling.min": 12,
        "stack.services.worker.replicas": 0,
        "stack.services.worker.scaling": None,
    }
    run = replay(None, settings=heavy, horizon_s=200.0)
    assert run.containers_refused >= 1
    pooled = heavy | {"stack.services.postgres.pooler": {"size": 20, "max_clients": 1000}}
    assert replay(None, settings=pooled, horizon_s=200.0).containers_refused == 0


def test_the_same_seed_tells_the_same_story():
    event = {"server_crash": {"server": 1, "returns": False}}
    first, second = (replay(event, seed=5) for _ in range(2))
    assert first.timeline == second.timeline
    assert (first.recording.requests == second.recording.requests).all()


def test_ablation_is_one_line():
    bare = replace(PLATFORM, autoscaling=None)
    assert bare.autoscaling is None
    assert bare.scheduling is PLATFORM.scheduling
