"""Small multiples: every platform on the same incident, one small panel each, on the same axes."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.dataplane.tables import FIRST_CAUSE, SUCCEEDED
from sim.report.incident import stretches, window
from sim.report.plots.canvas import BLUE, GREY, INK, VERMILLION, per_second, slide, tidy, time_axis
from sim.report.text import comparison, words
from sim.results import metrics
from sim.results.measurements import Measurements
from sim.results.run import Run

SHADE = "#c9c9c9"
COLUMNS = 2
LEFT, RIGHT, TOP, BOTTOM = 0.06, 0.985, 0.80, 0.07


def compare(result: Measurements) -> Figure:
    """Requests answered and failed per second under each platform; downtime shaded, the price
    in jobs, connections, hands-on minutes and money beneath the name."""
    page = slide(result, comparison.headline(result), bands_each=False)
    for x, word, colour in (
        (0.79, "answered", BLUE),
        (0.87, "failed", VERMILLION),
        (0.93, "down", GREY),
    ):
        page.text(x, 0.857, f"\u25a0 {word}", size=11, color=colour)
    lines = math.ceil(len(result.runs) / COLUMNS)
    first: Axes | None = None
    for i, run in enumerate(result.runs):
        line, column = divmod(i, COLUMNS)
        width = (RIGHT - LEFT - 0.05) / COLUMNS
        height = (TOP - BOTTOM) / lines
        box = (
            LEFT + column * (width + 0.05), TOP - (line + 1) * height + 0.012,
            width, height - 0.068,
        )  # fmt: skip
        axes = page.add_axes(box, sharey=first)
        first = first or axes
        panel(axes, result, run, last=i >= len(result.runs) - COLUMNS)
    return page


def panel(axes: Axes, result: Measurements, run: Run, last: bool) -> None:
    start, end = window(result)
    table = run.recording.requests
    edges, good = per_second(table[:, SUCCEEDED], run, start, end)
    _, bad = per_second(table[:, FIRST_CAUSE:].sum(axis=1), run, start, end)
    axes.fill_between(edges, good, step="post", color=BLUE, alpha=0.85, linewidth=0)
    axes.fill_between(edges, good, np.add(good, bad), step="post", color=VERMILLION, linewidth=0)
    for a, b in stretches(metrics.down(run), run.recording.bucket_s):
        axes.axvspan(a, b, color=SHADE, alpha=0.55, zorder=0, linewidth=0)
    tidy(axes, "")
    time_axis(axes, result, labels=last)
    axes.set_xlabel("")
    axes.tick_params(labelsize=8)
    cells = dict(zip(comparison.COLUMNS, _row(result, run)[1:], strict=True))
    box = axes.get_position()
    page = axes.figure
    page.text(
        box.x0, box.y1 + 0.029, words.platform(run.platform), size=12, weight="bold", color=INK
    )
    finding = f"{cells['down']} down · {cells['failed']} failed"
    page.text(box.x1, box.y1 + 0.029, finding, size=11, color=INK, ha="right")
    price = f"{cells['jobs lost']} jobs lost · {cells['refused']} connections refused · "
    price += f"hands-on {cells['hands-on']} · {cells['cost']}"
    page.text(box.x0, box.y1 + 0.008, price, size=8.5, color=GREY)


def _row(result: Measurements, run: Run) -> tuple[str, ...]:
    names = list(result.platforms)
    return comparison.rows(result)[names.index(run.platform)]
