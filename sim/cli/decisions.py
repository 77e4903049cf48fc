"""What the verbs of decisions share: where their reports go, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.cli.delivery import deliver, parts_written
from sim.report.folder import check_folder
from sim.report.text.columns import json_text


def writable(text: Any, folder: Path) -> Any:
    """The module that says a study; `InputError` if its files cannot go there. Before the runs:
    nobody wants to learn it afterwards."""
    check_folder(folder, text.FILES)
    return text


def delivered(text: Any, done: Any, folder: Path, json: bool, plots: bool) -> int:
    """Write and show a study; `text`: the module that says it (`parts`, `FILES`, `text`,
    `record`). Returns the exit status."""
    return deliver(
        "report",
        folder,
        parts_written(folder, text.parts(done, plots), text.FILES),
        lambda: print(json_text(text.record(done)) if json else text.text(done), end=""),
        done.interrupted,
    )
