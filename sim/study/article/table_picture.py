"""The article's table as one slide: what each capability protects, with it and without it."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.report import colours
from sim.report.plots.canvas import GREY, INK, Slide
from sim.report.text import words
from sim.study.article.article import MEASURES
from sim.study.article.table_text import ArticleTable, Measured, figure

COLUMNS = 5


def picture(table: ArticleTable) -> Figure:
    """A small bar chart per row, each in the figure that its capability protects."""
    page = Slide()
    page.text(0.03, 0.955, _finding(table), size=19, weight="bold", color=INK, va="center")
    below = f"The article's ten problems, measured ({table.seeds}). "
    below += "Hatched: that capability taken away."
    page.text(0.03, 0.912, below, size=11, color=GREY, va="center")
    rows = math.ceil(len(table.rows) / COLUMNS)
    bases = [n for n in dict.fromkeys(n for m in table.rows for n in m.losses) if "-" not in n]
    hues = colours.on_white(bases)
    for i, measured in enumerate(table.rows):
        width, height = 0.97 / COLUMNS, 0.86 / rows
        left = 0.03 + (i % COLUMNS) * width
        bottom = 0.02 + (rows - 1 - i // COLUMNS) * height
        axes = page.add_axes((left, bottom + 0.02, width - 0.025, height - 0.115))
        _bars(axes, measured, hues)
    return page


def _finding(table: ArticleTable) -> str:
    """How many of the capabilities Kubernetes misses when they are taken away."""
    worse = total = 0
    for row, losses in table.rows:
        with_it = losses.get("kubernetes")
        without = losses.get(f"kubernetes-{row.capability}")
        if with_it is not None and without is not None:
            total += 1
            lost = without[row.metric] - with_it[row.metric]
            worse += lost >= MEASURES[row.metric].margin
    if not total:
        return "What each platform loses"
    return f"Take one capability away: in {worse} of {total} cases Kubernetes loses more without it"


def _bars(axes: Axes, measured: Measured, hues: dict[str, str]) -> None:
    row, losses = measured.row, measured.losses
    values = [loss[row.metric] for loss in losses.values()]
    top = max([*values, 1e-9])
    page = axes.figure
    box = axes.get_position()
    title = row.capability.replace("_", " ")
    page.text(box.x0, box.y1 + 0.048, title, size=12.5, weight="bold", color=INK)
    page.text(
        box.x0, box.y1 + 0.022, f"{row.problem}: {MEASURES[row.metric].axis}", size=8.5, color=GREY
    )
    size = 8.2 if len(values) <= 6 else 7.4
    for y, (name, value) in enumerate(zip(losses, values, strict=True)):
        base, *without = name.split("-")
        axes.barh(
            y + 0.04, value / top, height=0.34, color="white" if without else hues[base],
            edgecolor=hues[base], hatch="////" if without else None, linewidth=1.0,
        )  # fmt: skip
        label = "without it" if without else words.platform(base)
        shown = f"{label}: {figure(row.metric, value)}"
        indent = 0.06 if without else 0.0
        axes.text(indent, y - 0.20, shown, size=size, color=INK, va="bottom")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(len(values) - 0.4, -0.75)
    axes.axis("off")
