"""How often what happens in a quarter: the data of `sim quarter`, `rates.yaml` beside this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, field_validator

from sim.schema.fields import Duration, Line, Ratio, Record, Title, refuse
from sim.schema.text.validation import read_file

RATES = Path(__file__).with_name("rates.yaml")


def _is_word(name: str) -> str:
    """A spreadsheet takes what begins with `=` for a formula."""
    if not name[0].isalnum():
        refuse("a name that begins with a letter or a digit")
    return name


class IncidentKind(Record):
    """One kind of incident or work."""

    name: Annotated[Title, AfterValidator(_is_word)]
    scenario: Title
    rate: Ratio  # mean number in 13 weeks
    planned: bool = False  # in office hours, else at any hour
    announced: bool = False  # users know: what they miss meanwhile is no incident
    per_server: bool = False  # the rate is that of each server
    source: Line = ""


class Rates(Record):
    """A quarter and what comes in it."""

    weeks: Ratio = 13.0
    hours_per_week: Ratio = 40.0  # one person's
    follow_up: Duration = 0.0  # work in all, the repair among it, of each that is followed up
    follow_up_from: Duration = 60.0  # of users' degraded time
    follow_up_source: Line = ""
    kinds: list[IncidentKind]

    @field_validator("kinds")
    @classmethod
    def _names_differ(cls, kinds: list[IncidentKind]) -> list[IncidentKind]:
        names = [kind.name for kind in kinds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two kinds named {twice[0]!r}; each needs a name of its own")
        if not kinds:
            raise ValueError("no kinds; a quarter needs at least one")
        return kinds

    @property
    def working_minutes(self) -> float:
        """One person's in the quarter."""
        return self.weeks * self.hours_per_week * 60.0


def load_rates(path: Path = RATES) -> Rates:
    """Raises `InputError` with file and line."""
    return read_file(Rates, path)
