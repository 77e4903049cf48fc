"""What the workshop's commands print: plain text, at most 80 columns where it is prose."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import fill
from typing import Any

from sim.report.text import words
from sim.workshop.challenge import HINTS, Challenge, Goal, Knob
from sim.workshop.check import Assessment
from sim.workshop.progress import FILE, Achievements

WIDTH = 80
PLAIN_WORDS = {"no", "yes", "on", "off", "true", "false", "null", ""}  # quoted, for other readers


def listing(known: Iterable[Challenge], progress: Achievements) -> str:
    """All challenges, one a line, and which of them are passed."""
    lines = ["Challenges"]
    for challenge in known:
        done = "passed" if challenge.number in progress.passed else ""
        lines.append(f"  {challenge.number:>2}  {challenge.title:<44}  {done}".rstrip())
    lines += ["", "python -m sim challenge NUMBER shows one."]
    return "\n".join(lines) + "\n"


def page(challenge: Challenge, progress: Achievements) -> str:
    """Story, goal, what may be changed, and how to begin."""
    article = f" (the article's {challenge.article})" if challenge.article else ""
    command = f"python -m sim challenge {challenge.number}"
    opened = progress.hints.get(str(challenge.number), 0)
    parts = [
        f"Challenge {challenge.number}: {challenge.title}{article}",
        "",
        prose(challenge.story),
        "",
        "The goal",
        *(f"  - {goal.says} ({bounds(goal)})" for goal in challenge.goals),
        "",
        "You may choose",
        f"  platform: {' or '.join(challenge.platforms)}",
        "and set",
        *(line for path, knob in challenge.may.items() for line in _knob(path, knob)),
        "",
        "Nothing else: not the visitors, the events, the operator or the prices.",
        "",
        "Commands",
        f"  {command} --start my.yaml   writes the file that you begin with",
        f"  {command} --check my.yaml   replays it and holds it against the goal",
        f"  {command} --hint            opens a hint ({opened} of {HINTS} are open)",
    ]
    return "\n".join(parts) + "\n"


def _knob(path: str, knob: Knob) -> list[str]:
    return [f"  {path}", prose(knob.what, "      ")]


def start_file(challenge: Challenge) -> str:
    """The student's first file: what is, and what may be set, as comments to take away."""
    others = [name for name in challenge.platforms if name != challenge.start]
    choice = f" # or {' or '.join(others)}" if others else ""
    lines = [
        f"# Challenge {challenge.number}: {challenge.title}",
        "# Below `set:` is what you may set, as it is now. Take the # before a path away",
        "# and change the value behind the colon.",
        f"platform: {challenge.start}{choice}",
        "set:",
    ]
    for path, knob in challenge.may.items():
        lines += ["", prose(knob.what, "  # "), f"  # {path}: {value(knob.now)}"]
    return "\n".join(lines) + "\n"


def value(raw: Any) -> str:
    """A value as one writes it in YAML, on one line."""
    if isinstance(raw, str) and raw not in PLAIN_WORDS and ":" not in raw:
        return raw
    if isinstance(raw, dict):
        return "{" + ", ".join(f"{key}: {value(part)}" for key, part in raw.items()) + "}"
    return json.dumps(raw)


def hints(challenge: Challenge, opened: int) -> str:
    """The hints that are open."""
    lines = [f"Challenge {challenge.number}: {challenge.title}"]
    for position, hint in enumerate(challenge.hints[:opened], start=1):
        lines += ["", f"Hint {position} of {HINTS}", prose(hint, "  ")]
    left = HINTS - opened
    lines += [
        "",
        f"{left} more; the same command opens the next." if left else "That was the last.",
    ]
    lines.append(f"(Kept in {FILE}.)")
    return "\n".join(lines) + "\n"


def verdict(challenge: Challenge, assessment: Assessment) -> str:
    """The figures against each limit; the lesson when all are reached."""
    lines = [
        f"Challenge {challenge.number}: {challenge.title}",
        f"Your answer under {words.platform(assessment.platform)}, seed {assessment.result.seed}",
        "",
    ]
    for score in assessment.scores:
        goal, measured = score.goal, words.figure(score.goal.metric, score.measured)
        limit = words.bounds(goal.metric, goal.low, goal.high)
        lines.append(f"  {'ok' if score.reached else 'NO'}  {goal.says}")
        lines.append(f"      {goal.metric} is {measured}; the goal is {limit}")
    lines.append("")
    reached = sum(score.reached for score in assessment.scores)
    if assessment.passed:
        lines += ["Passed.", "", "The lesson", prose(challenge.lesson, "  ")]
        lines += ["", "To see more", f"  {challenge.then}"]
    else:
        lines += [f"Not passed: {reached} of {len(assessment.scores)} reached."]
    return "\n".join(lines) + "\n"


def bounds(goal: Goal) -> str:
    """`at most 30 s`; the figure is summary.json's, so its name is said too."""
    return f"{goal.metric}: {words.bounds(goal.metric, goal.low, goal.high)}"


def prose(text: str, indent: str = "") -> str:
    return fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
