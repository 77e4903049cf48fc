"""Knobs: `path=1..8`, `path=a|b`; what is turned where nobody says; and the space of several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from sim.schema.fields import InputError, Issue, Record, refuse_all
from sim.schema.scenario_checks import scenario_issues
from sim.schema.text.document import Document, parse_value, read_yaml
from sim.schema.text.files import read_text
from sim.schema.text.paths import MISSING
from sim.schema.text.validation import read_file
from sim.simulation.case import Case
from sim.study.ask import setting_text
from sim.study.causes import When, applies, expanded, number, standing_at
from sim.study.plan import Plan, plan

USUAL = Path(__file__).with_name("knobs.yaml")
NOW = "now"  # of its values: what stands there
FORM = "PATH=LOW..HIGH or PATH=A|B, such as stack.services.api.replicas=1..8"
MOST = 10_000  # points: chosen, some hours of short runs
_RANGE = re.compile(r"(\d{1,15})\.\.(\d{1,15})(?:/(\d{1,15}))?")
_NEXT = re.compile(r",(?=[\w*-]+\.[\w.*-]+=)")  # a comma before another path

Values = range | tuple[Any, ...]
Settings = dict[str, Any]


class Dial(NamedTuple):
    """A path and what it is set to, in order: the first is the least."""

    path: str
    values: Values

    @property
    def name(self) -> str:
        return short(self.path)


class UsualDial(Record):
    """What is turned where nobody says (knobs.yaml)."""

    path: str
    values: str | list[Any]
    when: When = When()


class UsualDials(Record):
    knobs: list[UsualDial]


@cache
def _usual() -> Sequence[UsualDial]:
    return read_file(UsualDials, USUAL, USUAL.name).knobs


def usual(case: Case) -> tuple[Dial, ...]:
    """What is turned of a case where nobody says: of a list, what stands there first."""
    dials: dict[str, Dial] = {}
    for knob in _usual():
        for path in expanded(case, knob.path) if applies(knob.when, case, {}) else ():
            dials.setdefault(path, Dial(path, _values(knob, path, case)))
    return tuple(dials.values())


def one_at_a_time(dials: Sequence[Dial], point: Settings) -> bool:
    """Is at most one of the lists not at what stands there? Where nobody says what to turn, more of
    them at once would be tried for an hour."""
    lists = [dial for dial in dials if isinstance(dial.values, tuple)]
    return sum(point[dial.path] is not dial.values[0] for dial in lists) <= 1


def _values(knob: UsualDial, path: str, case: Case) -> Values:
    if isinstance(knob.values, str):
        return _range(knob.values) or ()
    now = standing_at(case, path)
    found = [now if raw == NOW else number(raw, now, case.scenario) for raw in knob.values]
    different = {repr(value): value for value in found if value is not MISSING}
    return tuple(different.values())


def short(path: str) -> str:
    """A path without its first words, as a heading."""
    return path.removeprefix("stack.").removeprefix("services.")


def knobs(texts: Sequence[str], field: str = "--vary") -> tuple[Dial, ...]:
    """Read `path=1..8,other=a|b`, several times. Raises `InputError`."""
    read = [_knob(part, field) for text in texts for part in _NEXT.split(text)]
    paths = [knob.path for knob in read]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice or not read:
        found = f"{twice[0]} twice" if twice else "nothing"
        raise InputError(field=field, found=found, expected=FORM)
    check_size(read, field)
    return tuple(read)


def knobs_file(path: Path) -> tuple[Dial, ...]:
    """A YAML file of `path: 1..8` or `path: [a, b]`, of a space of any size. Raises
    `InputError`."""
    document = read_yaml(read_text(path, str(path)), str(path))
    if not isinstance(document.data, dict) or not document.data:
        raise document.error((), "no paths", "PATH: LOW..HIGH, or PATH: [A, B]")
    read = []
    for name, raw in document.data.items():
        values = (
            _range(raw) if isinstance(raw, str) else tuple(raw) if isinstance(raw, list) else ()
        )
        if not values:
            raise document.error((name,), repr(raw), "LOW..HIGH, or [A, B]")
        read.append(Dial(str(name), values))
    return tuple(read)


def check_size(space: Sequence[Dial], field: str, otherwise: str = "") -> None:
    """Raise `InputError` for more points than anybody waits for, naming what to cut."""
    size = prod(len(knob.values) for knob in space)
    if size > MOST:
        longest = max(space, key=lambda knob: len(knob.values))
        found = f"a space of {size:,} points"
        expected = f"at most {MOST:,}: fewer values of {longest.path} ({len(longest.values):,} now)"
        expected += otherwise
        raise InputError(field=field, found=found, expected=expected)


def grid(space: Sequence[Dial]) -> Iterator[Settings]:
    """Every point, the last knob turning first."""
    for values in product(*(knob.values for knob in space)):
        yield {knob.path: value for knob, value in zip(space, values, strict=True)}


def words_of(point: Mapping[str, Any]) -> list[str]:
    """`path=value` of each."""
    return [setting_text(path, value) for path, value in point.items()]


def cases_at(planned: Plan, point: Mapping[str, Any], field: str) -> tuple[Case, ...]:
    """The plan's cases with the point's settings over its own. Raises `InputError` that names the
    option."""
    ask = replace(
        planned.ask, scenario=planned.scenario, stack=planned.stack, settings=dict(point),
        traffic=None, roles=(), links=(),
    )  # fmt: skip
    try:
        cases = plan(ask, planned.cases[0]).cases
        scenario, stack = cases[0].scenario, cases[0].stack  # which nobody has checked together yet
        refuse_all(scenario_issues(scenario, stack, Document(field)))
        return cases
    except InputError as error:
        raise InputError(issues=[_of(issue, field) for issue in error.issues]) from None


def _of(issue: Issue, field: str) -> Issue:
    """Said of the option, not of the scenario that it was applied to."""
    place = f"{field} {issue.field.removeprefix('--set ')}".strip()
    return replace(issue, file="", line=0, column=0, field=place)


def _knob(text: str, field: str) -> Dial:
    path, equals, raw = text.partition("=")
    if not equals or not path.strip() or not raw.strip():
        raise InputError(field=field, found=repr(text), expected=FORM)
    place = f"{field} {path.strip()}"
    words = [word.strip() for word in raw.split("|")]
    values: Values = _range(raw) or tuple(parse_value(word, place) for word in words if word)
    if len(values) == 0 or "" in words or (".." in raw and not isinstance(values, range)):
        expected = f"{FORM}; LOW..HIGH are whole numbers, LOW not above HIGH"
        raise InputError(field=place, found=f"the range {raw.strip()!r}", expected=expected)
    known = [repr(value) for value in values] if isinstance(values, tuple) else []
    if len(set(known)) < len(known):
        raise InputError(field=place, found=f"a value twice in {raw!r}", expected="each once")
    return Dial(path.strip(), values)


def _range(raw: str) -> range | None:
    """`1..8`, `10..100/10`; None for anything else; an empty one is empty."""
    match = _RANGE.fullmatch(raw.strip())
    if match is None:
        return None
    low, high, step = int(match[1]), int(match[2]), int(match[3] or 1)
    return range(low, high + 1, step) if step else None
