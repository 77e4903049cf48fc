"""Every public name says what it is, in which units, and how it fails."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from typing import Any

import pytest

import sim
from sim.results.measurements import Measurements

CALLABLE = [name for name in sim.__all__ if not isinstance(getattr(sim, name), type)]
CLASSES = [sim.Result, sim.Session, sim.Platform, sim.Stack, sim.Scenario, sim.InputError]
METHODS = [
    pytest.param(cls, name, id=f"{cls.__name__}.{name}")
    for cls in (sim.Result, sim.Session)
    for name in dir(cls)
    if not name.startswith("_") and name not in {field.name for field in fields(Measurements)}
]
# who is asked for one of several things, or for a place to write, says what happens otherwise
FAILS = re.compile(r"InputError|OSError|ValueError")
NEVER = {"table", "story", "do"}  # of a number or a flag; `do` is checked as an event of a file


def own(thing: Any) -> str:
    """Its docstring, not one that it inherits."""
    doc = thing.__dict__.get("__doc__") if isinstance(thing, type) else inspect.getdoc(thing)
    return doc or ""


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_public_class_has_a_docstring_of_its_own(cls: type) -> None:
    assert len(own(cls)) > 50


@pytest.mark.parametrize("name", CALLABLE)
def test_a_public_function_names_its_arguments_and_its_errors(name: str) -> None:
    function = getattr(sim, name)
    doc = own(function)
    wanted = inspect.signature(function).parameters
    missing = [each for each in wanted if f"`{each}" not in doc]
    if "The other parameters are those of `run`" in doc:
        missing = [each for each in missing if f"`{each}" not in own(sim.run)]
    if "`fields`: docs/reference.md" in doc:
        missing = []
    assert not missing, f"sim.{name}: its docstring lacks {', '.join(missing)}"
    assert doc
    assert not wanted or FAILS.search(doc + own(sim.run) * (name == "compare"))


@pytest.mark.parametrize(("cls", "name"), METHODS)
def test_a_public_method_says_what_it_gives_and_how_it_fails(cls: type, name: str) -> None:
    member = inspect.getattr_static(cls, name)
    function = getattr(member, "__func__", getattr(member, "func", member))
    doc = inspect.getdoc(function) or ""
    assert len(doc) > 20, f"{cls.__name__}.{name} has no docstring"
    if inspect.isfunction(function) and len(inspect.signature(function).parameters) > 1:
        whole = doc + (own(cls) if cls is sim.Session else "")
        assert FAILS.search(whole) or name in NEVER, f"{cls.__name__}.{name}: how does it fail?"


def test_the_fields_of_a_result_are_told_where_one_asks_for_it() -> None:
    missing = [f.name for f in fields(Measurements) if f"`{f.name}`" not in own(sim.Result)]
    assert not missing
