"""What the cluster's verbs promise."""

from __future__ import annotations

import pytest

from sim.control.autoscaling.keda import Keda
from tests.control.outage import replay, rows
from tests.control.world import World, stack_of


def test_power_loss_is_recorded_as_255_and_recovery_follows() -> None:
    """Postgres that did not stop cleanly replays its log; after a clean stop it does not."""
    crash = replay({"at": 300, "server_crash": {}}, rate=4.0)
    start = {row.subject: row.t_s for row in rows(crash, "start")}
    listen = {row.subject: row.t_s for row in rows(crash, "listening")}
    assert listen["postgres-1"] - start["postgres-1"] == pytest.approx(2.5)  # 2 s boot + 0.5 s
    assert listen["redis-1"] - start["redis-1"] == pytest.approx(0.5)


def test_a_booting_process_dies_of_sigterm_at_once() -> None:
    """Nothing listens yet, so nothing handles the signal: exit 143, not the grace period."""
    slow = {"name": "v2", "boot": {"law": "constant", "mean": 30.0}}
    first = {"at": 100, "deploy": {"service": "http", "rollback": False, "version": slow}}
    second = {"at": 103, "deploy": {"service": "http", "rollback": False,
                                    "version": {"name": "v3"}}}  # fmt: skip
    run = replay(first, second, horizon_s=200.0)
    killed = [row for row in rows(run, "exit") if row.t_s > 110.5]
    assert [row.text for row in killed] == ["api-2 terminated (exit 143)"]
    assert killed[0].t_s == 120.0  # one command of ten seconds after the other


def test_oom_of_a_server_kills_its_largest_process() -> None:
    leak = {"at": 60, "leak": {"service": "worker", "per_second": 500 * 2**20}}
    run = replay(leak, horizon_s=120.0)
    (row,) = rows(run, "exit")
    assert row.subject == "worker-1"
    assert "server-1 is full" in row.text


def test_no_health_checks_means_a_process_is_ready_when_it_exists() -> None:
    settings = {"kubernetes.health_checks": None}
    crash = {"at": 60, "process_crash": {"service": "http"}}
    blind = replay(crash, platform="kubernetes", settings=settings, rate=8.0, horizon_s=120.0)
    sighted = replay(crash, platform="kubernetes", rate=8.0, horizon_s=120.0)
    assert blind.gauge.failed > sighted.gauge.failed + 10, "requests meet a booting process"


def test_a_mechanism_keeps_its_own_state_of_each_run() -> None:
    """Two equal records have one each, and another run begins anew."""
    services = {"api": {"replicas": 1}}
    one_run, other_run = World(stack_of(services)).cluster, World(stack_of(services)).cluster
    mine, equal = Keda(), Keda()
    one_run.state(mine, list[int]).append(7)
    assert one_run.state(mine, list[int]) == [7]
    assert one_run.state(equal, list[int]) == other_run.state(mine, list[int]) == []
