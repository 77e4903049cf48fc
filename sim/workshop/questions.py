"""Questions of the quiz, made from what a run has measured. Pure: a Result in, questions out.

Measured numbers are asked for by their order of magnitude; options are the same ranges whatever
the answer is, so that they give nothing away. What a timeline or a claim says stays English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import combinations, zip_longest
from typing import Any, NamedTuple

from sim.report.text import words
from sim.results.run import Run
from sim.study.result import Result
from sim.workshop.language import Phrases

Figures = dict[str, Any]


class Question(NamedTuple):
    kind: str  # a quiz asks one of each kind before a second one
    about: str  # platforms or a claim, the same in every language
    text: str
    options: tuple[str, ...]
    right: int  # index of the option that is true
    because: str  # what was measured


# Where the ranges of an answer begin, by kind of question; each goes up to the next. How they are
# called is a text of that name in each language, a line a range.
RANGES = {
    "down": (0, 1, 30, 120, 600, 3600),  # seconds
    "failed": (0, 1e-9, 10, 100, 500),  # of a thousand
    "minutes": (0, 1e-9, 2, 15, 60),
}
# what operators do in other scenarios, for wrong options: keys of texts, and words of a timeline
NOTHING = ("nobody_calls", "too_late")
DEEDS = (
    *NOTHING,
    "runs `docker compose up -d`",
    "runs `docker restart api-1`",
    "rolls api back to v1",
    "sets max_connections to 300 and restarts everything",
    "stops server-1 to change its type",
)
ACTS = ("operator runs ", "operator rolls ", "operator sets ", "operator stops ")


def questions(result: Result, most: int, seed: int, say: Phrases | None = None) -> list[Question]:
    """At most so many, of as many kinds as there are, in a language (default: English); which ones
    and in which order is decided by the seed."""
    found = sorted(_all(result, say or Phrases()), key=lambda q: _lot(seed, q.kind + q.about))
    kinds = sorted({q.kind for q in found}, key=lambda kind: _lot(seed, kind))
    rows = zip_longest(*([q for q in found if q.kind == kind] for kind in kinds))
    return [q for row in rows for q in row if q is not None][:most]


def _lot(seed: int, text: str) -> bytes:
    return sha256(f"{seed} {text}".encode()).digest()


def _all(result: Result, say: Phrases) -> Iterator[Question]:
    for name, figures in result.platforms.items():
        yield from _measured(say, words.platform(name), figures)
    for run in result.runs:
        yield _operator(say, run)
    for one, two in combinations(result.platforms, 2):
        yield from _compared(say, result.platforms, one, two)
    for row, because in result.verdicts:
        yield _claim(say, row, because)


def _measured(say: Phrases, under: str, figures: Figures) -> Iterator[Question]:
    requests, minutes = figures["requests"], figures["operator"]["minutes"]
    failed, arrived = sum(requests["failed"].values()), requests["arrived"]
    share = 1000 * failed / max(1, arrived)
    of_all = say("of_all", part=words.count(failed), whole=words.count(arrived))
    measures = (
        ("down", figures["downtime_s"], words.duration(figures["downtime_s"])),
        ("failed", share, f"{share:.1f} ({of_all})"),
        ("minutes", minutes, words.figure("operator.minutes", minutes)),
    )
    for kind, value, because in measures:
        options = tuple(say(kind).splitlines())
        text = say(f"asks_{kind}", under=under)
        yield Question(kind, under, text, options, range_of(value, kind), because)


def range_of(value: float, kind: str) -> int:
    """Index of the range that the value lies in. A downtime between 0 and 1 s is its first."""
    return max(i for i, low in enumerate(RANGES[kind]) if value >= low)


def _operator(say: Phrases, run: Run) -> Question:
    """The first thing that she does about it, of what operators do."""
    under = words.platform(run.platform)
    deeds = [r.text for r in run.timeline if r.text.startswith(ACTS)]
    first = deeds[0].removeprefix("operator ") if deeds else NOTHING[run.operator.pages > 0]
    others = sorted(set(DEEDS) - {first}, key=lambda deed: _lot(0, run.scenario + deed))[:3]
    drawn = sorted({first, *others}, key=lambda deed: _lot(1, run.scenario + deed))
    options = tuple(say(deed) if deed in NOTHING else say("deed", deed=deed) for deed in drawn)
    minutes = words.figure("operator.minutes", run.operator.minutes)
    because = say("hands_on", pages=run.operator.pages, minutes=minutes)
    text = say("asks_operator", under=under)
    return Question("operator", under, text, options, drawn.index(first), because)


def _compared(say: Phrases, platforms: Any, one: str, two: str) -> Iterator[Question]:
    """Which of two is worse: closed for longer, losing jobs."""
    names = (words.platform(one), words.platform(two))
    about = " ".join(names)
    figures: list[Figures] = [platforms[one], platforms[two]]
    down = [f["downtime_s"] for f in figures]
    right = 2 if down[0] == down[1] else int(down[1] > down[0])
    because = ", ".join(f"{n}: {words.duration(d)}" for n, d in zip(names, down, strict=True))
    yield Question("longer", about, say("asks_longer"), (*names, say("the_same")), right, because)
    if any(f["jobs"]["enqueued"] for f in figures):
        lost = [sum(f["jobs"]["lost"].values()) for f in figures]
        right = {(True, False): 0, (False, True): 1, (True, True): 2}.get(
            (lost[0] > 0, lost[1] > 0), 3
        )
        because = ", ".join(f"{n}: {words.count(x)}" for n, x in zip(names, lost, strict=True))
        options = (*(say("alone", name=name) for name in names), say("both"), say("neither"))
        yield Question("jobs", about, say("asks_jobs"), options, right, because)


def _claim(say: Phrases, row: dict[str, Any], because: str) -> Question:
    """A sentence of the article: does it hold here?"""
    measured = words.figure(row["metric"], row["measured"])
    why = say("is", metric=row["metric"], measured=measured)
    why += "" if row["holds"] else f"; {because}".rstrip("; ")
    text = say("asks_claim", says=row["says"], under=words.platform(row["platform"]))
    options = tuple(say("claim").splitlines())
    return Question(
        "claim", row["says"] + row["platform"], text, options, int(not row["holds"]), why
    )


def put(
    say: Phrases,
    questions: Iterable[Question],
    read: Callable[[], str],
    show: Callable[[str], None],
) -> Iterator[bool]:
    """Put the questions one by one; yields whether each answer was right. `read` returns a line."""
    for number, question in enumerate(questions, start=1):
        letters = "abcdefgh"[: len(question.options)]
        show(f"\n{say('question', number=number, text=question.text)}")
        for letter, option in zip(letters, question.options, strict=True):
            show(f"  {letter}  {option}")
        while (answer := read().strip().lower()) not in set(letters):
            show(say("one_letter", first=letters[0], last=letters[-1]))
        right = letters.index(answer) == question.right
        true = question.options[question.right]
        show(say("right" if right else "wrong", true=true, because=question.because))
        yield right
