"""Causes by counterfactual, in words.

A cause is a change that was run again with the same customers and did better
(sim/study/causes.py); nothing is a cause because somebody thinks so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sim.report.text import words
from sim.results.counterfactual import Contribution, Effect, Gain, contribution, ranked
from sim.results.figures import Harm, harms
from sim.results.measurements import Measurements

MOST = 10  # causes told of one platform


class Cause(NamedTuple):
    """`With a readiness probe`: `41 min less down`."""

    says: str
    saves: str
    settings: tuple[str, ...]


class Causes(NamedTuple):
    """What was tried on one platform, and what came of it."""

    number: int  # of changes that were run again
    seeds: tuple[int, ...]  # with which they were
    trigger: str  # what is left without the scenario's events; empty if that was not tried
    helped: tuple[Cause, ...]
    worse: tuple[str, ...]
    no_difference: tuple[str, ...]


def causes(result: Measurements, platform: str) -> Causes | None:
    """None if nothing was asked to be run again."""
    if result.counterfactuals is None:
        return None
    base = result.replications[platform]
    measured = [contribution(base, change) for change in result.counterfactuals.get(platform, ())]
    contributions = [c for c in measured if c is not None]
    changes = [c for c in contributions if not c.change.trigger]
    return Causes(
        number=len(contributions),
        seeds=tuple(sorted({done.seed for c in contributions for done in c.change.replications})),
        trigger=" ".join(without(c) for c in contributions if c.change.trigger),
        helped=tuple(
            Cause(c.change.says, difference(c), c.change.settings) for c in ranked(changes)[:MOST]
        ),
        worse=tuple(
            f"{c.change.says} ({difference(c, brief=True)})"
            for c in changes
            if c.effect is Effect.HURTS
        ),
        no_difference=tuple(nothing(changes)),
    )


def without(trigger: Contribution) -> str:
    """How much of the harm is there without the scenario's events at all."""
    remains = [
        harm.left.format(words.figure(path, trigger.gains[path].after))
        for path, harm in harms()
        if harm.left and trigger.gains[path].after
    ]
    if not remains:
        return (
            "Run again without the event that set it off, there is no harm at all: "
            "it all follows from that event."
        )
    return f"Run again without the event that set it off, this is left: {', '.join(remains)}."


def nothing(contributions: Sequence[Contribution]) -> Iterator[str]:
    """Those that changed nothing, or only the bill."""
    for each in contributions:
        if each.effect is Effect.NOTHING:
            bill = each.gains["cost.usd"]
            more = "more" if bill.mean < 0.0 else "less"
            cost = f" (and {words.money(abs(bill.mean))} {more} for servers)" if bill.clear else ""
            yield each.change.says + cost


def difference(contribution: Contribution, brief: bool = False) -> str:
    """`41 min less down (2 min instead of 43 min), 1,200 fewer failed requests (3 instead of ...`;
    `brief`: without the brackets."""
    clear = {path: gain for path, gain in contribution.gains.items() if gain.clear}
    if "downtime_s" in clear or "requests.failed" in clear:
        clear.pop("degraded_s", None)  # says nearly the same
    return ", ".join(
        phrase(path, harm, clear[path], brief) for path, harm in harms() if path in clear
    )


def phrase(path: str, harm: Harm, gain: Gain, brief: bool) -> str:
    """One harm: how much less or more, and of what, or its interval over the seeds."""
    size = abs(gain.mean)
    text = harm.in_words(words.figure(path, size), size == 1, is_more=gain.mean <= 0.0)
    return text + ("" if brief else f" ({_bracket(path, gain)})")


def _bracket(path: str, gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return f"{words.figure(path, gain.after)} instead of {words.figure(path, gain.before)}"
    low, high = (gain.low, gain.high) if gain.mean > 0.0 else (-gain.high, -gain.low)
    bounds = words.kind_of_bounds(gain.pairs, "pairs")
    return f"{bounds}: {words.figure(path, low)} to {words.figure(path, high)}"
