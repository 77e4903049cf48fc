"""What one change would have saved: a run with the same customers and one thing different.

A cause is a difference between two measured runs, never a guess. Both meet the very same requests
(common random numbers), so that what differs is the change and what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from statistics import fmean
from typing import NamedTuple

from sim.results.intervals import interval
from sim.results.summary import Figures, Replication, lookup


class Loss(NamedTuple):
    """A figure of which less is better; `least`: a smaller difference of it is nobody's concern."""

    name: str
    paths: tuple[str, ...]  # summed, records of causes too
    least: float


# in the order in which they decide: users first, then jobs, then people
LOSSES = (
    Loss("downtime_s", ("downtime_s",), 5.0),
    Loss("failed", ("requests.failed",), 2.0),
    Loss("degraded_s", ("degraded_s",), 5.0),
    Loss("lost", ("jobs.lost",), 2.0),
    Loss("duplicated", ("jobs.duplicated",), 2.0),
    Loss("minutes", ("operator.minutes",), 0.5),
    Loss("backlog", ("jobs.backlog_peak",), 20.0),
    Loss("usd", ("cost.usd",), 0.01),
)
MONEY = "usd"  # told beside the others, and decides nothing
LUCK = 0.1  # one seed: a smaller share of the larger figure may be chance


class Counterfactual(NamedTuple):
    """One change and the runs with it, as many seeds as were finished."""

    name: str
    platform: str
    says: str  # after "With": "a readiness probe"
    settings: tuple[str, ...]  # what `--set` takes
    trigger: bool  # it takes away what happened
    replications: tuple[Replication, ...]


class Gain(NamedTuple):
    """How much less of a loss: mean over the seeds, and its 95 % interval if there are several."""

    before: float
    after: float
    low: float | None
    high: float | None
    clear: bool  # more than chance, and more than nothing

    @property
    def mean(self) -> float:
        return self.before - self.after


class Effect(Enum):
    HELPS = "helps"
    HURTS = "hurts"
    NOTHING = "nothing"


class Contribution(NamedTuple):
    """What a change did to each of LOSSES."""

    change: Counterfactual
    gains: Mapping[str, Gain]
    effect: Effect


def amount(figures: Figures, loss: Loss) -> float:
    """The loss in one record of figures."""
    total = 0.0
    for path in loss.paths:
        value = lookup(figures, path)
        parts = value.values() if isinstance(value, dict) else [value]
        total += sum(part or 0.0 for part in parts)
    return total


def harmed(figures: Figures) -> bool:
    """Is there anything to explain: something lost, somebody at work, a queue that grew long?"""
    lost = any(amount(figures, one) for one in LOSSES if one.name not in (MONEY, "backlog"))
    return lost or any(amount(figures, one) >= one.least for one in LOSSES if one.name == "backlog")


def gain(before: Sequence[float], after: Sequence[float], least: float) -> Gain:
    """The paired difference of one loss, seed by seed. At least one pair."""
    first, second = fmean(before), fmean(after)
    size = abs(first - second)
    if len(before) == 1:
        clear = size >= max(least, LUCK * max(first, second))
        return Gain(first, second, None, None, clear)
    low, high = interval([a - b for a, b in zip(before, after, strict=True)])
    return Gain(first, second, low, high, size >= least and (low > 0.0 or high < 0.0))


def contribution(base: Sequence[Replication], change: Counterfactual) -> Contribution | None:
    """What the change did on the seeds that both have; None if there is none."""
    theirs = {one.seed: one.figures for one in base}
    pairs = [(theirs[r.seed], r.figures) for r in change.replications if r.seed in theirs]
    if not pairs:
        return None
    gains = {
        loss.name: gain(
            [amount(a, loss) for a, _ in pairs], [amount(b, loss) for _, b in pairs], loss.least
        )
        for loss in LOSSES
    }
    return Contribution(change, gains, effect(gains))


def effect(gains: Mapping[str, Gain]) -> Effect:
    """Better or worse by the first loss, in their order, of which there is clearly less or more."""
    for name, one in gains.items():
        if one.clear and name != MONEY:
            return Effect.HELPS if one.mean > 0.0 else Effect.HURTS
    return Effect.NOTHING


def ranked(found: Sequence[Contribution]) -> list[Contribution]:
    """Those that help, the most requests saved first, then the most downtime, and so on: a request
    is finer than a second, of which some are down by a hair."""
    order = ["failed", *(loss.name for loss in LOSSES if loss.name != "failed")]

    def saved(one: Contribution) -> list[float]:
        return [-one.gains[name].mean if one.gains[name].clear else 0.0 for name in order]

    return sorted((one for one in found if one.effect is Effect.HELPS), key=saved)
