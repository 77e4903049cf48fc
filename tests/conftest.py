"""For all tests: which are quick, and that these start no run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from sim.platforms.own import files

# A shell starts a background job with Ctrl-C ignored, and its children inherit that; tests that
# interrupt runs would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_platforms_of_other_tests() -> Iterator[None]:
    """A platform given by path is known to its process until it ends; a test is a process here."""
    yield
    files._given.clear()
    files._loaded.clear()


# --- `pytest -m quick`: rules, schema, constants, figures, reports, documents: under a minute -----

HERE = Path(__file__).parent
QUICK = (
    "constants", "control", "imports", "report", "results", "schema", "tools",
    "test_docs.py", "test_imports.py",
)  # fmt: skip
# A test that stands there is quick, unless it is marked `slow` or `run`, takes one of FIXTURES, or
# calls, itself or through functions of the tests, one of DOORS: what starts a whole run in sim.
DOORS = {
    "Session", "Simulation", "compare", "main", "plane_class", "replay", "replicate", "run",
    "run_case", "run_once",
}  # fmt: skip
FIXTURES = {"browser"}  # a Chromium is no run, but takes as long


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_quick(item):
            item.add_marker(pytest.mark.quick)


def is_quick(item: pytest.Item) -> bool:
    place = item.path.relative_to(HERE).parts[0]
    if place not in QUICK or not isinstance(item, pytest.Function):
        return False
    if item.get_closest_marker("slow") or item.get_closest_marker("run"):
        return False
    return FIXTURES.isdisjoint(item.fixturenames) and not runs(item.function)


def runs(function: Callable[..., Any], seen: set[object] | None = None) -> bool:
    """Does a function of the tests name a door, or a function of the tests that does so?"""
    seen = set() if seen is None else seen
    function = getattr(function, "__wrapped__", function)  # of functools.cache
    if not isinstance(function, FunctionType) or function in seen:
        return False
    seen.add(function)
    names = set(names_in(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "sim":
            if not DOORS.isdisjoint(names - {name}):  # sim.run(...)
                return True
            continue
        home = getattr(value, "__module__", None) or ""
        if home.startswith("sim.") and name in DOORS:
            return True
        if home.startswith("tests.") and runs(value, seen):
            return True
    return False


def names_in(code: CodeType) -> Iterator[str]:
    """The names that a function uses, with those of the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


@pytest.fixture(autouse=True)
def no_run_in_a_quick_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run makes a data plane of one of the two engines; in a quick test that fails."""
    if request.node.get_closest_marker("quick") is None:
        return

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a quick test starts a run: mark it @pytest.mark.run (see tests/conftest.py)")

    for engine in ("reference.plane.ReferencePlane", "kernel.plane.CompiledPlane"):
        monkeypatch.setattr(f"sim.dataplane.{engine}.__init__", refuse)
