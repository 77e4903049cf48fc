"""`sim schema`: an editor checks what the program checks, and the page of all fields is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sim.cli.app import main
from sim.library.files import FOLDERS, MODELINE, document_of
from sim.schema import fields
from sim.schema.reference import below_of, json_schema, rows
from sim.schema.scenario import Event, Scenario
from sim.schema.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    (Stack if kind == "stack" else Scenario, path)
    for kind, folders in FOLDERS.items()
    for folder in folders
    for path in sorted(folder.glob("*.yaml"))
]
SCHEMAS = {record: json_schema(record) for record in (Scenario, Stack)}
STACK = {"name": "small", "services": {"api": {"role": "http", "boot": "2s"}}}


@pytest.mark.parametrize("record", SCHEMAS, ids=lambda record: record.__name__)
def test_it_is_a_schema(record: type) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[record])


@pytest.mark.parametrize(("record", "path"), FILES, ids=lambda part: getattr(part, "stem", ""))
def test_every_file_that_comes_with_the_program_keeps_to_it(record: Any, path: Path) -> None:
    jsonschema.Draft7Validator(SCHEMAS[record]).validate(document_of(path).data)


@pytest.mark.parametrize(
    "change",
    [
        {"replcas": 2},
        {"restart": "sometimes"},
        {"boot": "two seconds"},
        {"boot": {"lognormal": {"mean": "2s"}}},
        {"replicas": "many"},
        {"shed": "perhaps"},
        {"depends_on": "db"},
        {"memory": {"bas": "1Gi"}},
        {"memory": {"base": "5 elephants"}},
        {"memory": {"base": -1}},
        {"cpu": {"limit": "500mm"}},
    ],
)
def test_what_the_program_refuses_an_editor_marks(change: dict[str, Any]) -> None:
    api = {"role": "http", "boot": "2s"}
    checker = jsonschema.Draft7Validator(SCHEMAS[Stack])
    checker.validate({**STACK, "services": {"api": api}})
    assert not checker.is_valid({**STACK, "services": {"api": {**api, **change}}})


@pytest.mark.parametrize(
    ("field", "read", "texts"),
    [
        (("Traffic", "rate"), fields.parse_rate, "5/s 300/min 0.5/hour 5 /m 5/week /s 5"),
        (("Memory", "base"), fields.parse_bytes, "512Mi 1.5Gi 7 .5k 1.5 5GB Mi 3 Mi"),
        (("CpuSpec", "limit"), fields.parse_cores, "500m 2 .5 2. m 2k -1"),
        (("ClientSpec", "retry_budget"), fields.parse_ratio, "70% 0.7 140 3. % .5% x -1%"),
    ],
)
def test_an_editor_takes_the_numbers_that_the_program_takes(
    field: tuple[str, str], read: Callable[[str], float], texts: str
) -> None:
    schema = SCHEMAS[Scenario if field[0] in ("Traffic", "ClientSpec") else Stack]
    own = schema["definitions"][field[0]]["properties"][field[1]]
    checker = jsonschema.Draft7Validator(own)
    for text in texts.split(" "):
        try:
            read(text)
            taken = True
        except ValueError:
            taken = False
        assert checker.is_valid(text) is taken, text


def test_fields_say_what_they_mean_and_what_holds_without_them() -> None:
    service = SCHEMAS[Stack]["definitions"]["Service"]["properties"]
    assert "default 100" in service["max_connections"]["description"]
    assert "process start to listening" in service["boot"]["description"]


def test_the_page_is_what_the_records_say(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m tools.schemas` makes it again."""
    assert main(["schema", "reference"]) == 0
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page
    for record in (Scenario, Stack, *below_of(Scenario), *below_of(Stack)):
        if record.__name__ != "LawSpec":
            assert f"### {record.__name__}\n" in page
            assert all(f"| `{row.name}` |" in page for row in rows(record))


@pytest.mark.parametrize(("record", "path"), FILES, ids=lambda part: getattr(part, "stem", ""))
def test_an_editor_finds_the_schema_of_a_file(record: Any, path: Path) -> None:
    """`python -m tools.schemas` makes them again."""
    line = path.read_text(encoding="utf-8").partition("\n")[0]
    assert line.startswith(MODELINE)
    schema = path.parent / line.removeprefix(MODELINE)
    assert json.loads(schema.read_text(encoding="utf-8")) == SCHEMAS[record]


def test_it_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for what, record in (("scenario", Scenario), ("stack", Stack)):
        assert main(["schema", what]) == 0
        assert json.loads(capsys.readouterr().out) == SCHEMAS[record]


@pytest.mark.parametrize("event", [name for name in Event.model_fields if name != "at"])
def test_every_event_is_explained(event: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", event]) == 0
    said = capsys.readouterr().out
    assert f"{event}" in said
    assert "events:" in said
