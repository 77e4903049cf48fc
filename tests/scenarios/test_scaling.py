"""The scenarios about scaling teach what they say."""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.autoscaling.keda import Keda
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import load, names
from sim.results.summary import figures
from sim.schema.fields import InputError
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan
from tests import ENGINE
from tests.scenarios.replays import claims, replay, share_failed


def scalings(name: str, platform: str) -> list[str]:
    run = replay(name, platform)
    return [row.text for row in run.timeline if row.event == "autoscaling"]


# ---- black_friday on CPU, and on the rate ----
def test_the_rate_counts_young_replicas_so_that_steps_are_smaller_and_come_earlier() -> None:
    """CPU: 3, 5, 7, 10 from 31:20; requests per second: 3, 4, 5, 6, 7, 9 from 31:05 (seed 1)."""
    steps = {}
    for variant in ("rush", "rate"):
        run = replay(f"black_friday:{variant}", "kubernetes", horizon="34m")
        rows = [r for r in run.timeline if r.event == "autoscaling" and r.subject == "api"]
        assert all(("requests/s" if variant == "rate" else "CPU") in r.text for r in rows)
        steps[variant] = [(r.t_s, int(r.text.split(" to ")[1].split()[0])) for r in rows]
    assert steps["rate"][0][0] < steps["rush"][0][0]
    assert steps["rate"][0][1] < steps["rush"][0][1]
    assert len(steps["rate"]) > len(steps["rush"])


# ---- queue_backlog ----
@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_the_import_is_late_and_nobody_sees_an_error(platform: str) -> None:
    run = replay("queue_backlog", platform)
    assert share_failed(run, 0, 3600) < 0.001
    assert run.series["jobs_queued"][:600].max() < 40
    assert figures(run)["jobs"]["oldest_s"] > 120, "until somebody is paged, and scales"


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
    assert waited < 60 if platform == "kubernetes_tuned" else waited > 120


# ---- overload: the article's "try it yourself" ----
@pytest.mark.parametrize(
    ("variant", "article", "kubernetes"),
    [
        ("", "Y2", "K4"),
        (":kill", "Y1", "K1"),
        (":deploy", "Y3", "K5"),
        (":high_cpu", "Y4-COMPOSE", "Y4"),
    ],
)
def test_try_it_yourself(variant: str, article: str, kubernetes: str) -> None:
    name = f"overload{variant}"
    assert share_failed(replay(name, "compose"), 0, 600) < 0.02
    assert claims(name, "compose")[article]["holds"]
    assert claims(name, "kubernetes")[kubernetes]["holds"]


def test_an_event_loop_serves_those_who_have_left_long_after_the_rush() -> None:
    down_s = {
        v: figures(replay(f"overload{v}", "compose"))["downtime_s"] for v in ("", ":event_loop")
    }
    assert down_s[":event_loop"] > 1.5 * down_s[""]


# ---- black_friday_realistic ----
REALISTIC = "black_friday_realistic"


def test_a_quota_stops_the_cluster_autoscaler() -> None:
    run = replay(f"{REALISTIC}:quota", "kubernetes")
    assert share_failed(run, 0, 1200) < 0.02
    assert run.series["servers"].max() == 4
    assert [row.text for row in run.timeline if row.event == "quota"]
    assert not claims(f"{REALISTIC}:quota", "kubernetes")["K4"]["holds"]


def test_the_operator_meets_the_quota_too() -> None:
    settings: dict[str, Any] = {
        "stack.servers.quota": 2, "scenario.horizon": "70m", "scenario.platforms": ["compose"],
    }  # fmt: skip
    scenario = load_scenario("manual_scaling", settings=settings)
    run = run_once(scenario, load_stack("sspp"), "compose", 1, engine=ENGINE)
    assert run.series["servers"].max() == 2
    assert [row.text for row in run.timeline if row.event == "quota"]


def test_a_quota_below_what_is_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"quota >= count"):
        plan(Ask("container_crash", ["kubernetes"], settings={"stack.servers.quota": 2}))


@pytest.mark.slow
def test_ten_times_over_hours_leaves_time() -> None:
    assert claims(REALISTIC, "compose")["BF1"]["holds"]
    rows = claims(REALISTIC, "kubernetes")
    assert rows["K4"]["holds"]
    assert rows["K11"]["holds"]
    assert claims(f"{REALISTIC}:prepared", "compose")["X-PREPARED"]["holds"]
    assert claims(f"{REALISTIC}:prepared", "kubernetes")["X-PREPARED-K"]["holds"]


@pytest.mark.slow
def test_a_poison_job_is_lost_with_its_neighbours_or_comes_back() -> None:
    assert not claims(f"{REALISTIC}:poison", "kubernetes")["X-POISON"]["holds"]
    tuned = claims(f"{REALISTIC}:poison", "kubernetes_tuned")
    assert tuned["X-POISON-TUNED"]["holds"]
    assert not tuned["X-POISON-STALLED"]["holds"]
    endless = claims(f"{REALISTIC}:poison_forever", "kubernetes_tuned")
    assert not endless["X-POISON-FOREVER"]["holds"]
