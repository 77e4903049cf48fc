"""Decimation: nothing that stands out is lost, and the path can be read back."""

import re

import numpy as np
import pytest

from sim.report.page.curves import ceiling, extremes, path, ratios


def read(text: str, columns: int) -> list[set[int]]:
    """What the page's script does: the heights that each column of a path touches."""
    seen: list[set[int]] = [set() for _ in range(columns)]
    x = y = 0
    for letter, a, b in re.findall(r"([Mhv])(-?\d+)(?: (-?\d+))?", text):
        if letter == "M":
            x, y = int(a), int(b)
            seen[x].add(y)
        elif letter == "v":
            y += int(a)
            seen[x].add(y)
        else:
            for _ in range(int(a)):
                seen[x].add(y)
                x += 1
    return seen


def test_a_peak_of_one_second_in_thirty_days_is_there():
    times = np.arange(0.0, 30 * 86400, 15.0)
    values = np.zeros(times.size)
    values[100_000] = 7.0
    low, high = extremes(times, values, 0.0, 30 * 86400.0, columns=300)
    assert high.max() == 7.0
    assert (high > 0).sum() == 1
    assert low.max() == 0.0


def test_a_value_holds_until_the_next():
    low, high = extremes(np.array([0.0, 6.0]), np.array([1.0, 3.0]), 0.0, 10.0, columns=5)
    assert low.tolist() == [1, 1, 1, 3, 3]
    assert high.tolist() == [1, 1, 1, 3, 3]


def test_no_value_is_a_gap():
    times, values = np.arange(4.0), np.array([1.0, np.nan, np.nan, 2.0])
    low, high = extremes(times, values, 0.0, 4.0, columns=4)
    assert path(low, high, 2.0) == "M0 500h1M3 0h1"
    nothing = extremes(np.array([]), np.array([]), 0.0, 4.0, columns=4)
    assert path(*nothing, 1.0) == ""


@pytest.mark.parametrize("seed", range(5))
def test_a_path_reads_back_as_it_was_written(seed):
    draw = np.random.default_rng(seed)
    low = np.floor(draw.uniform(0, 500, 200))
    high = low + np.floor(draw.exponential(80, 200)) * (draw.uniform(size=200) < 0.5)
    low[50:60] = high[50:60] = np.nan
    seen = read(path(low, high, 1000.0), 200)
    for x in range(200):
        if np.isnan(low[x]):
            assert seen[x] == set()
        else:
            assert {max(seen[x]), min(seen[x])} == {1000 - low[x], 1000 - high[x]}


def test_a_flat_line_is_short():
    flat = np.full(1200, 3.0)
    assert path(flat, flat, 4.0) == "M0 250h1200"


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.0, 1.0), (0.026, 0.03), (1.0, 1.0), (3.2, 4.0), (97.0, 100.0), (1001.0, 1500.0)],
)
def test_axes_end_at_round_numbers(highest, top):
    assert ceiling(highest) == top


def test_shares_of_rare_requests_are_taken_of_enough():
    good, due = np.tile([1, 0, 0, 0], 50), np.tile([2, 0, 0, 0], 50)  # one request in two seconds
    times, share = ratios(good, due, 1.0)
    assert times[1] == 40.0  # twenty requests a bin
    assert share.tolist() == [0.5] * 5
