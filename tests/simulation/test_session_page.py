"""docs/session.md, followed to the letter."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.dataplane.tables import ContainerGauge
from tests.simulation.runs import same

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "session.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.M))


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """All names that the page's blocks leave, one after the other; `printed`: what they print."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/session.md", "exec"), names)
        if "scripted = " in block:
            same(names["session"].fork().finish(), names["scripted"].runs[0])
    return {**names, "printed": capsys.readouterr().out}


def test_every_block_does_what_the_page_says(said: dict[str, Any]) -> None:
    assert "worker-1 hangs: it accepts and never answers" in said["printed"]
    assert "users come at 12 requests/s from now on" in said["printed"]
    assert "did you mean operator_kill" in said["printed"]
    assert "Compose" in said["printed"]
    assert [event.kind() for event in said["session"].log] == ["server_crash"]
    assert said["calm"].log == ()


def test_the_table_names_what_a_look_shows(said: dict[str, Any]) -> None:
    view = said["view"]
    assert set(ROWS) == set(view), "one row of the table in docs/session.md for each key of look()"
    for key, shown in (
        ("containers", view["containers"][0]),
        ("servers", view["servers"][0]),
        ("operator", view["operator"]),
        ("since", view["since"]),
        ("since", dict.fromkeys(field.name for field in fields(sim.results.run.TimelineRow))),
    ):
        for name in shown:
            assert f"`{name}`" in ROWS[key], f"name `{name}` in the row `{key}` of docs/session.md"
    assert set(ContainerGauge._fields) <= set(view["containers"][0])
