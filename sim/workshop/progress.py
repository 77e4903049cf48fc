"""What a student has seen and done: hints opened, tries, challenges passed, quiz answers.

Kept in `reports/workshop.json` of the working folder, so that hints open one at a time over
several commands. Deleting it begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, ValidationError

from sim.report.text.columns import csv_text, plain_name
from sim.schema.fields import Count, InputError, Record
from sim.schema.text.files import read_text
from sim.workshop.challenge import Challenge
from sim.workshop.language import ENGLISH

FILE = Path("reports") / "workshop.json"


class QuizScore(Record):
    right: Count = 0
    asked: Count = 0

    def plus(self, right: bool) -> QuizScore:
        """With one more answer."""
        return QuizScore(right=self.right + right, asked=self.asked + 1)


class Achievements(Record):
    hints: dict[str, Count] = Field(default_factory=dict)  # by challenge number: how many are open
    passed: list[Count] = Field(default_factory=list)
    tries: dict[str, Count] = Field(default_factory=dict)  # by challenge number
    costs: dict[str, list[float]] = Field(default_factory=dict)  # of answers that passed, USD
    language: str = ENGLISH
    quiz: dict[str, QuizScore] = Field(default_factory=dict)  # by scenario, over all rounds

    def tried(self, number: int, usd: float | None) -> Achievements:
        """With one more try; `usd`: what it costs, if it passed."""
        key, passed = str(number), self.passed
        costs = self.costs
        if usd is not None:
            passed = sorted({*passed, number})
            costs = {**costs, key: [*costs.get(key, []), usd]}
        tries = {**self.tries, key: self.tries.get(key, 0) + 1}
        return self.model_copy(update={"tries": tries, "passed": passed, "costs": costs})

    def without(self, number: int | None) -> Achievements:
        """As if one challenge had never been seen; None: nothing at all, the language excepted."""
        if number is None:
            return Achievements(language=self.language)
        kept = {
            name: {key: value for key, value in getattr(self, name).items() if key != str(number)}
            for name in ("hints", "tries", "costs")
        }
        passed = [other for other in self.passed if other != number]
        return self.model_copy(update={**kept, "passed": passed})


def results(progress: Achievements, name: str, known: Iterable[Challenge]) -> str:
    """CSV: a line a challenge, the same columns from everybody, so that files can be joined."""
    rows = []
    for each in known:
        key = str(each.number)
        costs = progress.costs.get(key)
        rows.append({
            "name": plain_name(name), "challenge": each.number, "title": each.title,
            "passed": "yes" if each.number in progress.passed else "no",
            "tries": progress.tries.get(key, 0), "hints": progress.hints.get(key, 0),
            "cheapest_usd": f"{min(costs):.2f}" if costs else "",
        })  # fmt: skip
    return csv_text(rows)


def load(file: Path = FILE) -> Achievements:
    """What the file says; nothing yet where there is none. InputError for one that is not ours."""
    if not file.exists():
        return Achievements()
    try:
        return Achievements.model_validate_json(read_text(file, str(file)))
    except ValidationError:
        expected = "what this program wrote (delete the file to begin anew)"
        raise InputError(str(file), found="something else", expected=expected) from None


def save(progress: Achievements, file: Path = FILE) -> None:
    """InputError where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(progress.model_dump(), indent=2, sort_keys=True)
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        found = error.strerror or str(error)
        expected = "a folder that can be written"
        raise InputError(str(file), found=found, expected=expected) from None
