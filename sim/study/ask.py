"""What a study was asked for, before anything is read: kinds, numbers and names of arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any

from sim.schema.fields import Issue
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.schema.text.validation import closest, given, one_of


def path(one: Any) -> Any:
    """A `Path` as the text that it stands for; anything else as it is."""
    return os.fspath(one) if isinstance(one, os.PathLike) else one


def kinds(
    scenario: object, platforms: object, stack: object, settings: object, traffic: object
) -> Iterable[Issue]:
    """What a Python program passed that is nothing of the right kind."""
    text = (str, os.PathLike)
    if not isinstance(scenario, (*text, Scenario)):
        expected = "a name (see sim.list_scenarios()), a path or a Scenario"
        yield Issue(field="scenario", found=given(scenario), expected=expected)
    if not isinstance(stack, (*text, Stack, NoneType)):
        expected = "a name (see sim.list_stacks()), a path or a Stack"
        yield Issue(field="stack", found=given(stack), expected=expected)
    if not isinstance(traffic, (*text, NoneType)):
        yield Issue(field="traffic", found=given(traffic), expected="the path of a CSV file")
    listed = platforms if isinstance(platforms, Iterable) else (platforms,)
    names = "names such as ['compose'] (see sim.list_platforms())"
    if isinstance(platforms, str) or not isinstance(platforms, Iterable | None):
        yield Issue(field="platforms", found=given(platforms), expected=f"a list of {names}")
    elif isinstance(platforms, Iterable):
        strange = [one for one in listed if not isinstance(one, text)]
        yield from (Issue(field="platform", found=given(o), expected=names) for o in strange)
    paths = settings if isinstance(settings, Iterable) else (settings,)
    if isinstance(settings, str) or not all(isinstance(one, str) for one in paths):
        expected = "{'path': value} or ['path=value'] with texts as paths"
        yield Issue(field="settings", found=given(settings), expected=expected)


def whole(name: str, value: Any, low: int, high: int) -> Iterable[Issue]:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        expected = f"a whole number from {low} to {high}"
        yield Issue(field=name, found=repr(value), expected=expected)


def named(name: str, value: str, known: Sequence[str]) -> Iterable[Issue]:
    """One of the names that exist."""
    if value not in known:
        expected, near = one_of(known), closest(str(value), known)
        yield Issue(field=name, found=repr(value), expected=expected, nearest=near)
