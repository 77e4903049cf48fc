"""What is advised of a decision: all that its page says, computed once."""

from __future__ import annotations

from typing import NamedTuple

from sim.study.decision.decision import Prospects
from sim.study.decision.hinges import BreakEven, Hinge, break_even, hinges, turned
from sim.study.decision.worth import (
    HANGS,
    SURE,
    Choice,
    Improvement,
    Ranges,
    Terms,
    Threshold,
    Weighed,
    by_price,
    choose,
    confidence,
    ranges_of,
    steps,
    weigh,
)


class Advice(NamedTuple):
    """All that the page says, computed once."""

    decision: Prospects
    terms: Terms
    weighed: list[Weighed]
    choice: Choice
    sure: float
    hinges: list[Hinge]
    break_even: list[BreakEven]
    thresholds: list[Threshold]
    steps: list[Improvement]
    ranges: list[Ranges]  # of each set-up
    turns: int  # of the assumptions that were tried: they say otherwise of the need
    tried: int


def verdict(decision: Prospects, terms: Terms) -> Advice:
    weighed = weigh(decision, terms)
    years = [ranges_of(outcome, terms, decision.seed) for outcome in decision.outcomes]
    found = hinges(decision, terms)
    return Advice(
        decision, terms, weighed, choose(weighed, terms), confidence(decision, terms), found,
        break_even(decision, terms), by_price(weighed, terms.sale), steps(weighed), years,
        *turned(decision, terms, found),
    )  # fmt: skip


def is_torn(advice: Advice) -> bool:
    """Do the seeds agree, and the assumptions not?"""
    return advice.sure >= SURE and advice.choice.matters and advice.turns > HANGS * advice.tried
