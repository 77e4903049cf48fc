"""An autoscaler that acts after a fault has seen it only if it measured since: elsewhere by chance.

Kubernetes' is in tests/control/autoscaling/test_hpa_loop.py.
"""

from functools import cache

import pytest

from sim.results.run import Run
from sim.schema.scenario import Event, Scenario
from sim.simulation.simulation import run_once
from tests.control.outage import sspp

RISE_S = 200.0
RATE = {"nomad": 60, "ecs_fargate": 240, "cloud_run": 60}  # more than its containers are meant for


@cache
def risen(platform: str, fault_s: float) -> Run:
    """Traffic rises at RISE_S; a worker is killed, and nobody but the autoscaler is there."""
    made = Scenario(
        name="test", title="test", lesson="test", horizon=700.0,
        traffic={"points": [{"at": 0, "rate": 2}, {"at": RISE_S, "rate": RATE[platform]}]},
        events=[Event.model_validate({"at": fault_s, "process_crash": {"service": "worker"}})],
        set={f"{platform}.self_healing": None, "stack.operator.monitoring": False},
    )  # fmt: skip
    return run_once(made, sspp(), platform, 1)


def ups(run: Run) -> list[float]:
    return sorted({row.t_s for row in run.timeline if row.event == "autoscaling"})


@pytest.mark.parametrize("platform", RATE)
def test_it_has_seen_what_came_before_it_measured(platform):
    run = risen(platform, RISE_S - 5.0)
    assert run.detected_s == ups(run)[0] > RISE_S


@pytest.mark.parametrize("platform", RATE)
def test_it_has_not_seen_what_came_since(platform):
    first = ups(risen(platform, RISE_S - 5.0))[0]
    run = risen(platform, first - 1.0)
    assert ups(run)[0] == first
    assert run.detected_s != first
