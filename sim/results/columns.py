"""What each column of a result's tables says, and in which unit: `sim.columns()`, and its page.

Of the figures from their own table (sim.results.figures), of the series from the table below and
that of the samples (sim.results.run, SERIES); so a column has one row, here or there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.results.figures import FIGURES
from sim.results.run import SERIES

PER_SECOND, NOW = "in this second", "at the end of this second"
# of series.csv, beside what each cause and each sample adds
COUNTED = {
    "t_s": ("s since the start", "The beginning of the second."),
    "requests_arrived": (PER_SECOND, "Users' requests that came."),
    "requests_succeeded": (PER_SECOND, "... of these, answered well, then or later."),
    "requests_in_slo": (PER_SECOND, "... of these, as fast as the SLO asks."),
    "latency_mean_s": ("s", "Mean time to a good answer, of requests that came in this second."),
    "down": ("0 or 1", "1: so few requests were answered well that it counts as down."),
    "degraded": ("0 or 1", "1: fewer than the SLO asks were answered well."),
    "jobs_enqueued": (PER_SECOND, "Jobs that were put into a queue."),
    "jobs_done": (PER_SECOND, "Jobs that a worker finished."),
    "jobs_duplicated": (PER_SECOND, "Jobs that were finished once more."),
    "connections_refused": (PER_SECOND, "Connections that a database refused."),
}


class ColumnMeaning(NamedTuple):
    table: str  # series, or figures
    name: str
    unit: str
    meaning: str


def meanings() -> Iterator[ColumnMeaning]:
    """Each column of `Result.series`, then each row of `Result.figures`."""
    for name, (unit, meaning) in COUNTED.items():
        yield ColumnMeaning("series", name, unit, meaning)
    for cause in REQUEST_CAUSES:
        meaning = f"Requests of this second that failed in the end: {cause.replace('_', ' ')}."
        yield ColumnMeaning("series", f"requests_{cause}", PER_SECOND, meaning)
    for cause in JOB_CAUSES:
        meaning = f"Jobs lost: {cause.replace('_', ' ')}."
        yield ColumnMeaning("series", f"jobs_lost_{cause}", PER_SECOND, meaning)
    for name, sample in SERIES.items():
        yield ColumnMeaning("series", name, PER_SECOND if sample.so_far else NOW, sample.help)
    for figure in FIGURES:
        label = figure.row.label if figure.row is not None else figure.path.replace("_", " ")
        for path in figure.paths:
            part = path.removeprefix(figure.path).strip(".").replace("_", " ")
            meaning = f"{label}: {part}" if part else label
            yield ColumnMeaning("figures", path, figure.unit.value, meaning)


def page() -> str:
    """The same as a page of the documents."""
    lines = [
        "# What each column means", "",
        "Made by `python -m sim schema columns`; `sim.columns()` gives the same as a data frame.",
        "All counts of `Result.series` and series.csv are of one second; before them stands",
        "`platform`.",
    ]  # fmt: skip
    for table, where in (("series", "Result.series, series.csv"), ("figures", "Result.figures")):
        lines += ["", f"## {where}", "", "| column | unit | what it says |", "|---|---|---|"]
        rows = (column for column in meanings() if column.table == table)
        lines += [f"| `{row.name}` | {row.unit} | {row.meaning} |" for row in rows]
    return "\n".join(lines) + "\n"
