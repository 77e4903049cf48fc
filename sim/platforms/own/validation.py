"""What may stand in one of the ten choices: a frozen record of that capability, with sane values.

What a mechanism's fields take is said in `sim/schema/mechanism.py`, for our own and for others'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from sim.control.core.choices import needs
from sim.control.mechanisms import mechanisms
from sim.platforms.platform import Platform
from sim.schema.fields import InputError, Issue
from sim.schema.text.document import Document, describe
from sim.schema.text.paths import types_below
from sim.schema.text.validation import Spot, read_value


def wrong_choices(platform: Platform, where: str, file: str = "") -> list[Issue]:
    """What is wrong with the ten, in their order; `where`: what messages call the platform."""
    issues: list[Issue] = []
    for field in fields(platform):
        choice, path = getattr(platform, field.name), f"{where}.{field.name}"
        wrong = _kind(choice, field.name)
        if wrong:
            issues.append(Issue(file, field=path, found=wrong[0], expected=wrong[1]))
        elif choice is not None:
            issues += _values(choice, path, file)
    return issues


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
    verbs = needs(capability)
    missing = [verb for verb in verbs if not callable(getattr(choice, verb, None))]
    expected = f"a record with {' and '.join(f'{verb}()' for verb in verbs)}, which others call"
    return (f"{name} without {missing[0]}()", expected) if missing else None


def would_do(capability: str) -> str:
    """In words: what may stand in this choice."""
    known = [f"{mechanism.__name__}()" for mechanism in mechanisms(capability).values()]
    return f"None, one of {', '.join(known)}, or a record of yours for {capability}"


def _values(record: Any, path: str, file: str) -> Iterator[Issue]:
    """Values that no field of this kind can hold."""
    for name, annotation in types_below(type(record)).items():
        value, place = getattr(record, name), f"{path}.{name}"
        if is_dataclass(value) and not isinstance(value, type):
            yield from _values(value, place, file)
            continue
        try:
            read_value(annotation, value, Spot(Document(file), (place,)), from_text=False)
        except InputError as error:
            yield from error.issues
