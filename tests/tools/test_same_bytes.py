"""tools/same_bytes.py finds a byte that changed, and overlooks what has to differ.

The program that it runs here is four lines that stand in for ours.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import list_scenarios
from tools.same_bytes import CANNOT_SAY, DIFFERENT, HERE, SAME, main, read_commands

PROGRAM = """
import os, pathlib, random, sys
out = pathlib.Path("reports"); out.mkdir()
(out / "summary.json").write_text('{\\n  "version": "VERSION",\\n  "downtime_s": DOWN\\n}\\n')
(out / "plot.png").write_bytes(b"\\0\\0PLOT")
print("written to", os.getcwd(), "by", pathlib.Path(__file__).parent)
done = ["a: 3 s simulated, 1,000 requests", "b: 3 s simulated, 9 requests"]
random.shuffle(done)
print(f"3 of 9 runs, some {random.randint(1, 90)} min left", file=sys.stderr)
print("one", *done, "two", sep="\\n", file=sys.stderr)
sys.exit(STATUS if "--stack" in sys.argv else 0)
"""
AS_IT_WAS = {"VERSION": "0.1.0", "DOWN": "245.0", "PLOT": "abc", "STATUS": "0"}
ONLY = ("--only", "run server_crash *", "--workers", "1")
COMMANDS = read_commands((HERE / "commands.txt").read_text(encoding="utf-8"))
FOLDER = next(c.name for c in COMMANDS if c.words[:2] == ("run", "server_crash"))


def checkout(folder: Path, **changes: str) -> Path:
    text = PROGRAM
    for word, value in {**AS_IT_WAS, **changes}.items():
        text = text.replace(word, value)
    (folder / "sim").mkdir(parents=True)
    (folder / "sim" / "__init__.py").touch()
    (folder / "sim" / "__main__.py").write_text(text)
    return folder


def recorded(folder: Path, **changes: str) -> str:
    program = checkout(folder / "program", **changes)
    out = str(folder / "record")
    assert main(["record", "--at", str(program), "--out", out, *ONLY]) == 0
    return out


def test_folders_versions_and_the_order_of_progress_may_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = recorded(tmp_path / "a"), recorded(tmp_path / "b", VERSION="0.2.0")
    assert main(["compare", *records]) == SAME
    assert "the same bytes: 1 commands" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "where", "lines"),
    [
        ({"DOWN": "245.1"}, "reports/summary.json, line 3", ['"downtime_s": 245.0', "245.1"]),
        ({"PLOT": "abd"}, "reports/plot.png, byte 4 of 5 and 5", []),
        ({"STATUS": "1"}, "status, line 1", ["before: 0", "after:  1"]),
        ({"two": "three"}, "stderr, line 5", ["before: two", "after:  three"]),
        ({"written": "wrote"}, "stdout, line 1", ["before: written to FOLDER", "after:  wrote"]),
        ({"reports": "report"}, "report/plot.png, missing in", []),
    ],
    ids=["figure", "picture", "status", "stderr", "stdout", "file"],
)
def test_the_first_file_and_line_that_differ_are_named(
    change: dict[str, str],
    where: str,
    lines: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = recorded(tmp_path / "a"), recorded(tmp_path / "b", **change)
    assert main(["compare", *records]) == DIFFERENT
    text = capsys.readouterr().out
    assert text.startswith(f"differs: {FOLDER}/{where}")
    for line in lines:
        assert line in text


def test_what_is_no_record_cannot_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(tmp_path), str(tmp_path)]) == CANNOT_SAY
    assert "is not a record" in capsys.readouterr().err
    (tmp_path / "sim").mkdir()  # no program, also where one is installed
    (tmp_path / "sim" / "__init__.py").write_text("raise SystemExit(3)")
    assert main(["record", "--at", str(tmp_path), "--out", str(tmp_path / "record")]) == CANNOT_SAY
    assert "the program does not run" in capsys.readouterr().err


def test_the_commands_are_many_and_run_every_scenario() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS) >= 40
    runs = {c.words[1].partition(":")[0] for c in COMMANDS if c.words[0] in ("run", "compare")}
    missing = {name for name in list_scenarios() if ":" not in name} - runs
    assert not missing, f"add a line `run {missing.pop()}` to tools/commands.txt"
    for command in COMMANDS:
        assert not command.stdin or (HERE / "inputs" / command.stdin).is_file()
