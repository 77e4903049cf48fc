"""What may stand in one of the ten choices: a frozen record of that capability, with sane values.

A mechanism of somebody's own has no validator; its type hints and defaults say what is meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from sim.constants.facts import fact_of, must_be_above_zero
from sim.control.core.mechanisms import mechanisms
from sim.platforms.platform import Platform
from sim.schema.fields import Issue
from sim.schema.text.document import describe

# what the rest of the program calls, beside `run`
NEEDS = {
    "load_balancing": ("routing",),
    "scheduling": ("servers", "choose"),
    "rollback": ("undo",),
}


def wrong_choices(platform: Platform, where: str, file: str = "") -> list[Issue]:
    """What is wrong with the ten, in their order; `where`: what messages call the platform."""
    found: list[Issue] = []
    for field in fields(platform):
        choice, path = getattr(platform, field.name), f"{where}.{field.name}"
        wrong = _kind(choice, field.name)
        if wrong:
            found.append(Issue(file, field=path, found=wrong[0], expected=wrong[1]))
        elif choice is not None:
            found += _values(choice, path, file)
    return found


def _kind(choice: Any, capability: str) -> tuple[str, str] | None:
    """What was found, and what would do; None if this may stand here."""
    if choice is None:
        return None
    suits = would_do(capability)
    if isinstance(choice, type):
        return f"the class {choice.__name__}", f"a record of it: {choice.__name__}()"
    name = f"{type(choice).__name__}()"
    if not is_dataclass(choice):
        plain = isinstance(choice, bool | int | float | str | dict | list | tuple)
        return (describe(choice) if plain else name), suits
    if not getattr(type(choice), "__dataclass_params__").frozen:  # noqa: B009 - no stub has it
        expected = "@dataclass(frozen=True): what it remembers would leak into the next run"
        return f"{name}, which is not frozen", expected
    fills = getattr(type(choice), "capability", capability)  # a platform's own may say nothing
    if fills != capability:
        return f"{name}, which is {fills}", suits
    lacks = [one for one in NEEDS.get(capability, ()) if not callable(getattr(choice, one, None))]
    expected = f"a record with {' and '.join(f'{one}()' for one in NEEDS.get(capability, ()))}"
    return (f"{name} without {lacks[0]}()", f"{expected}, which others call") if lacks else None


def would_do(capability: str) -> str:
    """In words: what may stand in this choice."""
    known = [f"{one.__name__}()" for one in mechanisms(capability).values()]
    return f"None, one of {', '.join(known)}, or a record of yours for {capability}"


def _values(record: Any, path: str, file: str) -> Iterator[Issue]:
    """Numbers that no field of this kind can hold."""
    for field in fields(record):
        value, here = getattr(record, field.name), f"{path}.{field.name}"
        if is_dataclass(value) and not isinstance(value, type):
            yield from _values(value, here, file)
            continue
        expected = _number_wanted(record, field)
        if expected and not _fits(value, record, field):
            found = describe(value) if not isinstance(value, float) else f"{value:g}"
            yield Issue(file, field=here, found=found, expected=expected)


def _usual(field: Field[Any]) -> Any:
    return 0.0 if field.default is MISSING or field.default is None else field.default


def _number_wanted(record: Any, field: Field[Any]) -> str:
    """What this field takes, if that is a number; else nothing."""
    hint = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    if hint not in ("int", "float"):
        return ""
    kind = "a whole number" if hint == "int" else "a number"
    kind = "a duration in seconds" if _is_duration(record, field) else kind
    if must_be_above_zero(type(record), field.name):
        return f"{kind} above 0"
    return f"{kind} of at least 0" if _from_zero(record, field) else kind


def _is_duration(record: Any, field: Field[Any]) -> bool:
    fact = fact_of(type(record), field.name)
    return field.name.endswith("_s") if fact is None else fact.unit == "s"


def _from_zero(record: Any, field: Field[Any]) -> bool:
    """May it not be below 0? Nothing that is a duration, or that usually is not."""
    return _is_duration(record, field) or not _usual(field) < 0


def _fits(value: Any, record: Any, field: Field[Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return False
    if math.isinf(value) and (_is_duration(record, field) or not math.isinf(_usual(field))):
        return False
    if field.type in ("int", int) and value != int(value):
        return False
    if value == 0 and must_be_above_zero(type(record), field.name):
        return False
    return value >= 0 or not _from_zero(record, field)
