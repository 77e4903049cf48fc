"""Every scenario and every variant, found by themselves: calm before its event, visibly broken by
it, and a claim that does not hold says why.

What is an exception is a row below with its reason; a row that is not needed any more fails, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sim.dataplane.engines import expected_requests
from sim.imports.trace import arrivals
from sim.results.run import Run
from sim.schema.scenario import Scenario
from tests.scenarios.replays import (
    claims,
    measured,
    replay,
    scenario,
    share_failed,
    variants,
    worst_minute,
)

CALM = 0.02  # at most so many of the requests before the event fail
BROKEN = 0.10  # at least so many of one minute's requests fail, or
LATE_S = 60.0  # a job waits so long, or
LOST = 10  # so many jobs are lost
OTHER_SEEDS = (2, 3)  # of each scenario itself; a variant is replayed with seed 1
MANY = 1e6  # requests: whole days of Black Friday are for `-m slow`

# a variant in which nobody sees the event -> why that is its lesson
UNSEEN = {
    "bad_rollout:canary": "few users meet it",
    "black_friday_realistic:prepared": "the servers are there before the crowd",
    "connection_limits:eager": "containers are refused, and users are served by the others",
    "connection_limits:pooler": "PgBouncer's forty are enough",
    "slow_dependency:later": "the order is taken, and paid for later",
    "third_party_down:later": "the order is taken, and paid for later",
    "third_party_down:errors_retried": "a fifth try is enough for nearly all",
    "frozen_control_plane:provisioned": "what is there already needs no control plane",
    "frozen_control_plane:quiet": "what runs, runs on",
    "neglect:control_plane": "what runs, runs on",
    "database_failover:crashed": "it is started in place, in seconds",
    "connection_pinning:not_kept": "the new replicas are found at once",
    "idle_connections:ordinary_traffic": "one request in some ten thousand",
    "idle_connections:proxy_closes_first": "no connection is old enough to be closed by its server",
    "idle_connections:server_closes_last": "as there",
    "idle_connections:asked_again": "the second try has a connection of its own",
    "cold_cache:larger": "the database can do without it",
    "cold_cache:cheaper": "half of the work is little enough",
    "empty_cache_nodes:cheaper": "what the query costs the database can bear",
    "migration_lock:lock_timeout": "the migration gives up before users notice",
    "costly_rule:bounded": "the rule costs little more than none",
    "cluster_upgrade:pooled": "connections that are open need no names",
    "crashing_policy:staged": "two of three replicas never read it",
    "no_room_to_scale:prepared": "the replicas are there before the crowd",
    "limit_per_replica:larger_limit": "twenty-four times what they need is below it",
}
# (variant, claim) that holds with seed 1 and has a `because:` -> why it keeps it
SOMETIMES = {
    ("container_crash", "S1b"): "a missed page takes an hour, and none of seed 1 is missed",
    ("container_crash:at_night", "S1b"): "as by day",
    ("server_crash", "K2-jobs"): "it says that Redis ran on another server, and where it does not",
    ("retry_storm", "X-STORM-operator"): "a page can be missed, and none of seed 1 is",
    ("server_crash:gone", "K2"): "users are served meanwhile; it says when the containers move",
}


def requests(scenario: Scenario) -> float:
    return expected_requests(arrivals(scenario.traffic), scenario.horizon)


def cases() -> Iterator[Any]:
    """(variant, seed), and `slow` for the long ones."""
    for name in variants():
        base = scenario(name.partition(":")[0])
        long = requests(base) > MANY and requests(scenario(name)) > MANY
        day = base.incident is not None  # its figures are those of one day
        seeds = (1, *OTHER_SEEDS) if ":" not in name and not long and not day else (1,)
        for seed in seeds:
            marks = [pytest.mark.slow] if long or (day and ":" in name) else []
            yield pytest.param((name, seed), marks=marks, id=f"{name}-{seed}")


CASES = list(cases())


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, int]:
    """Of the module, so that the tests of one case follow each other and share its runs."""
    return request.param


@pytest.fixture
def runs(case: tuple[str, int]) -> dict[str, Run]:
    name, seed = case
    return {platform: replay(name, platform, seed) for platform in scenario(name).platforms}


def test_it_is_calm_before_its_event(runs: dict[str, Run]) -> None:
    for platform, run in runs.items():
        assert run.fault_s is not None
        assert share_failed(run, 0, run.fault_s) < CALM, platform


def test_it_is_visibly_broken_by_its_event(case: tuple[str, int], runs: dict[str, Run]) -> None:
    """A scenario on the first of its platforms, a variant on one of them: it may show the cure."""
    name, seed = case
    platforms = list(runs) if ":" in name else list(runs)[:1]
    jobs = [measured(name, platform, seed)["jobs"] for platform in platforms]
    seen = any(worst_minute(runs[platform]) > BROKEN for platform in platforms) or any(
        row["oldest_s"] > LATE_S or sum(row["lost"].values()) >= LOST for row in jobs
    )
    if name in UNSEEN:
        assert not seen, f"{name} is seen now: take its row out of UNSEEN"
    else:
        assert seen, (
            f"no platform of {name} has a minute in which {BROKEN:.0%} of the requests fail, a job "
            f"that waits {LATE_S:g} s or {LOST} lost jobs: make its event stronger, or add a row "
            f"`{name}` with the reason to UNSEEN in tests/scenarios/test_every_scenario.py"
        )


@pytest.mark.parametrize("case", [c for c in CASES if c.values[0][1] == 1], indirect=True)
def test_a_claim_that_does_not_hold_says_why(case: tuple[str, int]) -> None:
    """With seed 1, as in the report that `sim run` writes."""
    name, _ = case
    for claim in scenario(name).claims:
        row = claims(name, claim.platform)[claim.id]
        if not row["holds"]:
            assert claim.because, f"{name}: add `because:` to claim {claim.id}: {row}"
        elif claim.because:
            assert (name, claim.id) in SOMETIMES, (
                f"{name}: claim {claim.id} holds; take its `because:` away, or add a row to "
                "SOMETIMES in tests/scenarios/test_every_scenario.py"
            )


@pytest.mark.parametrize("name", list(variants()))
def test_it_loads_and_says_what_it_teaches(name: str) -> None:
    assert scenario(name).lesson
    assert scenario(name).title
    for claim in scenario(name).claims:
        assert claim.says


def test_exceptions_are_of_scenarios_that_exist() -> None:
    names = set(variants())
    assert set(UNSEEN) <= names
    for name, claim in SOMETIMES:
        assert name in names
        assert claim in {row.id for row in scenario(name).claims}
