"""The variants that an honest reader asks for: what each asks of a stack, and what that changes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import layers, load, names
from sim.results.summary import figures
from sim.schema.layers import stack_on
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.simulation.simulation import run_once
from tests import ENGINE
from tests.scenarios.replays import measured, replay

PLAIN = {"compose_hardened": "compose", "kubernetes_tuned": "kubernetes"}


@cache
def on(stack: str, platform: str) -> Stack:
    return stack_on(load_stack(stack), layers(platform))


# ---- what they ask ----
@pytest.mark.parametrize("stack", ["sspp", "sspp_public"])
def test_compose_hardened_asks_for_policies_checks_limits_and_a_queue_on_disk(stack: str) -> None:
    services = on(stack, "compose_hardened").services
    assert {s.restart for s in services.values()} == {"unless-stopped"}
    assert services["api"].replicas == 2
    assert services["api"].healthcheck is not None
    assert services["api"].memory.limit == 512 * 1024**2
    assert services["redis"].persistence == "aof_everysec"
    assert on(stack, "compose").services["api"].replicas == 1


def test_what_a_stack_asks_for_itself_is_kept() -> None:
    """Its own HEALTHCHECK, more replicas, a larger limit."""
    services = on("sspp_public", "compose_hardened").services
    assert services["api"].healthcheck is not None
    assert services["api"].healthcheck.deep
    sspp = load_stack("sspp")
    api = sspp.services["api"]
    large = api.model_copy(
        update={"replicas": 4, "memory": api.memory.model_copy(update={"limit": 2 * 1024**3})}
    )
    kept = sspp.model_copy(update={"services": {**sspp.services, "api": large}})
    mine = stack_on(kept, layers("compose_hardened")).services["api"]
    assert (mine.replicas, mine.memory.limit) == (4, 2 * 1024**3)


def test_kubernetes_tuned_is_kubernetes_with_more_asked_for() -> None:
    tuned, plain = on("sspp", "kubernetes_tuned"), on("sspp", "kubernetes")
    assert tuned.services["api"].probes == plain.services["api"].probes
    assert tuned.services["api"].stop.pre_stop == 10.0
    assert tuned.services["worker"].job.delivery == "reliable"
    assert tuned.services["postgres"].pooler is not None
    assert plain.services["postgres"].pooler is None
    assert load("kubernetes_tuned").scheduling.lifecycle.toleration_s == 30.0


# ---- the six scenarios ----
@pytest.mark.parametrize("platform", list(PLAIN))
@pytest.mark.parametrize("name", ["container_crash", "server_crash", "bad_rollout"])
def test_the_books_balance_and_it_is_stable_before_the_event(name: str, platform: str) -> None:
    run = replay(name, platform)  # the run itself checks its ledger
    arrived, succeeded = run.recording.requests[: int(run.fault_s or 0), :2].sum(axis=0)
    assert succeeded >= 0.98 * arrived


def test_a_killed_container_is_no_outage_behind_haproxy() -> None:
    """`docker kill` cancels the restart policy: one replica stays down, and users do not see it."""
    run = replay("container_crash", "compose_hardened")
    assert measured("container_crash", "compose_hardened")["downtime_s"] == 0
    assert measured("container_crash", "compose")["downtime_s"] > 120
    assert "HAProxy marks server-1:3000 DOWN" in {row.text for row in run.timeline}
    assert not [row for row in run.timeline if row.event == "restart"]


def test_after_a_reboot_docker_starts_everything_and_the_queue_is_kept() -> None:
    hard, plain = (measured("server_crash", p) for p in ("compose_hardened", "compose"))
    assert 90 < hard["downtime_s"] < plain["downtime_s"] - 60  # the boot is left, the person gone
    assert plain["jobs"]["lost"]["redis_wiped"] >= 50 > hard["jobs"]["lost"]["redis_wiped"]


def test_a_deploy_is_still_an_outage_under_compose() -> None:
    """All replicas of a service are recreated together, balancer or not."""
    assert measured("bad_rollout:good", "compose_hardened")["downtime_s"] >= 5
    assert measured("bad_rollout", "compose_hardened")["operator"]["minutes"] >= 3


def test_a_leak_is_held_by_its_limit() -> None:
    hard, plain = (measured("bad_rollout:leak", p) for p in ("compose_hardened", "compose"))
    assert hard["downtime_s"] < 0.5 * plain["downtime_s"]


def test_a_canary_keeps_a_version_that_errs_from_most_users() -> None:
    errors = {
        p: measured("bad_rollout:errors", p)["requests"]["failed"]["http_500"]
        for p in PLAIN.values()
    }
    tuned = measured("bad_rollout:errors", "kubernetes_tuned")["requests"]["failed"]["http_500"]
    assert errors["kubernetes"] >= 50
    assert tuned <= 0.5 * errors["kubernetes"]


def test_tuned_kubernetes_keeps_jobs_that_kubernetes_loses() -> None:
    name = "server_crash:redis"
    lost = {p: sum(measured(name, p)["jobs"]["lost"].values()) for p in PLAIN.values()}
    assert lost["kubernetes"] >= 50
    assert sum(measured(name, "kubernetes_tuned")["jobs"]["lost"].values()) <= 20


def test_tuned_kubernetes_moves_replicas_sooner_after_a_lost_server() -> None:
    """30 s of toleration instead of 300 s."""
    evicted: dict[str, Any] = {
        p: next(r.t_s for r in replay("server_crash:gone", p).timeline if r.event == "eviction")
        for p in ("kubernetes", "kubernetes_tuned")
    }
    assert evicted["kubernetes"] - evicted["kubernetes_tuned"] == pytest.approx(270.0, abs=10.0)


@pytest.mark.slow
def test_pgbouncer_ends_refusals_and_no_orchestrator_does() -> None:
    refused = {p: measured("connection_limits", p)["connections"]["refused"] for p in names()}
    assert refused.pop("kubernetes_tuned") == 0
    assert min(refused.values()) >= 50, refused


@pytest.mark.parametrize("platform", names())
def test_a_queue_in_memory_is_lost_under_every_orchestrator(platform: str) -> None:
    """Workers hang, jobs pile up, Redis crashes: only a file on disk keeps them."""
    events = [
        {"at": 30.0, "hang": {"service": "worker", "replicas": 9, "lasts": 150.0}},
        {"at": 120.0, "process_crash": {"service": "redis"}},
    ]
    traffic = {"rate": 6.0}
    made = Scenario(
        name="wiped", title="-", lesson="-", horizon=240.0, traffic=traffic, events=events
    )
    lost = figures(run_once(made, load_stack("sspp"), platform, 1, engine=ENGINE))["jobs"]["lost"]
    if on("sspp", platform).services["redis"].persistence == "aof_everysec":
        assert platform in PLAIN
        assert lost["redis_wiped"] <= 12  # of the last second or two
    else:
        assert platform not in PLAIN
        assert lost["redis_wiped"] > 50


@pytest.mark.slow
def test_two_replicas_on_one_server_do_not_survive_black_friday() -> None:
    """One server has what it has, however its file is written."""
    name = "black_friday:eager_pools"
    scenario = load_scenario(name)
    stack = load_stack(scenario.stack)
    run = run_once(scenario, stack, "compose_hardened", 1, engine="auto")
    assert figures(run)["availability"] < 0.5


@pytest.mark.slow
def test_by_hand_takes_less_where_a_balancer_already_stands() -> None:
    """manual_scaling: HAProxy is there; addresses are edited, servers are rented all the same."""
    minutes = {p: measured("manual_scaling", p)["operator"]["minutes"] for p in PLAIN.values()}
    hard = measured("manual_scaling", "compose_hardened")["operator"]["minutes"]
    assert minutes["kubernetes"] <= 5
    assert 5 < hard < minutes["compose"] - 60
