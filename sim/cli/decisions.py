"""What the verbs of decisions share: where their reports go, and how they end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.cli.delivery import deliver, parts_written
from sim.report.folder import check_folder
from sim.report.text.columns import json_text
from sim.schema.fields import InputError
from sim.schema.text.validation import closest, one_of


def writable(text: Any, folder: Path) -> Any:
    """The module that says a study; `InputError` if its files cannot go there. Before the runs:
    nobody wants to learn it afterwards."""
    check_folder(folder, text.FILES)
    return text


def one_of_these(option: str, word: str, known: Sequence[str]) -> None:
    """Raise `InputError` for another word."""
    if word not in known:
        words, near = one_of(filter(None, known)), closest(word, known)
        raise InputError(field=option, found=repr(word), expected=words, nearest=near)


def at_least_0(option: str, dollars: float) -> None:
    """Raise `InputError` for what is no price."""
    if not 0.0 <= dollars < float("inf"):
        raise InputError(field=option, found=f"{dollars:g}", expected="US dollars, at least 0")


def delivered(text: Any, done: Any, folder: Path, json: bool, more: bool) -> int:
    """Write and show a study; `text`: the module that says it (`parts`, `FILES`, `text`,
    `record`); `more`: pictures, or what else it writes on demand. Returns the exit status."""
    return deliver(
        "report",
        folder,
        parts_written(folder, text.parts(done, more), text.FILES),
        lambda: print(json_text(text.record(done)) if json else text.text(done), end=""),
        done.interrupted,
    )
