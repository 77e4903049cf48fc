"""A difference explained: from one platform to another, one change at a time.

Each rung is a run with all changes so far and the same customers; what it takes away is the
difference to the rung before. So their sum is the whole difference, and nothing is named that was
not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple

from sim.results.figures import figure_at


class Rung(NamedTuple):
    """One change: its name, what it sets, and the figure after it, seed by seed."""

    name: str
    says: str
    values: tuple[float, ...]


class Ladder(NamedTuple):
    """From `first` to `last` in one figure; `values`: of the first, seed by seed."""

    metric: str
    first: str
    last: str
    values: tuple[float, ...]
    rungs: tuple[Rung, ...]
    shares: tuple[float, ...] = ()  # of each rung, what it takes in the mean over `orders`
    orders: int = 0

    @property
    def takes(self) -> tuple[float, ...]:
        """How much less there is after each rung than before it, means over the seeds."""
        means = [fmean(self.values), *(fmean(rung.values) for rung in self.rungs)]
        return tuple(before - after for before, after in pairwise(means))

    @property
    def whole(self) -> float:
        """The difference between both ends."""
        return fmean(self.values) - fmean(self.rungs[-1].values)

    @property
    def least(self) -> float:
        """A smaller difference is nobody's concern."""
        harm = figure_at(self.metric).harm
        return 0.0 if harm is None else harm.least

    def record(self) -> dict[str, Any]:
        """As in summary.json."""
        steps = zip(self.rungs, self.takes, strict=True)
        averaged = {"orders": self.orders, "shares": list(self.shares)} if self.orders else {}
        return {
            "metric": self.metric, "first": self.first, "last": self.last, "difference": self.whole,
            "rungs": [
                {"name": rung.name, "says": rung.says, "after": fmean(rung.values), "takes": takes}
                for rung, takes in steps
            ],
            **averaged,
        }  # fmt: skip


def over_orders(
    ladder: Ladder,
    figures: Mapping[frozenset[int], tuple[float, ...]],
    orders: Sequence[tuple[int, ...]],
) -> Ladder:
    """The ladder with what each rung takes in the mean over the orders (numbers of rungs) that can
    be gone. `figures`: seed by seed, by the rungs that are made."""
    means = {made: fmean(values) for made, values in figures.items()}
    ways = [way for way in orders if all(frozenset(way[:k]) in means for k in range(len(way) + 1))]
    shares = [
        fmean(
            means[frozenset(way[:place])] - means[frozenset(way[: place + 1])]
            for way in ways
            for place in (way.index(rung),)
        )
        for rung in range(len(ladder.rungs))
    ]
    return ladder._replace(shares=tuple(shares), orders=len(ways))
