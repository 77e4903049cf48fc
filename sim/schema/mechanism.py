"""What a field of a mechanism takes: a frozen dataclass' annotations, as pydantic validates them.

A mechanism has no validators of its own. The type of a field, its default and the constant behind
it (`constant(fact, above_zero=True)`) say what may stand there. A file or a command line writes
`20%`, `1m` and words in any case; a Python file passes seconds and plain numbers (the same
validation context as everywhere, `FROM_TEXT`).
"""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from dataclasses import MISSING, dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, InstanceOf, PlainValidator, Strict, ValidationInfo

from sim.constants.facts import Fact, fact_of, must_be_above_zero
from sim.schema import bounds
from sim.schema.bounds import Bounds
from sim.schema.fields import TOO_LONG, is_from_text, is_number, parse_duration, parse_ratio, refuse

_OF_UNITS = {
    "bytes": bounds.BYTES,
    "bytes/s": bounds.BYTES,
    "servers": bounds.FLEET,
    "replicas": bounds.FLEET,
}
_TRIES = ("retries", "tries", "attempts")  # fields that say how often a machine tries again
_PLAIN = {"bool": bool, "int": int, "float": float, "str": str}


@cache
def annotation_of(record: type, name: str) -> Any:
    """The type of one field, validators included. Any where its hint says nothing that is known."""
    field = record.__dataclass_fields__[name]  # type: ignore[attr-defined]
    default = None if field.default is MISSING else field.default
    return _validated(_hint(record, name), record, name, default)


def _hint(record: type, name: str) -> Any:
    """The type hint; a file of somebody's own may have one that only type checkers understand."""
    written = record.__dataclass_fields__[name].type  # type: ignore[attr-defined]
    if written in _PLAIN:
        return _PLAIN[written]
    try:
        return typing.get_type_hints(record)[name]
    except (NameError, TypeError, AttributeError):
        return Any


def _validated(hint: Any, record: type, name: str, default: Any) -> Any:
    """A hint with the validators that belong to it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = tuple(_validated(part, record, name, default) for part in parts)
        return Union[inner]  # noqa: UP007 - made of values
    if origin is tuple and parts[1:] == (...,):
        inner = _validated(parts[0], record, name, None)
        return types.GenericAlias(tuple, (inner, ...))
    if origin is Literal:
        return Annotated[Any, BeforeValidator(_Words({str(word): word for word in parts}).read)]
    if hint in (int, float):
        return Annotated[hint, PlainValidator(_measure(hint, record, name, default).read)]
    if hint is str and isinstance(default, str) and default.endswith("%"):
        return Annotated[str, BeforeValidator(_Share(default).read)]
    if hint in (bool, str):
        return Annotated[hint, Strict()]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Annotated[Any, BeforeValidator(_Words({m.name.lower(): m for m in hint}).read)]
    is_class = isinstance(hint, type) and hint is not types.NoneType
    return Annotated[hint, InstanceOf()] if is_class else hint  # type: ignore[type-arg]


@dataclass(frozen=True)
class _Measure:
    """A number: its kind, its bounds, and how to say what would do."""

    kind: type[int] | type[float]
    seconds: bool
    above_zero: bool
    signed: bool  # a field whose default is negative may be anything
    endless: bool  # ... whose default is infinite may be so
    within: Bounds
    example: float | None

    def read(self, value: Any, info: ValidationInfo) -> float:
        from_text = is_from_text(info)
        number = self._parsed(value) if from_text and isinstance(value, str) else value
        if not is_number(number) or not self._fits(number):
            refuse(self._expected(from_text))
        if self.within.most < abs(number) < math.inf:
            refuse(f"{self._expected(from_text)}, {self.within.excess(abs(number))}")
        if self.above_zero and number < self.within.least:
            refuse(f"a period of at least {self.within.least:g}s")
        return self.kind(number)

    def _parsed(self, text: str) -> float | None:
        try:
            return parse_duration(text) if self.seconds else parse_ratio(text)
        except ValueError as error:  # without a bound of its own: what Python cannot hold
            return refuse(TOO_LONG) if str(error) == TOO_LONG else None

    def _fits(self, number: float) -> bool:
        if isinstance(number, float):  # an integer may have more digits than any float
            if math.isnan(number) or (math.isinf(number) and not self.endless):
                return False
            if self.kind is int and not number.is_integer():
                return False
        return number > 0 or (number == 0 and not self.above_zero) or (number < 0 and self.signed)

    def _expected(self, from_text: bool) -> str:
        kind = "a whole number" if self.kind is int else "a number"
        if self.seconds:
            kind = "a duration" if from_text else "a duration in seconds"
        least = "" if self.signed else " above 0" if self.above_zero else " of at least 0"
        if not from_text or self.example is None:
            return f"{kind}{least}"
        more = "s, 250ms or 1h30m" if self.seconds else ""
        return f"{kind}{least} such as {self.example:g}{more}"


def _measure(kind: type[int] | type[float], record: type, name: str, default: Any) -> _Measure:
    fact = fact_of(record, name)
    seconds = _in_seconds(name, fact)
    above_zero = must_be_above_zero(record, name)
    usual = default if is_number(default) else 0
    return _Measure(
        kind=kind,
        seconds=seconds,
        above_zero=above_zero,
        signed=usual < 0 and not seconds,
        endless=usual == math.inf and not seconds,
        within=_within(kind, name, fact, above_zero),
        example=usual if is_number(default) else None,
    )


def _in_seconds(name: str, fact: Fact[Any] | None) -> bool:
    return name.endswith("_s") if fact is None else fact.unit == "s"


def _within(kind: type, name: str, fact: Fact[Any] | None, above_zero: bool) -> Bounds:
    """The bounds of a field by its kind; a duration that cannot be 0 is a period."""
    if name in _TRIES:
        return bounds.TRIES
    if name.endswith("_cv"):  # becomes the `cv` of a law
        return bounds.DEVIATION
    if _in_seconds(name, fact):
        return bounds.PERIOD if above_zero else bounds.DURATION
    if fact is not None and fact.unit in _OF_UNITS:
        return _OF_UNITS[fact.unit]
    return bounds.COUNT if kind is int else bounds.RATIO


@dataclass(frozen=True)
class _Words:
    """One of a fixed set of words (`round_robin`); Python may pass what a word stands for."""

    known: dict[str, Any]

    def read(self, value: Any) -> Any:
        word = value.lower() if isinstance(value, str) else value
        if isinstance(word, str) and word in self.known:
            return self.known[word]
        if any(value is member for member in self.known.values()):
            return value
        near = difflib.get_close_matches(str(value), self.known, n=1, cutoff=0.4)
        return refuse(f"one of {', '.join(self.known)}", "".join(near))


@dataclass(frozen=True)
class _Share:
    """So many, or a share of them: `max_surge` is 3 or 25%."""

    example: str

    def read(self, value: Any) -> str:
        text = "" if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"\d+%?", text):
            refuse(f"a whole number such as 1, or a share such as {self.example}")
        return text
