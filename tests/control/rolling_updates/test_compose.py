"""What `docker compose` commands do: order of starts, a deploy, --scale."""

from __future__ import annotations

import pytest

from sim.constants.facts import STOP_GRACE
from sim.control.rolling_updates.compose import start_order
from tests.control.outage import replay, rows, when


@pytest.mark.parametrize(
    ("depends_on", "order"),
    [
        ({"a": [], "b": []}, ["a", "b"]),
        ({"api": ["db", "queue"], "db": [], "queue": []}, ["db", "queue", "api"]),
        ({"a": ["b"], "b": ["c"], "c": []}, ["c", "b", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["b", "a"]),  # a cycle ends somewhere
        ({"a": ["gone"]}, ["a"]),
    ],
)
def test_start_order(depends_on: dict[str, list[str]], order: list[str]) -> None:
    assert start_order(depends_on) == order


def test_stop_grace() -> None:
    assert STOP_GRACE.value == 10.0


def test_a_deploy_stops_all_replicas_before_it_starts_one() -> None:
    """Two servers, two replicas: both are down together (no rolling update in Compose)."""
    settings = {"stack.servers.count": 2, "stack.services.api.replicas": 2}
    run = replay({"at": 300, "deploy": {"service": "http"}}, settings=settings, horizon_s=600.0)
    running = run.series["replicas"][300:360]
    assert running.min() == 0
    assert running[-1] == 2


def test_a_deploy_waits_for_a_process_that_ignores_sigterm() -> None:
    """Downtime = stop (0 to 10 s) + boot: shared facts, orchestrators section 2."""
    deploy = {"at": 300, "deploy": {"service": "http"}}
    for ignores, stopped_s in ((False, 310.0), (True, 320.0)):
        settings = {
            "stack.services.api.stop.drains": False,
            "stack.services.api.stop.ignores": ignores,
        }
        run = replay(deploy, settings=settings, horizon_s=600.0)
        assert when(run, "exit", "api-1") == [stopped_s]
        listening = [int(t) for t in run.series["t_s"] if run.series["replicas"][int(t)] == 1]
        assert min(t for t in listening if t > 310) == stopped_s + 8


def test_grace_period_of_the_file() -> None:
    settings = {
        "stack.services.api.stop.drains": False,
        "stack.services.api.stop.ignores": True,
        "stack.services.api.stop.grace": "3s",
    }
    run = replay({"at": 300, "deploy": {"service": "http"}}, settings=settings, horizon_s=600.0)
    assert when(run, "exit", "api-1") == [313.0]


def test_a_second_replica_finds_the_port_taken() -> None:
    run = replay({"at": 300, "scale": {"services": {"http": 5}}}, horizon_s=600.0)
    (taken,) = rows(run, "port_taken")
    assert taken.text.endswith("Bind for 0.0.0.0:3000 failed: port is already allocated")
    assert run.series["replicas"].max() == 1


def test_workers_have_no_port_and_scale_up_and_down() -> None:
    up = {"at": 100, "scale": {"services": {"worker": 4}}}
    down = {"at": 400, "scale": {"services": {"worker": 1}}}
    run = replay(up, down, horizon_s=600.0)
    assert rows(run, "port_taken") == []
    assert len({r.subject for r in rows(run, "exit", "worker")}) == 3
    assert run.gauge.jobs_queued == 0


def test_replicas_at_second_0_collide_too() -> None:
    run = replay(settings={"stack.services.api.replicas": 3}, horizon_s=60.0)
    assert when(run, "port_taken") == [0.0, 0.0]
