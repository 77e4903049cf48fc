"""What the verbs of decisions and of the article share: how a study is measured, written, shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sim.cli.delivery import deliver, parts_written
from sim.cli.options import DONE
from sim.report.folder import check_folder
from sim.report.study_page import StudyPage
from sim.schema.fields import InputError
from sim.study.batch import Runner


def at_least_0(option: str, dollars: float) -> None:
    """Raise `InputError` for what is no price."""
    if not 0.0 <= dollars < float("inf"):
        raise InputError(field=option, found=f"{dollars:g}", expected="US dollars, at least 0")


def reported(
    page: StudyPage[Any], measure: Callable[[Runner], Any], runner: AbstractContextManager[Runner],
    folder: Path, json: bool, more: bool = False, status: Callable[[Any], int] = lambda _: DONE,
) -> int:  # fmt: skip
    """Measure a study, write it to `folder`, show it. `more`: pictures, or what else the page
    writes on demand; `status`: of a study that was shown. Returns the exit status; raises
    `InputError` where its files cannot go there, before the runs."""
    check_folder(folder, page.files)
    with runner as run:
        study = measure(run)
    shown = page.json if json else page.text
    return deliver(
        page.noun, folder, parts_written(folder, page.parts(study, more), page.files),
        lambda: print(shown(study), end=""), getattr(study, "interrupted", False),
    ) or status(study)  # fmt: skip
