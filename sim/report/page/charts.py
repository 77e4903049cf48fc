"""The time series of report.html as plain data: one chart a subject, one line a platform, all on
the same time axis; above them a lane for each platform with its downtime and its events.

Places along the time axis are percents of the plot, heights are pixels: the page stretches sideways
and its letters do not. The page's script draws the same curves again with uPlot, to be pointed at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.dataplane.tables import ARRIVED, SUCCEEDED
from sim.report import colours
from sim.report.incident import stretches, window
from sim.report.page import curves
from sim.report.page.curves import Values
from sim.report.plots import event_labels
from sim.report.text import timeline, words
from sim.results import metrics
from sim.results.figures import figure_at
from sim.results.measurements import Measurements
from sim.results.run import Run, TimelineRow
from sim.schema.traffic import Traffic

TALL = 92  # pixels, of a plot
NARROW = 700.0  # pixels: the narrowest plot above which events are named
BARS, NAME = 36, 14  # height of a lane's bars, and of each row of names above them
LETTER = 5.9  # width of a letter of a name, about; fonts differ
MARKS = 120  # places along the axis at which events can be marked, of two platforms
SHOWN = 5  # events told at one mark
FEW = 3  # platforms whose curves can all be coloured in one plot
ARRIVALS_S = 5.0
TICKS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
    172800, 432000, 864000,
)  # fmt: skip


class Curve(NamedTuple):
    """One platform's curve. `kind`: of its colour and dashes; `told`: least and most in view."""

    kind: int
    platform: str
    path: str
    told: str
    peak: float | None  # the highest value at any instant, which a sample a second may miss


class Chart(NamedTuple):
    title: str
    unit: str
    top: float
    digits: int  # decimals that a reader needs
    lines: tuple[Curve, ...]  # one, if it is the same on all platforms
    ticks: tuple[tuple[float, str], ...]  # y in the plot, label
    description: str  # what it shows, for somebody who does not see it


class Stretch(NamedTuple):
    x: float  # columns
    width: float


class EventMark(NamedTuple):
    x: float
    number: int
    text: str  # lines


class EventName(NamedTuple):
    """An event's name above a lane: its line at `x`, the text from or up to `edge` (percent)."""

    x: float
    edge: float
    anchor: str  # start or end
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
    ticks: tuple[tuple[float, str], ...]  # percent, label
    part: str  # `18 min of 5 h`, empty if all is shown


class Charts(NamedTuple):
    """`chosen`: the platforms that stand out at first, where they are many."""

    columns: int  # of the curves
    axis: Axis
    lanes: tuple[Lane, ...]
    shaded: tuple[Stretch, ...]  # somebody was down
    charts: tuple[Chart, ...]
    chosen: tuple[str, ...]


class View(NamedTuple):
    """The part of a run that is shown, and in how many columns."""

    start_s: float
    end_s: float
    columns: int

    def share(self, t_s: float) -> float:
        """How far along the axis a time is, 0 to 1."""
        return (t_s - self.start_s) / max(self.end_s - self.start_s, 1e-9)


def charts(result: Measurements) -> Charts:
    """Everything that the section on time series shows."""
    view = View(*window(result), curves.columns_for(len(result.runs)))
    kinds = colours.kinds([run.platform for run in result.runs])
    lanes = tuple(
        platform_lane(kind, run, view) for kind, run in zip(kinds, result.runs, strict=True)
    )
    subjects = [ARRIVALS, *SUBJECTS] if varies(result.traffic) else SUBJECTS
    charts = (subject_chart(subject, result, view) for subject in subjects)
    drawn = tuple(chart for chart in charts if chart is not None)
    shaded = tuple(sorted({stretch for lane in lanes for stretch in lane.down}))
    axis = time_axis(view, result.horizon_s)
    return Charts(view.columns, axis, lanes, shaded, drawn, chosen(result))


def chosen(result: Measurements) -> tuple[str, ...]:
    """All of a few; of many the two that the verdict is about, else the first two."""
    names = [run.platform for run in result.runs]
    decided = result.decision
    if len(names) > FEW:
        names = [decided.worse, decided.better[0]] if decided else names[:2]
    return tuple(map(words.platform, names))


def varies(traffic: Traffic | None) -> bool:
    """Do more users come at some times than at others?"""
    return traffic is not None and (bool(traffic.trace) or len(traffic.points) > 1)


# ---- the axis and the lanes ----
def time_axis(view: View, horizon_s: float) -> Axis:
    """Round times along the bottom, some eight of them."""
    start, end, _ = view
    span = max(end - start, 1e-9)
    step = next((t for t in TICKS if span / t <= 9), TICKS[-1])
    first = int(np.ceil(start / step - 1e-9))
    times = [k * step for k in range(first, int(end / step + 1e-9) + 1)]
    ticks = tuple((100.0 * view.share(t), clock(t, step)) for t in times)
    part = ""
    if end - start < horizon_s:
        part = f"{words.duration(end - start)} of {words.duration(horizon_s)}"
    return Axis(start, end, ticks, part)


def clock(t_s: float, step_s: float) -> str:
    """`5 d`, `00:30` or `00:30:10`, as fine as the step between two labels."""
    if step_s >= 86400:
        return f"{t_s / 86400:g} d"
    return words.clock(t_s) if step_s % 60 else words.clock(t_s)[:-3]


def platform_lane(kind: int, run: Run, view: View) -> Lane:
    down = stretches(metrics.down(run), run.recording.bucket_s)
    degraded = stretches(metrics.degraded(run), run.recording.bucket_s)
    name = words.platform(run.platform)
    placed = event_labels.place(
        event_labels.chosen(run, view.start_s, view.end_s),
        lambda t: NARROW * view.share(t),
        lambda text: LETTER * len(text),
        NARROW,
    )
    height = NAME * max([0, *(label.lane + 1 for label in placed)])
    names = (_event_name(label, height - NAME * label.lane - 3.0) for label in placed)
    description = f"{name}: down " + (
        ", ".join(f"from {words.clock(a)} to {words.clock(b)}" for a, b in down[:5]) or "never"
    )
    return Lane(
        kind,
        name,
        _columns(down, view),
        _columns(degraded, view),
        tuple(_marks(run, view)),
        tuple(names),
        float(height),
        description + (f" and {len(down) - 5} times more" if len(down) > 5 else ""),
    )


def _event_name(placed: event_labels.Placed, y: float) -> EventName:
    left = placed.low < placed.x
    x, edge = (
        round(100.0 * p / NARROW, 2) for p in (placed.x, placed.high if left else placed.low)
    )
    return EventName(x, edge, "end" if left else "start", y, placed.mark.label)


def _columns(parts: list[tuple[float, float]], view: View) -> tuple[Stretch, ...]:
    """Stretches in columns of the view, those that touch within a column joined."""
    columns = float(view.columns)
    joined: list[list[float]] = []
    for a, b in parts:
        low, high = max(0.0, view.share(a) * columns), min(columns, view.share(b) * columns)
        if high <= 0.0 or low >= columns:
            continue
        if joined and low - joined[-1][1] < 1.0:
            joined[-1][1] = high
        else:
            joined.append([low, high])
    return tuple(Stretch(round(a, 1), round(max(b - a, 1.0), 1)) for a, b in joined)


def _marks(run: Run, view: View) -> list[EventMark]:
    """Events that share a place along the axis share a mark, at the first of them."""
    at: dict[int, list[TimelineRow]] = {}
    places = max(40, MARKS * view.columns // curves.MOST)
    for row in run.timeline:
        if view.start_s <= row.t_s <= view.end_s:
            at.setdefault(int(view.share(row.t_s) * (places - 1)), []).append(row)
    marks = []
    for _, rows in sorted(at.items()):
        more = [f"... and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        text = "\n".join([*(timeline.line(row)[:120] for row in rows[:SHOWN]), *more])
        x = round(view.share(rows[0].t_s) * view.columns, 1)
        marks.append(EventMark(x, len(rows), text))
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
    peak: str = ""  # the figure of its highest value at any instant


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
    """Mean of those answered well, milliseconds."""
    recording = run.recording
    good = np.asarray(recording.requests[:, SUCCEEDED], dtype=np.int64)
    times, mean_s = curves.ratios(recording.latency_sum, good, recording.bucket_s)
    return times, mean_s * 1000.0


def sampled(name: str) -> Callable[[Run], tuple[Values, Values]]:
    return lambda run: (run.series["t_s"], run.series[name])


ARRIVALS = Subject("Requests that arrive", "per s", 1, arriving)
SUBJECTS = (
    Subject("Requests answered well", "%", 1, success, top=100.0, least=-1.0),
    Subject("Time to answer, mean", "ms", 0, latency),
    Subject("Requests in flight", "", 0, sampled("in_flight"), least=4.0),
    Subject("Jobs in the queue", "", 0, sampled("jobs_queued"), peak="jobs.backlog_peak"),
    Subject("Database connections", "", 0, sampled("connections"), peak="connections.peak"),
    Subject("Replicas that get traffic", "", 0, sampled("ready")),
    Subject("Servers", "", 0, sampled("servers"), changing=True),
)


def subject_chart(subject: Subject, result: Measurements, view: View) -> Chart | None:
    """One subject of all platforms on one scale; None if there is nothing to see."""
    platforms = [run.platform for run in result.runs]
    names = [words.platform(name) for name in platforms]
    bands = []
    for run in result.runs:
        times, values = subject.values(run)
        bands.append(curves.extremes(times, values, view.start_s, view.end_s, view.columns))
    drawn = [(low, high) for low, high in bands if not np.isnan(high).all()]
    peaks = [_peak(subject, run) for run in result.runs]
    highest = max((float(np.nanmax(high)) for _, high in drawn), default=0.0)
    highest = max([highest, *(peak for peak in peaks if peak is not None)])
    still = all(np.nanmin(low) == np.nanmax(high) for low, high in drawn)
    if highest <= subject.least or (subject.changing and still):
        return None
    top = subject.top or curves.ceiling(highest)
    alike = len(bands) > 1 and len({low.tobytes() + high.tobytes() for low, high in bands}) == 1
    spans = [_range(*band, peak, subject.digits) for band, peak in zip(bands, peaks, strict=True)]
    lines = tuple(
        Curve(kind, name, curves.path(low, high, top), text, peak)
        for kind, name, (low, high), text, peak in zip(
            colours.kinds(platforms), names, bands, spans, peaks, strict=True
        )
    )
    ticks = tuple((TALL * (1 - share), f"{top * share:g}") for share in (0.0, 0.5, 1.0))
    unit = subject.unit and f" {subject.unit}"
    description = "; ".join(f"{name} {text}{unit}" for name, text in zip(names, spans, strict=True))
    if alike:
        lines = (lines[0]._replace(platform="the same on all platforms"),)
    return Chart(subject.title, subject.unit, top, subject.digits, lines, ticks, description)


def _peak(subject: Subject, run: Run) -> float | None:
    """The figure that the table shows, of this run."""
    value = figure_at(subject.peak).of(run) if subject.peak else None
    return float(value) if isinstance(value, float | int) else None


def _range(low: Values, high: Values, peak: float | None, digits: int) -> str:
    if np.isnan(high).all():
        return "nothing"
    ends = float(np.nanmin(low)), max(float(np.nanmax(high)), peak or 0.0)
    return " to ".join(dict.fromkeys(f"{round(value, digits):,.10g}" for value in ends))
