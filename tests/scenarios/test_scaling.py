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
from tests.scenarios.replays import replay, share_failed


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
    assert not scalings("queue_backlog", "kubernetes")


def test_keda_sees_the_work() -> None:
    assert load("kubernetes_tuned").autoscaling.keda == Keda()
    assert load("kubernetes").autoscaling.keda is None  # nobody has installed it
    assert any("jobs, target 20 a replica" in text for text in scalings(*TUNED))


TUNED = ("queue_backlog", "kubernetes_tuned")


def test_keda_takes_the_workers_away_while_the_import_still_runs() -> None:
    """An empty queue asks for nobody; five minutes later they go, and it fills up again."""
    run = replay(*TUNED)
    importing = run.series["jobs_queued"][800:2400]
    assert importing.min() == 0
    assert importing.max() > 60


def test_to_zero_the_first_jobs_wait_for_a_poll() -> None:
    texts = scalings("queue_backlog:to_zero", "kubernetes")
    assert "from 2 to 0 replicas by KEDA" in texts[0]
    assert "from 0 to 1 replicas by KEDA" in texts[1]
    assert "to 0 replicas by KEDA" in texts[-1]


@pytest.mark.slow
@pytest.mark.parametrize("platform", sorted({*names()} - {"compose", "kubernetes"}))
def test_only_the_queues_length_helps(platform: str) -> None:
    waited = figures(replay("queue_backlog", platform))["jobs"]["oldest_s"]
    assert waited < 60 if platform == "kubernetes_tuned" else waited > 120


# ---- overload ----
def test_an_event_loop_serves_those_who_have_left_long_after_the_rush() -> None:
    down_s = {
        v: figures(replay(f"overload{v}", "compose"))["downtime_s"] for v in ("", ":event_loop")
    }
    assert down_s[":event_loop"] > 1.5 * down_s[""]


# ---- black_friday_realistic ----
REALISTIC = "black_friday_realistic"


def test_a_quota_stops_the_cluster_autoscaler() -> None:
    run = replay(f"{REALISTIC}:quota", "kubernetes")
    assert run.series["servers"].max() == 4
    assert [row.text for row in run.timeline if row.event == "quota"]


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
