"""The three plots that a teacher puts on a slide: downtime, jobs, connections.

Each says its finding in its title; the platforms stand above one another on the same axes, many of
them as small multiples.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.dataplane.codes import JOB_CAUSES
from sim.dataplane.tables import FIRST_CAUSE, SUCCEEDED
from sim.report.incident import stretches, window
from sim.report.plots.canvas import (
    ABREAST,
    BLUE,
    CAUSE_COLOURS,
    GREY,
    INK,
    LEFT,
    PURPLE,
    RIGHT,
    VERMILLION,
    bands,
    events,
    header,
    highest,
    key,
    per_second,
    slide,
    tidy,
    time_axis,
)
from sim.report.text import findings, verdict, words
from sim.results import metrics
from sim.results.figures import total
from sim.results.measurements import Measurements
from sim.results.run import Run

QUEUE, LOST = 0.57, 0.815  # width of the backlog, left edge of the losses; names between them
SHADE = "#c9c9c9"
SEEN = 0.01  # of an axis' height: a line nearer than this to the curve is not told from it


def figure(result: Measurements, what: str) -> Figure:
    """The plot of that name: downtime, jobs, connections or compare. ValueError for another."""
    plots: dict[str, Callable[[Measurements], Figure]] = {
        "downtime": downtime,
        "jobs": jobs,
        "connections": connections,
        "compare": downtime,
    }
    if what not in plots:
        raise ValueError(f"no plot {what!r}; there are {', '.join(plots)}")
    if not result.runs:
        raise ValueError("nothing to plot: no first replication was finished")
    return plots[what](result)


def downtime(result: Measurements) -> Figure:
    """Requests answered and failed per second by arrival, downtime shaded, events named."""
    page = slide(result, verdict.verdict(result, short=True))
    start, end = window(result)
    drawn: list[Axes] = []
    for band in bands(result, page):
        run = band.run
        axes = band.axes(drawn, page)
        table = run.recording.requests
        edges, good = per_second(table[:, SUCCEEDED], run, start, end)
        _, bad = per_second(table[:, FIRST_CAUSE:].sum(axis=1), run, start, end)
        axes.fill_between(edges, good, step="post", color=BLUE, alpha=0.85, linewidth=0)
        axes.fill_between(edges, good, good + bad, step="post", color=VERMILLION, linewidth=0)
        for a, b in stretches(metrics.down(run), run.recording.bucket_s):
            axes.axvspan(a, b, color=SHADE, alpha=0.55, zorder=0, linewidth=0)
        tidy(axes, "" if band.small else "requests/s")
        time_axis(axes, result, labels=band.lowest)
        events(axes, band)
        header(axes, band, _down_text(result, run))
        key(axes, band, [("answered", BLUE), ("failed", VERMILLION), ("down", GREY)])
    drawn[0].set_ylim(0, _ceiling(result, start, end))
    return page


def _ceiling(result: Measurements, start: float, end: float) -> float:
    """A little above the highest curve that is in view."""
    tops = []
    for run in result.runs:
        edges, rate = per_second(run.recording.requests[:, 0], run, start, end)
        seen = rate[(edges >= start) & (edges <= end)]
        tops.append(float(seen.max()) if seen.size else 0.0)
    return max([*tops, 1e-9]) * 1.08


def _down_text(result: Measurements, run: Run) -> str:
    figures = result.platforms[run.platform]
    lost, arrived = total(figures, "requests.failed"), figures["requests"]["arrived"]
    down = words.duration(figures["downtime_s"])
    if len(result.runs) > ABREAST:
        cells = dict(zip(findings.COLUMNS, findings.glance(run.platform, figures)[1:], strict=True))
        undone = words.count(figures["jobs"]["never_done"])
        rest = f"{undone} jobs never done · hands-on {cells['hands-on']} · {cells['cost']}"
        return f"down {down} · {words.count(lost)} failed · {rest}"
    return f"down {down}; {words.count(lost)} of {words.count(arrived)} requests failed"


def jobs(result: Measurements) -> Figure:
    """The backlog over time, and how many jobs were lost, by cause."""
    page = slide(result, _jobs_finding(result))
    causes = [
        cause
        for cause in JOB_CAUSES
        if any(f["jobs"]["lost"][cause] for f in result.platforms.values())
    ]
    top = max(max(run.gauge.backlog_peak for run in result.runs) * 1.08, 5.0)
    queue: list[Axes] = []
    lost: list[Axes] = []
    flat = [run for run in result.runs if run.gauge.backlog_peak < SEEN * top]
    drawn = [run for run in result.runs if run not in flat]
    if len(result.runs) <= ABREAST or not drawn:
        flat, drawn = [], list(result.runs)
    if flat:
        said = ", ".join(
            f"{words.platform(run.platform)} {words.count(run.gauge.backlog_peak)}" for run in flat
        )
        page.text(LEFT, 0.862, f"Too few to be drawn, at the worst: {said}", size=11, color=INK)
    for band in bands(result, page, QUEUE if causes else RIGHT - LEFT, drawn):
        run = band.run
        axes = band.axes(queue, page)
        edges, queued = highest(run.series["t_s"], run.series["jobs_queued"], *window(result))
        axes.fill_between(edges, queued, step="post", color=PURPLE, linewidth=0)
        tidy(axes, "" if band.small else "jobs queued")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        time_axis(axes, result, labels=band.lowest)
        events(axes, band)
        peak = run.gauge.backlog_peak
        if peak - queued.max(initial=0) > SEEN * top:  # between two samples of a second
            axes.axhline(peak, color=PURPLE, linewidth=1.0, linestyle=":")
        figures = result.platforms[run.platform]["jobs"]
        longest, undone = words.count(peak), words.count(figures["never_done"])
        if peak != figures["backlog_peak"]:
            longest += f" (seed {run.seed})"  # the curve's, which a mean is not
        header(axes, band, f"longest backlog {longest}, {undone} jobs never done")
        if causes and not band.small:
            side = (LOST, band.bottom, RIGHT - LOST, band.height)
            lost.append(page.add_axes(side, sharex=lost[0] if lost else None))
            _lost(lost[-1], figures["lost"], causes)
    queue[0].set_ylim(0, top)
    return page


def _jobs_finding(result: Measurements) -> str:
    """`Compose: 109 jobs lost · Kubernetes: 3`; if none was lost, the longest backlogs. Where more
    were never left, since their request failed, the share that is done of those wanted: whoever
    turns users away loses no job."""
    lost = {n: total(f, "jobs.lost") for n, f in result.platforms.items()}
    jobs = {n: f["jobs"] for n, f in result.platforms.items()}
    if any(each["wanted"] - each["enqueued"] > lost[name] for name, each in jobs.items()):
        return _finding(result, "jobs.done_share", "of the jobs wanted are done")
    if any(lost.values()):
        return _finding(result, "jobs.lost", "jobs lost")
    return _finding(result, "jobs.backlog_peak", "jobs waiting at most, none lost")


def _finding(result: Measurements, path: str, what: str, of: str = "") -> str:
    """`Compose: 781 [640 .. 902] jobs lost · Kubernetes: 1`: the first platform says what is
    counted. Of many the least and the most."""
    values = {name: total(figures, path) for name, figures in result.platforms.items()}
    shown = {
        name: verdict.ranged(path, figures, result.spread.get(name, {})) + of
        for name, figures in result.platforms.items()
    }
    names = list(values)
    if len(names) > ABREAST:
        least, most = min(names, key=values.__getitem__), max(names, key=values.__getitem__)
        if values[least] == values[most]:
            return f"All {len(names)} platforms: {shown[least]} {what}"
        names = [least, most]
    first, *others = (f"{words.platform(name)}: {shown[name]}" for name in names)
    return " · ".join([f"{first} {what}", *others])


def _lost(axes: Axes, counts: dict[str, float], causes: list[str]) -> None:
    """One bar a cause, named and numbered; the same causes and the same scale on each platform."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0, labelsize=11)
    axes.xaxis.set_visible(False)
    values = [counts[cause] for cause in causes]
    colours = [CAUSE_COLOURS[JOB_CAUSES.index(c) % len(CAUSE_COLOURS)] for c in causes]
    bars = axes.barh([c.replace("_", " ") for c in causes], values, color=colours, height=0.5)
    axes.bar_label(bars, [words.count(v) for v in values], padding=4, size=12, color=INK)
    axes.set_ylim(len(causes) - 0.4 + max(0, 2 - len(causes)), -0.6)
    axes.set_xlim(0, max([*values, axes.get_xlim()[1] / 1.3, 1]) * 1.3)
    axes.set_title("of these lost, by cause", size=11, color=GREY, loc="left")


def connections(result: Measurements) -> Figure:
    """Database connections in use against the limit; refusals per second beneath, if there are."""
    page = slide(result, _connections_finding(result))
    start, end = window(result)
    used: list[Axes] = []
    strips: list[Axes] = []
    refused = (per_second(run.recording.refused, run, start, end)[1] for run in result.runs)
    refusing = float(max(rates.max() for rates in refused))
    entries = [("in use", BLUE), ("limit", INK), ("refused", VERMILLION)][: 3 if refusing else 2]
    for band in bands(result, page):
        run = band.run
        axes = band.axes(used, page, (0.4 if band.small else 0.31) if refusing else 0.0)
        time, series = run.series["t_s"], run.series
        axes.fill_between(
            time, series["connections"], step="post", color=BLUE, alpha=0.85, linewidth=0
        )
        axes.step(time, series["connection_limit"], where="post", color=INK, linewidth=1.6)
        tidy(axes, "" if band.small else "connections")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        time_axis(axes, result, labels=band.lowest and not refusing)
        events(axes, band)
        header(axes, band, _connections_text(result, run))
        key(axes, band, entries)
        if not refusing:
            continue
        strip = band.axes(strips, page, 0.0, 0.2 if band.small else 0.23)
        edges, rates = per_second(run.recording.refused, run, start, end)
        strip.fill_between(edges, rates, step="post", color=VERMILLION, linewidth=0)
        tidy(strip, "")
        strip.text(0.004, 0.9, "refused/s", size=10.5, color=GREY, va="top",
                   transform=strip.transAxes)  # fmt: skip
        strip.yaxis.set_major_locator(MaxNLocator(1 if band.small else 2, integer=True))
        time_axis(strip, result, labels=band.lowest)
    top = max(float(run.series["connection_limit"].max(initial=0)) for run in result.runs)
    peak = max(f["connections"]["peak"] for f in result.platforms.values())
    used[0].set_ylim(0, max(min(top, 4 * peak + 10), peak, 1) * 1.12)
    if refusing:
        strips[0].set_ylim(0, max(refusing, 1.0) * 1.1)
    return page


def _connections_text(result: Measurements, run: Run) -> str:
    counts = result.platforms[run.platform]["connections"]
    text = f"at most {findings.pair(result, run.platform, 'connections.peak')}"
    if counts["refused"]:
        text += f", {words.count(counts['refused'])} refused"
    if counts["containers_refused"]:
        text += f", {words.count(counts['containers_refused'])} containers refused at start"
    return text


def _connections_finding(result: Measurements) -> str:
    """`Compose: 790 connections refused · Kubernetes: 792`; if none was, the peaks."""
    if any(figures["connections"]["refused"] for figures in result.platforms.values()):
        return _finding(result, "connections.refused", "connections refused")
    limits = {
        words.count(done.figures["connections"]["limit"])
        for runs in result.replications.values()
        for done in runs
    }
    of = f" of {limits.pop()}" if len(limits) == 1 else ""
    return _finding(result, "connections.peak", "connections at most, none refused", of)
