"""One run: its phases, its observer, its end."""

from __future__ import annotations

import numpy as np
import pytest

from sim.dataplane.codes import Algorithm
from sim.platforms import load
from sim.results import ledger
from sim.results.run import SERIES, Run
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.simulation import simulation
from sim.simulation.boot import routing_of
from tests import ENGINE
from tests.control.outage import replay, sspp, when


def scenario(**given: object) -> Scenario:
    base = {"name": "t", "title": "t", "lesson": "t", "horizon": 120.0, "traffic": {"rate": 2.0}}
    return Scenario.model_validate({**base, "events": [], **given})


def test_series_have_one_value_a_second_and_both_ends() -> None:
    run = replay(horizon_s=60.0)
    assert set(run.series) == {"t_s", *SERIES}
    assert all(len(column) == 61 for column in run.series.values())
    assert run.series["t_s"].tolist() == [float(k) for k in range(61)]
    assert run.series["replicas"].tolist() == [1.0] * 61
    assert run.series["ready"].tolist() == [1.0] * 61


def test_cpu_busy_is_the_offered_load() -> None:
    """8/s x (12 + 4 ms) and 1.6 jobs/s x (60 + 8 ms): 0.24 cores."""
    run = replay(rate=8.0, horizon_s=900.0)
    assert run.series["cpu_busy"][1:].mean() == pytest.approx(0.237, rel=0.1)
    assert run.series["cpu_busy"].max() <= 3.9


def test_long_horizons_are_sampled_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "SAMPLES", 30)
    run = replay(horizon_s=60.0)
    assert run.recording.bucket_s == 2.0
    assert run.series["t_s"].tolist() == [2.0 * k for k in range(31)]


def test_control_events_exactly_at_the_horizon_happen() -> None:
    run = replay({"at": 60.0, "process_crash": {"service": "http"}}, horizon_s=60.0)
    assert when(run, "exit") == [60.0]


def test_progress_is_told_each_minute() -> None:
    told: list[tuple[float, int]] = []
    simulation.run_once(
        scenario(horizon=200.0), sspp(), "compose", 1, engine=ENGINE,
        progress=lambda t, n, _: told.append((t, n)),
    )  # fmt: skip
    assert [t for t, _ in told] == [60.0, 120.0, 180.0]
    assert [n for _, n in told] == sorted(n for _, n in told)


def test_the_ledger_is_checked_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[float] = []
    monkeypatch.setattr(
        ledger,
        "check",
        lambda books, recording, gauge, at_s, *_: checked.append(at_s),
    )
    replay(horizon_s=2500.0)
    assert checked == [1200.0, 2400.0, 2500.0]


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    def bytes_of(run: Run) -> tuple[object, ...]:
        return run.recording.requests.tobytes(), run.timeline, run.series["cpu_busy"].tobytes()

    kill = {"at": 60, "operator_kill": {"service": "http"}}
    assert bytes_of(replay(kill, seed=5)) == bytes_of(replay(kill, seed=5))
    assert bytes_of(replay(kill, seed=5)) != bytes_of(replay(kill, seed=6))


def test_platforms_meet_the_same_customers() -> None:
    compose, kubernetes = (replay(platform=p, horizon_s=300.0) for p in ("compose", "kubernetes"))
    arrived = [run.recording.requests[:, 0] for run in (compose, kubernetes)]
    assert np.array_equal(*arrived)


def test_servers_cost_from_rent_to_release() -> None:
    run = replay(horizon_s=3600.0, settings={"stack.servers.count": 2}, rate=0.1)
    assert run.server_seconds == 7200.0
    assert run.usd == pytest.approx(0.40)


def test_trace_times_replace_the_rate(tmp_path: object) -> None:
    path = f"{tmp_path}/trace.csv"
    with open(path, "w") as file:
        file.write("time\n0\n1.5\n2.5\n")
    run = replay(traffic={"trace": path}, horizon_s=10.0)
    assert run.recording.requests[:4, 0].tolist() == [1, 1, 1, 0]


def test_routing_is_the_platforms_or_what_was_built() -> None:
    compose, stack = load("compose"), sspp()
    assert routing_of(stack, compose).algorithm == Algorithm.FIRST
    five = with_api(stack, replicas=5)
    assert routing_of(five, compose).algorithm == Algorithm.ROUND_ROBIN
    hidden = with_api(stack, replicas=5, port=None)
    assert routing_of(hidden, compose).algorithm == Algorithm.RANDOM
    managed = routing_of(stack, load("kubernetes"))
    assert managed == load("kubernetes").load_balancing.routing()


def with_api(stack: Stack, **changes: object) -> Stack:
    api = stack.services["api"].model_copy(update=changes)
    return stack.model_copy(update={"services": {**stack.services, "api": api}})


def test_jobs_that_users_wanted_are_known_of_those_who_failed_too() -> None:
    whole = replay(horizon_s=900.0, rate=4.0)
    assert whole.jobs_wanted == whole.recording.jobs[:, 0].sum() > 500
    killed = replay({"at": 300.0, "operator_kill": {"service": "http"}}, horizon_s=900.0, rate=4.0)
    assert killed.jobs_wanted == whole.jobs_wanted > killed.recording.jobs[:, 0].sum()


def test_a_replica_that_stays_away_is_missing_and_one_that_is_new_is_not() -> None:
    kill = {"at": 100.0, "operator_kill": {"service": "worker"}}
    missing = replay(kill, horizon_s=150.0).series["missing"]
    assert missing[:100].max() == 0.0
    assert missing[101:].min() == 1.0
    grow = {"at": 100.0, "scale": {"services": {"worker": 4}}}
    grown = replay(grow, horizon_s=150.0)
    assert when(grown, "listening", "worker-4")
    assert grown.series["missing"].max() == 0.0
