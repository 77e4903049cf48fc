"""What a student has seen and done: hints opened, challenges passed, quiz answers.

Kept in `reports/workshop.json` of the working folder, so that hints open one at a time over
several commands. Deleting it begins anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, ValidationError

from sim.schema.fields import Count, InputError, Record
from sim.schema.text.files import read_text

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
    quiz: dict[str, QuizScore] = Field(default_factory=dict)  # by scenario, over all rounds


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
