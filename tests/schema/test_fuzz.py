"""Whatever stands in a file, the answer is a record or an InputError: never another exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.imports.traffic.file import read_file
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.schema.fields import InputError
from sim.schema.text.document import read_yaml
from tests.schema.bad import COMPOSE, SCENARIO, STACK

EVERYTHING = Path(__file__).parents[1] / "data" / "compose" / "everything.yml"
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["api", "5m", "-1", "$", "${X", "1-2", "512M", "no", "service_started"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)  # fmt: skip
FILES: dict[str, tuple[str, Callable[[str], object]]] = {
    "scenario": (SCENARIO, load_scenario),
    "stack": (STACK, load_stack),
    "compose": (COMPOSE, load_stack),
    "everything": (EVERYTHING.read_text(encoding="utf-8"), load_stack),
}


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places of a tree."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    found = [path] if path else []
    for key, value in pairs:
        inner = isinstance(value, dict | list)
        found += _paths(value, (*path, key)) if inner else [(*path, key)]
    return found


def _replace(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


@pytest.mark.parametrize("kind", FILES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(source=st.data())
def test_one_value_replaced_by_junk(kind: str, source: st.DataObject, tmp_path: Path) -> None:
    text, load = FILES[kind]
    data = read_yaml(text, "x.yaml").data
    path = source.draw(st.sampled_from(_paths(data)))
    _replace(data, path, source.draw(JUNK))
    file = tmp_path / "x.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    with suppress(InputError):
        load(str(file))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet="09 .,-:\n[]/tOct+nae#\"'", max_size=60))
def test_any_text_as_a_trace(text: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text, encoding="utf-8")
    with suppress(InputError):
        read_file(str(file))
