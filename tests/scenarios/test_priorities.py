"""The scenario about a full cluster teaches what it says: who gives way, and what it costs."""

from __future__ import annotations

import pytest

from sim.results.run import Run
from sim.results.summary import figures
from tests.scenarios.replays import claims, replay, share_failed


def preempted(run: Run) -> list[str]:
    return [row.subject for row in run.timeline if row.event == "preempted"]


@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_the_campaign_breaks_it_while_it_lasts(platform: str) -> None:
    run = replay("full_cluster", platform)
    assert share_failed(run, 840, 1500) > 0.5
    assert share_failed(run, 2100, 2700) < 0.02


def test_an_autoscaler_without_room_scales_nothing() -> None:
    run = replay("full_cluster", "kubernetes")
    events = [row.event for row in run.timeline]
    assert "autoscaling" in events
    assert "unschedulable" in events
    assert preempted(run) == []


def test_the_worker_gives_way_and_comes_back() -> None:
    run = replay("full_cluster:priorities", "kubernetes")
    gone = preempted(run)
    assert len(gone) == 3
    assert all(name.startswith("worker-") for name in gone)
    back = [r.t_s for r in run.timeline if r.event == "placed" and "worker" in r.text]
    assert len(back) == 3
    assert min(back) > 1500.0, "when the campaign is over"
    assert figures(run)["jobs"]["queued"] < 10, "and they work off what has waited"


def test_who_forgets_the_database_loses_it_to_the_api() -> None:
    run = replay("full_cluster:forgotten", "kubernetes")
    gone = preempted(run)
    assert gone[-1] == "postgres-1"
    assert len(gone) == 6, "the last after all five workers"
    assert figures(run)["requests"]["failed"]["http_500"] > 1000


def test_placeholders_buy_the_minutes_that_a_server_takes_to_boot() -> None:
    run = replay("full_cluster:headroom", "kubernetes")
    late = [r.subject for r in run.timeline if r.event == "preempted" and r.t_s > 600.0]
    assert late
    assert all(name.startswith("spare-") for name in late)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_variant_on_other_seeds(seed: int) -> None:
    def holds(variant: str) -> list[bool]:
        rows = claims(f"full_cluster:{variant}", "kubernetes", seed)
        return [row["holds"] for row in rows.values()]

    assert holds("priorities") == [True, True, False]
    assert holds("never") == [False]
    assert holds("budget") == [False]
    assert holds("forgotten") == [False]
    assert holds("servers") == [False]
    assert holds("headroom") == [True, True, False]
    plain, sorted_only = (
        figures(replay(f"full_cluster{v}", "kubernetes", seed)) for v in ("", ":never")
    )
    assert plain == sorted_only, "a priority that may not preempt changes nothing here"
