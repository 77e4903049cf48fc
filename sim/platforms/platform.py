"""A platform is ten choices. What is left empty falls on the operator.

A choice is a frozen record; sim/control/core/choices.py says what each must answer. One with
`run(cluster)` is a controller; a plain one is data that others read (routing, limits). Ablation is
one line: `replace(kubernetes, autoscaling=None)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any

from sim.control.core.choices import TEN, Choices, needs
from sim.control.mechanisms import mechanisms
from sim.schema.fields import InputError, Issue, refuse_all
from sim.schema.stack import Stack
from sim.schema.text.document import Document, describe
from sim.schema.text.paths import types_below
from sim.schema.text.validation import Spot, closest, one_of, read_value


def decides(capability: str) -> str:
    """What this one of the ten choices decides: its room says it."""
    room = import_module(f"sim.control.{capability}")
    return (room.__doc__ or "").partition(": ")[2].rstrip(".")


@dataclass(frozen=True)
class Platform(Choices):
    """Exactly the article's ten capabilities, in its order; `decides` says what each decides."""

    def __new__(cls, *given: Any, **named: Any) -> Platform:
        """With a choice too few, or one that does not exist, InputError says which."""
        refuse_all(_not_ten(len(given), list(named)))
        return super().__new__(cls)

    def __reduce__(self) -> tuple[type[Platform], tuple[Any, ...]]:
        """Copies are made of the ten as well."""
        return Platform, tuple(getattr(self, name) for name in TEN)


def servers_of(choices: Choices, stack: Stack) -> int:
    """How many servers there are at second 0: as many as the stack asks for, else as many as who
    schedules starts with; one where nobody does."""
    scheduling = choices.scheduling
    return stack.servers.count or 1 if scheduling is None else scheduling.servers(stack)


def _not_ten(given: int, named: list[str]) -> list[Issue]:
    """What is wrong with so many choices in order and these by name."""
    wrong = [name for name in named if name not in TEN]
    issues = [
        Issue("", 0, 0, f"PLATFORM.{name}", "an unknown choice", one_of(TEN), closest(name, TEN))
        for name in wrong
    ]
    issues += [
        Issue(field=f"PLATFORM.{name}", found="no choice", expected="a mechanism, or None")
        for name in TEN[given:]
        if name not in named and not any(closest(other, TEN) == name for other in wrong)
    ]
    issues += [
        Issue(field=f"PLATFORM.{name}", found="two choices", expected="one")
        for name in TEN[:given]
        if name in named
    ]
    if given > len(TEN):
        issues.append(Issue("", 0, 0, "PLATFORM", f"{given} choices", "ten"))
    return issues


# ---- what may stand in a choice: a frozen record of it, with sane values ----
def wrong_choices(platform: Platform, where: str, file: str = "") -> list[Issue]:
    """What is wrong with the ten, in their order; `where`: what messages call the platform."""
    issues: list[Issue] = []
    for name in TEN:
        choice, path = getattr(platform, name), f"{where}.{name}"
        wrong = _kind(choice, name)
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
    """Values that no field of this kind can hold: `sim/schema/mechanism.py` says what they take."""
    for name, annotation in types_below(type(record)).items():
        value, place = getattr(record, name), f"{path}.{name}"
        if is_dataclass(value) and not isinstance(value, type):
            yield from _values(value, place, file)
            continue
        try:
            read_value(annotation, value, Spot(Document(file), (place,)), from_text=False)
        except InputError as error:
            yield from error.issues
