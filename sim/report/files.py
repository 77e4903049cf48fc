"""DIR: report.html, postmortem.md, summary.json, timeline.csv, plots and more: all or nothing.

The files are written to a folder beside DIR that takes its place when it is complete, so that a
reader never sees half a report and a failure leaves the old one. summary.json, timeline.csv and
series.csv are the same bytes for the same seed; no file holds a wall-clock time.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sim.report.exports.formats import FORMATS, export
from sim.report.page.document import page
from sim.report.plots import drawable
from sim.report.plots.pictures import PICTURES, draw, pictures
from sim.report.postmortem.text import markdown as postmortem
from sim.report.text.markdown import markdown
from sim.results.measurements import Measurements
from sim.results.run import TIMELINE_COLUMNS, timeline_rows
from sim.results.series import series_columns
from sim.schema.fields import InputError

DATA = (
    "report.html", "summary.json", "summary.md", "postmortem.md", "timeline.csv", "series.csv",
)  # fmt: skip
Drawing = Callable[[Measurements, Path], AbstractContextManager[None]]  # `pictures.draw`, meanwhile
OURS = frozenset({*DATA, "compare.png", *PICTURES, *(row.file for row in FORMATS.values())})


def check_folder(folder: Path, ours: frozenset[str] = OURS) -> None:
    """Raise `InputError` if `write` could not put a report there. Leaves nothing behind.

    A folder that holds anything but a report is refused: replacing it would delete that.
    """
    if folder.is_symlink() and not folder.exists():
        raise _refused(folder, "a link to nowhere", "a folder that can be written")
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "a file", "a folder, or a name that is free")
    if folder.is_dir():
        strangers = sorted({entry.name for entry in folder.iterdir()} - ours)
        if strangers:
            found = f"a folder with other files in it ({', '.join(strangers[:3])})"
            raise _refused(folder, found, "an empty folder, an earlier report, or a new name")
    above = folder.resolve().parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise _refused(folder, f"{above.name} is a file", "a path through folders")
    try:  # asking the permission bits is not enough: read-only mounts, /proc, quotas
        Path(tempfile.mkdtemp(prefix=".sim.", dir=above)).rmdir()
    except OSError as error:
        found = f"{above}: {error.strerror or error}"
        raise _refused(folder, found, "a folder that can be written") from None


def _refused(folder: Path, found: str, expected: str) -> InputError:
    return InputError(field=f"--out {folder}", found=found, expected=expected)


def write(
    result: Measurements,
    folder: Path,
    plots: bool = True,
    exports: Sequence[str] = (),
    drawing: Drawing | None = None,
) -> None:
    """Write the report to `folder`, replacing an earlier one when the new one is complete.

    `drawing`: draws the plots while its body runs; without it, they are drawn first. Raises
    `InputError` if the folder cannot be written.
    """

    def fill(fresh: Path) -> None:
        _fill(result, fresh, plots, drawing or _drawing_here)
        export(result, exports, fresh)

    replace_folder(folder, fill)


def replace_folder(folder: Path, fill: Callable[[Path], None], ours: frozenset[str] = OURS) -> None:
    """`fill` writes into a new folder, which takes the place of `folder` when it is complete.

    `ours`: names of files that an earlier report may have left there. Raises `InputError`.
    """
    check_folder(folder, ours)
    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _refused(
            folder, error.strerror or str(error), "a folder that can be written"
        ) from None
    try:
        fill(fresh)
        fresh.chmod(0o777 & ~_umask())
        _swap(fresh, target)
    except OSError as error:
        raise _refused(
            folder, error.strerror or str(error), "a folder that can be written"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _swap(fresh: Path, target: Path) -> None:
    """`fresh` becomes `target`; the old one goes only once the new one stands."""
    old = fresh.with_name(fresh.name + ".old")
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _drawing_here(result: Measurements, folder: Path) -> Iterator[None]:
    draw(result, folder)
    yield


def _fill(result: Measurements, folder: Path, plots: bool, drawing: Drawing) -> None:
    if not plots or not result.runs or not drawable():
        _texts(result, folder, [])
    else:
        with drawing(result, folder):
            _texts(result, folder, pictures(result))


def _texts(result: Measurements, folder: Path, pictures: list[str]) -> None:
    (folder / "summary.json").write_text(summary_json(result), encoding="utf-8")
    (folder / "summary.md").write_text(markdown(result, pictures), encoding="utf-8")
    (folder / "postmortem.md").write_text(postmortem(result), encoding="utf-8")
    (folder / "report.html").write_text(page(result), encoding="utf-8")
    with _text(folder / "timeline.csv") as file:
        _table(file, TIMELINE_COLUMNS, timeline_rows(result.runs))
    with _text(folder / "series.csv") as file:
        _series(file, result)


def summary_json(result: Measurements) -> str:
    """summary.json, schema 1: keys in their documented order, floats as Python writes them."""
    return json.dumps(result.summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _text(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="")


def _table(file: IO[str], header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def _series(file: IO[str], result: Measurements) -> None:
    for position, run in enumerate(result.runs):
        columns = series_columns(run)
        if position == 0:
            _table(file, ("platform", *columns), ())
        cells = [_cells(np.asarray(values, dtype=np.float64)) for values in columns.values()]
        rows = zip([run.platform] * len(cells[0]), *cells, strict=True)
        csv.writer(file, lineterminator="\n").writerows(rows)


def _cells(values: NDArray[np.float64]) -> list[Any]:
    """Whole numbers without a point, others as Python writes them, NaN as an empty cell.

    A column at once: five hours have a million cells, and most columns hold whole numbers alone."""
    whole = np.trunc(values) == values
    if whole.all():
        return list(values.astype(np.int64).tolist())
    cells = values.astype(object)
    cells[whole] = values[whole].astype(np.int64)
    cells[np.isnan(values)] = ""
    return list(cells)
