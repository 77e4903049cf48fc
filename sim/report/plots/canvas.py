"""What all plots share: the page, the colours, the clock along the bottom, the named events.

Slides: 16:9, large type, every line and area named where it stands. Colours are those of Okabe
and Ito (2008), told apart with any colour vision; colour never says anything alone. Figures are
drawn by Agg without pyplot, so that no global state and no display is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from textwrap import wrap
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from sim.report.incident import window
from sim.report.plots import event_labels
from sim.report.text import findings, means, words
from sim.results.measurements import Measurements
from sim.results.run import Run

BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILLION, PURPLE, YELLOW, INK = "#D55E00", "#CC79A7", "#F0E442", "#222222"
CAUSE_COLOURS = (VERMILLION, ORANGE, PURPLE, SKY, YELLOW, INK)
SHORT, LONG = 64, 88  # letters of a finding of one line; of each of two
FEW = 2  # platforms whose means fit beneath a finding
GREY = "#6b6b6b"
SIZE = (12.8, 7.2)  # inches; 150 dots an inch make 1920 x 1080
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
LANE = 0.024  # height of one lane of event names, share of the page
LEFT, RIGHT = 0.075, 0.975
TOP, BOTTOM, HEADER = 0.86, 0.075, 0.045  # of the platforms' bands; of their headers
ABREAST, GUTTER = 3, 0.06  # more platforms than this stand in two columns, so far apart
LABEL = FontProperties(size=9.5)


class Slide(Figure):
    """A white page for Agg, which Jupyter shows by itself, without pyplot."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"figsize": SIZE, "dpi": 150, "facecolor": "white", **options})
        FigureCanvasAgg(self)

    def draw(self, renderer: Any) -> None:
        """What is written is text: `$x^{$` in a title is no formula."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
        super().draw(renderer)

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=100)
        return out.getvalue()


def slide(result: Measurements, finding: str) -> Figure:
    """An empty page with its finding on top and what was run beneath it."""
    figure = Slide()
    whole = finding.replace(" .. ", "\xa0..\xa0")  # a range is not torn apart
    parts = math.ceil(len(finding) / LONG)
    lines = wrap(whole, len(whole) // parts + 8) if parts > 1 else [finding]
    size = 21.0 * min(1.0, SHORT / max(map(len, lines)), 1.4 / len(lines))
    figure.text(0.055, 0.955, "\n".join(lines), size=size, weight="bold", color=INK, va="center")
    below = f"{result.scenario} · {findings.setting(result)}"
    if result.reps > 1:
        below += f" · figures are means, curves show seed {result.shown_seed}"
    if 0 < len(result.means) <= FEW:
        below += f"\n{means.short(result)}"
    figure.text(0.055, 0.897, below, size=11, color=GREY, va="center")
    return figure


class Band(NamedTuple):
    """One platform's part of the page: its axes (shares of the page) and its named events."""

    run: Run
    left: float
    bottom: float
    width: float
    height: float
    lowest: bool  # of its column: the clock stands below
    named: list[event_labels.Placed] = []
    rise: float = 0.0  # height of the lanes of names above the axes, the same for all platforms
    small: bool = False  # one of many: nothing but its curves and a line above them

    def axes(self, others: list[Axes], page: Figure, low: float = 0.0, high: float = 1.0) -> Axes:
        """From `low` to `high` of its height, on the scale of the `others`, which they join."""
        box = self.left, self.bottom + self.height * low, self.width, self.height * (high - low)
        others.append(page.add_axes(box, sharey=others[0] if others else None))
        return others[-1]


def bands(
    result: Measurements, page: Figure, width: float = RIGHT - LEFT, runs: Sequence[Run] = ()
) -> list[Band]:
    """The platforms (of `runs` alone) from top to bottom, with axes of one size, `width` wide,
    below their names; many of them in two columns, without names of events."""
    runs = runs or result.runs
    if len(runs) > ABREAST:
        return _grid(runs)
    start, end = window(result)
    whole = (TOP - BOTTOM) / len(runs)
    lanes = max(0, min(event_labels.LANES, int((whole - HEADER - 0.1) / LANE)))
    pixels = width * page.bbox.width
    named = [
        event_labels.place(
            event_labels.chosen(run, start, end),
            lambda t: (t - start) / (end - start) * pixels,
            lambda text: _width(page, text, LABEL),
            pixels,
            lanes,
        )
        for run in runs
    ]
    rise = max([0, *(label.lane + 1 for labels in named for label in labels)]) * LANE
    height = whole - HEADER - rise - 0.035
    return [
        Band(
            run, LEFT, TOP - (i + 1) * whole + 0.015, width, height, run is runs[-1],
            labels, rise,
        )
        for i, (run, labels) in enumerate(zip(runs, named, strict=True))
    ]  # fmt: skip


def _grid(runs: Sequence[Run]) -> list[Band]:
    """Row by row."""
    rows = math.ceil(len(runs) / 2)
    width, whole = (RIGHT - LEFT - GUTTER) / 2, (TOP - 0.02 - BOTTOM) / rows
    return [
        Band(
            run, LEFT + (i % 2) * (width + GUTTER), TOP - 0.02 - (i // 2 + 1) * whole + 0.015,
            width, whole - 0.075, i >= len(runs) - 2, small=True,
        )
        for i, run in enumerate(runs)
    ]  # fmt: skip


def titled(axes: Axes, title: str, size: float = 12.0, **place: Any) -> None:
    """Its heading, above its left end."""
    axes.set_title(title, loc="left", size=size, weight="bold", color=INK, **place)


def bare(axes: Axes, **ticks: Any) -> None:
    """No frame but the base line, no ticks but their labels."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="both", length=0, colors=GREY, **ticks)


def tidy(axes: Axes, unit: str) -> None:
    """Bare, with a grid; the unit is said above the axis, not along it."""
    bare(axes, labelsize=10)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.set_ylabel(unit, size=10.5, color=GREY)


def header(axes: Axes, band: Band, text: str) -> None:
    """`Compose  5 min 41 s down` above the axes and its names."""
    page, y = _page(axes), axes.get_position().y1 + band.rise + 0.012
    left = axes.get_position().x0
    name = words.platform(band.run.platform)
    if band.small:
        page.text(left, y + 0.019, name, size=12, weight="bold", color=INK)
        room = band.width * page.bbox.width / _width(page, text, LABEL)
        page.text(left, y - 0.004, text, size=LABEL.get_size() * min(1.0, room), color=INK)
        return
    page.text(left, y, name, size=14, weight="bold", color=INK)
    after = _width(page, name, FontProperties(size=14, weight="bold")) / page.bbox.width
    page.text(left + after + 0.012, y, text, size=12, color=INK)


def key(axes: Axes, band: Band, entries: Sequence[tuple[str, str]]) -> None:
    """Names of colours, right-aligned above the axes: [("answered", BLUE), ...]; of many once."""
    page, y = _page(axes), axes.get_position().y1 + band.rise + 0.012
    x = axes.get_position().x1
    if band.small:
        x, y = RIGHT, 0.862  # below the line of the setting, which may be long
        if band.left > LEFT or any(text.get_text().endswith(entries[0][0]) for text in page.texts):
            return
    for name, colour in reversed(entries):
        text = f"\u25a0 {name}"
        page.text(x, y, text, size=11, color=colour, ha="right")
        x -= _width(page, text, FontProperties(size=11)) / page.bbox.width + 0.014


def time_axis(axes: Axes, result: Measurements, labels: bool) -> None:
    """The simulated clock along the bottom; labels on the lowest plot only."""
    start, end = window(result)
    axes.set_xlim(start, end)
    most = 10 if axes.get_position().width > 0.5 else 6
    step = next((t for t in TICKS if (end - start) / t <= most), TICKS[-1])
    ticks = np.arange(np.ceil(start / step) * step, end + 1e-9, step)
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.tick_params(axis="x", labelbottom=labels, pad=6)
    if labels:
        short = step % 60 == 0

        def clock(seconds: float, _: Any) -> str:
            return words.clock(seconds)[: 5 if short else 8]

        axes.xaxis.set_major_formatter(FuncFormatter(clock))
        unit = "hours:minutes" if short else "hours:minutes:seconds"
        part = ""
        if end - start < result.horizon_s:
            part = f", {words.duration(end - start)} of {words.duration(result.horizon_s)}"
        axes.set_xlabel(f"simulated time ({unit}){part}", size=10.5, color=GREY)


def events(axes: Axes, band: Band) -> None:
    """Mark the timeline's events: a line each, rising to its name above the axes."""
    page, box = _page(axes), axes.get_position()
    for label in band.named:
        top = 1 + (label.lane + 0.9) * LANE / box.height
        axes.plot(
            [label.mark.t_s] * 2, [0, top], color=INK, linewidth=0.8, linestyle=(0, (2, 2)),
            transform=axes.get_xaxis_transform(), clip_on=False, zorder=4,
        )  # fmt: skip
        x = box.x0 + label.low / page.bbox.width
        y = box.y1 + (label.lane + 0.55) * LANE
        page.text(x, y, label.mark.label, fontproperties=LABEL, color=INK, va="center")


def per_second(
    counts: NDArray[np.int64], run: Run, start: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(edges, rates) for step curves: counts by bucket, summed over bins wide enough to be calm.

    A bin is a whole number of buckets; at most some 240 fill the window, fewer if requests are
    rare. The last rate is repeated for the last edge.
    """
    width = run.recording.bucket_s
    busy = float(run.recording.requests[:, 0].mean()) / width
    wanted = max((end - start) / 240, min(20.0 / busy if busy else 0.0, (end - start) / 60))
    buckets = max(1, round(wanted / width))
    padded = np.concatenate([counts, np.zeros(-counts.size % buckets, dtype=counts.dtype)])
    summed = padded.reshape(-1, buckets).sum(axis=1)
    full = np.full(summed.size, buckets * width)
    full[-1] = max(width, width * (counts.size - (summed.size - 1) * buckets))
    edges = np.append(np.arange(summed.size) * buckets * width, counts.size * width)
    rates = summed / full
    return np.asarray(edges, dtype=np.float64), np.append(rates, rates[-1])


def highest(
    time: NDArray[np.float64], values: NDArray[np.float64], start: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(edges, maxima) for a step curve of a gauge: the highest of each of at most some 480 bins in
    the window, so that a peak of one second is as wide as a line."""
    samples = max(1, round((end - start) / 480 / (time[1] - time[0]))) if time.size > 1 else 1
    padded = np.concatenate([values, np.full(-values.size % samples, values[-1])])
    tops = padded.reshape(-1, samples).max(axis=1)
    return np.append(time[::samples], time[-1]), np.append(tops, tops[-1])


def _page(axes: Axes) -> Figure:
    """The figure that the axes stand on."""
    return cast(Figure, axes.figure)


def _width(page: Figure, text: str, font: FontProperties) -> float:
    """Width of a text on this page, in pixels."""
    renderer = cast(Any, page.canvas).get_renderer()
    return float(renderer.get_text_width_height_descent(text, font, False)[0])
