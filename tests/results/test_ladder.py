"""A ladder's arithmetic, and the differences of paired seeds, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.results.ladder import Ladder, Rung, over_orders
from tests.results.results import result

LADDER = Ladder(
    "downtime_s",
    "compose",
    "kubernetes",
    (10.0, 30.0),
    (Rung("probe", "a probe", (8.0, 10.0)), Rung("replica", "a replica", (1.0, 3.0))),
)


def test_each_rung_takes_what_is_less_after_it_and_all_take_the_whole() -> None:
    assert LADDER.takes == (11.0, 7.0)  # means of 20, 9 and 2
    assert LADDER.whole == sum(LADDER.takes) == 18.0
    assert LADDER.record() == {
        "metric": "downtime_s",
        "first": "compose",
        "last": "kubernetes",
        "difference": 18.0,
        "rungs": [
            {"name": "probe", "says": "a probe", "after": 9.0, "takes": 11.0},
            {"name": "replica", "says": "a replica", "after": 2.0, "takes": 7.0},
        ],
    }


def test_over_both_orders_each_rung_takes_the_mean() -> None:
    """The probe takes 11 of 20 when it is first and 13 of 15 when it is second."""
    none, probe, replica, both = (frozenset(made) for made in ((), (0,), (1,), (0, 1)))
    figures = {none: (10.0, 30.0), probe: (8.0, 10.0), replica: (15.0,), both: (1.0, 3.0)}
    averaged = over_orders(LADDER, figures, [(0, 1), (1, 0)])
    assert averaged.shares == ((11.0 + 13.0) / 2, (7.0 + 5.0) / 2)
    assert averaged.orders == averaged.record()["orders"] == 2
    del figures[replica]
    one_way = over_orders(LADDER, figures, [(0, 1), (1, 0)])
    assert (one_way.shares, one_way.orders) == (LADDER.takes, 1)


@pytest.mark.parametrize(("reps", "seeds"), [(1, 0), (2, 2), (3, 3)])
def test_a_difference_needs_two_seeds_that_both_have(reps: int, seeds: int) -> None:
    """Compose is down for 341 s and more, Kubernetes for three."""
    found = [each for each in result(reps).differences if each.metric == "downtime_s"]
    assert len(found) == (seeds > 0)
    for each in found:
        assert (each.platform, each.baseline, each.pairs) == ("kubernetes", "compose", seeds)
        assert each.mean == pytest.approx(-338.0, abs=3)
    if reps == 3:
        some = result(3).replications
        fewer = replace(result(3), replications={**some, "kubernetes": some["kubernetes"][2:]})
        assert fewer.differences == ()
