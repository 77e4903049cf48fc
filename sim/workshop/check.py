"""Replay a student's answer and hold it against the goal."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sim.library.stacks import load_stack
from sim.results.figures import lookup
from sim.schema.fields import InputError
from sim.schema.settings import apply_settings, place
from sim.schema.stack import Stack
from sim.schema.text.paths import value_at
from sim.study.result import Result
from sim.workshop.answer import placed, read_answer
from sim.workshop.challenge import Challenge, Goal, scenario_of

SEED = 1  # the same customers for the whole class
OTHERS = (2, 3)  # an answer that passes has to pass with these customers, too


class GoalScore(NamedTuple):
    """One goal and what was measured of it."""

    goal: Goal
    measured: float | None
    reached: bool


class Assessment(NamedTuple):
    """`others`: the scores with other customers, by seed; of an answer that reaches the goals."""

    platform: str
    scores: tuple[GoalScore, ...]
    result: Result
    others: dict[int, tuple[GoalScore, ...]] = {}

    @property
    def reached(self) -> bool:
        return all(score.reached for score in self.scores)

    @property
    def passed(self) -> bool:
        every = (self.scores, *self.others.values())
        return all(score.reached for scores in every for score in scores)

    @property
    def usd(self) -> float:
        return float(self.result.summary["platforms"][self.platform]["cost"]["usd"])


def check(challenge: Challenge, file: Path, seed: int = SEED, engine: str = "auto") -> Assessment:
    """Run the answer in `file`; with the class's seed also with OTHERS. Raises `InputError` for a
    file that is no answer, or that changes what the challenge does not allow."""
    first = assess(challenge, file, seed, engine)
    if seed != SEED or not first.reached:
        return first
    others = {other: assess(challenge, file, other, engine).scores for other in OTHERS}
    return first._replace(others=others)


def assess(challenge: Challenge, file: Path, seed: int, engine: str) -> Assessment:
    """Run the answer with the customers of one seed."""
    from sim.study.ask import Ask  # noqa: PLC0415 - not for a file that is refused
    from sim.study.comparison import replay  # noqa: PLC0415
    from sim.study.plan import plan  # noqa: PLC0415

    scenario = scenario_of(challenge)
    answer, document = read_answer(file, challenge, load_stack(scenario.stack))
    try:
        ask = Ask(scenario, [answer.platform], seed, settings=answer.set, engine=engine)
        planned = plan(ask)
        _within_bounds(challenge, planned.cases[0].stack)
    except InputError as error:
        raise placed(error, answer, document) from None
    words = ["python", "-m", "sim", "challenge", str(challenge.number), "--check", str(file)]
    words += ["--seed", str(seed)] if seed != SEED else []
    result = replay(replace(planned, command=shlex.join(words)))  # the report says how it was made
    figures = result.summary["platforms"][answer.platform]
    return Assessment(answer.platform, score(challenge.goals, figures), result)


def _within_bounds(challenge: Challenge, stack: Stack) -> None:
    """Raise `InputError` for a value of the stack, as it runs, outside of its knob's range."""
    for path, knob in challenge.may.items():
        if knob.between is None or (value := _at(stack, path)) is None:
            continue
        ends = knob.between[0], knob.between[-1]
        low, high = (_at(apply_settings(stack, {_field(path): end}), path) for end in ends)
        if not low <= value <= high:
            raise InputError(field=path, found=f"{value:g}", expected=f"{ends[0]} to {ends[1]}")


def _field(path: str) -> str:
    return path.removeprefix("stack.")


def _at(stack: Stack, path: str) -> Any:
    """What stands there; None where something on the way is not set."""
    return value_at(stack, place(stack, _field(path)), default=None)


def score(goals: list[Goal], figures: dict[str, object]) -> tuple[GoalScore, ...]:
    """Each goal against the platform's record of summary.json."""
    measured = [(goal, lookup(figures, goal.metric)) for goal in goals]
    return tuple(GoalScore(goal, value, goal.reached(value)) for goal, value in measured)
