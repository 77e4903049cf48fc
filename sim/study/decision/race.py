"""A race: candidates in order of cost, each run on more seeds until it is out, or holds.

After 1, 4, 16 and 64 seeds an exact binomial test looks at on how many of them it held. It is out
where that is too few for the stated chance, it holds where that is too many for less than the
chance. Each of the two errors has at most the stated probability over all looks (Bonferroni). One
that is neither at the end is told with its interval: the seeds cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from math import comb, fsum
from typing import NamedTuple

LOOKS = (1, 4, 16, 64)
FRESH = 16  # seeds that no race has seen, for one that holds
WAVE = 16  # runs that are handed out together, so that processors have work; chosen


class Standing(Enum):
    UNTRIED = "not tried"
    RACING = "in the race"
    OUT = "dropped"
    HOLDS = "holds"
    UNCLEAR = "cannot tell"
    REFUTED = "held, but not on fresh seeds"


class Rule(NamedTuple):
    """`chance`: with which a candidate shall hold on a seed; `error`: of each kind."""

    chance: float = 0.9
    error: float = 0.05
    looks: tuple[int, ...] = LOOKS
    fresh: int = FRESH


class Runner(NamedTuple):
    """One candidate in the race."""

    place: int  # in the list of candidates
    held: int = 0
    runs: int = 0
    standing: Standing = Standing.UNTRIED
    fresh: tuple[int, int] | None = None  # held, of


# how seeds are run: pairs of (place, seed), each answered by whether it held, or None if it was
# interrupted
Trials = Callable[[Sequence[tuple[int, int]]], Sequence[bool | None]]


# ---- the exact tests ----
def at_most(held: int, runs: int, chance: float) -> float:
    """P(X <= held) of so many runs."""
    return fsum(comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(held + 1))


def at_least(held: int, runs: int, chance: float) -> float:
    return fsum(
        comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(held, runs + 1)
    )


def standing(held: int, runs: int, rule: Rule) -> Standing:
    """After so many runs, of which so many held."""
    each = rule.error / len(rule.looks)
    if at_most(held, runs, rule.chance) <= each:
        return Standing.OUT
    if at_least(held, runs, rule.chance) <= each:
        return Standing.HOLDS
    return Standing.UNCLEAR if runs >= rule.looks[-1] else Standing.RACING


def likely(held: int, runs: int, error: float = 0.05) -> tuple[float, float]:
    """The exact interval (Clopper and Pearson 1934) of the chance to hold."""
    if runs == 0:
        return 0.0, 1.0
    low = 0.0 if held == 0 else _root(lambda p: at_least(held, runs, p) - error / 2)
    high = 1.0 if held == runs else _root(lambda p: error / 2 - at_most(held, runs, p))
    return low, high


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return (low + high) / 2


# ---- the race ----
class Race:
    """Candidates 0, 1, ... in order of cost; stops at the first that holds and is confirmed."""

    def __init__(self, size: int, rule: Rule, seed: int, trials: Trials) -> None:
        self.rule, self.seed, self.trials = rule, seed, trials
        self.runners = [Runner(place) for place in range(size)]
        self.interrupted = False

    def run(self) -> Runner | None:
        """The winner; None where nobody holds, or it was interrupted."""
        while not self.interrupted:
            first = next((r for r in self.runners if r.standing not in ENDED), None)
            if first is None:
                return None
            if first.standing is Standing.HOLDS:
                self._confirm(first)
                if self.runners[first.place].standing is Standing.HOLDS and not self.interrupted:
                    return self.runners[first.place]
                continue
            self._round()
        return None

    def _round(self) -> None:
        """The next look of the cheapest that are not decided, none dearer than one that holds."""
        holds = [r.place for r in self.runners if r.standing is Standing.HOLDS]
        open_ = [r for r in self.runners if r.standing in (Standing.UNTRIED, Standing.RACING)]
        wave: list[Runner] = []
        wanted: list[tuple[int, int]] = []
        for runner in open_:
            if (holds and runner.place > holds[0]) or len(wanted) >= WAVE:
                break
            wave.append(runner)
            seeds = range(runner.runs, self._next(runner.runs))
            wanted += [(runner.place, self.seed + k) for k in seeds]
        answers = self._ask(wanted)
        for runner in wave if not self.interrupted else ():
            mine = [
                a for (place, _), a in zip(wanted, answers, strict=True) if place == runner.place
            ]
            held, runs = runner.held + mine.count(True), runner.runs + len(mine)
            ended = standing(held, runs, self.rule)
            self.runners[runner.place] = runner._replace(held=held, runs=runs, standing=ended)

    def _confirm(self, winner: Runner) -> None:
        """On seeds that nobody has been chosen by."""
        begin = self.seed + self.rule.looks[-1]
        wanted = [(winner.place, begin + k) for k in range(self.rule.fresh)]
        answers = self._ask(wanted)
        if self.interrupted:
            return
        held = list(answers).count(True)
        refuted = at_most(held, self.rule.fresh, self.rule.chance) <= self.rule.error
        self.runners[winner.place] = winner._replace(
            fresh=(held, self.rule.fresh), standing=Standing.REFUTED if refuted else Standing.HOLDS
        )

    def _ask(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bool | None]:
        answers = self.trials(wanted)
        self.interrupted = self.interrupted or None in answers
        return answers

    def _next(self, runs: int) -> int:
        return next(look for look in self.rule.looks if look > runs)


ENDED = (Standing.OUT, Standing.UNCLEAR, Standing.REFUTED)
