"""Plain data to records: pydantic's complaints become issues with place, field and nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from sim.schema.fields import FROM_TEXT, InputError, Issue
from sim.schema.text.document import Document, Key, Path_, describe, read_yaml
from sim.schema.text.files import read_text
from sim.schema.text.paths import record_type, type_at, types_below

R = TypeVar("R", bound=BaseModel)

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text (put it in quotes)",
    "tuple_type": "a list",
}


class Spot(NamedTuple):
    """A place in a document, for messages."""

    document: Document
    path: Path_ = ()

    def down(self, *keys: Key) -> Spot:
        return self._replace(path=(*self.path, *keys))

    def issue(self, found: str, expected: str, nearest: str = "", *, key: bool = False) -> Issue:
        """What is wrong with the value that stands here, or (`key`) that it stands here."""
        return self.document.issue(self.path, found, expected, nearest, key=key)

    def misnamed(
        self, found: str, name: str, names: Iterable[str], none: str = "", *, key: bool = False
    ) -> Issue:
        """A name that is none of those that would do, which are told with the nearest; `none`: what
        is told where there are none."""
        known = list(names)
        expected = one_of(known) if known or not none else none
        return self.issue(found, expected, closest(name, known), key=key)

    def error(self, found: str, expected: str, nearest: str = "") -> InputError:
        return InputError(issues=[self.issue(found, expected, nearest)])

    def unknown(self, name: str, names: Iterable[str], found: str = "") -> InputError:
        """The same as an error. `found`: what it is called, else the unknown name."""
        found = found or f"the unknown name {name!r}"
        return InputError(issues=[self.misnamed(found, name, names)])


def option(name: str) -> Spot:
    """What the user gave by an option of the command line, or an argument of a program."""
    return Spot(Document(""), (name,))


def in_order(at: Spot, record: Any, low: str, high: str) -> Iterator[Issue]:
    """Of two fields of a record one is at most the other, where both are said."""
    least, most = getattr(record, low), getattr(record, high)
    if least is not None and most is not None and least > most:
        yield at.down(low).issue(f"{low} {least:g} above {high} {most:g}", f"{low} <= {high}")


def no_more(at: Spot, number: int, what: str, most: int) -> Iterator[Issue]:
    """So many of them, and not more."""
    if number > most:
        yield at.issue(f"{number} {what}", f"at most {most}")


def read_record(model: type[R], document: Document) -> R:
    """Validate `document.data` as a record; every problem of it is in the one InputError."""
    try:
        return model.model_validate(document.data, context=FROM_TEXT)
    except ValidationError as error:
        issues = issues_of(error, model, Spot(document))
        raise InputError(issues=issues) from None


def read_file(model: type[R], path: Path, name: str = "") -> R:
    """The record in a YAML file; `name`: what messages call it."""
    shown = name or str(path)
    return read_record(model, read_yaml(read_text(path, shown), shown))


def read_value(annotation: Any, raw: Any, at: Spot, from_text: bool = True) -> Any:
    """Validate one value as a field's type; `from_text` false: of a program, without units."""
    try:
        context = FROM_TEXT if from_text else None
        return TypeAdapter(annotation).validate_python(raw, context=context)
    except ValidationError as error:
        issues = issues_of(error, annotation, at)
        raise InputError(issues=issues) from None


def issues_of(error: ValidationError, annotation: Any, at: Spot) -> list[Issue]:
    """One issue for each of pydantic's errors; `annotation` is what was validated."""
    issues = []
    for details in error.errors(include_url=False):
        is_key = bool(details["loc"]) and details["loc"][-1] == "[key]"
        path = tuple(key for key in details["loc"] if key != "[key]")
        kind, ctx, found = details["type"], details.get("ctx", {}), describe(details["input"])
        expected = _EXPECTED.get(kind, details["msg"].removeprefix("Input should be "))
        nearest = ""
        if kind == "unit":
            expected, nearest = ctx["expected"], ctx["nearest"]
        elif kind == "is_instance_of" and record_type(type_at(annotation, path)):
            expected = "a mapping of its fields"
        elif kind == "missing":
            found, expected = "nothing", f"the field {path[-1]!r}"
            is_key, path = True, path[:-1]
        elif kind == "extra_forbidden":
            record = record_type(type_at(annotation, path[:-1]))
            names = list(types_below(record)) if record else []
            found, is_key = f"the unknown field {path[-1]!r}", True
            expected, nearest = one_of(names), closest(str(path[-1]), names)
        elif kind == "literal_error":
            expected = ctx["expected"]
            nearest = closest(str(details["input"]), [part for part in expected.split("'")[1::2]])
        elif kind == "string_pattern_mismatch":
            expected = "an id of letters, digits, -, _ and ."
        issues.append(at.down(*path).issue(found, expected, nearest, key=is_key))
    return issues


def closest(name: str, names: Iterable[str]) -> str:
    """The valid name nearest to a mistyped one, or nothing when none is near."""
    by_lower = {other.lower(): other for other in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else ""


def given(value: object) -> str:
    """How a message calls what a Python program passed: `None`, `5`, `a Stack`."""
    plain = value is None or isinstance(value, bool | int | float | str | bytes)
    return repr(value) if plain else f"a {type(value).__name__}"


def one_of(names: Iterable[str]) -> str:
    listed = list(names)
    return f"one of {', '.join(listed)}" if listed else "no fields here"
