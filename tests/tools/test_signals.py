"""tools/signals.py: the same seed sends the same signals, and what is not in order is seen."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tools.signals import COMMANDS, EARLIER, Outcome, Trial, _issues, main, table, told, trials

TRIAL = Trial(COMMANDS[0], signal.SIGTERM, False, 1.5)
NEW = "a new report\n"


def report(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    for name, text in zip(("summary.json", "summary.md"), texts, strict=True):
        (folder / name).write_text(text)
    return folder


def test_a_seed_is_a_sequence() -> None:
    assert list(trials(20, 7)) == list(trials(20, 7))
    assert list(trials(20, 7)) != list(trials(20, 8))
    chosen = list(trials(300, 1))
    assert {trial.number for trial in chosen} == {signal.SIGINT, signal.SIGTERM, signal.SIGKILL}
    assert {trial.command for trial in chosen} == set(COMMANDS)


@pytest.mark.parametrize("texts", [(EARLIER, EARLIER), (NEW, NEW)])
def test_the_earlier_report_and_the_new_one_are_in_order(
    tmp_path: Path, texts: tuple[str, str]
) -> None:
    out = report(tmp_path / "r", *texts)
    assert list(_issues(TRIAL, out, 143, 0, "interrupted\n")) == []


@pytest.mark.parametrize(
    ("status", "alive", "errors", "texts", "issue"),
    [
        (None, 1, "", (NEW, NEW), "no end 30 s after the signal"),
        (70, 0, "", (NEW, NEW), "exit status 70"),
        (143, 2, "", (NEW, NEW), "2 alive 1 s later"),
        (143, 0, "Traceback (most recent call last):\nOSError", (NEW, NEW), "a traceback: OSError"),
        (143, 0, "", (NEW, EARLIER), "a report that is neither the earlier one nor the new one"),
        (143, 0, "", (NEW, ""), "a report that is neither the earlier one nor the new one"),
    ],
)
def test_what_is_not_in_order_is_seen(
    tmp_path: Path, status: int | None, alive: int, errors: str, texts: tuple[str, str], issue: str
) -> None:
    out = report(tmp_path / "r", *texts)
    assert list(_issues(TRIAL, out, status, alive, errors)) == [issue]


def test_a_folder_beside_the_report_is_seen(tmp_path: Path) -> None:
    out = report(tmp_path / "r", NEW, NEW)
    (tmp_path / ".r.abcdefgh").mkdir()
    assert list(_issues(TRIAL, out, 143, 0, "")) == ["left beside the report: .r.abcdefgh"]
    killed = TRIAL._replace(number=signal.SIGKILL)  # the next report clears it away
    assert list(_issues(killed, out, -9, 0, "")) == []
    assert (out / "summary.md").read_text() == NEW


def test_the_table_counts() -> None:
    outcomes = [Outcome(TRIAL, 143, ()), Outcome(TRIAL._replace(while_written=True), 0, ("a", "b"))]
    line = table(outcomes).splitlines()[-1]
    assert line.split() == ["all", "0", "2", "0", "1", "1", "1"]
    assert list(told(outcomes[1])) == [
        f"{COMMANDS[0].words}: SIGTERM while it wrote: {word}\n" for word in "ab"
    ]


@pytest.mark.slow
def test_a_dozen_signals_leave_everything_in_order() -> None:
    assert main(["--count", "12", "--seed", "3"]) == 0
