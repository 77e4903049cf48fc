"""The race: exact tests as tables, its error rates on a coin, and never worse than the grid."""

import pytest
from scipy.stats import beta, binom

from sim.dataplane import draws
from sim.study.decision.race import (
    Footing,
    Race,
    Rule,
    at_least,
    at_most,
    likely,
    standing,
)


@pytest.mark.parametrize(
    ("held", "runs", "chance"), [(0, 1, 0.9), (1, 4, 0.9), (63, 64, 0.9), (50, 64, 0.8)]
)
def test_the_tails_are_scipy_s(held, runs, chance):
    assert at_most(held, runs, chance) == pytest.approx(binom.cdf(held, runs, chance))
    assert at_least(held, runs, chance) == pytest.approx(binom.sf(held - 1, runs, chance))


@pytest.mark.parametrize(("held", "runs"), [(0, 4), (3, 4), (4, 4), (57, 64)])
def test_the_interval_is_clopper_and_pearson_s(held, runs):
    low, high = likely(held, runs)
    assert low == pytest.approx(beta.ppf(0.025, held, runs - held + 1) if held else 0.0)
    assert high == pytest.approx(beta.ppf(0.975, held + 1, runs - held) if held < runs else 1.0)


@pytest.mark.parametrize(
    ("held", "runs", "is_"),
    [
        (0, 1, Footing.RACING),  # with a chance of 90 % one in ten first seeds fails
        (1, 1, Footing.RACING),
        (1, 4, Footing.OUT),
        (2, 4, Footing.RACING),
        (4, 4, Footing.RACING),  # four of four are no proof of 90 %
        (10, 16, Footing.OUT),
        (16, 16, Footing.RACING),
        (63, 64, Footing.HOLDS),
        (62, 64, Footing.UNCLEAR),
        (49, 64, Footing.OUT),
    ],
)
def test_where_a_candidate_stands(held, runs, is_):
    assert standing(held, runs, Rule()) is is_


def coins(chances, universe):
    """Trials whose outcome is drawn for (candidate, seed), as common seeds have it."""

    def trials(wanted):
        return [
            draws.u(universe, draws.stream(f"coin/{place}"), seed) < chances[place]
            for place, seed in wanted
        ]

    return trials


def ends(chance, races=1000):
    """How a lone candidate of this chance ended, over many races."""
    counted = dict.fromkeys(Footing, 0)
    for universe in range(races):
        race = Race(1, Rule(), 1, coins([chance], universe))
        race.run()
        counted[race.runners[0].standing] += 1
    return counted


def test_the_errors_of_the_race_are_those_it_promises():
    """At the stated chance itself both errors are at their largest: 5 % each, and 1,000 races of
    that have a standard deviation of 0.7 %."""
    at_chance = ends(0.9)
    assert at_chance[Footing.OUT] <= 70
    assert at_chance[Footing.HOLDS] + at_chance[Footing.REFUTED] <= 70
    assert ends(1.0, 20)[Footing.HOLDS] == 20
    assert ends(0.3, 200)[Footing.OUT] >= 198


@pytest.mark.parametrize("universe", range(20))
def test_it_finds_what_the_grid_finds_or_says_that_it_cannot_tell(universe):
    """300 candidates of which a third never hold, a third always, and some now and then."""
    chances = [(0.0, 0.5, 1.0)[int(3 * draws.u(universe, 7, k))] for k in range(300)]
    optimum = chances.index(1.0)
    race = Race(len(chances), Rule(), 1, coins(chances, universe))
    assert race.run().place == optimum
    cheaper = race.runners[:optimum]
    assert all(r.standing in (Footing.OUT, Footing.UNCLEAR) for r in cheaper)
    assert sum(r.runs for r in race.runners) < 300 * 64 / 4  # the grid


def test_one_that_held_by_luck_is_refuted_by_fresh_seeds():
    def trials(wanted):
        return [place == 1 or seed <= 64 for place, seed in wanted]

    race = Race(3, Rule(), 1, trials)
    assert race.run().place == 1
    assert race.runners[0].standing is Footing.REFUTED
    assert race.runners[0].fresh == (0, 16)
    assert race.runners[2].standing in (
        Footing.UNTRIED,
        Footing.RACING,
        Footing.HOLDS,
    )


def test_what_is_interrupted_has_no_winner():
    race = Race(2, Rule(), 1, lambda wanted: [None for _ in wanted])
    assert race.run() is None
    assert race.interrupted
