"""The timeline as a post-mortem: `00:05:00 api-1 killed by docker kill (exit 137)`."""

from __future__ import annotations

from sim.report import words
from sim.results.run import Run, TimelineRow


def line(row: TimelineRow) -> str:
    """One event, by the simulated clock; who it happened to comes first."""
    text = row.text or row.event.replace("_", " ")
    who = "" if not row.subject or row.subject in text else f"{row.subject} "
    return f"{words.clock(row.t_s)} {who}{text}"


def text(run: Run) -> str:
    """All events of a run, one a line; empty without any."""
    return "".join(f"{line(row)}\n" for row in run.timeline)
