"""Pictures of decisions: a curve with its knee, a heat map, a tornado, set-ups side by side. One
slide each."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.report import colours
from sim.report.plots.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILLION,
    Slide,
    bare,
    tidy,
    titled,
)
from sim.report.text import words
from sim.study.ask import setting_text
from sim.study.decision.advice import Advice
from sim.study.decision.decision_sentences import sentence
from sim.study.decision.decision_tables import whole
from sim.study.decision.merit import Estimate, estimate
from sim.study.decision.sensitivity import Tornado, finding
from sim.study.decision.sweep import Sweep, SweepPoint, findings

MONEY = (
    ("machines", BLUE),
    ("upkeep", SKY),
    ("migration", GREEN),
    ("incidents", ORANGE),
    ("lost", VERMILLION),
)


def page(finding: str, below: str, **options: float) -> Figure:
    """An empty slide with its finding on top."""
    figure = Slide(**options)
    lines = textwrap.wrap(finding, 110, max_lines=2, placeholder=" ...")
    size = 20.0 if len(finding) < 72 else 13.0
    figure.text(0.05, 0.94, "\n".join(lines), size=size, weight="bold", color=INK, va="center")
    figure.text(0.05, 0.885, below, size=11, color=GREY, va="center")
    return figure


def knobs(sweep: Sweep) -> Figure:
    """Of one knob a curve, of two a heat map."""
    return (curve if len(sweep.space) == 1 else heat_map)(sweep)


def curve(sweep: Sweep) -> Figure:
    """The first figure over one knob: a line a platform with its band, the knee ringed."""
    (knob,) = sweep.space
    metric = sweep.metrics[0]
    band = words.kind_of_bounds(sweep.seeds, "seeds")
    below = f"{sweep.planned.name} · {metric} over {knob.path}, band: {band}"
    figure = page(findings(sweep)[0], below)
    axes = figure.add_axes((0.09, 0.12, 0.74, 0.70))
    places = {_words(value): x for x, value in enumerate(knob.values)}
    names = [name for name in sweep.planned.platforms if sweep.of(name)]
    hues = colours.on_white(names)
    for name in names:
        colour, knee = hues[name], sweep.knee(name)
        known = [
            (places[_words(point.settings[knob.path])], known_at, point)
            for point in sweep.of(name)
            if (known_at := point.estimate(metric)) is not None
        ]
        if not known:
            continue
        xs = [x for x, _, _ in known]
        means, lows, highs = zip(*(value for _, value, _ in known), strict=True)
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.15, linewidth=0)
        axes.plot(xs, means, color=colour, linewidth=2.2, marker="o", markersize=5)
        label = f" {words.platform(name)}"
        axes.text(xs[-1] + 0.05, means[-1], label, color=colour, size=11, va="center")
        for x, value, point in known:
            if point is knee:
                axes.plot([x], [value.mean], "o", ms=15, mfc="none", mec=colour, mew=2)
    axes.set_xticks(list(places.values()), list(places), rotation=30 if len(places) > 8 else 0)
    _scaled(axes, metric)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(f"{knob.path} (ring: knee)", size=11, color=GREY)
    return figure


def heat_map(sweep: Sweep) -> Figure:
    """The first figure over two knobs: a panel a platform, darker is more."""
    down, across = sweep.space
    metric = sweep.metrics[0]
    below = f"{sweep.planned.name} · {metric}: {down.path} down, {across.path} across"
    figure = page(findings(sweep)[0], below)
    names = [name for name in sweep.planned.platforms if sweep.of(name)]
    width = 0.90 / max(1, len(names))
    for k, name in enumerate(names):
        axes = figure.add_axes((0.08 + k * width, 0.10, width * 0.85, 0.68))
        knee = sweep.knee(name)
        grid = np.full((len(down.values), len(across.values)), np.nan)
        spots: list[tuple[int, int, SweepPoint, Estimate]] = []
        rows = [_words(value) for value in down.values]
        columns = [_words(value) for value in across.values]
        for point in sweep.of(name):
            value = point.estimate(metric)
            if value is not None:
                y = rows.index(_words(point.settings[down.path]))
                x = columns.index(_words(point.settings[across.path]))
                grid[y, x] = value.mean
                spots.append((y, x, point, value))
        axes.imshow(grid, aspect="auto", cmap="Blues")
        middle = float(np.nanmean(grid)) if spots else 0.0
        for y, x, point, value in spots:
            mark = "\nknee" if point is knee else ""
            colour = "white" if value.mean > middle else INK
            told = f"{words.figure(metric, value.mean)}{mark}"
            axes.text(x, y, told, ha="center", va="center", size=9, color=colour)
        axes.set_xticks(range(len(columns)), columns, size=9)
        axes.set_yticks(range(len(rows)), rows, size=9)
        titled(axes, words.platform(name))
    return figure


def tornado(study: Tornado) -> Figure:
    """The numbers that move the figure most: a row each, a bar a platform from low to high."""
    metric, most = study.metric, 14
    below = f"{study.planned.name} · {metric} with each number at half and double, one at a time"
    figure = page(finding(study), below)
    names = list(study.base)
    width = 0.70 / len(names)
    bars = study.bars[:most]
    for k, name in enumerate(names):
        axes = figure.add_axes((0.28 + k * width, 0.07, width * 0.9, 0.73))
        base = estimate(study.base[name], metric)
        middle = 0.0 if base is None else base.mean
        for y, bar in enumerate(bars):
            for end, colour in ((0, SKY), (1, ORANGE)):
                value = study.at(bar, end, name)
                if value is not None:
                    axes.barh(y, value.mean - middle, 0.62, middle, color=colour)
        axes.axvline(middle, color=INK, linewidth=1)
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars] if k == 0 else [], size=9)
        axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
        titled(axes, words.platform(name))
        bare(axes)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: words.figure(metric, value))
    for x, word, colour in ((0.28, "half, or low", SKY), (0.42, "double, or high", ORANGE)):
        figure.text(x, 0.02, f"\u25a0 {word}", size=10.5, color=colour)
    return figure


def setups(advice: Advice) -> Figure:
    """Left: hours down a year, the line is what 9 of 10 years have. Right: dollars a month."""
    below = "Left: hours down a year, 9 of 10 years on the line. Right: USD a month."
    figure, weighed = page(sentence(advice), below, dpi=110), advice.weighed
    left, right = (
        figure.add_axes((0.20, 0.09, 0.36, 0.74)),
        figure.add_axes((0.61, 0.09, 0.36, 0.74)),
    )
    for y, (each, years) in enumerate(zip(weighed, advice.ranges, strict=True)):
        low, high = years.harms["down_h"]
        left.barh(y, each.year.down_h, 0.6, color=VERMILLION, alpha=0.8)
        left.plot([low, high], [y, y], color=INK, linewidth=1.5)
        told = words.duration(each.year.down_h * 3600.0)
        left.text(max(high, each.year.down_h), y, f"  {told}", size=9, va="center", color=INK)
        begin = 0.0
        for part, colour in MONEY:
            value = getattr(each.money, part)
            right.barh(y, value, 0.6, begin, color=colour)
            begin += value
        right.text(begin, y, f"  {whole(begin)}", size=9, va="center", color=INK)
    left.set_yticks(range(len(weighed)), [each.outcome.setup.name for each in weighed], size=10)
    right.set_yticks([])
    for axes in (left, right):
        axes.set_ylim(len(weighed) - 0.4, -0.6)
        axes.set_xlim(right=1.25 * axes.get_xlim()[1])
        bare(axes)
    for i, (part, colour) in enumerate(MONEY):
        x = 0.61 + i * 0.36 / len(MONEY)  # all of them below the plot
        figure.text(x, 0.025, f"\u25a0 {part}", size=10, color=colour)
    return figure


def _words(value: object) -> str:
    return setting_text("", value).removeprefix("=")


def _scaled(axes: Axes, metric: str) -> None:
    tidy(axes, metric)
    axes.yaxis.set_major_formatter(lambda value, _: words.figure(metric, value))
