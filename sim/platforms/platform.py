"""A platform is ten choices. What is left empty falls on the operator.

A choice is a frozen record; sim/control/core/choices.py says what each must answer. One with
`run(cluster)` is a controller; a plain one is data that others read (routing, limits). Ablation is
one line: `replace(kubernetes, autoscaling=None)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sim.control.core.choices import TEN, Choices
from sim.schema.fields import Issue, refuse_all
from sim.schema.stack import Stack
from sim.schema.text.validation import closest, one_of


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
