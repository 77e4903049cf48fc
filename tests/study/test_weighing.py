"""A year in money and which set-up is worth it, and whom a race asks next: worked out, no runs."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from sim.results.bill import MonthlyCost
from sim.schema.stack import Stack
from sim.study.decision.decision import WORLDS, Prospect, Prospects, setups
from sim.study.decision.hinges import break_even, hinges
from sim.study.decision.race import LOOKS, Race, Rule, Standing, standing
from sim.study.decision.worth import (
    MATTERS_H,
    Choice,
    Money,
    Terms,
    by_price,
    choose,
    seeds,
    steps,
    variations,
    weigh,
)
from sim.study.decision.year import Harms, Recurrence, drawn, expected, ranges, weighed
from sim.study.quarter.rates import load_rates

HOUR_S = 3600.0


def prospect(
    name: str,
    usd: float,
    *samples: Harms,
    orchestrator: bool = False,
    upkeep_h: float = 0.0,
    work_h: float = 0.0,
    rate: float = 1.0,
    deploys: bool = False,
) -> Prospect:
    """One kind of incident, alike in each world."""
    platform = "kubernetes" if orchestrator else "compose"
    way = setups()[0].model_copy(
        update={
            "name": name,
            "platform": platform,
            "orchestrator": orchestrator,
            "upkeep": upkeep_h * HOUR_S,
            "work": work_h * HOUR_S,
        }
    )
    stream = (Recurrence("crash", rate, samples, deploys),)
    return Prospect(way, MonthlyCost(servers=usd), dict.fromkeys(WORLDS, stream))


def decided(*outcomes: Prospect) -> Prospects:
    return Prospects(Stack(name="shop", services={}), load_rates(), 1, outcomes, ())


def down(*hours: float) -> tuple[Harms, ...]:
    return tuple(Harms(down_h=each) for each in hours)


# ---- money ----
HARMS = Harms(
    down_h=3.0, failed=500.0, jobs_never_done=7.0, day_h=2.0, night_h=1.0, follow_up_h=4.0
)
HERE = decided(prospect("here", 90.0, HARMS, upkeep_h=6.0, work_h=48.0, rate=6.0))
PLAIN = Money(
    machines=90.0,
    upkeep=6.0 * 50.0,
    migration=48.0 / 24.0 * 50.0,
    incidents=6.0 * (2.0 + 1.0 + 4.0) / 12.0 * 50.0,
    lost=0.0,
)


@pytest.mark.parametrize(
    ("terms", "changed"),
    [
        ({}, {}),
        ({"upkeep": 2.0}, {"upkeep": 600.0}),
        ({"migration": 2.0}, {"migration": 200.0}),
        ({"follow_up": 3.0}, {"incidents": 6.0 * 15.0 / 12.0 * 50.0}),
        ({"rates": 2.0}, {"incidents": 350.0}),
        ({"deploys": 2.0}, {}),  # it is none
        ({"down_hour": 10.0}, {"lost": 6.0 * 3.0 * 10.0 / 12.0}),
        ({"sale": 0.4}, {"lost": 6.0 * 500.0 * 0.4 / 12.0}),
        ({"down_hour": 10.0, "sale": 0.4}, {"lost": 15.0 + 100.0}),
    ],
)
def test_a_month_in_money(terms: Any, changed: Any) -> None:
    (each,) = weigh(HERE, Terms(work_hour=50.0, **terms))
    expected_money = PLAIN._replace(**changed)
    assert each.money == pytest.approx(expected_money)
    assert each.money.total == pytest.approx(sum(expected_money))


def test_deploys_come_as_often_as_it_is_said() -> None:
    deploys = decided(prospect("here", 0.0, HARMS, rate=6.0, deploys=True))
    (each,) = weigh(deploys, Terms(work_hour=50.0, deploys=2.0, rates=3.0))
    assert each.year.down_h == pytest.approx(6.0 * 2.0 * 3.0 * 3.0)


# ---- the mean year and drawn ones ----
def test_a_year_is_the_sum_of_its_parts_and_samples_go_round() -> None:
    assert weighed([(2.0, Harms(1.0, 2.0, 3.0)), (0.5, Harms(4.0, day_h=6.0))]) == Harms(
        4.0, 4.0, 6.0, 3.0
    )
    year = [Recurrence("crash", 6.0, down(1.0, 2.0, 6.0))]
    assert expected(year).down_h == 18.0
    assert expected(year, which=[1, 4]).down_h == 12.0  # the second twice
    assert expected(year, which=[2, 0]).down_h == 21.0


def test_the_range_is_of_nine_years_in_ten() -> None:
    years = [Harms(down_h=float(n)) for n in range(100, 0, -1)]
    assert ranges(years)["down_h"] == (5.0, 95.0)
    assert ranges(years)["failed"] == (0.0, 0.0)


def test_years_differ_and_a_kind_that_never_comes_costs_nothing() -> None:
    years = drawn([Recurrence("crash", 0.5, down(1.0, 2.0))], seed=1, years=200)
    assert len(years) == 200
    assert {0.0, 1.0, 2.0} <= {year.down_h for year in years}
    assert set(drawn([Recurrence("crash", 0.0, down(1.0))], 1, 20)) == {Harms()}
    assert drawn([], 1, 2) == [Harms(), Harms()]


# ---- which is worth it ----
def chosen(terms: Terms, *outcomes: Prospect) -> Choice:
    return choose(weigh(decided(*outcomes), terms), terms)


FREE = Terms(work_hour=0.0)


@pytest.mark.parametrize(
    ("saved_h", "matters"), [(MATTERS_H, True), (MATTERS_H - 0.01, False), (1.0, True)]
)
def test_less_than_a_tenth_of_an_hour_does_not_matter(saved_h: float, matters: bool) -> None:
    said = chosen(
        FREE,
        prospect("here", 10.0, *down(saved_h)),
        prospect("there", 10.0, *down(0.0), orchestrator=True),  # for no money
    )
    assert said == (Choice("there", True) if matters else Choice("here", False, matters=False))


def test_from_which_price_of_an_hour_on_each_is_best() -> None:
    """A month is 10 + 1 p, 20 + p / 2 and 60, of which the second is 20 dearer and half as down."""
    outcomes = [
        prospect("here", 10.0, *down(12.0)),
        prospect("policy", 20.0, *down(6.0)),
        prospect("dear", 50.0, *down(6.0)),  # never
        prospect("best", 60.0, *down(0.0)),
    ]

    def rungs() -> list[tuple[float, str]]:
        ladder = by_price(weigh(decided(*outcomes), FREE))
        return [(rung.price, rung.weighed.outcome.setup.name) for rung in ladder]

    assert rungs() == [(0.0, "here"), (20.0, "policy"), (80.0, "best")]
    outcomes[1] = prospect("policy", 40.0, *down(6.0))  # at 60, where the best is already
    assert rungs() == [(0.0, "here"), (50.0, "best")]
    outcomes[1] = prospect("policy", 10.0, *down(6.0))  # as cheap as here, and less down
    assert rungs() == [(0.0, "policy"), (100.0, "best")]


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        ({"down_hour": 11.9}, "here"),  # 12 hours a year are an hour a month, for 12 USD
        ({"down_hour": 12.1}, "there"),
        ({"sale": 0.0119}, "here"),  # a thousand requests a month
        ({"sale": 0.0121}, "there"),
        ({}, "here"),  # where nobody says
    ],
)
def test_where_it_is_priced_the_least_money_is_best(terms: Any, name: str) -> None:
    here = prospect("here", 10.0, Harms(down_h=1.0, failed=1000.0), rate=12.0)
    there = prospect("there", 22.0, Harms(), rate=12.0)
    priced = Terms(work_hour=0.0, **terms)
    assert priced.priced is bool(terms)
    assert chosen(priced, here, there).name == name


def test_the_break_even_is_money_by_harm_and_its_range_that_of_the_seeds() -> None:
    """Five seeds: it takes 1, 2, 3, 4 and 5 hours of one incident a year away, for 10 a month."""
    here = prospect("here", 10.0, *down(1.0, 2.0, 3.0, 4.0, 5.0))
    ours = prospect("Kubernetes", 20.0, *down(0.0), orchestrator=True)
    by_hour, by_request, by_deploys = break_even(decided(here, ours), FREE)
    assert by_hour.value == pytest.approx(120.0 / 3.0)
    half = 2.7764 * 38.926 / 5**0.5  # of 120, 60, 40, 30 and 24
    assert (by_hour.low, by_hour.high) == pytest.approx((54.8 - half, 54.8 + half), rel=1e-2)
    uneven = prospect("here", 10.0, *down(0.5, 4.0, 4.0, 4.0, 4.0))
    assert break_even(decided(uneven, ours), FREE)[0].low == 0.0  # no price is below it
    assert by_request.value is by_deploys.value is None
    assert seeds(decided(here, ours)) == 5
    cheaper = prospect("Kubernetes", 5.0, *down(0.0), orchestrator=True)
    assert break_even(decided(here, cheaper), FREE)[0].value == 0.0
    assert break_even(decided(here), FREE) == []
    assert break_even(decided(ours), FREE) == []


def test_where_some_seed_saves_nothing_there_is_no_range() -> None:
    here = prospect("here", 10.0, *down(0.0, 2.0))
    ours = prospect("Kubernetes", 20.0, *down(0.0), orchestrator=True)
    by_hour = break_even(decided(here, ours), FREE)[0]
    assert by_hour[1:4] == (pytest.approx(120.0), None, None)
    assert (by_hour.least, by_hour.most) == pytest.approx((60.0, 240.0))  # twice and half as often


def test_what_is_varied() -> None:
    """Each factor at half and at double, the prices that are told, deploys where there are any."""
    worlds = HERE.outcomes[0].worlds
    now = Terms(work_hour=40.0, down_hour=100.0, sale=2.0)
    tried = list(variations(now, worlds))
    for lever in ("rates", "upkeep", "migration", "follow_up", "work_hour", "down_hour", "sale"):
        told = {getattr(terms, lever) / getattr(now, lever) for terms in tried}
        assert told == {0.5, 1.0, 2.0}
    free = list(variations(Terms(work_hour=40.0), worlds))
    assert len(free) == 2 * 5 + len(WORLDS) - 1
    assert {terms.world for terms in free} == set(WORLDS)
    deploys = prospect("here", 0.0, HARMS, deploys=True).worlds
    assert {terms.deploys for terms in variations(now, deploys)} == {0.5, 1.0, 2.0}


def test_what_turns_the_need_for_an_orchestrator_comes_first() -> None:
    """At 8 an hour the second is best: 15.33 of 16.67 and 16; at 6 the first, at 12 Kubernetes."""
    outcomes = (
        prospect("here", 10.0, *down(10.0)),
        prospect("middle", 14.0, *down(2.0)),
        prospect("Kubernetes", 16.0, *down(0.0), orchestrator=True),
    )
    terms = FREE._replace(down_hour=8.0)
    assert chosen(terms, *outcomes).name == "middle"
    found = hinges(decided(*outcomes), terms)
    assert [(hinge.about, hinge.choice.name) for hinge in found] == [
        ("rates", "Kubernetes"), ("down_hour", "Kubernetes"), ("rates", "here"),
        ("down_hour", "here"),
    ]  # fmt: skip
    assert [hinge.factor for hinge in found] == pytest.approx([1.5, 1.5, 0.75, 0.75])


def test_kubernetes_pays_where_it_is_cheaper_than_each_without_an_orchestrator() -> None:
    """Against the dear one from 40 a month for 1 h a year on, against the other from 96 on; the
    cheaper of two ways to run it counts."""
    here = prospect("here", 10.0, *down(6.0))
    dear = prospect("dear", 20.0, *down(5.0))
    plain = prospect("Kubernetes", 70.0, *down(0.0), orchestrator=True)
    tuned = prospect("tuned", 60.0, *down(0.0), orchestrator=True)
    by_hour = break_even(decided(here, dear, plain, tuned), FREE)[0]
    assert by_hour.value == pytest.approx(max(12 * 50.0 / 6.0, 12 * 40.0 / 5.0))
    level = prospect("level", 20.0, *down(0.0))
    assert break_even(decided(here, level, tuned), FREE)[0].value is None


def test_steps_are_what_each_saves_by_what_it_costs() -> None:
    outcomes = (
        prospect("here", 10.0, *down(10.0)),
        prospect("worse", 11.0, *down(11.0)),
        prospect("middle", 20.0, *down(5.0), work_h=2.0),
        prospect("best", 90.0, *down(0.0), work_h=20.0),
    )
    found = [
        (each.weighed.outcome.setup.name, each.saved_h, each.per_dollar, each.per_work_hour)
        for each in steps(weigh(decided(*outcomes), FREE))
    ]
    assert found == [("middle", 5.0, 0.5, 2.5), ("best", 10.0, 0.125, 0.5)]


# ---- the race ----
@pytest.mark.parametrize(
    ("held", "runs", "error", "is_"),
    [
        # of four looks each may err with a quarter: 0.9^4 = 0.656, 1 - that; 0.1^1
        (0, 1, 0.4, Standing.OUT),  # 0.1 <= 0.1
        (0, 1, 0.39, Standing.RACING),
        (16, 16, 0.742, Standing.HOLDS),  # 0.9^16 = 0.1853 <= 0.1855
        (16, 16, 0.741, Standing.RACING),
        (62, 64, 0.05, Standing.UNCLEAR),
        (57, 64, 0.05, Standing.UNCLEAR),
        (57, 63, 0.05, Standing.RACING),
    ],
)
def test_at_its_share_of_the_error_a_candidate_is_decided(
    held: int, runs: int, error: float, is_: Standing
) -> None:
    assert standing(held, runs, Rule(error=error)) is is_


BY_DEFAULT = Rule()


def raced(
    size: int, holds: Any, rule: Rule = BY_DEFAULT
) -> tuple[Race, list[list[tuple[int, int]]]]:
    """A race from seed 10, and what was asked in each wave."""
    waves: list[list[tuple[int, int]]] = []

    def trials(wanted: Any) -> list[bool | None]:
        waves.append(list(wanted))
        return [holds(place, seed) for place, seed in wanted]

    race = Race(size, rule, 10, trials)
    race.run()
    return race, waves


def test_one_that_always_holds_runs_every_look_and_fresh_seeds() -> None:
    race, waves = raced(1, lambda *_: True)
    assert [len(wave) for wave in waves] == [1, 3, 12, 48, 16]
    assert list(chain.from_iterable(waves)) == [(0, 10 + k) for k in range(LOOKS[-1] + 16)]
    assert race.runners[0] == (0, 64, 64, Standing.HOLDS, (16, 16))


def test_a_wave_takes_the_cheapest_until_it_is_full() -> None:
    """Sixteen first seeds, then three more of each of six: that is more than sixteen."""
    _, waves = raced(40, lambda place, _: place == 39)
    assert waves[0] == [(place, 10) for place in range(16)]
    assert waves[1] == [(place, 10 + k) for place in range(6) for k in (1, 2, 3)]
    assert {place for place, _ in waves[2]} == set(range(6, 12))


def test_none_that_is_dearer_than_one_that_holds_goes_on() -> None:
    """After four seeds the second holds, and the others, with two of four, are in the race."""
    rule = Rule(chance=0.5, error=0.9, looks=(1, 4, 16), fresh=2)
    race, waves = raced(3, lambda place, seed: place == 1 or seed in (10, 12), rule)
    assert waves[2:] == [[(0, 10 + k) for k in range(4, 16)], [(1, 26), (1, 27)]]
    standings = [runner.standing for runner in race.runners]
    assert standings == [Standing.OUT, Standing.HOLDS, Standing.RACING]


@pytest.mark.parametrize(
    ("fresh_held", "standing_"), [(11, Standing.REFUTED), (12, Standing.HOLDS)]
)
def test_fresh_seeds_refute_what_they_make_unlikely(fresh_held: int, standing_: Standing) -> None:
    """P(X <= 11 of 16 at 90 %) is 1.7 %, less than the error of 5 %; P(X <= 12) is 6.8 %."""
    race, _ = raced(1, lambda _, seed: seed < 74 + fresh_held)
    assert race.runners[0].fresh == (fresh_held, 16)
    assert race.runners[0].standing is standing_


def test_an_interruption_leaves_what_was_known() -> None:
    race, _ = raced(2, lambda place, seed: None if seed == 12 else True)
    assert race.interrupted
    assert [runner.runs for runner in race.runners] == [1, 1]
