"""Restart rules against the tables of the shared facts, and both controllers in a run."""

from __future__ import annotations

import pytest

from sim.control.self_healing.restarts import (
    DockerRestarts,
    KubeletRestarts,
    crash_loop_backoff,
    daemon_starts,
    docker_backoff,
    docker_restart,
)
from tests.control.outage import replay, rows, when

DOCKER, KUBELET = DockerRestarts().backoff, KubeletRestarts().backoff


@pytest.mark.parametrize(
    ("policy", "exit_code", "by_hand", "count", "most", "restarts"),
    [
        ("no", 1, False, 0, 0, False),
        ("no", 0, False, 0, 0, False),
        ("always", 0, False, 0, 0, True),
        ("always", 137, False, 99, 0, True),
        ("always", 137, True, 0, 0, False),  # docker kill cancels every policy
        ("unless-stopped", 1, False, 0, 0, True),
        ("unless-stopped", 137, True, 0, 0, False),
        ("on-failure", 0, False, 0, 0, False),
        ("on-failure", 1, False, 1000, 0, True),  # N = 0: no limit
        ("on-failure", 1, False, 2, 3, True),
        ("on-failure", 1, False, 3, 3, False),
        ("on-failure", 137, True, 0, 0, False),
    ],
)
def test_docker_restart(
    policy: str, exit_code: int, by_hand: bool, count: int, most: int, restarts: bool
) -> None:
    assert docker_restart(policy, exit_code, by_hand, count, most) is restarts


def test_docker_backoff_doubles_to_a_minute_and_starts_anew_after_ten_seconds() -> None:
    waits, wait = [], 0.0
    for _ in range(12):
        wait = docker_backoff(wait, 1.0, DOCKER)
        waits.append(round(wait, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert sum(waits[:10]) == pytest.approx(102.3)  # shared facts, orchestrators 1.1
    assert docker_backoff(60.0, 9.999, DOCKER) == 60.0
    assert docker_backoff(60.0, 10.0, DOCKER) == 0.1


@pytest.mark.parametrize(
    ("policy", "exit_code", "by_hand", "starts"),
    [
        ("no", 255, False, False),
        ("on-failure", 255, False, True),  # power loss is recorded as 255
        ("on-failure", 0, False, False),
        ("on-failure", 137, True, True),  # the manual flag is not consulted
        ("always", 0, False, True),
        ("always", 137, True, True),
        ("unless-stopped", 255, False, True),
        ("unless-stopped", 137, True, False),
    ],
)
def test_daemon_starts(policy: str, exit_code: int, by_hand: bool, starts: bool) -> None:
    assert daemon_starts(policy, exit_code, by_hand) is starts


def test_crash_loop_backoff() -> None:
    waits, level = [], 0.0
    for _ in range(8):
        wait, level = crash_loop_backoff(level, 1.0, KUBELET)
        waits.append(wait)
    assert waits == [0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert crash_loop_backoff(300.0, 600.0, KUBELET) == (300.0, 300.0)  # keeps its level
    assert crash_loop_backoff(300.0, 600.1, KUBELET) == (0.0, 10.0)


def test_always_restarts_a_crash_after_a_tenth_of_a_second() -> None:
    crash = {"at": 300, "process_crash": {"service": "http"}}
    run = replay(crash, settings={"stack.services.api.restart": "always"})
    assert when(run, "restart") == [300.1]
    assert run.detected_s == 300.1
    assert run.operator.pages == 0


def test_docker_kill_stays_down_under_every_policy() -> None:
    kill = {"at": 300, "operator_kill": {"service": "http"}}
    for policy in ("always", "unless-stopped", "on-failure"):
        run = replay(kill, settings={"stack.services.api.restart": policy})
        assert when(run, "restart") == []
        assert "(exit 137)" in rows(run, "exit")[0].text
        assert run.operator.pages == 1


def test_on_failure_is_a_budget_for_life() -> None:
    """Three crashes an hour apart spend `on-failure:2`, although each run was long and healthy."""
    crashes = [{"at": t, "process_crash": {"service": "worker"}} for t in (100, 1000, 1500)]
    settings = {
        "stack.services.worker.restart": "on-failure",
        "stack.services.worker.restart_attempts": 2,
    }
    run = replay(*crashes, settings=settings)
    assert when(run, "restart", "worker") == [100.1, 1000.1]


def test_a_crash_loop_waits_longer_and_longer() -> None:
    deploy = {"at": 100, "deploy": {"service": "http", "version": {"crashes_at_start": True},
                                    "rollback": False}}  # fmt: skip
    settings = {"stack.services.api.restart": "always", "stack.services.api.boot": "1s"}
    run = replay(deploy, settings=settings, horizon_s=400.0)
    gaps = [b - a for a, b in zip(when(run, "exit")[1:], when(run, "exit")[2:], strict=False)]
    assert gaps[:6] == pytest.approx([1.1, 1.2, 1.4, 1.8, 2.6, 4.2])


def test_the_daemon_starts_what_always_says_after_a_reboot() -> None:
    crash = {"at": 300, "server_crash": {}}
    settings = {"stack.services.redis.restart": "always"}
    run = replay(crash, settings=settings, horizon_s=700.0)
    assert when(run, "restart") == [420.0]  # boot of 120 s, and nothing of the other three
    assert rows(run, "restart")[0].subject == "redis-1"


def test_the_kubelet_restarts_at_once_and_does_not_care_who_killed() -> None:
    for kind in ("operator_kill", "process_crash"):
        run = replay({"at": 300, kind: {"service": "http"}}, platform="kubernetes")
        (restarted,) = when(run, "restart")
        assert 300.0 < restarted <= 301.0  # its next listing


# ---- dockerd restarts: shared facts, orchestrators 1.3, first column ----
@pytest.mark.parametrize(
    ("policy", "stop", "killed_before", "starts"),
    [
        ("no", {}, False, False),
        ("always", {}, False, True),
        ("unless-stopped", {}, False, True),  # a daemon's shutdown is not "by hand"
        ("on-failure", {"drains": True}, False, False),  # exits 0 on SIGTERM
        ("on-failure", {"drains": False}, False, True),  # 143
        ("on-failure", {"drains": False, "ignores": True}, False, True),  # 137 after its grace
        ("always", {}, True, True),  # `docker kill` first: only this one comes back,
        ("unless-stopped", {}, True, False),  # ... this one stays down,
        ("on-failure", {}, True, True),  # ... and for this one 137 is a failure
        ("no", {}, True, False),
    ],
)
def test_a_restart_of_the_daemon(policy, stop, killed_before, starts) -> None:
    settings = {f"stack.services.api.stop.{key}": value for key, value in stop.items()}
    events = [{"at": 295, "operator_kill": {"service": "http"}}] if killed_before else []
    restarted = {"at": 300, "daemon_restart": {"hosting": "http", "takes": "3s"}}
    run = replay(
        *events, restarted, settings={"stack.services.api.restart": policy, **settings},
        horizon_s=350.0,
    )  # fmt: skip
    assert [row.text for row in rows(run, "restart", "api")] == (
        [f"api-1 started by Docker when it is up (restart: {policy})"] if starts else []
    )


def test_nobody_restarts_a_container_while_the_daemon_is_away() -> None:
    always = {f"stack.services.{name}.restart": "always" for name in ("api", "worker", "redis")}
    event = {"at": 300, "daemon_restart": {"takes": "7s"}}
    run = replay(event, settings=always, horizon_s=350.0)
    away, back = when(run, "daemon_restart")
    assert (away, back) == (300.0, max(when(run, "exit")) + 7.0)
    assert set(when(run, "restart")) == {back}
    assert {row.subject for row in rows(run, "restart")} >= {"api-1", "redis-1"}
    assert not rows(run, "restart", "postgres")  # the article's file says nothing of it


def test_containers_outlive_a_restart_of_containerd() -> None:
    event = {"at": 300, "daemon_restart": {"hosting": "http"}}
    run = replay(event, platform="kubernetes", horizon_s=400.0)
    assert "run on" in rows(run, "daemon_restart")[0].text
    assert rows(run, "exit") == []


def test_a_pending_restart_is_lost_with_the_daemon_and_its_start_decides() -> None:
    crash = {"at": 299.99, "process_crash": {"service": "http"}}
    event = {"at": 300, "daemon_restart": {"hosting": "postgres", "takes": "2s"}}
    run = replay(crash, event, settings={"stack.services.api.restart": "always"}, horizon_s=350.0)
    (started,) = when(run, "restart", "api")
    assert started > 301.0
