"""The time series of report.html as plain data: one chart a subject, one line a platform, all on
the same time axis; above them a lane for each platform with its downtime and its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.dataplane.tables import ARRIVED, SUCCEEDED
from sim.report.incident import stretches, window
from sim.report.page import curves
from sim.report.page.curves import Values
from sim.report.plots import event_labels
from sim.report.text import timeline, words
from sim.results import metrics
from sim.results.measurements import Measurements
from sim.results.run import Run, TimelineRow
from sim.schema.scenario import Traffic

LEFT, WIDTH, TALL = 64, 786, 92  # of the plot inside a chart of 1000 units
RIGHT = LEFT + WIDTH
BARS, NAME = 36, 14  # height of a lane's bars, and of each row of names above them
LETTER = 5.9  # width of a letter of a name, about; fonts differ
MARKS = 120  # places along the axis at which events can be marked, of two platforms
SHOWN = 5  # events told at one mark
ARRIVALS_S = 5.0
TICKS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
    172800, 432000, 864000,
)  # fmt: skip


class Curve(NamedTuple):
    """One platform's curve; `kind` picks its dashes and colour."""

    kind: int
    platform: str
    path: str
    label_y: float  # of its name at the right edge


class Chart(NamedTuple):
    title: str
    unit: str
    top: float
    digits: int  # decimals that a reader needs
    lines: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]  # y in the chart, label
    description: str  # what it shows, for somebody who does not see it


class Stretch(NamedTuple):
    x: float  # columns
    width: float


class EventMark(NamedTuple):
    x: float
    number: int
    text: str  # lines


class EventName(NamedTuple):
    """An event's name above a lane: its line at `x`, the text from `low`, in a row at `y`."""

    x: float
    low: float
    y: float
    text: str


class Lane(NamedTuple):
    kind: int
    platform: str
    down: tuple[Stretch, ...]
    degraded: tuple[Stretch, ...]
    marks: tuple[EventMark, ...]
    names: tuple[EventName, ...]
    height: float  # of the names
    description: str  # as of a chart


class Axis(NamedTuple):
    start_s: float
    end_s: float
    ticks: tuple[tuple[float, str], ...]  # x in the chart, label
    part: str  # `18 min of 5 h`, empty if all is shown


class Charts(NamedTuple):
    columns: int  # of the curves
    axis: Axis
    lanes: tuple[Lane, ...]
    shaded: tuple[Stretch, ...]  # somebody was down
    charts: tuple[Chart, ...]


def charts(result: Measurements) -> Charts:
    """Everything that the section on time series shows."""
    start, end = window(result)
    axis = time_axis(start, end, result.horizon_s)
    columns = curves.columns_for(len(result.runs))
    lanes = tuple(platform_lane(i, run, start, end, columns) for i, run in enumerate(result.runs))
    subjects = [ARRIVALS, *SUBJECTS] if varies(result.traffic) else SUBJECTS
    charts = (subject_chart(subject, result, start, end, columns) for subject in subjects)
    drawn = tuple(chart for chart in charts if chart is not None)
    shaded = tuple(sorted({stretch for lane in lanes for stretch in lane.down}))
    return Charts(columns, axis, lanes, shaded, drawn)


def varies(traffic: Traffic | None) -> bool:
    """Do more users come at some times than at others?"""
    return traffic is not None and (bool(traffic.trace) or len(traffic.points) > 1)


# ---- the axis and the lanes ----
def time_axis(start: float, end: float, horizon_s: float) -> Axis:
    """Round times along the bottom, some eight of them."""
    span = max(end - start, 1e-9)
    step = next((t for t in TICKS if span / t <= 9), TICKS[-1])
    first = int(np.ceil(start / step - 1e-9))
    times = [k * step for k in range(first, int(end / step + 1e-9) + 1)]
    ticks = tuple((LEFT + WIDTH * (t - start) / span, clock(t, step)) for t in times)
    part = ""
    if end - start < horizon_s:
        part = f"{words.duration(end - start)} of {words.duration(horizon_s)}"
    return Axis(start, end, ticks, part)


def clock(t_s: float, step_s: float) -> str:
    """`5 d`, `00:30` or `00:30:10`, as fine as the step between two labels."""
    if step_s >= 86400:
        return f"{t_s / 86400:g} d"
    return words.clock(t_s) if step_s % 60 else words.clock(t_s)[:-3]


def platform_lane(kind: int, run: Run, start: float, end: float, columns: int) -> Lane:
    down = stretches(metrics.down(run), run.recording.bucket_s)
    degraded = stretches(metrics.degraded(run), run.recording.bucket_s)
    name = words.platform(run.platform)
    placed = event_labels.place(
        event_labels.chosen(run, start, end),
        lambda t: LEFT + WIDTH * (t - start) / max(end - start, 1e-9),
        lambda text: LETTER * len(text),
        RIGHT,
    )
    height = NAME * max([0, *(name.lane + 1 for name in placed)])
    names = (
        EventName(round(p.x, 1), round(p.low, 1), height - NAME * p.lane - 3.0, p.mark.label)
        for p in placed
    )
    description = f"{name}: down " + (
        ", ".join(f"from {words.clock(a)} to {words.clock(b)}" for a, b in down[:5]) or "never"
    )
    return Lane(
        kind,
        name,
        _columns(down, start, end, columns),
        _columns(degraded, start, end, columns),
        tuple(_marks(run, start, end, columns)),
        tuple(names),
        float(height),
        description + (f" and {len(down) - 5} times more" if len(down) > 5 else ""),
    )


def _columns(
    parts: list[tuple[float, float]], start: float, end: float, columns: int
) -> tuple[Stretch, ...]:
    """Stretches in columns of the window, those that touch within a column joined."""
    scale = columns / max(end - start, 1e-9)
    joined: list[list[float]] = []
    for a, b in parts:
        low, high = max(0.0, (a - start) * scale), min(float(columns), (b - start) * scale)
        if high <= 0.0 or low >= columns:
            continue
        if joined and low - joined[-1][1] < 1.0:
            joined[-1][1] = high
        else:
            joined.append([low, high])
    return tuple(Stretch(round(a, 1), round(max(b - a, 1.0), 1)) for a, b in joined)


def _marks(run: Run, start: float, end: float, columns: int) -> list[EventMark]:
    """Events that share a place along the axis share a mark, at the first of them."""
    at: dict[int, list[TimelineRow]] = {}
    places = max(40, MARKS * columns // curves.MOST)
    span = max(end - start, 1e-9)
    for row in run.timeline:
        if start <= row.t_s <= end:
            at.setdefault(int((row.t_s - start) / span * (places - 1)), []).append(row)
    marks = []
    for _, rows in sorted(at.items()):
        more = [f"... and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        text = "\n".join([*(timeline.line(row)[:120] for row in rows[:SHOWN]), *more])
        marks.append(EventMark(round((rows[0].t_s - start) / span * columns, 1), len(rows), text))
    return marks


# ---- the charts ----
class Subject(NamedTuple):
    title: str
    unit: str
    digits: int
    values: Callable[[Run], tuple[Values, Values]]  # times, values
    top: float | None = None  # a fixed upper edge
    least: float = 0.0  # not shown if nothing is above this
    changing: bool = False  # not shown if it is the same all the time


def arriving(run: Run) -> tuple[Values, Values]:
    """Requests a second, over bins of ARRIVALS_S: second by second chance hides the rate."""
    width = run.recording.bucket_s
    bins = max(1, round(ARRIVALS_S / width))
    table = np.asarray(run.recording.requests[:, ARRIVED], dtype=np.float64)
    starts = np.arange(0, table.size, bins)
    sizes = np.minimum(starts + bins, table.size) - starts
    rates = np.asarray(np.add.reduceat(table, starts) / (sizes * width), np.float64)
    return np.asarray(starts * width, np.float64), rates


def success(run: Run) -> tuple[Values, Values]:
    """Answered well of those that have an outcome, percent, by time of arrival."""
    table = run.recording.requests
    times, share = curves.ratios(table[:, SUCCEEDED], metrics.due(run), run.recording.bucket_s)
    return times, share * 100.0


def latency(run: Run) -> tuple[Values, Values]:
    """Mean of those answered well, seconds."""
    recording = run.recording
    good = np.asarray(recording.requests[:, SUCCEEDED], dtype=np.int64)
    return curves.ratios(recording.latency_sum, good, recording.bucket_s)


def sampled(name: str) -> Callable[[Run], tuple[Values, Values]]:
    return lambda run: (run.series["t_s"], run.series[name])


ARRIVALS = Subject("Requests that arrive", "per s", 1, arriving)
SUBJECTS = (
    Subject("Requests answered well", "%", 1, success, top=100.0, least=-1.0),
    Subject("Time to answer, mean", "s", 3, latency),
    Subject("Requests in flight", "", 0, sampled("in_flight"), least=4.0),
    Subject("Jobs in the queue", "", 0, sampled("jobs_queued")),
    Subject("Database connections", "", 0, sampled("connections")),
    Subject("Replicas that get traffic", "", 0, sampled("ready")),
    Subject("Servers", "", 0, sampled("servers"), changing=True),
)


def subject_chart(
    subject: Subject, result: Measurements, start: float, end: float, columns: int
) -> Chart | None:
    """One subject of all platforms on one scale; None if there is nothing to see."""
    bands = []
    for run in result.runs:
        times, values = subject.values(run)
        bands.append(curves.extremes(times, values, start, end, columns))
    known = [(low, high) for low, high in bands if not np.isnan(high).all()]
    highest = max((float(np.nanmax(high)) for _, high in known), default=0.0)
    still = all(np.nanmin(low) == np.nanmax(high) for low, high in known)
    if highest <= subject.least or (subject.changing and still):
        return None
    top = subject.top or curves.ceiling(highest)
    y_of = [_last(high, top) for _, high in bands]
    lines = tuple(
        Curve(i, words.platform(run.platform), curves.path(low, high, top), y)
        for i, (run, (low, high), y) in enumerate(zip(result.runs, bands, apart(y_of), strict=True))
    )
    ticks = tuple((TALL * (1 - share), f"{top * share:g}") for share in (0.0, 0.5, 1.0))
    description = "; ".join(
        f"{words.platform(run.platform)} {_range(low, high)}{subject.unit and ' ' + subject.unit}"
        for run, (low, high) in zip(result.runs, bands, strict=True)
    )
    return Chart(subject.title, subject.unit, top, subject.digits, lines, ticks, description)


def _range(low: Values, high: Values) -> str:
    if np.isnan(high).all():
        return "nothing"
    return f"{np.nanmin(low):.3g} to {np.nanmax(high):.3g}"


def _last(values: Values, top: float) -> float:
    known = values[~np.isnan(values)]
    return TALL * (1 - min(float(known[-1]), top) / top) if known.size else TALL / 2


def apart(wanted: list[float]) -> list[float]:
    """Heights of names near the wanted ones, evenly apart and beside the plot, however many."""
    gap = min(15.0, (TALL + 12.0) / len(wanted))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    placed = [0.0] * len(wanted)
    y = -4.0 - gap
    for i in order:
        y = placed[i] = max(wanted[i], y + gap)
    lowest = TALL + 4.0
    for i in reversed(order):
        placed[i] = min(placed[i], lowest)
        lowest = placed[i] - gap
    return [round(y, 1) for y in placed]
