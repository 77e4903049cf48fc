"""Passwords: who holds which one when, what order costs whom, and where one can be forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.secrets.passwords import (
    KUBELET_SYNC,
    SYNC_JITTER,
    WATCH_DELAY,
    Taken,
    is_locked_out,
    refresh_delay_s,
    takes,
)
from sim.control.secrets.rotation import Move, order, window_s
from sim.dataplane.codes import Outcome
from sim.dataplane.tables import FIRST_CAUSE
from sim.platforms import load
from sim.results.run import Run
from sim.schema.scenario import Version
from tests.control.outage import replay, rows, when

PER_REQUEST = {"stack.services.http.database.pool": 0}  # each request opens a connection
RUNBOOK = [{"do": "edit", "takes": "120s"}, {"do": "alter", "takes": "15s"},
           {"do": "up", "takes": "15s"}]  # fmt: skip
CALM = {"stack.operator.runbooks.rotate_secret": RUNBOOK, **PER_REQUEST}


def rotate(platform: str, settings: dict[str, Any] | None = None, **ask: Any) -> Run:
    given = {**CALM, **(settings or {})}
    return replay({"at": 300, "rotate_secret": ask}, platform=platform, rate=8.0, settings=given)


def shut_out(run: Run) -> int:
    return int(run.recording.requests[:, FIRST_CAUSE + Outcome.HTTP_500 - 2].sum())


# ---- rules ----
@pytest.mark.parametrize(
    ("overlap", "restarts", "steps"),
    [
        (False, True, ("write", "change", "restart")),
        (False, False, ("write", "change")),
        (True, True, ("add", "write", "restart", "confirm", "drop")),
        (True, False, ("add", "write", "confirm", "drop")),
    ],
)
def test_order(overlap: bool, restarts: bool, steps: tuple[Move, ...]) -> None:
    assert order(overlap, restarts) == steps


@pytest.mark.parametrize(
    ("held", "valid", "locked"),
    [
        (0, {0}, False),
        (0, {0, 1}, False),  # two users
        (1, {0, 1}, False),
        (0, {1}, True),
        (1, {0}, True),  # has the new one before the database knows it
    ],
)
def test_who_is_locked_out(held: int, valid: set[int], locked: bool) -> None:
    assert is_locked_out(held, valid) is locked


@pytest.mark.parametrize(
    ("taken", "change", "new"),
    [
        ("created", "created", True),
        ("created", "started", False),  # `docker start`, a restart policy: the old environment
        ("started", "created", True),
        ("started", "started", True),  # a kubelet looks the Secret up again
        ("read", "started", True),
        ("read", "listening", False),
    ],
)
def test_when_a_container_takes_what_is_written(taken: Taken, change: str, new: bool) -> None:
    assert takes(taken, change) is new


@pytest.mark.parametrize(
    ("changed", "all_have", "window"), [(100.0, 140.0, 40.0), (100.0, 90.0, 0.0)]
)
def test_window(changed: float, all_have: float, window: float) -> None:
    assert window_s(changed, all_have) == window


@pytest.mark.parametrize(
    ("phase", "jitter", "delay"),
    [(0.0, 0.0, 1.0), (1.0, 0.0, 61.0), (1.0, 1.0, 91.0), (0.5, 1.0, 46.0)],
)
def test_refresh_delay(phase: float, jitter: float, delay: float) -> None:
    found = refresh_delay_s(phase, jitter, KUBELET_SYNC.value, SYNC_JITTER.value, WATCH_DELAY.value)
    assert found == pytest.approx(delay)


def test_a_restart_is_no_other_image() -> None:
    assert Version(name="v1", restarted=2).image == Version(name="v1")
    assert Version(name="v1", restarted=2) != Version(name="v1", restarted=1)


def test_encryption_at_rest() -> None:
    """kubernetes.io, secrets-good-practices; docker/docs swarm/secrets."""
    assert load("kubernetes").secrets.encrypted_at_rest is False
    assert load("swarm").secrets.encrypted_at_rest is True


# ---- by hand on Docker ----
def test_compose_edits_changes_and_recreates_what_has_the_password() -> None:
    """20 login, 120 edit, 15 ALTER ROLE: locked out until `up -d` 15 s later; then 8 s boot."""
    run = rotate("compose")
    assert when(run, "secret", "postgres")[0] == 455.0
    assert {row.subject for row in rows(run, "exit")} == {"postgres-1", "api-1", "worker-1"}
    assert set(when(run, "exit")) == {470.0}
    down = run.recording.requests[456:477].sum(axis=0)
    assert down[1] == 0 < down[0]
    later = run.recording.requests[480:].sum(axis=0)
    assert later[1] == later[0]
    assert run.operator.minutes == pytest.approx(170 / 60)


def test_connections_that_are_open_stay() -> None:
    pooled = rotate("compose", {"stack.services.http.database.pool": 10})
    waiting = pooled.recording.requests[456:469].sum(axis=0)
    assert waiting[1] == waiting[0] > 0
    assert shut_out(pooled) == 0 < shut_out(rotate("compose"))


def test_with_two_users_the_database_goes_on() -> None:
    run = rotate("compose", overlap=True)
    assert {row.subject for row in rows(run, "exit")} == {"api-1", "worker-1"}
    assert shut_out(run) == 0
    assert rows(run, "secret", "postgres")[0].text == "postgres takes both passwords"


def test_a_restarted_docker_container_keeps_its_environment() -> None:
    """The process crashes between `.env` and `up -d`; the old one comes back."""
    events = [
        {"at": 300, "rotate_secret": {}},
        {"at": 456, "process_crash": {"service": "http"}},
    ]
    crashed = {"stack.services.api.restart": "always", "stack.services.api.boot": "1s"}
    run = replay(*events, rate=8.0, settings={**CALM, **crashed})
    refused = run.recording.requests[460:469].sum(axis=0)
    assert refused[1] == 0 < refused[0]


SERVERS = {"stack.servers.count": 3, "stack.services.http.replicas": 3}


def test_a_forgotten_server_fails_its_share_until_it_is_found() -> None:
    run = rotate("compose", SERVERS, missed=1)
    assert run.operator.mistakes == 1
    edited = [r.text for r in rows(run, "operator") if "edits .env" in r.text]
    assert edited == [f"operator edits .env on server-{n}" for n in (1, 2, 3)]
    found = next(r.t_s for r in rows(run, "operator") if "finds the old password" in r.text)
    assert found > when(run, "page")[0]
    share = run.recording.requests[640:700].sum(axis=0)
    assert 0.2 < 1 - share[1] / share[0] < 0.5, "one replica in three"
    late = run.recording.requests[1300:1700].sum(axis=0)
    assert late[1] == late[0] > 0


def test_places_are_forgotten_at_the_operators_rate() -> None:
    careless = {**SERVERS, "stack.operator.mistake": "60%"}
    assert any("finds the old" in r.text for r in rotate("compose", careless).timeline)
    assert rotate("compose", SERVERS).operator.mistakes == 0


def test_one_place_cannot_be_forgotten() -> None:
    for platform in ("compose", "kubernetes"):
        assert rotate(platform, missed=1).operator.mistakes == 0


# ---- Kubernetes ----
def test_change_then_roll_locks_out_the_old_replicas() -> None:
    run = rotate("kubernetes")
    assert 50 < shut_out(run) < 1000
    late = run.recording.requests[700:].sum(axis=0)
    assert late[1] == late[0]
    assert not rows(run, "exit", "postgres")


def test_two_users_lock_out_nobody() -> None:
    run = rotate("kubernetes", overlap=True)
    assert run.gauge.failed == 0
    dropped = next(r.t_s for r in rows(run, "operator") if "DROP ROLE" in r.text)
    assert dropped > max(when(run, "exit", "api")), "the last that needed the old one is gone"


def test_a_restart_pulls_no_image() -> None:
    """45 s for three replicas one by one: boots of 8 s, no pull of 8 s before each."""
    run = rotate("kubernetes")
    (done,) = [r.text for r in rows(run, "rollout", "api") if "complete" in r.text]
    assert float(done.split()[-2]) < 60


@pytest.mark.parametrize("engine_seed", [1, 2])
def test_volumes_are_refreshed_without_a_restart(engine_seed: int) -> None:
    settings = {**CALM, "kubernetes.secrets": "secret_volumes"}
    ask = {"at": 300, "rotate_secret": {"overlap": True}}
    run = replay(ask, platform="kubernetes", rate=4.0, settings=settings, seed=engine_seed)
    assert run.gauge.failed == 0
    assert not rows(run, "exit")
    assert not rows(run, "rollout")
    refreshed = [r.t_s for r in rows(run, "secret") if "refreshed" in r.text]
    assert len(refreshed) == 5
    assert 456.0 <= min(refreshed) <= max(refreshed) <= 455.0 + 1.0 + 90.0


def test_the_sync_period_is_a_field() -> None:
    slow = {"kubernetes.secrets": {"mechanism": "secret_volumes", "sync_period_s": "10m"}}
    quick = {"kubernetes.secrets": {"mechanism": "secret_volumes", "sync_period_s": "1s"}}
    assert shut_out(rotate("kubernetes", slow)) > shut_out(rotate("kubernetes", quick))


def test_without_secrets_each_manifest_is_edited() -> None:
    run = rotate("kubernetes", {"kubernetes.secrets": None})
    edited = [r.text for r in rows(run, "operator") if "edits" in r.text]
    assert edited == ["operator edits the manifest of worker", "operator edits the manifest of api"]
    assert run.operator.minutes > rotate("kubernetes").operator.minutes


def test_a_forgotten_manifest_is_found_by_an_incident() -> None:
    run = rotate("kubernetes", {"kubernetes.secrets": None}, missed=1)
    assert run.operator.mistakes == 1
    assert any("finds the old password in the manifest of api" in r.text for r in run.timeline)
    late = run.recording.requests[1300:1700].sum(axis=0)
    assert late[1] == late[0] > 0


def test_swarm_replaces_its_tasks_with_a_new_secret() -> None:
    run = rotate("swarm", overlap=True)
    assert shut_out(run) == 0
    assert any("--secret-add" in r.text for r in rows(run, "operator"))
