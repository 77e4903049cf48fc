"""A shop whose catalogue asks a cache before its database, on each of the eight platforms."""

from __future__ import annotations

from typing import Any

import pytest

from sim.library.stacks import load_stack
from sim.results import services
from sim.results.run import Run
from tests.control import outage
from tests.platforms.test_shop import FAULT_S, PLATFORMS, served

SETTINGS: dict[str, Any] = {
    "stack.services.cache.boot": "1s",
    "stack.services.cache.holds": {"keys": 2000, "skew": 0.0},
    "stack.services.catalogue.steps.1.kept": "100%",
}


def replay(platform: str, event: dict[str, Any], horizon_s: float = 180.0, **more: Any) -> Run:
    return outage.replay(
        {"at": FAULT_S, **event}, platform=platform, horizon_s=horizon_s, stack=load_stack("shop"),
        settings=SETTINGS | more, traffic={"rate": 10.0, "client": {"timeout": 10.0}},
    )  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_flush_makes_it_cold_and_what_is_served_warms_it(platform):
    """All 2,000 keys alike, 10 looks a second: after a minute of hits, 120 s fill
    2000 (1 - exp(-1200 / 2000)) = 902 of them; deviation below 15."""
    run = replay(platform, {"cache_flush": {}})
    seen = run.caches["cache"]
    assert served(run, 0, 180) > 0.98
    assert seen.lost == 2000
    assert 902 - 75 < seen.entries < 902 + 75
    assert seen.misses == pytest.approx(seen.entries, rel=0.02)  # some of a key that was asked for
    told = services.tables(run)["caches"]["cache"]
    assert told["hit_ratio"] == seen.hits / (seen.hits + seen.misses)
    assert any(row.event == "cache_flush" for row in run.timeline)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_that_crashes_is_a_miss_until_it_is_back_cold(platform):
    run = replay(platform, {"process_crash": {"service": "cache"}})
    seen = run.caches["cache"]
    assert served(run, 0, 180) > 0.98
    assert seen.lost == 2000
    assert seen.unanswered > 0
    assert 500 < seen.entries < 1000


def test_without_it_the_shop_fails_where_it_says_so():
    strict = {"stack.services.catalogue.steps.1.down": "error"}
    event = {"operator_kill": {"service": "cache"}}
    run = replay("compose", event, 90.0, **strict)
    assert served(run, 0, 55) > 0.98
    assert served(run, 65, 85) == 0.0
