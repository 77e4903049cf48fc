"""The scenarios about scaling teach what they say."""

from __future__ import annotations

import pytest

from sim.control.keda import Keda
from sim.platforms import load, names
from sim.results.summary import figures
from tests.test_scenarios import claims, replay, share_failed


def scalings(name: str, platform: str) -> list[str]:
    run = replay(name, platform)
    return [row.text for row in run.timeline if row.event == "autoscaling"]


# ---- queue_backlog ----
@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_the_import_is_late_and_nobody_sees_an_error(platform: str) -> None:
    run = replay("queue_backlog", platform)
    assert share_failed(run, 0, 3600) < 0.001
    assert run.series["jobs_queued"][:600].max() < 40
    assert figures(run)["jobs"]["oldest_s"] > 600


def test_an_autoscaler_on_cpu_does_not_see_workers_that_wait() -> None:
    assert claims("queue_backlog", "compose")["N2"]["holds"]
    assert claims("queue_backlog", "compose")["X-BACKLOG-USERS"]["holds"]
    assert not claims("queue_backlog", "kubernetes")["K4"]["holds"]
    assert not scalings("queue_backlog", "kubernetes")


def test_on_the_workers_own_cpu_it_does() -> None:
    assert claims("queue_backlog:cpu_bound", "kubernetes")["K4"]["holds"]


def test_keda_sees_the_work() -> None:
    assert load("kubernetes_tuned").autoscaling.keda == Keda()
    assert load("kubernetes").autoscaling.keda is None  # nobody has installed it
    rows = claims("queue_backlog", "kubernetes_tuned")
    assert rows["X-KEDA"]["holds"]
    assert rows["X-KEDA-HANDS"]["holds"]
    assert any("jobs, target 20 a replica" in text for text in scalings(*TUNED))
    assert claims("queue_backlog:keda", "kubernetes")["K4"]["holds"]


TUNED = ("queue_backlog", "kubernetes_tuned")


def test_keda_takes_the_workers_away_while_the_import_still_runs() -> None:
    """An empty queue asks for nobody; five minutes later they go, and it fills up again."""
    run = replay(*TUNED)
    importing = run.series["jobs_queued"][800:2400]
    assert importing.min() == 0
    assert importing.max() > 60


def test_to_zero_the_first_jobs_wait_for_a_poll() -> None:
    assert not claims("queue_backlog:to_zero", "kubernetes")["X-TO-ZERO"]["holds"]
    texts = scalings("queue_backlog:to_zero", "kubernetes")
    assert "from 2 to 0 replicas by KEDA" in texts[0]
    assert "from 0 to 1 replicas by KEDA" in texts[1]
    assert "to 0 replicas by KEDA" in texts[-1]


def test_the_hpa_undoes_what_was_scaled_by_hand() -> None:
    assert claims("queue_backlog:by_hand", "compose")["X-BY-HAND"]["holds"]
    assert not claims("queue_backlog:by_hand", "kubernetes")["X-BY-HAND-HPA"]["holds"]


@pytest.mark.slow
@pytest.mark.parametrize("platform", sorted({*names()} - {"compose", "kubernetes"}))
def test_only_the_queues_length_helps(platform: str) -> None:
    waited = figures(replay("queue_backlog", platform))["jobs"]["oldest_s"]
    assert waited < 60 if platform == "kubernetes_tuned" else waited > 600
