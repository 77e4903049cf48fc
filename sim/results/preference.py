"""Which platform did better, in the first figure that clearly differs, and by how much.

The order in which figures decide is that of their harms (users, jobs, people); clear is what a
counterfactual calls clear, or what was so in every seed. All platforms met the same customers, seed
by seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from sim.results.counterfactual import gain
from sim.results.figures import harms, total
from sim.results.summary import Replication


class Preference(NamedTuple):
    """`better` has `gap` less of a harm than `worse` (mean; `low` and `high` over `seeds`)."""

    metric: str
    better: tuple[str, ...]  # all that are as good as the best
    worse: str
    gap: float
    low: float
    high: float
    agree: int  # seeds in which it was less
    seeds: int

    def record(self) -> dict[str, Any]:
        """As in summary.json."""
        return {**self._asdict(), "better": list(self.better)}


def preferences(by_platform: Mapping[str, Sequence[Replication]]) -> Iterator[Preference]:
    """Of two platforms or more, one for each harm that clearly differs; the first decides."""
    columns = {
        name: {done.seed: done.figures for done in some} for name, some in by_platform.items()
    }
    common = sorted(set.intersection(*(set(column) for column in columns.values())))
    if len(columns) < 2 or not common:
        return
    for path, harm in harms():
        if not harm.decides:
            continue
        values = {
            name: [total(column[seed], path) for seed in common] for name, column in columns.items()
        }
        means = {name: fmean(some) for name, some in values.items()}
        best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        gaps = [a - b for a, b in zip(values[worst], values[best], strict=True)]
        alike = len(gaps) > 1 and min(gaps) > 0.0 and fmean(gaps) >= harm.least
        if not alike and not gain(values[worst], values[best], harm.least).clear:
            continue
        as_good = tuple(name for name in means if means[name] - means[best] < harm.least)
        agree = sum(gap > 0.0 for gap in gaps)
        mean = means[worst] - means[best]
        yield Preference(path, as_good, worst, mean, min(gaps), max(gaps), agree, len(gaps))
