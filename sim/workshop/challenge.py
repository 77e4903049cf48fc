"""A challenge: a scenario that goes wrong, what may be changed, and the goal as figures.

One YAML file each in `challenges/`, named NN_word.yaml. A goal is a bound on a figure of
summary.json, a claim whose author is the teacher.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from sim.library.scenarios import load_scenario
from sim.results.figures import METRICS
from sim.results.verdicts import within
from sim.schema.fields import Label, Limit, Name, Positive, Record
from sim.schema.scenario import Scenario
from sim.schema.text.validation import option, read_file
from sim.workshop.language import ENGLISH, Translation, translation

FOLDER = Path(__file__).resolve().parent / "challenges"
HINTS = 3


class Goal(Record):
    """A figure of the platform's record in summary.json, and its bounds (inclusive)."""

    says: str
    metric: str
    low: Limit | None = None
    high: Limit | None = None

    @model_validator(mode="after")
    def _measurable(self) -> Goal:
        if self.metric not in METRICS or (self.low is None and self.high is None):
            raise ValueError(f"a figure of summary.json with a bound, not {self.metric}")
        return self

    def reached(self, measured: float | None) -> bool:
        """A figure that does not exist (never recovered) reaches nothing."""
        return within(measured, self.low, self.high)


class Knob(Record):
    """What the student may set, and to what: values as one writes them.

    All of them are told; of a range the first and the last, which bound it. Whoever tries without
    reading tries the values of either (`tools/guess.py`)."""

    what: str
    now: Any = None  # its value at the start; None: not set
    one_of: list[Any] | None = None
    between: list[Any] | None = Field(default=None, min_length=2)

    @model_validator(mode="after")
    def _one_kind(self) -> Knob:
        if (self.one_of is None) == (self.between is None):
            raise ValueError("either `one_of` or `between`")
        return self

    @property
    def values(self) -> list[Any]:
        return self.one_of or self.between or []


class Challenge(Record):
    number: Positive
    title: str
    article: Label | None = None  # id of the article's claim that it is about
    story: str
    scenario: str  # NAME or NAME:VARIANT
    set: dict[str, Any] = {}  # dotted paths: the scenario as this challenge has it
    platforms: list[Name]  # what the student may choose from
    may: dict[str, Knob]  # by dotted path
    start: Name  # the platform that the student begins with; nothing is set yet
    goals: list[Goal] = Field(min_length=1)
    hints: list[str] = Field(min_length=HINTS, max_length=HINTS)
    lesson: str
    then: str  # a command that shows more


def challenges(language: str = ENGLISH) -> list[Challenge]:
    """All of them, by number, in a language as far as they are translated."""
    records = []
    for path in sorted(FOLDER.glob("*.yaml")):
        record = read_file(Challenge, path, path.name)
        texts = translation(path.name, language)
        records.append(record if texts is None else translated(record, texts))
    return sorted(records, key=lambda record: record.number)


def translated(challenge: Challenge, texts: Translation) -> Challenge:
    """The same with texts of another language."""
    knobs = {
        path: knob.model_copy(update={"what": texts.may[path]})
        for path, knob in challenge.may.items()
    }
    goals = [
        goal.model_copy(update={"says": says})
        for goal, says in zip(challenge.goals, texts.goals, strict=True)
    ]
    own = {"title": texts.title, "story": texts.story, "hints": texts.hints, "lesson": texts.lesson}
    return challenge.model_copy(update={**own, "may": knobs, "goals": goals})


def challenge(number: int, language: str = ENGLISH) -> Challenge:
    """The challenge of that number; InputError if there is none."""
    known = {each.number: each for each in challenges(language)}
    if number not in known:
        raise option("challenge").unknown(str(number), map(str, known), str(number))
    return known[number]


def scenario_of(challenge: Challenge) -> Scenario:
    """What happens, as the challenge has it: its own title, and none of the article's claims."""
    loaded = load_scenario(challenge.scenario, settings=challenge.set)
    own = {
        "title": f"challenge {challenge.number}, {challenge.title}",
        "lesson": challenge.story,
        "claims": [],
    }
    return loaded.model_copy(update=own)
