"""Who asked whom and what came of it: a drawing for each platform, from the figures of callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.report.page.graph import Arrow, Box, graph
from sim.report.text import words
from sim.results.figures import Figures
from sim.results.measurements import Measurements
from sim.results.services import USERS, caller_cell, cell, percent

GAP_X = 160  # pixels between columns: room for the labels, and for lines to part


class CallGraph(NamedTuple):
    """Of one platform: the SVG, and the same in words."""

    platform: str
    drawing: str
    words: str


def call_graphs(result: Measurements) -> Iterator[CallGraph]:
    """None of a stack in which nobody calls anybody: users and one service are no graph. Who gets
    no request, as of an imported file one that nobody is known to ask, is not drawn."""
    bears = 1.0 - result.slo.success
    for name, figures in result.platforms.items():
        boxes = _boxes(figures)
        arrows = [a for a in _arrows(figures, bears) if a.caller in boxes and a.callee in boxes]
        if len(arrows) > 1:
            title = f"{words.platform(name)}: who asked whom"
            began = figures.get("began_at")
            stores = figures.get("databases", ())  # which are not drawn
            notes = [f"it began at the database {began}"] if began in stores else []
            drawing = graph(boxes, arrows, USERS, title, notes, GAP_X)
            said = "; ".join([*(arrow.title for arrow in arrows), *notes])
            yield CallGraph(words.platform(name), drawing, said)


def _boxes(figures: Figures) -> dict[str, Box]:
    began = figures.get("began_at")
    boxes = {USERS: Box(())}
    for name, counts in figures.get("services", {}).items():
        lines = (cell(counts), *(["it began here"] if name == began else []))
        boxes[name] = Box(tuple(part for line in lines for part in line.split(", ")), "http")
    return boxes


def _arrows(figures: Figures, bears: float) -> Iterator[Arrow]:
    """Red where more fails than users bear."""
    for caller, row in figures.get("callers", {}).items():
        for callee, counts in row.items():
            calls = counts["calls"]
            failed = counts["failed"] / calls if calls else 0.0
            answered = f"{percent(1.0 - failed)} answered" if failed else "all answered"
            labels = (f"{calls:,.0f} calls", answered)
            title = f"{caller} to {callee}: {caller_cell(counts)}"
            style = "failing" if failed > bears else ""
            yield Arrow(caller, callee, title, labels if calls else ("no calls",), style)
