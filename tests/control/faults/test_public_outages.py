"""Each row of docs/public_outages.md is an event that a scenario can have, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.library.scenarios import load_scenario
from sim.schema.scenario import Event
from sim.schema.scenario_checks import read_event
from sim.schema.text.document import parse_value
from tests.control.outage import sspp

PAGE = (Path(__file__).parents[3] / "docs" / "public_outages.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| `(\w+): ([^`]+)` \|$", PAGE, re.MULTILINE)


def test_there_are_forty_and_more() -> None:
    assert len({who for who, _, _ in ROWS}) >= 40


@pytest.mark.parametrize(("kind", "body"), sorted({(kind, body) for _, kind, body in ROWS}))
def test_a_row_is_an_event(kind: str, body: str) -> None:
    event = {kind: parse_value(body, kind)}
    assert read_event(event, 60.0, load_scenario("container_crash"), sspp()).kind() == kind


def test_each_event_is_described() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert {name for name in Event.model_fields if name != "at"} <= told
