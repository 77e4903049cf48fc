"""Values that `--set` gives to a field of a mechanism: of its kind, within its range, or refused.

A mechanism's field has no validator of its own; its type, its default and the constant behind it
say what may stand there.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sim.constants.facts import fact_of, must_be_above_zero
from sim.schema.fields import InputError, parse_duration, parse_ratio


def read(record: Any, field: str, value: Any, path: str) -> Any:
    """`value` as this field takes it. Raises `InputError` at `path`."""
    old, hint = getattr(record, field), get_type_hints(type(record))[field]
    kinds = get_args(hint) or (hint,)
    if value is None:
        if old is None or hint is Any or NoneType in kinds:
            return None
        raise InputError(field=path, found="null", expected=_expected(record, field, old))
    if get_origin(hint) is Literal:
        return _word(kinds, value, path)
    if isinstance(old, Enum):
        members = {member.name.lower(): member for member in type(old)}
        return members[_word(tuple(members), value, path)]
    if old is None:
        kinds = tuple(kind for kind in kinds if kind in (bool, int, float, str))
        old = kinds[0]() if kinds else None
    if isinstance(old, tuple) and old and isinstance(value, list | tuple):
        return tuple(_plain(record, field, old[0], one, path) for one in value)
    if isinstance(old, str) and old.endswith("%"):  # `max_surge`: 3 or 25%
        text = "" if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"\d+%?", text):
            expected = f"a whole number such as 1, or a share such as {old}"
            raise InputError(field=path, found=repr(value), expected=expected)
        return text
    return _plain(record, field, old, value, path)


def _plain(record: Any, field: str, old: Any, value: Any, path: str) -> Any:
    """A switch, a number or a text."""
    if isinstance(old, bool):
        ok = isinstance(value, bool)
    elif isinstance(old, int | float):
        number = _number(record, field, old, value)
        if number is not None:
            return number
        ok = False
    else:
        ok = isinstance(old, str) and isinstance(value, str)
    if not ok:
        expected = _expected(record, field, old)
        raise InputError(field=path, found=repr(value), expected=expected)
    return value


def _number(record: Any, field: str, old: float, value: Any) -> int | float | None:
    """The number that was meant; None if it cannot stand here."""
    if isinstance(value, str):
        try:
            value = parse_duration(value) if _in_seconds(record, field) else parse_ratio(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    if math.isinf(value) and not math.isinf(old):
        return None
    if isinstance(old, int) and value != int(value):
        return None
    if value < 0 and old >= 0:  # a field whose own value is negative may be anything
        return None
    if value == 0 and must_be_above_zero(type(record), field):
        return None
    return type(old)(value)


def _in_seconds(record: Any, field: str) -> bool:
    fact = fact_of(type(record), field)
    return field.endswith("_s") if fact is None else fact.unit == "s"


def _expected(record: Any, field: str, old: Any) -> str:
    """What would do, in words."""
    if isinstance(old, bool):
        return "true or false"
    if isinstance(old, Enum):
        return f"one of {', '.join(member.name.lower() for member in type(old))}"
    if isinstance(old, int | float):
        least = "above 0" if must_be_above_zero(type(record), field) else "of at least 0"
        least = "" if old < 0 else f" {least}"
        if _in_seconds(record, field):
            return f"a duration{least} such as {old:g}s, 250ms or 1h30m"
        kind = "a whole number" if isinstance(old, int) else "a number"
        return f"{kind}{least} such as {old:g}"
    return "null" if old is None or is_dataclass(old) else f"something like {old!r}"


def _word(known: tuple[str, ...], value: Any, path: str) -> str:
    """One of a fixed set of words, such as `round_robin`."""
    word = value.lower() if isinstance(value, str) else value
    if word not in known:
        near = "".join(difflib.get_close_matches(str(value), known, n=1, cutoff=0.4))
        expected = f"one of {', '.join(known)}"
        raise InputError(field=path, found=repr(value), expected=expected, nearest=near)
    return str(word)
