"""Set-ups side by side: hours down a year with their range, money a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from sim.report.plots.canvas import BLUE, GREY, INK, ORANGE, SKY, VERMILLION
from sim.report.text import words
from sim.study.decision.pictures import page
from sim.study.decision.worth import Weighed

MONEY = (("machines", BLUE), ("upkeep", SKY), ("incidents", ORANGE), ("lost", VERMILLION))


def picture(
    weighed: Sequence[Weighed], ranges: Sequence[Mapping[str, tuple[float, float]]], finding: str
) -> Figure:
    """Left: hours down a year, the line is what 9 of 10 years have. Right: dollars a month."""
    figure = page(
        finding, "Left: hours down a year, 9 of 10 years on the line. Right: USD a month."
    )
    left, right = (
        figure.add_axes((0.20, 0.09, 0.36, 0.74)),
        figure.add_axes((0.61, 0.09, 0.36, 0.74)),
    )
    for y, (each, years) in enumerate(zip(weighed, ranges, strict=True)):
        low, high = years["down_h"]
        left.barh(y, each.year.down_h, 0.6, color=VERMILLION, alpha=0.8)
        left.plot([low, high], [y, y], color=INK, linewidth=1.5)
        told = words.duration(each.year.down_h * 3600.0)
        left.text(max(high, each.year.down_h), y, f"  {told}", size=9, va="center", color=INK)
        begin = 0.0
        for part, colour in MONEY:
            value = getattr(each.money, part)
            right.barh(y, value, 0.6, begin, color=colour)
            begin += value
        right.text(begin, y, f"  {words.money(begin)}", size=9, va="center", color=INK)
    left.set_yticks(range(len(weighed)), [each.outcome.setup.name for each in weighed], size=10)
    right.set_yticks([])
    for axes in (left, right):
        axes.set_ylim(len(weighed) - 0.4, -0.6)
        axes.set_xlim(right=1.25 * axes.get_xlim()[1])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="both", length=0, colors=GREY)
    for i, (part, colour) in enumerate(MONEY):
        figure.text(0.61 + i * 0.09, 0.025, f"\u25a0 {part}", size=10, color=colour)
    return figure
