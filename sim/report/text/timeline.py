"""The timeline as a post-mortem: `00:05:00 api-1 killed by docker kill (exit 137)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from sim.report.text import words
from sim.report.text.columns import folded
from sim.results.run import Run, TimelineRow

HANGING = " " * len("  00:00:00 ")
ALIKE = 3  # one event on more subjects than this in a row is told once


def line(row: TimelineRow) -> str:
    """One event, by the simulated clock; who it happened to comes first."""
    text = row.text or row.event.replace("_", " ")
    subject = "" if not row.subject or row.subject in text else f"{row.subject} "
    return f"{words.clock(row.t_s)} {subject}{text}"


def story(runs: Iterable[Run], most: int) -> str:
    """What happened in each run under its heading, at most `most` lines a run."""
    parts = []
    for run in runs:
        head = f"What happened under {words.platform(run.platform)} (seed {run.seed})\n"
        told = folded(lines(run, most), "  ", HANGING)
        parts.append(head + "".join(f"{line}\n" for line in told))
    return "\n".join(parts)


def lines(run: Run, most: int) -> list[str]:
    """At most `most` lines: what happens to many at a time is told of the first of them. The last
    line says how many events are only in timeline.csv."""
    text: list[str] = []
    shown = 0
    for rows in _groups(run.timeline):
        if len(text) >= most:
            text.append(f"... and {len(run.timeline) - shown} more events in timeline.csv")
            break
        text.append(line(rows[0]))
        shown += len(rows)
        if len(rows) > 1:
            others = [row.subject for row in rows[1:]]
            names = ", ".join(others[:ALIKE])
            more = f" and {len(others) - ALIKE} more" if len(others) > ALIKE else ""
            text.append(f"         likewise {names}{more}, by {words.clock(rows[-1].t_s)}")
    return text or ["nothing that changed what runs, and nothing that anybody did"]


def _groups(timeline: tuple[TimelineRow, ...]) -> Iterator[list[TimelineRow]]:
    """Rows of one kind in a row with many subjects as one group, all others alone."""
    for _, same in groupby(timeline, key=lambda row: row.event):
        rows = list(same)
        if len({row.subject for row in rows}) == len(rows) > ALIKE:
            yield rows
        else:
            yield from ([row] for row in rows)
