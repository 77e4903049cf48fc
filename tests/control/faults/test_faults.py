"""Each kind of event, seen from the users and from the timeline."""

from __future__ import annotations

import pytest

from sim.dataplane.codes import JobLoss, Outcome
from sim.dataplane.tables import FIRST_CAUSE, FIRST_LOSS
from sim.results.run import Run
from sim.schema.scenario import Leak
from tests.control.outage import replay, rows, when


def failed(run: Run, cause: Outcome) -> int:
    return int(run.recording.requests[:, FIRST_CAUSE + cause - 2].sum())


def lost(run: Run, cause: JobLoss) -> int:
    return int(run.recording.jobs[:, FIRST_LOSS + cause].sum())


def test_three_ways_of_being_away() -> None:
    """A dead process refuses, a dead server swallows, a hung process is silent."""
    ask = {"horizon_s": 360.0, "rate": 4.0}
    killed = replay({"at": 300, "operator_kill": {"service": "http"}}, **ask)
    crashed = replay({"at": 300, "server_crash": {}}, **ask)
    hung = replay({"at": 300, "hang": {"service": "http"}}, **ask)
    assert failed(killed, Outcome.REFUSED) > 100
    assert failed(crashed, Outcome.CONNECT_TIMEOUT) > 100
    assert failed(hung, Outcome.CLIENT_TIMEOUT) > 100
    assert failed(crashed, Outcome.REFUSED) == failed(hung, Outcome.REFUSED) == 0


def test_fault_time_is_the_first_event() -> None:
    later = {"at": 100, "scale": {"services": {"worker": 2}}}
    first = {"at": 50, "process_crash": {"service": "worker", "exit_code": 3}}
    run = replay(later, first, horizon_s=120.0)
    assert run.fault_s == 50.0
    assert rows(run, "exit")[0].text == "worker-1 crashed (exit 3)"


def test_without_events_the_fault_is_the_change_of_traffic() -> None:
    points = [{"at": 0, "rate": 1}, {"at": 60, "rate": 2}, {"at": 90, "rate": 1}]
    run = replay(traffic={"points": points}, horizon_s=120.0)
    assert run.fault_s == 60.0


def test_a_server_takes_all_its_containers() -> None:
    run = replay({"at": 60, "server_crash": {"hosting": "postgres"}}, horizon_s=120.0)
    (row,) = rows(run, "server_crash")
    assert all(name in row.text for name in ("api-1", "worker-1", "postgres-1", "redis-1"))


def test_a_hang_that_ends_and_one_that_was_restarted() -> None:
    hang = {"at": 60, "hang": {"service": "http", "lasts": 30}}
    run = replay(hang, horizon_s=200.0)
    assert when(run, "resume") == [90.0]
    long = {"at": 300, "hang": {"service": "http", "lasts": 1200}}
    assert when(replay(long, rate=4.0), "resume") == [], "another process by then"


def test_a_leak_ends_in_an_oom_kill() -> None:
    assert Leak(service="http", per_second=1).tick == 1.0
    leak = {"at": 60, "leak": {"service": "http", "per_second": 10 * 2**20}}
    settings = {"stack.services.api.memory.limit": "220Mi"}  # 120 Mi base, 100 Mi to go
    run = replay(leak, settings=settings, horizon_s=120.0)
    (row,) = rows(run, "exit")
    assert "OOM-killed" in row.text
    assert "(exit 137)" in row.text
    assert row.t_s == pytest.approx(70.0, abs=1.0)
    assert lost(run, JobLoss.WORKER_KILLED) == 0


def test_limits_are_docker_engines_to_hold() -> None:
    """Ablation: without resource limits the same leak only meets the server's own memory."""
    leak = {"at": 60, "leak": {"service": "http", "per_second": 10 * 2**20}}
    settings = {"stack.services.api.memory.limit": "220Mi", "compose.resource_limits": None}
    assert rows(replay(leak, settings=settings, horizon_s=120.0), "exit") == []


def test_replicas_of_a_fault() -> None:
    kill = {"at": 60, "operator_kill": {"service": "http", "replicas": 2}}
    run = replay(kill, platform="kubernetes", horizon_s=120.0)
    assert len(rows(run, "exit", "api")) == 2


def test_all_jobs_are_lost_with_redis_and_none_with_aof() -> None:
    kill_worker = {"at": 60, "operator_kill": {"service": "worker"}}
    kill_redis = {"at": 120, "process_crash": {"service": "redis"}}
    for persistence in ("none", "aof_everysec"):
        settings = {"stack.services.redis.persistence": persistence}
        run = replay(kill_worker, kill_redis, settings=settings, rate=4.0, horizon_s=125.0)
        waiting = 30 if persistence == "none" else 0
        assert lost(run, JobLoss.REDIS_WIPED) >= waiting
        assert (lost(run, JobLoss.REDIS_WIPED) == 0) == (persistence != "none")


def test_raised_connections_need_a_restart_of_everything() -> None:
    ask = {"at": 60, "raise_connections": {"max_connections": 300, "pool": 20}}
    run = replay(ask, horizon_s=1200.0)
    limit = run.series["connection_limit"]
    assert limit[60] == 97
    assert limit[-1] == 297
    assert {r.subject for r in rows(run, "exit")} == {"api-1", "worker-1", "postgres-1", "redis-1"}


def test_eager_pools_come_up_all_or_nothing() -> None:
    """4 + 4 processes hold 80 of 97 slots; 12 more start at once: 8 or 9 of 20 are up then
    (dataplane.md 1.2, measured)."""
    settings = {
        "stack.servers.count": 5,
        "stack.services.api.replicas": 4,
        "stack.services.worker.replicas": 4,
        "stack.services.api.database.at_start": 10,
        "stack.services.worker.database.at_start": 10,
        "stack.services.worker.boot": "8s",
    }
    grow = {"at": 60, "scale": {"services": {"http": 10, "worker": 10}}}
    for seed in (1, 2, 3):
        run = replay(grow, settings=settings, seed=seed, horizon_s=600.0)
        assert 20 - run.containers_refused in (8, 9)


def test_an_expired_token_ends_with_its_time_or_with_its_process() -> None:
    """One replica, a connection for each request: every request fails meanwhile."""
    each = {"stack.services.http.database.pool": 0, "stack.services.http.restart": "always"}
    ask = {"horizon_s": 180.0, "rate": 4.0, "settings": each}
    brief = replay({"at": 60, "lock_out": {"service": "http", "lasts": 30}}, **ask)
    crash = {"at": 100, "process_crash": {"service": "http"}}
    ended = replay({"at": 60, "lock_out": {"service": "http"}}, crash, **ask)
    for run, over in ((brief, 91), (ended, 110)):
        requests = run.recording.requests
        assert requests[61:89, 1].sum() == 0 < requests[61:89, 0].sum()
        assert requests[over:, 1].sum() == requests[over:, 0].sum() > 0
    assert failed(ended, Outcome.HTTP_500) > failed(brief, Outcome.HTTP_500) > 80
    pooled = {**ask, "settings": {}, "rate": 1.0}  # the one connection that is open stays
    assert (
        failed(replay({"at": 60, "lock_out": {"service": "http"}}, **pooled), Outcome.HTTP_500) < 5
    )


def test_users_may_come_otherwise_from_now_on() -> None:
    more = {"at": 100, "traffic": {"rate": "20/s"}}
    none = {"at": 200, "traffic": {"rate": 0}}
    again = {"at": 300, "traffic": {"rate": "2/s"}}
    run = replay(more, none, again, rate=2.0, horizon_s=400.0, platform="kubernetes")
    plain = replay(rate=2.0, horizon_s=400.0, platform="kubernetes")
    arrived = run.recording.requests[:, 0]
    assert (arrived[:100] == plain.recording.requests[:100, 0]).all(), "the past stays"
    assert arrived[100:200].sum() == pytest.approx(2000, rel=0.1)
    assert arrived[200:300].sum() == 0
    assert arrived[300:].sum() == pytest.approx(200, rel=0.3)
    assert [row.text for row in rows(run, "traffic")] == [
        f"users come at {rate} requests/s from now on" for rate in (20, 0, 2)
    ]
    assert run.fault_s == 100.0


CRASH = {"at": 60, "server_crash": {"server": 0}}
DELIVERY = {"stack.servers.machine.boot": "400s"}


@pytest.mark.parametrize("platform", ["compose", "kubernetes", "swarm"])
def test_a_reboot_takes_as_long_as_a_reboot_on_every_platform(platform: str) -> None:
    """`reboot -f` waits for no delivery: how long a new server takes says nothing about it."""
    settings = {**DELIVERY, "stack.servers.machine.reboot": "100s"}
    run = replay(CRASH, platform=platform, horizon_s=300.0, settings=settings)
    assert when(run, "server_up") == [160.0]


def test_a_stack_without_a_reboot_boots_as_it_is_delivered() -> None:
    """What files of version 0.1 say: one law for both."""
    settings = {**DELIVERY, "stack.servers.machine.reboot": None}
    run = replay(CRASH, horizon_s=600.0, settings=settings)
    assert when(run, "server_up") == [460.0]


def test_work_on_a_server_ends_with_a_reboot() -> None:
    settings = {**DELIVERY, "stack.servers.machine.reboot": "100s"}
    drain = {"at": 60, "drain": {"server": 0, "lasts": "60s"}}
    run = replay(drain, horizon_s=600.0, settings=settings)
    (down,), (up,) = when(run, "reboot"), when(run, "server_up")
    assert up == pytest.approx(down + 100.0)
