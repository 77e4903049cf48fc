"""Student's t against scipy, and intervals that cover as often as they say."""

import numpy as np
import pytest
from scipy import stats

from sim.results.intervals import interval, t_975


@pytest.mark.parametrize("freedom", [*range(1, 40), 60, 100, 500])
def test_the_quantile_is_scipys(freedom):
    """To four digits after the point in the table, to the first term left out beyond it."""
    allowed = 5e-5 if freedom <= 30 else 3 / freedom**3
    assert t_975(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=allowed)


def test_an_interval_of_95_percent_covers_95_percent():
    draw = np.random.default_rng(11)
    hits = 0
    for _ in range(2000):
        low, high = interval(list(draw.exponential(size=30) - 1.0))
        hits += low <= 0.0 <= high
    assert 0.90 < hits / 2000 < 0.97  # skewed values: a little under is known


def test_equal_values_have_an_interval_of_no_width():
    assert interval([3.0, 3.0]) == (3.0, 3.0)
