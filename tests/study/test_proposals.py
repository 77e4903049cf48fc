"""An optimiser's proposals: as good as the grid's, and plain words without it."""

import sys
from dataclasses import replace
from math import prod
from types import SimpleNamespace

import pytest

from sim.dataplane import draws
from sim.schema.fields import InputError
from sim.study.decision import cheapest, cheapest_text
from sim.study.decision.knobs import Dial, grid
from sim.study.decision.money import monthly
from sim.study.decision.proposals import Tried, propose
from sim.study.decision.race import Rule, Runner, Standing
from sim.study.plan import plan
from tests.study.runs import ALONE
from tests.study.test_cheapest import CRASH, RULE, SPACE

POOLS = (
    Dial("servers", range(1, 7)),
    Dial("replicas", range(1, 9)),
    Dial("restart", ("no", "always")),
    Dial("pool", (5, 10, 20, 40)),
)


def price(point):
    return 40.0 * point["servers"] + 2.0 * point["replicas"] + 0.1 * point["pool"]


def lacking(point, universe):
    """How much a set-up lacks of what this universe needs."""
    needs = {dial.path: 1 + 5 * draws.u(universe, 11, k) for k, dial in enumerate(POOLS)}
    restarts = point["restart"] == "always"
    short = [max(0.0, needs[path] - point[path]) / 10.0 for path in ("servers", "replicas")]
    return sum(short) + max(0.0, 8.0 * needs["pool"] - point["pool"]) / 40.0 + 0.5 * (not restarts)


def proposed(universe, most=120):
    """What is proposed where a pool of 5 cannot run on the second platform."""

    def run(points):
        ran.extend(points)
        return [
            Tried(price(point.settings), (lacking(point.settings, universe),))
            if (point.platform, point.settings["pool"]) != ("b", 5)
            else None
            for point in points
        ]

    ran = []
    spaces = {"a": POOLS, "b": POOLS} if most < 20 else {"a": POOLS}
    found = propose(spaces, most, 3, run)
    assert [point for point, _ in found] == ran
    return found


@pytest.mark.parametrize("universe", range(2))
def test_of_a_third_of_the_space_it_proposes_the_grid_s_optimum(universe):
    pytest.importorskip("optuna", "5.0")
    holding = [point for point in grid(POOLS) if lacking(point, universe) <= 0.0]
    assert len(holding) < 0.2 * prod(len(dial.values) for dial in POOLS)
    found = proposed(universe)
    assert len({point.key for point, _ in found}) == len(found) == 120
    held = [tried.usd for _, tried in found if tried.beyond[0] <= 0.0]
    assert min(held) == min(map(price, holding))


def test_the_same_seed_proposes_the_same():
    pytest.importorskip("optuna", "5.0")
    first = proposed(7, most=16)
    assert first == proposed(7, most=16)
    assert {point.platform for point, _ in first} == {"a", "b"}
    assert any(tried is None for _, tried in first)


def test_the_race_is_that_of_the_proposed():
    pytest.importorskip("optuna", "5.0")
    rule = Rule(chance=0.5, error=0.5, looks=(1, 3), fresh=1)
    contest = cheapest.prepare([CRASH], ["downtime_s<60"], SPACE, rule, most=6)
    assert (contest.size, contest.candidates) == (8, ())
    ladder = cheapest.measure(contest, ALONE)
    assert len(ladder.contest.candidates) == 6
    winner = ladder.contest.candidates[ladder.winner.place]
    assert winner.settings["stack.services.api.restart"] == "always"
    order = list(grid(SPACE))
    ours = [(each.usd, order.index(each.settings)) for each in ladder.contest.candidates]
    assert ours == sorted(ours)  # of one price as the knobs turn
    said = cheapest_text.PAGE.text(ladder)
    assert "6 of 8 set-ups were proposed by an optimiser" in said
    assert cheapest_text.record(ladder)["proposed"] == 6


def test_a_space_no_larger_than_what_may_be_proposed_is_the_grid():
    whole = cheapest.prepare([CRASH], ["downtime_s<60"], SPACE, RULE)
    asked = cheapest.prepare([CRASH], ["downtime_s<60"], SPACE, RULE, most=8)
    assert [each[:3] for each in asked.candidates] == [each[:3] for each in whole.candidates]


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'outage-lab\[optimise\]'"):
        cheapest.prepare([CRASH], ["downtime_s<60"], SPACE, RULE, most=6)


def test_where_an_autoscaler_rents_the_run_says_what_it_costs():
    """Of a run that rented twice the servers a month is dearer by what they are."""
    for platform, times in (("compose", 0.0), ("kubernetes", 1.0)):  # nobody scales on Compose
        case = plan(replace(CRASH, platforms=[platform])).cases[0]
        month, hours = monthly(case), case.scenario.horizon / 3600.0
        usd = 2.0 * month.servers / 730.0 * hours
        rented = cheapest._rented(case, SimpleNamespace(figures={"cost": {"usd": usd}}))
        assert rented == pytest.approx(month.total + times * month.servers)


def test_it_is_told_of_where_few_hold():
    contest = cheapest.prepare([CRASH], ["downtime_s<60"], SPACE[:1], RULE)
    runners = (Runner(0, 2, 90, Standing.OUT), Runner(1, 3, 90, Standing.OUT))
    said = cheapest_text.PAGE.text(cheapest.PriceLadder(contest, runners, None, False))
    assert "5 of 180 runs held: --propose 100 asks an optimiser which to try." in said
    fewer = (runners[0], runners[1]._replace(held=20))
    said = cheapest_text.PAGE.text(cheapest.PriceLadder(contest, fewer, None, False))
    assert "--propose" not in said
