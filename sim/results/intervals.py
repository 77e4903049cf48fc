"""How far a mean may be off over replications: Student's t, paired where seeds are shared; of few
values the least and the most of them.

No scipy here (it is two seconds to import and only the tests have it); the quantile is a table up
to 30 degrees of freedom and the Cornish-Fisher expansion of Abramowitz and Stegun, 26.7.5,
beyond. tests/results/test_intervals.py compares both with scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

# Of fewer values the least and the most are told (chosen): the half-width of two is 12.7 standard
# errors, "3 h less to 1 h more" where both pairs say an hour less; of five it is 2.8.
INTERVAL_FROM = 5
EXTREMES, MEAN_95 = "lowest_and_highest", "mean_95"  # as summary.json says which is told

# 0.975 quantiles of Student's t for 1..30 degrees of freedom
# (NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2)
T_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip


def t_975(freedom: int) -> float:
    """The 0.975 quantile of Student's t, for intervals of 95 %. `freedom` at least 1."""
    if freedom <= len(T_975):
        return T_975[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % t-interval of the mean of at least two independent values."""
    mean = fmean(values)
    half = t_975(len(values) - 1) * stdev(values) / len(values) ** 0.5
    return mean - half, mean + half


def kind(number: int) -> str:
    """What `bounds` gives for so many values, as summary.json says it."""
    return EXTREMES if number < INTERVAL_FROM else MEAN_95


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Told beside the mean of at least one value: of few the extremes, else an interval."""
    return (min(values), max(values)) if kind(len(values)) == EXTREMES else interval(values)
