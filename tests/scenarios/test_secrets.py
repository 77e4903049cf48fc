"""The scenario `secret_rotation` teaches what it says, and the choice `secrets` protects it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.results.run import Run
from sim.results.summary import figures
from sim.results.verdicts import evaluate
from sim.simulation.simulation import run_once
from tests import ENGINE
from tests.scenarios.replays import share_failed


@cache
def replay(variant: str, platform: str, seed: int = 1, ablated: bool = False) -> Run:
    settings: dict[str, Any] = {f"{platform}.secrets": None} if ablated else {}
    name = f"secret_rotation{variant}"
    scenario = load_scenario(name, settings=settings)
    return run_once(scenario, load_stack(scenario.stack), platform, seed, engine=ENGINE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_matters_more_than_the_platform(seed: int) -> None:
    assert figures(replay("", "kubernetes", seed))["requests"]["failed"]["http_500"] > 100
    assert figures(replay(":two_users", "kubernetes", seed))["availability"] == 1.0
    assert figures(replay(":two_users", "compose", seed))["downtime_s"] >= 5


def test_pools_hide_it() -> None:
    assert figures(replay(":pooled", "kubernetes"))["availability"] > 0.999


@pytest.mark.parametrize("platform", ["nomad", "ecs_fargate", "cloud_run"])
def test_elsewhere_the_order_matters_too(platform: str) -> None:
    one, two = replay("", platform), replay(":two_users", platform)
    assert share_failed(one, 0, 300) < 0.02
    assert figures(one)["requests"]["failed"]["http_500"] > 20 * (platform != "nomad")
    assert figures(two)["requests"]["failed"].get("http_500", 0) == 0
    away = replay(":two_users", platform, ablated=True)
    assert away.operator.minutes > two.operator.minutes + 1


def test_on_nomad_two_users_do_not_hide_it() -> None:
    claims = [c for c in load_scenario("secret_rotation:two_users").claims if c.platform == "nomad"]
    (row,) = evaluate(claims, {"nomad": figures(replay(":two_users", "nomad"))})
    assert not row["holds"]
    assert claims[0].because
    assert figures(replay(":two_users", "nomad"))["downtime_s"] > 5
    assert figures(replay(":two_users", "ecs_fargate"))["downtime_s"] == 0


def test_taking_the_secrets_away_costs_minutes_and_may_cost_a_service() -> None:
    with_it, without = replay("", "kubernetes"), replay("", "kubernetes", ablated=True)
    assert without.operator.minutes > with_it.operator.minutes + 1
    one_place = figures(replay(":missed_server", "kubernetes"))["downtime_s"]
    many = figures(replay(":missed_server", "kubernetes", ablated=True))["downtime_s"]
    assert many > one_place + 120
