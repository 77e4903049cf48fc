"""A quarter as one slide: minutes of work by kind, and what share of a working week they make."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.report.plots.canvas import BLUE, GREY, INK, ORANGE, SKY, Slide, titled
from sim.report.text import words
from sim.results.services import percent
from sim.study.quarter.tally import CLAIM, Quarter
from sim.study.quarter.text import finding, setting

PARTS = (("hands on", BLUE), ("watching deploys", SKY), ("post-mortems, fixes", ORANGE))
WIDE = 4  # platforms that leave room for a long title


def picture(quarter: Quarter) -> Figure:
    """Left: hands-on minutes, kinds by platforms. Right: the share of one person's time."""
    page = Slide()
    short = len(quarter.platforms) <= WIDE
    said = finding(quarter) if short else "What share of one person's working time it takes"
    size = 20.0 if len(said) < 72 else max(12.0, 20.0 * 72 / len(said))
    page.text(0.03, 0.945, said, size=size, weight="bold", color=INK, va="center")
    below = setting(quarter) + ("; interrupted, sums so far" if quarter.interrupted else "")
    page.text(0.03, 0.895, below, size=11, color=GREY, va="center")
    _minutes(page.add_axes((0.03, 0.05, 0.50, 0.77)), quarter)
    _shares(page.add_axes((0.58, 0.17, 0.39, 0.60)), quarter)
    return page


def _minutes(axes: Axes, quarter: Quarter) -> None:
    """A shaded table: darker is more."""
    kinds = [kind.name for kind in quarter.rates.kinds]
    cells = {(k, p): quarter.tally(p, k).minutes for k in kinds for p in quarter.platforms}
    top = max([*cells.values(), 1e-9])
    first, width = 0.30, 0.70 / len(quarter.platforms)
    titled(axes, "Minutes of hands-on work a quarter (how many came)", 12.5)
    size = 10.5 if len(quarter.platforms) <= WIDE else 8.0
    for x, name in enumerate(quarter.platforms):
        title = "\n".join(textwrap.wrap(words.platform(name), 11))
        middle = first + (x + 0.5) * width
        axes.text(middle, -0.15, title, size=size, color=INK, ha="center", va="bottom")
        for y, kind in enumerate(kinds):
            value = cells[kind, name]
            shade = (value / top) ** 0.5
            axes.bar(middle, 0.92, width * 0.97, y + 0.04, color=BLUE, alpha=0.08 + 0.82 * shade)
            colour = "white" if shade > 0.6 else INK
            said = "-" if value == 0 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
            axes.text(middle, y + 0.5, said, size=size, color=colour, ha="center", va="center")
    for y, kind in enumerate(kinds):
        came = words.count(max(quarter.tally(p, kind).incidents for p in quarter.platforms))
        axes.text(0.0, y + 0.5, f"{kind} ({came})", size=10.5, color=INK, va="center")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(kinds), -0.9)
    axes.axis("off")


def _shares(axes: Axes, quarter: Quarter) -> None:
    """A stacked bar a platform, and the claim's line."""
    working = quarter.rates.working_minutes
    whole = [name for name in quarter.platforms if quarter.whole(name)]
    ends = []
    for y, name in enumerate(whole):
        start = 0.0
        for minutes, (_, colour) in zip(quarter.spent(name), PARTS, strict=True):
            share = minutes / working
            axes.barh(y, share, 0.5, start, color=colour)
            start += share
        ends.append(start)
        axes.text(start + 0.01, y, percent(start), size=11, color=INK, va="center")
        axes.text(0.0, y - 0.32, words.platform(name), size=11, color=INK, va="bottom")
    axes.axvline(CLAIM, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(CLAIM, 1.01, "the article: 80 %", size=10.5, color=INK, ha="center",
              transform=axes.get_xaxis_transform())  # fmt: skip
    titled(axes, "Share of one person's working time", 12.5, pad=26)
    axes.set_xlim(0, max([1.0, *(end * 1.1 for end in ends)]))
    axes.set_ylim(max(len(whole), 1) - 0.5, -0.75)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.tick_params(axis="x", labelsize=10, length=0, colors=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    page, box = axes.figure, axes.get_position()
    for i, (name, colour) in enumerate(PARTS):
        page.text(box.x0 + i * 0.13, box.y0 - 0.09, f"\u25a0 {name}", size=10.5, color=colour)
