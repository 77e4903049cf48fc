"""On every platform, whatever happens at night: the books balance and the figures make sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.library.stacks import load_stack
from sim.platforms import names
from sim.results.run import Run
from sim.results.summary import replication
from sim.simulation.simulation import run_once
from tests.platforms.random_outages import night

STACK = load_stack("sspp")
few = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
many = settings(few, max_examples=40)
seeds = st.integers(0, 10**6)


def replay(platform: str, seed: int, engine: str = "reference") -> Run:
    """`run_once` itself checks the ledger each minute and at the end."""
    return run_once(night(seed), STACK, platform, seed, engine=engine)


def sound(run: Run) -> dict[str, Any]:
    """What must be so of any run; returns its figures."""
    found = replication(run, keep=False).figures
    horizon_s, requests, jobs = run.horizon_s, found["requests"], found["jobs"]
    ended = requests["succeeded"] + sum(requests["failed"].values())
    assert requests["arrived"] == ended + requests["in_flight"]
    assert jobs["enqueued"] == (
        jobs["done"] + sum(jobs["lost"].values()) + jobs["queued"] + jobs["in_progress"]
    )
    assert 0.0 <= found["availability"] <= 1.0
    assert 0.0 <= found["downtime_s"] <= found["degraded_s"] <= horizon_s
    latency = found["latency_s"]
    assert 0.0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert 0 <= found["connections"]["peak"] <= found["connections"]["limit"]
    assert 0.0 <= found["connections"]["exhausted_s"] <= horizon_s
    assert 0.0 <= found["operator"]["minutes"] * 60.0 <= horizon_s
    assert found["cost"]["usd"] > 0.0
    times = [row.t_s for row in run.timeline]
    assert times == sorted(times)
    assert all(0.0 <= t <= horizon_s for t in times)
    for column, values in run.series.items():
        assert np.isfinite(values).all(), column
        assert (values >= 0.0).all(), column
    assert (run.series["ready"] <= run.series["replicas"]).all()
    return found


@pytest.mark.parametrize("platform", names())
@few
@given(seed=seeds)
def test_any_night(platform, seed):
    sound(replay(platform, seed))


@pytest.mark.slow
@pytest.mark.parametrize("platform", names())
@many
@given(seed=seeds)
def test_many_nights(platform, seed):
    sound(replay(platform, seed))


@pytest.mark.parametrize("seed", range(2))
def test_every_platform_has_the_same_customers(seed):
    arrived = {p: sound(replay(p, seed))["requests"]["arrived"] for p in names()}
    assert len(set(arrived.values())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("platform", names())
def test_both_engines_tell_the_same_night(platform, seed):
    one, other = (replay(platform, seed, engine) for engine in ("reference", "compiled"))
    assert one.timeline == other.timeline
    assert sound(one) == sound(other)
    for column, values in one.series.items():
        assert (values == other.series[column]).all(), column
