"""Causes by counterfactual, in words.

A cause is a change that was run again with the same customers and did better
(sim/study/causes.py); nothing is a cause because somebody thinks so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sim.report.text import words
from sim.results.counterfactual import (
    Contribution,
    Effect,
    Gain,
    contribution,
    ranked,
)
from sim.results.result import Result

MOST = 10  # causes told of one platform
LEFT = {
    "downtime_s": "down",
    "failed": "failed requests",
    "lost": "lost jobs",
    "minutes": "of work by hand",
}


class Cause(NamedTuple):
    """`With a readiness probe`: `41 min less down`."""

    says: str
    saves: str
    settings: tuple[str, ...]


class Causes(NamedTuple):
    """What was tried on one platform, and what came of it."""

    number: int  # of changes that were run again
    trigger: str  # what is left without the scenario's events; empty if that was not tried
    helped: tuple[Cause, ...]
    worse: tuple[str, ...]
    no_difference: tuple[str, ...]


def causes(result: Result, platform: str) -> Causes | None:
    """None if nothing was asked to be run again."""
    if result.counterfactuals is None:
        return None
    base = result.replications[platform]
    made = [contribution(base, one) for one in result.counterfactuals.get(platform, ())]
    found = [one for one in made if one is not None]
    changes = [one for one in found if not one.change.trigger]
    return Causes(
        number=len(found),
        trigger=" ".join(without(one) for one in found if one.change.trigger),
        helped=tuple(
            Cause(one.change.says, difference(one), one.change.settings)
            for one in ranked(changes)[:MOST]
        ),
        worse=tuple(
            f"{one.change.says} ({difference(one, brief=True)})"
            for one in changes
            if one.effect is Effect.HURTS
        ),
        no_difference=tuple(nothing(changes)),
    )


def without(one: Contribution) -> str:
    """How much of the harm is there without the scenario's events at all."""
    left = [
        f"{amount(name, one.gains[name].after)} {said}"
        for name, said in LEFT.items()
        if one.gains[name].after
    ]
    if not left:
        return (
            "Run again without the event that set it off, there is no harm at all: "
            "it all follows from that event."
        )
    return f"Run again without the event that set it off, this is left: {', '.join(left)}."


def nothing(found: Sequence[Contribution]) -> Iterator[str]:
    """Those that changed nothing, or only the bill."""
    for one in found:
        if one.effect is Effect.NOTHING:
            bill = one.gains["usd"]
            more = "more" if bill.mean < 0.0 else "less"
            cost = f" (and {words.money(abs(bill.mean))} {more} for servers)" if bill.clear else ""
            yield one.change.says + cost


def difference(one: Contribution, brief: bool = False) -> str:
    """`41 min less down (2 min instead of 43 min), 1,200 fewer failed requests (3 instead of ...`;
    `brief`: without the brackets."""
    clear = {name: each for name, each in one.gains.items() if each.clear}
    if "downtime_s" in clear or "failed" in clear:
        clear.pop("degraded_s", None)  # says nearly the same
    return ", ".join(phrase(name, each, brief) for name, each in clear.items())


def phrase(name: str, gain: Gain, brief: bool) -> str:
    """One loss: how much less or more, and of what, or its interval over the seeds."""
    size, less = abs(gain.mean), gain.mean > 0.0
    few, little = ("fewer", "less") if less else ("more", "more")
    s = "" if size == 1 else "s"
    amounts = {
        "downtime_s": f"{amount(name, size)} {little} down",
        "failed": f"{amount(name, size)} {few} failed request{s}",
        "degraded_s": f"{amount(name, size)} {little} with the SLO missed",
        "lost": f"{amount(name, size)} {few} lost job{s}",
        "duplicated": f"{amount(name, size)} {few} job{s} done twice",
        "minutes": f"{amount(name, size)} {little} work by hand",
        "backlog": f"{amount(name, size)} {few} jobs waiting at the worst",
        "usd": f"{amount(name, size)} {little} for servers",
    }
    return amounts[name] + ("" if brief else f" ({_bracket(name, gain)})")


def _bracket(name: str, gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return f"{amount(name, gain.after)} instead of {amount(name, gain.before)}"
    low, high = (gain.low, gain.high) if gain.mean > 0.0 else (-gain.high, -gain.low)
    return f"95 %: {amount(name, low)} to {amount(name, high)}"


def amount(name: str, value: float) -> str:
    """A loss in its unit."""
    if name.endswith("_s"):
        return words.duration(value)
    if name == "minutes":
        return words.duration(60.0 * value)
    return words.money(value) if name == "usd" else words.count(value)
