"""Numbers as people read them."""

import pytest

from sim.report.text import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (0, "0 s"), (0.0034, "3.4 ms"), (0.04, "40 ms"), (1.24, "1.2 s"),
        (9.96, "10 s"), (59.7, "1 min"), (341, "5 min 41 s"), (600, "10 min"), (3599.7, "1 h"),
        (7380, "2 h 03 min"), (-12, "-12 s"),
    ],
)  # fmt: skip
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100 %"), (0.99999, "99.99 %"), (0.9997, "99.97 %"), (0.5, "50.00 %"), (0, "0.00 %")],
)
def test_a_share_is_never_rounded_up_to_everything(value, text):
    assert words.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(18024, "18,024"), (14.6, "14.6"), (1801.2, "1,801"), (None, "-")]
)
def test_counts(value, text):
    assert words.count(value) == text


def test_causes_are_ranked_and_summed_up():
    counts = {"refused": 5, "oom": 0, "http_500": 9, "shed": 1, "pool_timeout": 2, "db_refused": 1}
    said = "9 http 500, 5 refused, 2 pool timeout, 1 db refused, 1 other"
    assert words.causes(counts) == said
    assert words.causes({"refused": 0}) == ""


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (120, 600, "2 min .. 10 min"), (None, 5, "at most 5 s"), (3, None, "at least 3 s"),
        (8, 8, "exactly 8 s"), (None, 0, "0 s"),
    ],
)  # fmt: skip
def test_bounds(low, high, text):
    assert words.bounds("downtime_s", low, high) == text


def test_the_clock_goes_beyond_a_day():
    assert words.clock(300) == "00:05:00"
    assert words.clock(100 * 3600 + 61.9) == "100:01:01"
