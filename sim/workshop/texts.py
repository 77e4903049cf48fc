"""What the workshop's commands print, in the words of a language: plain text, at most 80 columns
where it is prose."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import fill
from typing import Any

from sim.report.text import words
from sim.workshop.challenge import HINTS, Challenge, Goal, Knob
from sim.workshop.check import Assessment, GoalScore
from sim.workshop.language import Phrases
from sim.workshop.progress import FILE, Achievements

WIDTH = 80
PLAIN_WORDS = {"no", "yes", "on", "off", "true", "false", "null", ""}  # quoted, for other readers


def listing(say: Phrases, known: Iterable[Challenge], progress: Achievements) -> str:
    """All challenges, one a line, and which of them are passed."""
    lines = [say("listing")]
    for challenge in known:
        done = say("done") if challenge.number in progress.passed else ""
        lines.append(f"  {challenge.number:>2}  {challenge.title:<44}  {done}".rstrip())
    lines += ["", say("shows_one")]
    return "\n".join(lines) + "\n"


def heading(say: Phrases, challenge: Challenge) -> str:
    return say("challenge", number=challenge.number, title=challenge.title)


def page(say: Phrases, challenge: Challenge, progress: Achievements) -> str:
    """Story, goal, what may be changed, and how to begin."""
    article = say("article", ident=challenge.article) if challenge.article else ""
    command = f"python -m sim challenge {challenge.number}"
    opened = progress.hints.get(str(challenge.number), 0)
    platforms = f" {say('or')} ".join(challenge.platforms)
    parts = [
        f"{heading(say, challenge)}{article}",
        "",
        prose(challenge.story),
        "",
        say("goal"),
        *(f"  - {goal.says} ({goal.metric}: {bounds(say, goal)})" for goal in challenge.goals),
        "",
        say("choose"),
        f"  {say('platform', platforms=platforms)}",
        say("set"),
        *(line for path, knob in challenge.may.items() for line in _knob(say, path, knob)),
        "",
        say("nothing_else"),
        "",
        say("commands"),
        f"  {command} --start my.yaml   {say('start')}",
        f"  {command} --check my.yaml   {say('check')}",
        f"  {command} --hint            {say('hint', opened=opened, hints=HINTS)}",
    ]
    return "\n".join(parts) + "\n"


def _knob(say: Phrases, path: str, knob: Knob) -> list[str]:
    return [f"  {path}", prose(_offer(say, knob), "      ")]


def _offer(say: Phrases, knob: Knob) -> str:
    """What it is, and what one may write."""
    values = [value(each) for each in knob.values]
    if knob.one_of is None:
        return f"{knob.what} ({say('between', low=values[0], high=values[-1])})"
    return f"{knob.what} ({', '.join(values[:-1])} {say('or')} {values[-1]})"


def start_file(say: Phrases, challenge: Challenge) -> str:
    """The student's first file: what is, and what may be set, as comments to take away."""
    others = [name for name in challenge.platforms if name != challenge.start]
    either = say("or")
    choice = f" # {either} {f' {either} '.join(others)}" if others else ""
    lines = [
        f"# {heading(say, challenge)}",
        *(f"# {line}" for line in say("file_head").splitlines()),
        f"platform: {challenge.start}{choice}",
        "set:",
    ]
    for path, knob in challenge.may.items():
        now = say("unset") if knob.now is None else value(knob.now)
        lines += ["", prose(_offer(say, knob), "  # "), f"  # {path}: {now}"]
    return "\n".join(lines) + "\n"


def value(raw: Any) -> str:
    """A value as one writes it in YAML, on one line."""
    if isinstance(raw, str) and raw not in PLAIN_WORDS and ":" not in raw:
        return raw
    if isinstance(raw, dict):
        return "{" + ", ".join(f"{key}: {value(part)}" for key, part in raw.items()) + "}"
    return json.dumps(raw)


def hints(say: Phrases, challenge: Challenge, opened: int) -> str:
    """The hints that are open."""
    lines = [heading(say, challenge)]
    for position, hint in enumerate(challenge.hints[:opened], start=1):
        lines += ["", say("hint_head", number=position, hints=HINTS), prose(hint, "  ")]
    left = HINTS - opened
    lines += ["", say("hints_left", left=left) if left else say("hints_end")]
    lines.append(say("kept", file=FILE))
    return "\n".join(lines) + "\n"


def verdict(
    say: Phrases, challenge: Challenge, assessment: Assessment, progress: Achievements
) -> str:
    """The figures against each limit, with other customers too; the lesson when all are reached,
    and where this answer stands among those of this student."""
    platform, seed = words.platform(assessment.platform), assessment.result.seed
    lines = [heading(say, challenge), say("answer", platform=platform, seed=seed), ""]
    lines += [line for score in assessment.scores for line in _score(say, score)]
    if assessment.others:
        lines += ["", say("others")]
    for other, scores in assessment.others.items():
        missed = [score for score in scores if not score.reached]
        lines.append(f"  {say('missed' if missed else 'reached')}  {say('seed', seed=other)}")
        lines += [line for score in missed for line in _score(say, score)[1:]]
    lines.append("")
    reached = sum(score.reached for score in assessment.scores)
    key = str(challenge.number)
    lines.append(say("cost", cost=words.money(assessment.usd), tries=progress.tries.get(key, 0)))
    if assessment.passed:
        lines += _rank(say, assessment, progress.costs.get(key, []))
        lines += [say("passed"), "", say("lesson"), prose(challenge.lesson, "  ")]
        lines += ["", say("more"), f"  {challenge.then}"]
    elif assessment.reached:
        lines.append(say("luck", seed=seed))
    else:
        lines.append(say("not_passed", reached=reached, goals=len(assessment.scores)))
    return "\n".join(lines) + "\n"


def _score(say: Phrases, score: GoalScore) -> list[str]:
    goal, measured = score.goal, words.figure(score.goal.metric, score.measured)
    told = say("measured", metric=goal.metric, measured=measured, limit=bounds(say, goal))
    return [f"  {say('reached' if score.reached else 'missed')}  {goal.says}", f"      {told}"]


def _rank(say: Phrases, assessment: Assessment, costs: list[float]) -> list[str]:
    """Nothing for the first answer that passes."""
    if len(costs) < 2:
        return []
    rank, best = sum(cost < assessment.usd for cost in costs) + 1, words.money(min(costs))
    return [say("rank", passes=len(costs), rank=rank, best=best)]


def bounds(say: Phrases, goal: Goal) -> str:
    """`at most 30 s`."""
    low, high = (words.figure(goal.metric, bound) for bound in (goal.low, goal.high))
    if goal.low == goal.high:
        key = "exactly"
    elif goal.low is not None and goal.high is not None:
        key = "between"
    else:
        key = "at_least" if goal.high is None else "at_most"
    return say(key, low=low, high=high)


def prose(text: str, indent: str = "") -> str:
    return fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
