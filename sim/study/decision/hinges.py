"""What a decision hangs on: the value of each assumption at which it is another one, and where
Kubernetes begins to pay.

Money and harms are lines over each lever (worth.py), so that a value is found by halving, without a
run. Worlds in which people or requests are faster or heavier are runs, at half and at double alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import exp, log
from typing import NamedTuple

from sim.results.intervals import bounds
from sim.study.decision.decision import AS_ASSUMED, FEW, Prospects
from sim.study.decision.worth import (
    DOUBLE,
    HALF,
    MONTHS,
    Choice,
    Money,
    Terms,
    Weighed,
    choose,
    levers,
    seeds,
    times,
    variations,
    weigh,
    weigh_one,
)
from sim.study.decision.year import Harms

FAR = 10.0  # times as much or as little: as far as is looked for a value; chosen
HALVINGS = 30


class Hinge(NamedTuple):
    """An assumption, the factor of it from which on the rule says something else, and what."""

    about: str  # of LEVERS, or a world
    factor: float | None  # None: a world, which says it itself
    choice: Choice

    @property
    def near(self) -> bool:
        """Between half and double of what is assumed?"""
        return self.factor is None or HALF <= self.factor <= DOUBLE


def hinges(decision: Prospects, terms: Terms) -> list[Hinge]:
    """Where the choice is another one: within half and double; beyond that, where the need for an
    orchestrator is. Those of the need first, the nearest before the others."""
    now = weigh(decision, terms)
    answer, worlds, found = choose(now, terms), decision.outcomes[0].worlds, []
    for lever in levers(terms, worlds):
        line = [*zip(weigh(decision, times(terms, lever, 0.0)), now, strict=True)]
        for ends in ((HALF, 1.0 / FAR), (DOUBLE, FAR)):
            if (hinge := _tipping(line, terms, lever, ends, answer)) is not None:
                found.append(hinge)
    seldom = choose(weigh(decision, terms, range(FEW)), terms)  # on the seeds of other worlds
    for world in worlds:
        there = terms._replace(world=world)
        if world != AS_ASSUMED and (choice := choose(weigh(decision, there), there)) != seldom:
            found.append(Hinge(world, None, choice))
    return sorted(found, key=partial(_order, answer))


def _order(answer: Choice, hinge: Hinge) -> tuple[bool, bool, float]:
    same_need = hinge.choice.orchestrator == answer.orchestrator
    return same_need, not hinge.near, round(abs(log(hinge.factor or DOUBLE)), 6)


def _tipping(
    line: Sequence[tuple[Weighed, Weighed]], terms: Terms, lever: str, ends: tuple[float, float],
    answer: Choice,
) -> Hinge | None:  # fmt: skip
    """The nearest factor, towards an end, from which on the need is another one, or else, no
    farther than the first end, the choice; `line`: each set-up at the lever's 0 and 1."""

    def at(factor: float) -> Choice:
        return choose([_between(*pair, factor) for pair in line], terms)

    def is_needed(choice: Choice) -> bool:
        return choice.orchestrator != answer.orchestrator

    def is_other(choice: Choice) -> bool:
        return choice != answer

    for end, flips in ((ends[0], is_needed), (ends[0], is_other), (ends[1], is_needed)):
        if flips(at(end)):
            same, other = 0.0, log(end)
            for _ in range(HALVINGS):
                middle = (same + other) / 2.0
                same, other = (same, middle) if flips(at(exp(middle))) else (middle, other)
            return Hinge(lever, exp(other), at(exp(other)))
    return None


def _between(without: Weighed, now: Weighed, factor: float) -> Weighed:
    """On the line through a lever's 0 and 1."""
    year = (a + factor * (b - a) for a, b in zip(without.year, now.year, strict=True))
    money = (a + factor * (b - a) for a, b in zip(without.money, now.money, strict=True))
    return Weighed(now.outcome, Harms(*year), Money(*money))


def turned(decision: Prospects, terms: Terms, found: Sequence[Hinge]) -> tuple[int, int]:
    """With how many of the assumptions, each at half and at double, and each other world, the need
    of an orchestrator is another one, and how many were tried; `found`: where the choice is."""
    answer = choose(weigh(decision, terms), terms)
    tried = len(list(variations(terms, decision.outcomes[0].worlds)))
    turns = [h for h in found if h.near and h.choice.orchestrator != answer.orchestrator]
    return len(turns), tried


# ---- where Kubernetes begins to pay ----
class BreakEven(NamedTuple):
    """From which value on Kubernetes costs less than all that is without an orchestrator; None:
    never. `low`, `high`: over seeds; `least`, `most`: with one assumption at half or at double,
    `most` None where it then never does."""

    says: str  # of PAYS
    value: float | None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None


Value = Callable[[Terms, Sequence[int]], float | None]
PAYS = ("an hour down costs", "a lost request costs", "you deploy")


def kubernetes(weighed: Sequence[Weighed], terms: Terms) -> Weighed | None:
    """The cheaper way to run it; None: this stack was not replayed on it."""
    ours = [w for w in weighed if w.outcome.setup.platform.startswith("kubernetes")]
    return min(ours, key=lambda each: each.money.total, default=None)


def break_even(decision: Prospects, terms: Terms) -> list[BreakEven]:
    """Empty where the stack does not run on Kubernetes, or there is nothing else."""
    weighed = weigh(decision, terms)
    ours = kubernetes(weighed, terms)
    others = [w for w in weighed if not w.outcome.setup.orchestrator]
    if ours is None or not others:
        return []

    def against_all(one: Callable[[Weighed, Weighed], float | None]) -> Value:
        """The highest of them: cheaper than each."""

        def value(terms: Terms, which: Sequence[int]) -> float | None:
            first = weigh_one(ours.outcome, terms, which)
            each = [one(first, weigh_one(w.outcome, terms, which)) for w in others]
            known = [value for value in each if value is not None]
            return max(known) if len(known) == len(each) else None

        return value

    def price(harm: str) -> Value:
        def one(first: Weighed, second: Weighed) -> float | None:
            dearer = MONTHS * (first.money.means - second.money.means)
            less: float = getattr(second.year, harm) - getattr(first.year, harm)
            if less > 0.0:
                return max(0.0, dearer / less)
            return 0.0 if dearer < 0.0 else None

        return against_all(one)

    def deploys(terms: Terms, which: Sequence[int]) -> float | None:
        """How many times as often somebody deploys where both cost the same (it is linear)."""
        never, now = (times(terms, "deploys", factor) for factor in (0.0, 1.0))
        dearest = 0.0
        for other in others:
            at_none, at_now = (
                weigh_one(ours.outcome, at, which).money.total
                - weigh_one(other.outcome, at, which).money.total
                for at in (never, now)
            )
            if at_none > 0.0 and at_now >= at_none:
                return None
            dearest = max(dearest, at_none / (at_none - at_now) if at_none > 0.0 else 0.0)
        return dearest

    values = (price("down_h"), price("failed"), deploys)
    return [_ranged(says, value, decision, terms) for says, value in zip(PAYS, values, strict=True)]


def _ranged(says: str, value: Value, decision: Prospects, terms: Terms) -> BreakEven:
    """With its range over seeds, where each has one, and over what is assumed."""
    found = BreakEven(says, value(terms, ()))
    if found.value is None:
        return found
    others = [
        other
        for other in variations(terms, decision.outcomes[0].worlds)
        if other.world == terms.world and (says != PAYS[2] or other.deploys == terms.deploys)
    ]
    assumed = [value(other, ()) for other in others]
    known = [one for one in assumed if one is not None]
    most = max([found.value, *known]) if len(known) == len(assumed) else None
    found = found._replace(least=min([found.value, *known]), most=most)
    size = seeds(decision)
    each = [one for k in range(size) if (one := value(terms, [k])) is not None]
    if len(each) < size or size < 2:
        return found
    low, high = bounds(each)
    return found._replace(low=max(0.0, low), high=high)
