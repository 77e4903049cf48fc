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

VARIANTS = ("", ":two_users", ":pooled", ":volumes", ":missed_server")


@cache
def replay(variant: str, platform: str, seed: int = 1, ablated: bool = False) -> Run:
    settings: dict[str, Any] = {f"{platform}.secrets": None} if ablated else {}
    name = f"secret_rotation{variant}"
    scenario = load_scenario(name, settings=settings)
    return run_once(scenario, load_stack(scenario.stack), platform, seed, engine=ENGINE)


def share_failed(run: Run, begin_s: float, end_s: float) -> float:
    arrived, succeeded = run.recording.requests[int(begin_s) : int(end_s), :2].sum(axis=0)
    return 1.0 - float(succeeded) / float(arrived)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stable_before_its_event_and_broken_by_it(seed: int) -> None:
    for platform in ("compose", "kubernetes"):
        run = replay("", platform, seed)
        assert run.fault_s == 300.0
        assert share_failed(run, 0, 300) < 0.02
        assert max(share_failed(run, t, t + 60) for t in range(300, 900, 30)) > 0.10


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_claims_that_do_not_hold_say_why(variant: str, platform: str) -> None:
    claims = load_scenario(f"secret_rotation{variant}").claims
    mine = [claim for claim in claims if claim.platform == platform]
    found = evaluate(mine, {platform: figures(replay(variant, platform))})
    for claim, row in zip(mine, found, strict=True):
        assert row["holds"] or claim.because, row


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
