"""Secrets of Nomad, ECS and Cloud Run: what a rotation restarts, when, and who is locked out."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from sim.control.secrets.managed_secrets import (
    handed_out_s,
)
from sim.dataplane.codes import Outcome
from sim.dataplane.tables import FIRST_CAUSE
from sim.platforms import load
from sim.results.run import Run
from tests.control.outage import replay, rows, when

RUNBOOK = [{"do": "edit", "takes": "120s"}, {"do": "alter", "takes": "15s"},
           {"do": "up", "takes": "15s"}]  # fmt: skip
CALM = {"stack.operator.runbooks.rotate_secret": RUNBOOK, "stack.services.http.database.pool": 0}
ROTATE, TWO_USERS = {"rotate_secret": {}}, {"rotate_secret": {"overlap": True}}


@cache
def rotated(platform: str, overlap: bool = False, *events: Any, **settings: Any) -> Run:
    """Log in at 300; one user: written at 440, changed at 455; two: written at 455."""
    asked = {"at": 300, **(TWO_USERS if overlap else ROTATE)}
    later = [{"at": at, "process_crash": {"service": "http"}} for at in events]
    paths = {f"{platform}.{path.replace('__', '.')}": value for path, value in settings.items()}
    given = {**CALM, **paths}
    return replay(asked, *later, platform=platform, rate=8.0, horizon_s=900.0, settings=given)


def shut_out(run: Run, begin_s: int = 0, end_s: int = 900) -> int:
    seconds = run.recording.requests[begin_s:end_s]
    return int(seconds[:, FIRST_CAUSE + Outcome.HTTP_500 - 2].sum())


def both_s(run: Run) -> float:
    """How long the old password was needed beside the new one, as the timeline says."""
    (text,) = [r.text for r in rows(run, "secret", "postgres") if "was needed" in r.text]
    return float(text.split(" for ")[1].split()[0])


# ---- rules ----
@pytest.mark.parametrize(
    ("phase", "share", "longest", "splay", "delay"),
    [(0.0, 0.0, 1.0, 5.0, 0.0), (1.0, 1.0, 1.0, 5.0, 6.0), (0.5, 0.2, 300.0, 5.0, 151.0)],
)
def test_when_a_task_hears_of_it(phase, share, longest, splay, delay):
    assert handed_out_s(phase, share, longest, splay) == delay


@pytest.mark.parametrize("platform", ["nomad", "ecs_fargate", "cloud_run"])
def test_they_are_encrypted_and_written_in_one_place(platform):
    assert load(platform).secrets.encrypted_at_rest
    run = rotated(platform)
    edits = [r.text for r in rows(run, "operator") if "edits" in r.text]
    assert len(edits) == 1
    assert run.operator.minutes < rotated(platform, secrets=None).operator.minutes - 1


# ---- Nomad ----
def test_nomad_restarts_every_task_within_the_splay():
    """By itself, without a deployment: two users lock out nobody, and users still notice."""
    run = rotated("nomad", overlap=True)
    told = [r.t_s for r in rows(run, "secret") if "template has changed" in r.text]
    assert len(told) == 5
    assert 455.0 <= min(told) <= max(told) <= 455.0 + 6.0
    assert not rows(run, "rollout")
    assert shut_out(run) == 0
    assert run.gauge.failed > 50, "all three replicas of the API boot at once"


def test_a_restart_by_a_template_is_no_failure():
    run = rotated("nomad", overlap=True)
    assert not rows(run, "reschedule")
    gone, back = when(run, "exit", "api"), when(run, "listening", "api")
    assert [b - g for g, b in zip(gone, back, strict=True)] == pytest.approx([8.0] * 3)  # boot
    crashed = rotated("nomad", True, 600.0)  # ... and the two attempts are still there
    again = [r.t_s for r in rows(crashed, "restart", "api") if "by Nomad" in r.text]
    assert len(again) == 1
    assert not rows(crashed, "reschedule")


def test_one_user_on_nomad_locks_out_from_the_restart_to_alter_role():
    run = rotated("nomad")
    assert 0 < shut_out(run, 440, 455) == shut_out(run)


def test_a_signal_restarts_nothing():
    run = rotated("nomad", overlap=True, secrets__change_mode="signal")
    assert not rows(run, "exit")
    assert run.gauge.failed == 0
    assert both_s(run) < 127.0


def test_the_splay_of_nomad_is_a_field():
    run = rotated("nomad", overlap=True, secrets__splay_s="5m")
    told = [r.t_s for r in rows(run, "secret") if "template has changed" in r.text]
    assert max(told) - min(told) > 60.0
    assert run.gauge.failed < rotated("nomad", overlap=True).gauge.failed


def test_vault_is_polled():
    run = rotated("nomad", overlap=True, secrets__source="vault")
    assert any("the secret in Vault" in r.text for r in rows(run, "operator"))
    told = [r.t_s for r in rows(run, "secret") if "template has changed" in r.text]
    assert 30.0 < max(told) - 455.0 <= 305.0
    often = rotated("nomad", overlap=True, secrets__source="vault", secrets__vault_poll_s="10s")
    assert both_s(often) < both_s(run)


def test_a_slow_render_is_a_field():
    late = rotated("nomad", overlap=True, secrets__render_s="2m", secrets__change_mode="signal")
    assert both_s(late) > both_s(rotated("nomad", overlap=True, secrets__change_mode="signal"))


# ---- ECS ----
def test_ecs_reads_a_secret_when_a_task_starts_and_never_again():
    run = rotated("ecs_fargate")
    (asked,) = [r.t_s for r in rows(run, "operator") if "--force-new-deployment" in r.text]
    assert asked == 465.0
    assert len(when(run, "exit", "api")) == 3, "each task is another one now"
    assert shut_out(run, 455, 500) > 300, "all are locked out until the first new task is there"
    assert shut_out(run, 560) == 0


def test_ecs_needs_both_for_longest_and_two_users_cost_nothing():
    """A new task is a new machine and a whole image: a minute and more."""
    assert both_s(rotated("ecs_fargate")) > 60.0 > both_s(rotated("cloud_run"))
    assert rotated("ecs_fargate", overlap=True).gauge.failed == 0


# ---- Cloud Run ----
def test_a_pinned_version_reaches_the_next_revision_only():
    """An instance starts between the new version of the secret and ALTER ROLE."""
    pinned = rotated("cloud_run", False, 441.0)
    latest = rotated("cloud_run", False, 441.0, secrets__version="latest")
    assert shut_out(pinned, 440, 455) == 0 < shut_out(latest, 440, 455)
    late = pinned.recording.requests[500:].sum(axis=0)
    assert late[1] == late[0] > 0


def test_a_revision_keeps_what_it_names():
    """A crash after the database's change: the old revision's new instance is refused as well,
    until the new revision takes over; `latest` would have had the new password."""
    pinned = rotated("cloud_run", False, 455.5)
    latest = rotated("cloud_run", False, 455.5, secrets__version="latest")
    assert shut_out(latest) < shut_out(pinned)


def test_a_mounted_secret_is_new_at_once_for_all():
    mounted = rotated("cloud_run", secrets="secret_manager_volumes")
    assert not rows(mounted, "exit")
    assert 0 < shut_out(mounted, 440, 455) == shut_out(mounted)
    two = rotated("cloud_run", overlap=True, secrets="secret_manager_volumes")
    assert two.gauge.failed == 0
    assert both_s(two) == 120.0, "written 120 s after the second user, and read at once"
