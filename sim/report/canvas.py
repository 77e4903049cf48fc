"""What all plots share: the page, the colours, the clock along the bottom, the named events.

Slides: 16:9, large type, every line and area named where it stands. Colours are those of Okabe
and Ito (2008), told apart with any colour vision; colour never says anything alone. Figures are
drawn by Agg without pyplot, so that no global state and no display is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from sim.report import content, marks, words
from sim.results import metrics
from sim.results.result import Result
from sim.results.run import Run

BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILLION, PURPLE, YELLOW, INK = "#D55E00", "#CC79A7", "#F0E442", "#222222"
CAUSE_COLOURS = (VERMILLION, ORANGE, PURPLE, SKY, YELLOW, INK)
GREY = "#6b6b6b"
SIZE = (12.8, 7.2)  # inches; 150 dots an inch make 1920 x 1080
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
LANE = 0.024  # height of one lane of event names, share of the page
LABEL = FontProperties(size=9.5)


class Slide(Figure):
    """A Figure that Jupyter shows by itself, without pyplot."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=100)
        return out.getvalue()


def slide(result: Result, finding: str) -> Figure:
    """An empty page with its finding on top and what was run beneath it."""
    figure = Slide(figsize=SIZE, dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    size = 21.0 if len(finding) < 64 else max(13.0, 21.0 * 64 / len(finding))
    figure.text(0.055, 0.945, finding, size=size, weight="bold", color=INK, va="center")
    below = f"{result.scenario} · {content.setting(result)}"
    if result.reps > 1:
        below += f" · figures are means, curves show seed {result.seed}"
    figure.text(0.055, 0.897, below, size=11, color=GREY, va="center")
    return figure


def bands(result: Result, bottom: float = 0.085, top: float = 0.86) -> list[tuple[float, float]]:
    """(bottom, height) of each platform's part of the page, the first one on top."""
    n = len(result.runs)
    height = (top - bottom) / n
    return [(bottom + (n - 1 - i) * height, height) for i in range(n)]


def tidy(axes: Axes, unit: str) -> None:
    """No frame but the base line; the unit is said above the axis, not along it."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="both", labelsize=10, length=0, colors=GREY)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylabel(unit, size=10.5, color=GREY)


def header(axes: Axes, platform: str, text: str, raised: float = 0.0) -> None:
    """`Compose  5 min 41 s down` above the axes (and above `raised`, a share of the page)."""
    box = axes.get_position()
    y = box.y1 + raised + 0.012
    figure = axes.figure
    name = figure.text(box.x0, y, words.platform(platform), size=14, weight="bold", color=INK)
    width = _width(axes, name.get_text(), FontProperties(size=14, weight="bold"))
    after = box.x0 + width / (figure.bbox.width or 1.0) + 0.012
    figure.text(after, y, text, size=12, color=INK)


def key(axes: Axes, entries: Sequence[tuple[str, str]], raised: float = 0.0) -> None:
    """Names of colours, right-aligned above the axes: [("answered", BLUE), ...]."""
    box = axes.get_position()
    figure = axes.figure
    x = box.x1
    for name, colour in reversed(entries):
        text = f"\u25a0 {name}"
        figure.text(x, box.y1 + raised + 0.012, text, size=11, color=colour, ha="right")
        width = _width(axes, text, FontProperties(size=11))
        x -= width / (figure.bbox.width or 1.0) + 0.014


def window(result: Result) -> tuple[float, float]:
    """The part of the horizon that is worth looking at, in seconds: from before the first fault
    to after the last trouble, or everything if that is most of it."""
    first, last = result.horizon_s, 0.0
    for run in result.runs:
        trouble = np.flatnonzero(metrics.degraded(run)) * run.recording.bucket_s
        starts = [t for t in (run.fault_s, trouble[0] if trouble.size else None) if t is not None]
        first = min([first, *starts])
        ends = [metrics.drained_at_s(run) or 0.0, run.detected_s or 0.0]
        last = max([last, *starts, *ends, float(trouble[-1]) if trouble.size else 0.0])
    if last < first:
        return 0.0, result.horizon_s
    pad = max(60.0, 0.12 * (last - first))
    start, end = max(0.0, first - pad), min(result.horizon_s, last + pad)
    return (start, end) if end - start < 0.6 * result.horizon_s else (0.0, result.horizon_s)


def time_axis(axes: Axes, start: float, end: float, labels: bool) -> None:
    """The simulated clock along the bottom; labels on the lowest plot only."""
    axes.set_xlim(start, end)
    step = next((t for t in TICKS if (end - start) / t <= 10), TICKS[-1])
    ticks = np.arange(np.ceil(start / step) * step, end + 1e-9, step)
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.tick_params(labelbottom=labels)
    if labels:
        short = step % 60 == 0

        def clock(seconds: float, _: Any) -> str:
            return words.clock(seconds)[: 5 if short else 8]

        axes.xaxis.set_major_formatter(FuncFormatter(clock))
        unit = "hours:minutes" if short else "hours:minutes:seconds"
        axes.set_xlabel(f"simulated time ({unit})", size=10.5, color=GREY)


def events(axes: Axes, run: Run, start: float, end: float) -> float:
    """Mark the timeline's events: a line each, names in lanes above the axes.

    Returns the height that the lanes take, as a share of the page. Call after `time_axis`.
    """
    figure = axes.figure
    box = axes.get_window_extent()
    placed = marks.place(
        marks.chosen(run, start, end),
        lambda t: (t - start) / (end - start) * box.width,
        lambda text: _width(axes, text, LABEL),
        box.width,
    )
    page = figure.bbox.height
    top = 0.0
    for one in placed:
        height = 0.0 if one.lane is None else (one.lane + 0.9) * LANE
        rise = height * page / box.height
        axes.plot(
            [one.mark.t_s] * 2, [0, 1 + rise], color=INK, linewidth=0.8, linestyle=(0, (2, 2)),
            transform=axes.get_xaxis_transform(), clip_on=False, zorder=4,
        )  # fmt: skip
        if one.lane is not None:
            x = axes.get_position().x0 + one.low / figure.bbox.width
            y = axes.get_position().y1 + (one.lane + 0.55) * LANE
            figure.text(x, y, one.mark.label, fontproperties=LABEL, color=INK, va="center")
            top = max(top, (one.lane + 1) * LANE)
    return top


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


def stretches(flags: NDArray[np.bool_], width: float) -> list[tuple[float, float]]:
    """(from, to) in seconds of each run of True."""
    steps = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(float(a) * width, float(b) * width) for a, b in zip(starts, ends, strict=True)]


def _width(axes: Axes, text: str, font: FontProperties) -> float:
    """Width of a text on this page, in pixels."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return float(renderer.get_text_width_height_descent(text, font, False)[0])
