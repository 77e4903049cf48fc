"""Questions of the quiz, made from what a run has measured. Pure: a Result in, questions out.

Measured numbers are asked for by their order of magnitude; options are the same ranges whatever
the answer is, so that they give nothing away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import combinations, zip_longest
from typing import Any, NamedTuple

from sim.report.text import words
from sim.results.run import Run
from sim.study.result import Result

Figures = dict[str, Any]


class Question(NamedTuple):
    kind: str  # a quiz asks one of each kind before a second one
    text: str
    options: tuple[str, ...]
    right: int  # index of the option that is true
    because: str  # what was measured


class Range(NamedTuple):
    """From `low` on, up to the next range."""

    low: float
    says: str


DOWN = (
    Range(0, "not at all"),
    Range(1, "less than half a minute"),
    Range(30, "half a minute to two minutes"),
    Range(120, "two to ten minutes"),
    Range(600, "ten minutes to an hour"),
    Range(3600, "longer than an hour"),
)
FAILED = (
    Range(0, "none"),
    Range(1e-9, "some, but fewer than 10"),
    Range(10, "10 to 99"),
    Range(100, "100 to 499"),
    Range(500, "half of them or more"),
)
HANDS_ON = (
    Range(0, "none"),
    Range(1e-9, "less than two minutes"),
    Range(2, "two to fifteen minutes"),
    Range(15, "a quarter of an hour to an hour"),
    Range(60, "more than an hour"),
)
NOBODY = "nothing: nobody calls her"
TOO_LATE = "nothing: she is called, and it is over before she has done anything"
# what operators do in other scenarios, for wrong options
DEEDS = (
    NOBODY,
    TOO_LATE,
    "runs `docker compose up -d`",
    "runs `docker restart api-1`",
    "rolls api back to v1",
    "sets max_connections to 300 and restarts everything",
    "stops server-1 to change its type",
)
ACTS = ("operator runs ", "operator rolls ", "operator sets ", "operator stops ")


def questions(result: Result, most: int, seed: int) -> list[Question]:
    """At most so many, of as many kinds as there are; which ones and in which order is decided by
    the seed."""
    found = sorted(_all(result), key=lambda q: _lot(seed, q.kind + q.text))
    kinds = sorted({q.kind for q in found}, key=lambda kind: _lot(seed, kind))
    rows = zip_longest(*([q for q in found if q.kind == kind] for kind in kinds))
    return [q for row in rows for q in row if q is not None][:most]


def _lot(seed: int, text: str) -> bytes:
    return sha256(f"{seed} {text}".encode()).digest()


def _all(result: Result) -> Iterator[Question]:
    for name, figures in result.platforms.items():
        under = words.platform(name)
        yield from _measured(under, figures)
    for run in result.runs:
        yield _operator(run)
    for one, two in combinations(result.platforms, 2):
        yield from _compared(result.platforms, one, two)
    for row, because in result.verdicts:
        yield _claim(row, because)


def _measured(under: str, figures: Figures) -> Iterator[Question]:
    requests = figures["requests"]
    failed = sum(requests["failed"].values())
    share = 1000 * failed / max(1, requests["arrived"])
    asked: tuple[tuple[str, str, tuple[Range, ...], float, str], ...] = (
        (
            "down",
            f"How long is the shop closed under {under}?",
            DOWN,
            figures["downtime_s"],
            words.duration(figures["downtime_s"]),
        ),
        (
            "failed",
            f"Of 1,000 requests, how many fail under {under}?",
            FAILED,
            share,
            f"{share:.1f} ({words.count(failed)} of {words.count(requests['arrived'])})",
        ),
        (
            "minutes",
            f"How long does the operator work on it under {under}?",
            HANDS_ON,
            figures["operator"]["minutes"],
            words.figure("operator.minutes", figures["operator"]["minutes"]),
        ),
    )
    for kind, text, ranges, value, said in asked:
        options = tuple(one.says for one in ranges)
        yield Question(kind, text, options, range_of(value, ranges), said)


def range_of(value: float, ranges: Sequence[Range]) -> int:
    """Index of the range that the value lies in. A downtime between 0 and 1 s is its first."""
    return max(i for i, one in enumerate(ranges) if value >= one.low)


def _operator(run: Run) -> Question:
    """The first thing that she does about it, of what operators do."""
    under = words.platform(run.platform)
    deeds = [r.text for r in run.timeline if r.text.startswith(ACTS)]
    first = deeds[0].removeprefix("operator ") if deeds else NOBODY
    if not deeds and run.operator.pages:
        first = TOO_LATE
    others = sorted(set(DEEDS) - {first}, key=lambda deed: _lot(0, run.scenario + deed))[:3]
    options = tuple(sorted({first, *others}, key=lambda deed: _lot(1, run.scenario + deed)))
    text = f"What does the operator do first under {under}?"
    minutes = words.figure("operator.minutes", run.operator.minutes)
    said = f"paged {run.operator.pages} x, hands-on {minutes}"
    return Question("operator", text, options, options.index(first), said)


def _compared(platforms: Any, one: str, two: str) -> Iterator[Question]:
    """Which of two is worse: closed for longer, losing jobs."""
    names = (words.platform(one), words.platform(two))
    figures: list[Figures] = [platforms[one], platforms[two]]
    down = [f["downtime_s"] for f in figures]
    options = (*names, "neither: it is the same")
    right = 2 if down[0] == down[1] else int(down[1] > down[0])
    said = ", ".join(f"{n}: {words.duration(d)}" for n, d in zip(names, down, strict=True))
    yield Question("longer", "Where is the shop closed for longer?", options, right, said)
    if any(f["jobs"]["enqueued"] for f in figures):
        yield _jobs(names, [sum(f["jobs"]["lost"].values()) for f in figures])


def _jobs(names: tuple[str, str], lost: Sequence[float]) -> Question:
    options = (f"{names[0]} alone", f"{names[1]} alone", "both", "neither")
    right = {(True, False): 0, (False, True): 1, (True, True): 2}.get((lost[0] > 0, lost[1] > 0), 3)
    said = ", ".join(f"{n}: {words.count(x)}" for n, x in zip(names, lost, strict=True))
    return Question("jobs", "Which of them loses jobs?", options, right, said)


def _claim(row: dict[str, Any], because: str) -> Question:
    """A sentence of the article: does it hold here?"""
    measured = words.figure(row["metric"], row["measured"])
    said = f"{row['metric']} is {measured}" + ("" if row["holds"] else f"; {because}".rstrip("; "))
    text = f'"{row["says"]}" ({words.platform(row["platform"])}). Does that hold here?'
    return Question("claim", text, ("it holds", "it does not hold"), int(not row["holds"]), said)


def put(
    questions: Iterable[Question], read: Callable[[], str], say: Callable[[str], None]
) -> Iterator[bool]:
    """Put the questions one by one; yields whether each answer was right. `read` returns a line."""
    for number, question in enumerate(questions, start=1):
        letters = "abcdefgh"[: len(question.options)]
        say(f"\nQuestion {number}: {question.text}")
        for letter, option in zip(letters, question.options, strict=True):
            say(f"  {letter}  {option}")
        while (answer := read().strip().lower()) not in set(letters):
            say(f"Please answer with one letter from {letters[0]} to {letters[-1]}.")
        right = letters.index(answer) == question.right
        true = question.options[question.right]
        say(f"{'Right' if right else 'No'}: {true}. Measured: {question.because}")
        yield right
