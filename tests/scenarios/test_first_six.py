"""The article's six scenarios teach what they say. Full Black Fridays take minutes: marked slow."""

from __future__ import annotations

import pytest

from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.results.summary import figures
from sim.simulation.simulation import run_once
from tests import ENGINE
from tests.scenarios.replays import replay

SEEDS = (1, 2, 3)


# ---- container_crash ----
def test_killed_containers_exit_137_and_wait_for_a_person() -> None:
    run = replay("container_crash", "compose")
    assert "api-1 killed by docker kill (exit 137)" in {row.text for row in run.timeline}
    assert not [row for row in run.timeline if row.event == "restart"]


def test_downtime_is_two_to_ten_minutes_as_a_rule() -> None:
    """S1b over 20 seeds: nine in ten within the article's bounds, the rest a missed page."""
    seconds = sorted(
        figures(replay("container_crash", "compose", seed))["downtime_s"] for seed in range(1, 21)
    )
    within = [s for s in seconds if 120.0 <= s <= 600.0]
    assert len(within) >= 16
    assert 150.0 <= seconds[10] <= 420.0


def test_the_policy_applies_to_crashes_only() -> None:
    healed = figures(replay("container_crash:restart_policy", "compose"))
    killed = figures(replay("container_crash:kill_with_restart_policy", "compose"))
    assert healed["downtime_s"] < 30
    assert killed["downtime_s"] >= 120
    assert healed["operator"]["pages"] == 0 < killed["operator"]["pages"]


def test_kubernetes_restarts_within_seconds() -> None:
    found = figures(replay("container_crash", "kubernetes"))
    assert found["downtime_s"] <= 5
    assert found["operator"]["pages"] == 0


# ---- server_crash ----
@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_crash_takes_three_minutes_and_all_jobs(seed: int) -> None:
    found = figures(replay("server_crash", "compose", seed))
    assert found["downtime_s"] >= 180
    assert found["jobs"]["lost"]["redis_wiped"] > 50
    assert figures(replay("server_crash:aof", "compose", seed))["jobs"]["lost"]["redis_wiped"] == 0


def test_a_restart_policy_leaves_only_the_boot() -> None:
    without = figures(replay("server_crash", "compose"))["downtime_s"]
    with_it = figures(replay("server_crash:restart_always", "compose"))["downtime_s"]
    assert 60 < with_it < without


def test_the_same_redis_loses_the_same_jobs_on_both_platforms() -> None:
    for platform in ("compose", "kubernetes"):
        found = figures(replay("server_crash:redis", platform))
        assert found["jobs"]["lost"]["redis_wiped"] > 50


# ---- bad_rollout ----
@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_deploy_is_an_outage_of_seconds_on_compose_only(seed: int) -> None:
    assert 5 <= figures(replay("bad_rollout:good", "compose", seed))["downtime_s"] <= 30
    smooth = figures(replay("bad_rollout:good", "kubernetes", seed))
    assert smooth["availability"] == 1.0


def test_a_version_that_does_not_start_is_an_outage_on_compose_only() -> None:
    assert figures(replay("bad_rollout", "compose"))["downtime_s"] > 120
    assert figures(replay("bad_rollout", "kubernetes"))["availability"] == 1.0


def test_without_pre_stop_the_endpoint_race_loses_requests() -> None:
    lost = figures(replay("bad_rollout:no_pre_stop", "kubernetes"))["requests"]["failed"]["refused"]
    assert 0 < lost < 100


def test_readiness_does_not_see_errors() -> None:
    for platform in ("compose", "kubernetes"):
        found = figures(replay("bad_rollout:errors", platform))
        assert found["requests"]["failed"]["http_500"] > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_canary_shows_a_bad_version_to_few_users_and_takes_it_back_by_itself(seed: int) -> None:
    """Against the same version by a rolling update, which a person takes back."""
    canary = figures(replay("bad_rollout:canary", "kubernetes", seed))
    rolling = figures(replay("bad_rollout:errors", "kubernetes", seed))
    assert canary["operator"]["minutes"] == 0.0 < rolling["operator"]["minutes"]
    met = [found["requests"]["failed"]["http_500"] for found in (canary, rolling)]
    assert 0 < met[0] < 0.5 * met[1]


def test_an_automatic_rollback_is_quicker_than_a_person_and_slower_than_a_canary() -> None:
    def errors(variant: str) -> int:
        found = figures(replay(f"bad_rollout:{variant}", "kubernetes"))
        return int(found["requests"]["failed"]["http_500"])

    assert errors("canary") < errors("auto_rollback") < errors("errors")


def test_blue_green_doubles_the_connections_and_its_way_back_ends_after_thirty_seconds() -> None:
    short = replay("bad_rollout:blue_green", "kubernetes")
    rolling = replay("bad_rollout:errors", "kubernetes")
    assert figures(short)["connections"]["peak"] > figures(rolling)["connections"]["peak"]
    kept = {"mechanism": "blue_green", "scale_down_delay_s": "20m"}
    settings = {"kubernetes.rolling_updates": kept}
    scenario = load_scenario("bad_rollout:blue_green", settings=settings)
    long = run_once(scenario, load_stack(scenario.stack), "kubernetes", 1, engine=ENGINE)
    assert figures(long)["recover_s"] < figures(short)["recover_s"] - 10.0


def test_recreate_is_an_outage_on_kubernetes_too() -> None:
    assert 10 <= figures(replay("bad_rollout:recreate", "kubernetes"))["downtime_s"] <= 40


# ---- manual_scaling ----
def test_the_second_replica_finds_port_3000_taken() -> None:
    run = replay("manual_scaling", "compose", 1, "40m")
    taken = [row for row in run.timeline if row.event == "port_taken"]
    assert taken[0].text == (
        "api-2 did not start: Bind for 0.0.0.0:3000 failed: port is already allocated"
    )


# ---- connection_limits ----
@pytest.mark.parametrize("seed", SEEDS)
def test_eager_pools_let_eight_or_nine_of_twenty_come_up(seed: int) -> None:
    found = figures(replay("connection_limits:eager", "compose", seed))
    assert found["connections"]["containers_refused"] in (11, 12)


def test_no_orchestrator_cures_it_and_a_pooler_does() -> None:
    for platform in ("compose", "kubernetes"):
        assert figures(replay("connection_limits", platform))["connections"]["refused"] > 50
        assert figures(replay("connection_limits:pooler", platform))["connections"]["refused"] == 0


# ---- whole days ----
@pytest.mark.slow
def test_renting_five_servers_takes_three_to_four_hours() -> None:
    for seed in SEEDS:
        hands_on = replay("black_friday", "compose", seed).operator.minutes
        assert 150 <= hands_on <= 270, "the article: three to four hours"


@pytest.mark.slow
def test_the_autoscaler_itself_meets_the_connection_limit() -> None:
    found = figures(replay("black_friday:eager_pools", "kubernetes"))
    assert found["connections"]["containers_refused"] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_server_is_detected_by_its_lease_not_by_an_autoscaler_that_happens_to_act(
    seed: int,
) -> None:
    """Seed 1: the workers' HPA grows 5 s after the crash, by usage from before it."""
    detect_s = figures(replay("server_crash", "kubernetes", seed))["detect_s"]
    assert 40.0 <= detect_s <= 60.0
