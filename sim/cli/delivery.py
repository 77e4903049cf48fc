"""What a command has computed: written to a folder, shown, and whatever of it fails told in a line.

The figures come first: a full disk costs a file, never what was computed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.options import BROKEN, DONE, INTERRUPTED, USAGE, say
from sim.report.folder import Missing, check_folder, replace_folder, write_each
from sim.schema.fields import InputError
from sim.study.signals import held

if TYPE_CHECKING:
    from sim.report.study_page import StudyPage
    from sim.study.batch import Runner


def deliver(
    what: str,
    folder: Path,
    write: Callable[[], Missing],
    show: Callable[[], None],
    interrupted: bool = False,
) -> int:
    """Write the files of `what` (`report`) to `folder`, show the figures on standard output, and
    say where the files are; returns the exit status."""
    status = None
    try:
        with held():
            line, status = _written(what, folder, write)
        try:
            show()
            sys.stdout.flush()
        finally:
            if not interrupted or status != DONE:
                print(line, file=sys.stderr)
    except KeyboardInterrupt:
        if status is None:  # before anything was written
            raise
        interrupted = True
    if interrupted and status == DONE:
        return say(f"interrupted: what was finished is in {folder}", INTERRUPTED)
    return INTERRUPTED if interrupted else status


def not_there(path: Path) -> None:
    """Raise `InputError` for a file that is there: nobody's work is overwritten unasked."""
    if path.exists():
        expected = "another --out, or --force to replace it"
        raise InputError(str(path), found="a file that is there", expected=expected)


def write_text(path: Path, text: str) -> None:
    """Raises `InputError` where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "unwritable").lower()
        raise InputError(str(path), found=reason, expected="a file that can be written") from None


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
    parts, shown = page.parts(study, more), page.json if json else page.text
    return deliver(
        page.noun, folder,
        lambda: replace_folder(folder, lambda fresh: write_each(parts, fresh), page.files),
        lambda: print(shown(study), end=""), getattr(study, "interrupted", False),
    ) or status(study)  # fmt: skip


def _written(what: str, folder: Path, write: Callable[[], Missing]) -> tuple[str, int]:
    """A line that says where the files are and which are missing, and an exit status."""
    try:
        missing = write()
    except InputError as error:  # nothing could be written
        return str(error), USAGE
    if not missing:
        return f"{what}: {folder}", DONE
    by_cause: dict[str, list[str]] = {}
    for name, why in missing.items():
        by_cause.setdefault(_cause(why), []).append(name)
    without = "; ".join(f"{', '.join(names)} ({cause})" for cause, names in by_cause.items())
    defect = not all(isinstance(why, OSError) for why in missing.values())
    please = "; please report it with the command" if defect else ""
    return f"{what}: {folder}, without {without}{please}", BROKEN if defect else USAGE


def _cause(error: Exception) -> str:
    """`No space left on device`, or a defect's name and first line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}".splitlines()[0].strip()
