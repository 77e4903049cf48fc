"""Bad input: one clear message each, with file, line, field, what was found and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.imports.traffic.file import read_file
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.schema.fields import InputError, Issue
from sim.schema.text.document import parse_value
from tests.schema.bad import COMPOSE, COMPOSES, SCENARIO, SCENARIOS, STACK, STACKS, TRACES, Bad


def _write(tmp_path: Path, name: str, good: str, bad: Bad) -> str:
    assert bad.old in good
    path = tmp_path / name
    path.write_text(good.replace(bad.old, bad.new, 1), encoding="utf-8")
    return str(path)


def _check(error: InputError, path: str, bad: Bad) -> Issue:
    assert len(error.issues) == 1, str(error)
    issue = error.issues[0]
    text = str(error)
    assert "\n" not in text
    assert text.startswith(f"{path}:{bad.line}:"), text
    assert issue.line == bad.line
    assert issue.field == bad.field
    for part in bad.says:
        assert part in text
    assert issue.found
    assert issue.expected
    return issue


@pytest.mark.parametrize("bad", SCENARIOS, ids=lambda bad: bad.name)
def test_bad_scenario(bad: Bad, tmp_path: Path) -> None:
    path = _write(tmp_path, "shop.yaml", SCENARIO, bad)
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    _check(caught.value, path, bad)


@pytest.mark.parametrize("bad", STACKS, ids=lambda bad: bad.name)
def test_bad_stack(bad: Bad, tmp_path: Path) -> None:
    path = _write(tmp_path, "small.yaml", STACK, bad)
    with pytest.raises(InputError) as caught:
        load_stack(path)
    first = caught.value.issues[0]
    _check(InputError(issues=[first]), path, bad)


@pytest.mark.parametrize("bad", COMPOSES, ids=lambda bad: bad.name)
def test_bad_compose(bad: Bad, tmp_path: Path) -> None:
    path = _write(tmp_path, "docker-compose.yml", COMPOSE, bad)
    with pytest.raises(InputError) as caught:
        load_stack(path)
    _check(InputError(issues=caught.value.issues[:1]), path, bad)


@pytest.mark.parametrize("case", TRACES, ids=lambda case: case[0])
def test_bad_trace(case: tuple[str, str, int, str, tuple[str, ...]], tmp_path: Path) -> None:
    _, text, line, field, says = case
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_file(str(path))
    issue = caught.value.issues[0]
    assert len(caught.value.issues) == 1
    assert (issue.file, issue.line, issue.field) == (str(path), line, field)
    for part in says:
        assert part in str(issue)


def test_the_good_files_are_good(tmp_path: Path) -> None:
    for name, text, load in (
        ("shop.yaml", SCENARIO, load_scenario),
        ("small.yaml", STACK, load_stack),
        ("docker-compose.yml", COMPOSE, load_stack),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        load(str(tmp_path / name))


def test_there_are_more_than_fifty_kinds() -> None:
    assert len(SCENARIOS) + len(STACKS) + len(COMPOSES) + len(TRACES) > 100


def test_several_problems_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    text = SCENARIO.replace("5/s", "-5/s").replace("at: 5m", "at: 300").replace("id: S1a", "ids: x")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 4  # rate, time, an unknown field and a missing one
    assert all(line.startswith(f"{path}:") for line in lines)


@pytest.mark.parametrize("load", [load_scenario, load_stack])
def test_files_that_cannot_be_read(load: object, tmp_path: Path) -> None:
    assert callable(load)
    binary, empty, listed = (tmp_path / f"{name}.yaml" for name in ("binary", "empty", "list"))
    binary.write_bytes(b"\xff\xfe\x00name: x")
    empty.write_text("", encoding="utf-8")
    listed.write_text("- 1\n", encoding="utf-8")
    for path, says in (
        (binary, "not UTF-8"),
        (empty, "empty file"),
        (listed, "a list"),
        (tmp_path / "absent.yaml", "no such file"),
        # a folder of manifests is a stack: what is wrong in it is named
        (tmp_path / ".", "folder" if load is load_scenario else "binary.yaml:1"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            load(f"{path}/" if path.is_dir() else str(path))
        assert str(tmp_path) in str(caught.value)


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'ssp'.*did you mean sspp\?"):
        load_stack("ssp")
    with pytest.raises(InputError, match="unknown scenario 'black_fryday'"):
        load_scenario("black_fryday")


def test_unknown_variant(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    with pytest.raises(InputError, match=r":14:1: variants: .*'clam'.*did you mean calm\?"):
        load_scenario(f"{path}:clam")


def test_a_name_and_replicas_exclude_each_other(tmp_path: Path) -> None:
    text = COMPOSE.replace("{resources:", "{replicas: 2, resources:")
    path = tmp_path / "docker-compose.yml"
    path.write_text(text.replace("ports:", "container_name: api\n    ports:"), encoding="utf-8")
    with pytest.raises(InputError, match=r"yml:4:21: services.api.container_name: .*2 replicas"):
        load_stack(str(path))


def test_a_compose_file_in_which_nobody_answers(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text("services:\n  db: {image: 'mysql:8', ports: ['3306:3306']}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"yml:1:1: services: found no service that answers users"):
        load_stack(str(path))


@pytest.mark.parametrize(("quota", "refused"), [(2, True), (3, False), (4, False)])
def test_a_provider_may_lend_exactly_the_servers_of_the_beginning(
    quota: int, refused: bool, tmp_path: Path
) -> None:
    path = tmp_path / "small.yaml"
    text = STACK.replace("servers: {", f"servers: {{count: 3, quota: {quota}, ")
    path.write_text(text, encoding="utf-8")
    if not refused:
        assert load_stack(str(path)).servers.quota == quota
        return
    with pytest.raises(InputError, match=r"servers.quota: .*3 servers from the beginning"):
        load_stack(str(path))


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_a_yes_or_no_may_be_written_in_each_way_of_yaml(word: str) -> None:
    assert parse_value(word, "x") is (word.lower() == "true")
