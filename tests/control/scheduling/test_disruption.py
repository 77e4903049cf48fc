"""Disruption budgets: their arithmetic, what the eviction API answers, and a drain that asks."""

from __future__ import annotations

import itertools

import pytest

from sim.control.scheduling.disruption import (
    DRAIN_RETRY,
    Budget,
    desired_healthy,
    may_evict,
    scaled,
)
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.results.run import Run
from sim.schema.fields import InputError
from sim.schema.scaling import Disruption
from tests.control.outage import replay, rows, when


# ---- rules ----
@pytest.mark.parametrize(
    ("amount", "of", "expected"),
    [(1, 3, 1), (0, 3, 0), (5, 3, 5), (0.5, 4, 2), (0.5, 3, 2), (0.34, 3, 2), (1.0, 3, 3)],
)
def test_shares_round_up(amount, of, expected):
    assert scaled(amount, of) == expected


@pytest.mark.parametrize(
    ("spec", "wanted", "expected"),
    [
        ({"min_available": 2}, 3, 2),
        ({"min_available": 5}, 3, 5),  # a count is taken as it is: nothing may ever go
        ({"min_available": "50%"}, 3, 2),
        ({"min_available": "100%"}, 3, 3),
        ({"max_unavailable": 1}, 3, 2),
        ({"max_unavailable": 0}, 3, 3),
        ({"max_unavailable": 5}, 3, 0),
        ({"max_unavailable": "50%"}, 3, 1),  # rounds up as well: 2 may go
    ],
)
def test_desired_healthy(spec, wanted, expected):
    assert desired_healthy(Disruption.model_validate(spec), wanted) == expected


@pytest.mark.parametrize(
    ("healthy", "desired", "allowed"), [(3, 2, 1), (2, 2, 0), (1, 2, 0), (3, 0, 3), (0, 0, 0)]
)
def test_disruptions_allowed_are_never_negative(healthy, desired, allowed):
    assert Budget(healthy, desired).allowed == allowed


@pytest.mark.parametrize(
    ("runs", "ready", "budget", "always", "answer"),
    [
        (True, True, Budget(3, 2), False, True),
        (True, True, Budget(2, 2), False, False),
        (False, False, Budget(0, 2), False, True),  # Pending: no budget is asked
        (True, False, Budget(2, 2), False, True),  # sick, and the others suffice
        (True, False, Budget(1, 2), False, False),  # sick, and they do not
        (True, False, Budget(1, 2), True, True),  # AlwaysAllow
        (True, False, Budget(0, 0), False, False),  # nothing desired: upstream still answers 429
        (True, True, Budget(1, 2), True, False),  # AlwaysAllow is about sick ones only
    ],
)
def test_eviction_api(runs, ready, budget, always, answer):
    assert may_evict(runs, ready, budget, always) is answer


# ---- a drain ----
PACKED = {
    "kubernetes.scheduling.bin_pack": True,
    "kubernetes.scheduling.spread_weight": 0,
    "kubernetes.autoscaling": None,
}


def drained(budget: dict[str, object] | None, **drain: object) -> Run:
    settings = {**PACKED, **({"stack.services.api.disruption": budget} if budget else {})}
    event = {"at": 60, "drain": {"hosting": "http", "reboot": False, **drain}}
    return replay(event, platform="kubernetes", horizon_s=1200.0, settings=settings)


def api_evictions(run: Run) -> list[float]:
    return when(run, "evicted", "api")


def test_without_a_budget_all_go_at_once() -> None:
    first, *others = api_evictions(drained(None))
    assert others == [first, first]


def test_a_budget_lets_one_go_at_a_time_and_the_drain_asks_every_five_seconds() -> None:
    run = drained({"max_unavailable": 1})
    times = api_evictions(run)
    assert len(set(times)) == 3
    for one, two in itertools.pairwise(times):
        assert (two - one) % DRAIN_RETRY.value == pytest.approx(0.0, abs=1e-6)
        new = [row for row in rows(run, "placed", "api") if row.t_s == one]
        assert new, "the next one goes when the replacement of this one is ready"
    assert when(run, "drained") > [times[-1]]


def test_a_budget_that_allows_nothing_ends_the_drain() -> None:
    run = drained({"min_available": "100%"})
    assert api_evictions(run) == []
    assert when(run, "drained") == []
    began, given_up = when(run, "drain")[0], when(run, "drain_failed")[0]
    assert given_up - began == pytest.approx(900.0)
    sooner = replay(
        {"at": 60, "drain": {"hosting": "http"}},
        platform="kubernetes",
        settings={
            **PACKED,
            "stack.services.api.disruption": {"max_unavailable": 0},
            "kubernetes.scheduling.evictions.timeout_s": 60.0,
        },
        horizon_s=400.0,
    )
    assert when(sooner, "drain_failed")[0] - when(sooner, "drain")[0] == pytest.approx(60.0)


def test_nothing_is_placed_on_a_drained_server_and_nothing_moves_back() -> None:
    run = drained(None, lasts="2m")
    (begin,), (end,) = when(run, "drain"), when(run, "maintenance")
    placed = [row for row in run.timeline if row.event == "placed" and row.t_s >= begin]
    assert placed
    assert all("server-1" not in row.text for row in placed)
    assert end - when(run, "drained")[0] > 120.0


def test_the_volume_moves_with_the_database() -> None:
    slow = {"kubernetes.scheduling.kubelet.volume_attach_s": 145.0}
    event = {"at": 60, "drain": {"hosting": "postgres", "reboot": False}}
    ask = {"platform": "kubernetes", "horizon_s": 600.0}
    gone = [replay(event, settings=s, **ask) for s in ({}, slow)]
    failed = [
        int(r.recording.requests[:, 0].sum() - r.recording.requests[:, 1].sum()) for r in gone
    ]
    assert failed[1] > failed[0] + 60  # 85 s more at one request a second


def test_compose_closes_and_opens() -> None:
    run = replay({"at": 60, "drain": {"lasts": "1m"}}, horizon_s=900.0)
    (closed,), (reboot,), (up,) = when(run, "drain"), when(run, "reboot"), when(run, "server_up")
    assert reboot - closed == pytest.approx(60.0)
    assert up - reboot == pytest.approx(120.0)
    assert len(rows(run, "start")) == 4
    assert run.operator.minutes > 1.0
    assert run.operator.pages == 0


def test_a_server_that_this_platform_lacks_is_left_alone() -> None:
    run = replay({"at": 60, "drain": {"server": 2}}, horizon_s=300.0)
    assert rows(run, "drain") == []
    assert rows(run, "maintenance")


def test_one_bound_and_not_two() -> None:
    for bounds in ({}, {"min_available": 1, "max_unavailable": 1}):
        with pytest.raises(InputError, match="exactly one of min_available and max_unavailable"):
            replay(settings={"stack.services.api.disruption": bounds}, horizon_s=60.0)
    assert load_stack("sspp").services["api"].disruption is None


@pytest.mark.parametrize("amount", ["many", "150%", -1, 1.5, True])
def test_amounts_are_counts_or_shares(amount: object) -> None:
    settings = {"stack.services.api.disruption": {"min_available": amount}}
    with pytest.raises(InputError, match="a whole number such as 1, or a share such as 50%"):
        load_scenario("container_crash", settings=settings)
