"""What one change would have saved: a run with the same customers and one thing different.

A cause is a difference between two measured runs, never a guess. Both meet the very same requests
(common random numbers), so that what differs is the change and what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from statistics import fmean
from typing import NamedTuple

from sim.results.figures import Figures, figure_at, harms, total
from sim.results.intervals import bounds, interval
from sim.results.summary import Replication

LUCK = 0.1  # one seed or two: a smaller share of the larger figure may be chance


class Counterfactual(NamedTuple):
    """One change and the runs with it, as many seeds as were finished."""

    name: str
    platform: str
    says: str  # after "With": "a readiness probe"
    settings: tuple[str, ...]  # what `--set` takes
    trigger: bool  # it takes away what happened
    replications: tuple[Replication, ...]


class Gain(NamedTuple):
    """How much less of a harm: mean over the seeds, and its bounds if there are several."""

    before: float
    after: float
    low: float | None
    high: float | None
    clear: bool  # more than chance, and more than nothing
    pairs: int = 1

    @property
    def mean(self) -> float:
        return self.before - self.after


class Effect(Enum):
    HELPS = "helps"
    HURTS = "hurts"
    NOTHING = "nothing"


class Contribution(NamedTuple):
    """What a change did to each harm."""

    change: Counterfactual
    gains: Mapping[str, Gain]  # by the figure's path, in the order in which they decide
    effect: Effect


def harmed(figures: Figures) -> bool:
    """Is there anything to explain: something lost, somebody at work, a queue that grew long?"""
    return any(
        total(figures, path) >= harm.least if harm.usual else total(figures, path) > 0.0
        for path, harm in harms()
        if harm.decides
    )


def gain(before: Sequence[float], after: Sequence[float], least: float) -> Gain:
    """The paired difference of one harm, seed by seed. At least one pair. Clear is what leaves 0
    outside of its 95 % interval; of two pairs, whose interval says nothing, what both say, if it is
    a share of the larger figure, as of one."""
    first, second = fmean(before), fmean(after)
    size, pairs = abs(first - second), len(before)
    enough = size >= (max(least, LUCK * max(first, second)) if pairs < 3 else least)
    if pairs == 1:
        return Gain(first, second, None, None, enough)
    gaps = [a - b for a, b in zip(before, after, strict=True)]
    least_gap, most_gap = interval(gaps) if pairs > 2 else bounds(gaps)
    clear = enough and (least_gap > 0.0 or most_gap < 0.0)
    return Gain(first, second, *bounds(gaps), clear, pairs)


def contribution(base: Sequence[Replication], change: Counterfactual) -> Contribution | None:
    """What the change did on the seeds that both have; None if there is none."""
    before = {replication.seed: replication.figures for replication in base}
    pairs = [(before[r.seed], r.figures) for r in change.replications if r.seed in before]
    if not pairs:
        return None
    gains = {
        path: gain(
            [total(a, path) for a, _ in pairs], [total(b, path) for _, b in pairs], harm.least
        )
        for path, harm in harms()
    }
    return Contribution(change, gains, effect(gains))


def effect(gains: Mapping[str, Gain]) -> Effect:
    """Better or worse by the first harm, in their order, of which there is clearly less or more."""
    for path, gain in gains.items():
        harm = figure_at(path).harm
        if gain.clear and harm is not None and harm.decides:
            return Effect.HELPS if gain.mean > 0.0 else Effect.HURTS
    return Effect.NOTHING


def ranked(contributions: Sequence[Contribution]) -> list[Contribution]:
    """Those that help, the most requests saved first, then the most downtime, and so on: a request
    is finer than a second, of which some are down by a hair."""
    finest = "requests.failed"
    order = [finest, *(path for path, _ in harms() if path != finest)]

    def saved(contribution: Contribution) -> list[float]:
        gains = [contribution.gains[path] for path in order]
        return [-gain.mean if gain.clear else 0.0 for gain in gains]

    return sorted((c for c in contributions if c.effect is Effect.HELPS), key=saved)
