"""The scenarios about scheduling and limits teach what they say."""

from __future__ import annotations

import pytest

from sim.results.summary import figures
from tests.test_scenarios import claims, replay, share_failed


@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_the_drain_begins_from_calm_and_is_seen(platform: str) -> None:
    run = replay("node_drain", platform)
    assert share_failed(run, 60, 300) < 0.02
    assert share_failed(run, 300, 900) > 0.01


def test_a_kernel_upgrade_closes_the_one_server() -> None:
    rows = claims("node_drain", "compose")
    assert rows["X-DRAIN"]["holds"]
    assert figures(replay("node_drain", "compose"))["operator"]["pages"] == 0


def test_a_drain_moves_the_api_and_stops_the_database() -> None:
    rows = claims("node_drain", "kubernetes")
    assert rows["X-SPREAD"]["holds"]
    assert not rows["X-DRAIN-K"]["holds"]
    compose, cluster = (figures(replay("node_drain", p)) for p in ("compose", "kubernetes"))
    assert 10 < cluster["downtime_s"] < compose["downtime_s"] / 4


def test_a_budget_keeps_the_api_where_replicas_share_a_server() -> None:
    assert not claims("node_drain:packed", "kubernetes")["X-PDB"]["holds"]
    kept = claims("node_drain:packed_budget", "kubernetes")
    assert kept["X-PDB"]["holds"]
    assert not kept["X-PDB-DB"]["holds"]


def test_a_budget_for_a_single_database_stops_the_upgrade() -> None:
    run = replay("node_drain:blocked", "kubernetes")
    events = [row.event for row in run.timeline]
    assert "drain_failed" in events
    assert events.count("reboot") == 2
