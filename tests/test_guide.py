"""docs/own_orchestrator.md, followed to the letter: its file, its commands, what one sees."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "own_orchestrator.md").read_text(encoding="utf-8")
SAVED = re.compile(r"^Save this as `(.+?)`:$", re.M)


class Block(NamedTuple):
    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.M | re.S)]
FILE = next(block.text for block in BLOCKS if block.language == "python")
SCRIPTS = [block.text for block in BLOCKS if block.language == "python"][1:]
COMMANDS = [line for b in BLOCKS if b.language == "sh" for line in b.text.splitlines()]


TWO = ["--platform", "compose,systemd", "--reps", "1"]


def run_in(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        arguments, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )


def in_folder(folder: Path, arguments: list[str]) -> str:
    """What a command prints in the reader's folder; it must end well."""
    done = run_in(folder, arguments)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def follow(folder: Path, command: str) -> str:
    words = shlex.split(command)
    return in_folder(folder, [sys.executable if words[0] == "python" else words[0], *words[1:]])


def save(folder: Path) -> Path:
    """The guide's file, where the guide says."""
    file = folder / SAVED.findall(GUIDE)[0]
    file.write_text(FILE)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder at the end of step 2."""
    made = tmp_path_factory.mktemp("reader")
    follow(made, COMMANDS[0])
    save(made)
    return made


def plain(text: str) -> list[str]:
    """Lines as words: how wide a column is does not matter."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_file_has_at_most_60_lines_of_code() -> None:
    lines = [line for line in FILE.splitlines() if line.strip()]
    assert 30 < len(lines) <= 60
    assert all(len(line) <= 100 for line in lines)


def test_the_file_is_as_house_rules_ask(folder: Path) -> None:
    """A reader copies its manners: a rule without a clock, constants with sources, a choice."""
    compile(FILE, "systemd.py", "exec")
    assert "Fact(" in FILE
    assert "capability: ClassVar[str]" in FILE
    rule = FILE.partition("def count_start")[2].partition("@dataclass")[0]
    assert "cluster" not in rule


def test_the_list_shows_its_title(folder: Path) -> None:
    title = FILE.partition('"""')[2].partition('"""')[0]
    rows = plain(follow(folder, "python -m sim list"))
    assert f"systemd {title}" in " ".join(rows)  # which go on in a second line


def test_a_reader_with_a_broken_file_would_notice(tmp_path: Path) -> None:
    """If the guide's code were wrong, the commands above would not end well."""
    (tmp_path / "platforms").mkdir()
    file = save(tmp_path)
    file.write_text(FILE.replace("PLATFORM = replace(", "PLATFORM = replaced("))
    with pytest.raises(AssertionError, match=r"systemd\.py:"):
        follow(tmp_path, "python -m sim explain systemd")


def test_the_message_is_the_one_that_is_shown(tmp_path: Path) -> None:
    (edit,) = re.findall(r"^Write `(.+?)` in place of `(.+?)`", GUIDE, re.M)
    (shown,) = (block.text.strip() for block in BLOCKS if block.language == "message")
    (tmp_path / "platforms").mkdir()
    save(tmp_path).write_text(FILE.replace(edit[1], edit[0]))
    done = run_in(tmp_path, [sys.executable, "-m", "sim", "run", "container_crash", *TWO])
    assert (done.returncode, done.stdout, done.stderr.strip()) == (2, "", shown)


@pytest.mark.slow
def test_every_command_ends_well_and_shows_what_the_guide_says(folder: Path) -> None:
    printed: list[str] = []
    shown = 0
    for language, text in BLOCKS:
        if language == "sh" and text != COMMANDS[0] + "\n":
            printed = plain("\n".join(follow(folder, line) for line in text.splitlines()))
        elif language == "text":
            for line in plain(text):
                assert line in printed, f"the guide shows what is not printed: {line}"
                shown += 1
    assert shown > 12


@pytest.mark.slow
def test_the_column_of_its_own_differs(folder: Path) -> None:
    assert len(SCRIPTS) == 1
    said = in_folder(folder, [sys.executable, "-c", *SCRIPTS])
    printed = [line.split() for line in said.splitlines()]
    table = {line[0]: line[1:] for line in printed}
    names = next(line for line in printed if "systemd" in line)[-3:]
    assert names == ["compose", "systemd", "kubernetes"]
    down = dict(zip(names, map(float, table["downtime_s"]), strict=True))
    assert down["kubernetes"] < down["systemd"] < down["compose"] - 60
    assert float(table["operator.pages"][1]) < float(table["operator.pages"][0])


@pytest.mark.slow
def test_how_often_it_tries_is_as_the_guide_says(folder: Path) -> None:
    (said,) = re.findall(r"there are (\d+) more lines of that", GUIDE)
    follow(folder, "python -m sim run bad_rollout --platform systemd --no-plots --reps 1")
    timeline = (folder / "reports" / "bad_rollout" / "timeline.csv").read_text()
    assert timeline.count("api-2 started again by systemd") - 1 == int(said)
