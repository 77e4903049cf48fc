"""DIR: report.html, postmortem.md, summary.json, timeline.csv, plots and more.

summary.json, timeline.csv and series.csv are the same bytes for the same seed; no file holds a
wall-clock time.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report.exports.formats import FORMATS, export_parts
from sim.report.folder import Missing, Parts, replace_folder, texts, write_each
from sim.report.page.document import page
from sim.report.plots import drawable
from sim.report.plots.pictures import PICTURES, draw, pictures
from sim.report.postmortem.text import markdown as postmortem
from sim.report.text.markdown import markdown
from sim.results.measurements import Measurements
from sim.results.run import TIMELINE_COLUMNS, timeline_rows
from sim.results.series import series_columns

DATA = (
    "report.html", "summary.json", "summary.md", "postmortem.md", "timeline.csv", "series.csv",
)  # fmt: skip
# `pictures.draw`, meanwhile; what it hands over is filled at the end
Drawing = Callable[[Measurements, Path], AbstractContextManager[Missing]]
OURS = frozenset({*DATA, "compare.png", *PICTURES, *(row.file for row in FORMATS.values())})


def write(
    result: Measurements,
    folder: Path,
    plots: bool = True,
    exports: Sequence[str] = (),
    drawing: Drawing | None = None,
) -> Missing:
    """Write the report to `folder`, in the place of an earlier one; returns what is missing of it.

    `drawing`: draws the plots while its body runs; without it, they are drawn first. Raises
    `InputError` if nothing could be written; an earlier report stays then.
    """

    def fill(fresh: Path) -> Missing:
        draws = plots and bool(result.runs) and drawable()
        names = pictures(result) if draws else []
        with (drawing or _drawing_here)(result, fresh) if draws else nullcontext({}) as undrawn:
            missing = write_each(_texts(result, names), fresh)
        if undrawn:  # a text shows only what there is
            drawn = [name for name in names if name not in undrawn]
            missing |= write_each(texts({"summary.md": lambda: markdown(result, drawn)}), fresh)
        missing |= write_each(export_parts(result, exports), fresh)
        return {**missing, **undrawn}

    return replace_folder(folder, fill, OURS)


@contextmanager
def _drawing_here(result: Measurements, folder: Path) -> Iterator[Missing]:
    yield draw(result, folder)


def _texts(result: Measurements, names: Sequence[str]) -> Parts:
    """What says most comes first: where the disk fills up, it is there."""
    return {
        **texts(
            {
                "summary.json": lambda: summary_json(result),
                "summary.md": lambda: markdown(result, list(names)),
                "postmortem.md": lambda: postmortem(result),
            }
        ),
        "timeline.csv": partial(_table, chain([TIMELINE_COLUMNS], timeline_rows(result.runs))),
        **texts({"report.html": lambda: page(result)}),
        "series.csv": partial(_lines, _series(result)),
    }


def summary_json(result: Measurements) -> str:
    """summary.json, schema 2: keys in their documented order, floats as Python writes them."""
    return json.dumps(result.summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _table(rows: Iterable[Iterable[Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _lines(lines: Iterable[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)


def _series(result: Measurements) -> Iterator[str]:
    """The names of the columns, then the rows of each run, as lines. A cell is a number, and a
    platform's name has no comma: nothing needs quotes."""
    for position, run in enumerate(result.runs):
        columns = series_columns(run)
        if position == 0:
            yield ",".join(("platform", *columns))
        rows = len(columns["t_s"])
        yield from map(",".join, zip(*_parts(run.platform, columns.values(), rows), strict=True))


def _parts(platform: str, columns: Iterable[NDArray[Any]], rows: int) -> Iterator[Iterable[str]]:
    """The cells of each column that varies, and what stands between them, made once for all rows:
    in a quiet run that is nearly all."""
    same = [platform]
    for values in columns:
        if (values == values[0]).all():
            same += _cells(values[:1])
            continue
        if same:
            yield repeat(",".join(same), rows)
            same = []
        yield _cells(values)
    if same:
        yield repeat(",".join(same), rows)


def _cells(values: NDArray[Any]) -> list[str]:
    """Whole numbers without a point, others as Python writes them, NaN as an empty cell.

    A column at once: five hours have a million cells, and most columns hold whole numbers alone."""
    whole = np.trunc(values) == values
    if whole.all():
        return list(map(str, values.astype(np.int64).tolist()))
    cells = values.astype(object)
    cells[whole] = values[whole].astype(np.int64)
    cells[np.isnan(values)] = ""
    return list(map(str, cells))
