"""Causes that no controller tells, read from what a run counted: rows for its timeline.

A database without a free connection, who was refused, jobs that were given up by the hundred, and
an autoscaler that added consumers meanwhile. Rules over the samples and the counters of a second
each; a stretch ends when nothing of the kind happened for a minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JobLoss, Outcome
from sim.dataplane.tables import FIRST_CAUSE, FIRST_LOSS, Recording
from sim.results.run import TimelineRow

CALM_S = 60.0  # so long without: the next is another stretch
MANY = 100  # jobs; of fewer the table is enough
GIVEN_UP = {
    JobLoss.ATTEMPTS_EXHAUSTED: "every attempt of theirs failed",
    JobLoss.STALLED: "their workers died too often",
}


def stretches(times: NDArray[np.floating[Any]], calm_s: float = CALM_S) -> list[tuple[int, int]]:
    """First and last index of each run of `times` (sorted) without a gap above `calm_s`."""
    if not times.size:
        return []
    breaks = np.flatnonzero(np.diff(times) > calm_s)
    firsts = [0, *(breaks + 1).tolist()]
    lasts = [*breaks.tolist(), times.size - 1]
    return list(zip(firsts, lasts, strict=True))


def signs(
    recording: Recording,
    series: dict[str, NDArray[np.float64]],
    timeline: Collection[TimelineRow],
    consumers: Collection[str],
    end_s: float,
    full: str = "SQLSTATE 53300",
) -> list[TimelineRow]:
    """Rows in order of time. `consumers`: services that hold connections to the database, which
    says `full` when it has none left."""
    rows = [
        *limits(series, end_s),
        *refusals(recording, full),
        *given_up(recording),
        *additions(series, timeline, consumers),
    ]
    return sorted(rows, key=lambda row: row.t_s)


def limits(series: dict[str, NDArray[np.float64]], end_s: float) -> Iterator[TimelineRow]:
    """Every slot of the database taken, at a look once a second; and free again."""
    limit, used = series["connection_limit"], series["connections"]
    full = np.flatnonzero((limit > 0) & (used >= limit))
    times = series["t_s"][full]
    for first, last in stretches(times):
        begun, over, slots = float(times[first]), float(times[last]), int(limit[full[first]])
        text = f"all {slots} connections of the database are taken"
        yield TimelineRow(begun, "limit_reached", "database", text)
        if over + CALM_S < end_s:
            text = "the database has free connections again"
            yield TimelineRow(over, "limit_left", "database", text)


def refusals(recording: Recording, full: str) -> Iterator[TimelineRow]:
    """Whom the database turned away, in its words for having no connection left."""
    width = recording.bucket_s
    buckets = np.flatnonzero(recording.refused)
    failed = recording.requests[:, FIRST_CAUSE + Outcome.DB_REFUSED - Outcome.REFUSED]
    for first, last in stretches(buckets * width):
        span = slice(buckets[first], buckets[last] + 1)
        count, of_users = int(recording.refused[span].sum()), int(failed[span].sum())
        whose = f"; requests that failed by it: {of_users:,}" if of_users else ""
        text = f"the database refuses {_times(count)} in {_spell(span, width)} ({full}){whose}"
        yield TimelineRow(float(span.start * width), "connection_refused", "database", text)


def given_up(recording: Recording) -> Iterator[TimelineRow]:
    """Jobs that nobody tries again, by the hundred."""
    width = recording.bucket_s
    for cause, why in GIVEN_UP.items():
        if recording.job_totals[FIRST_LOSS + cause] < MANY:
            continue
        lost = recording.jobs[:, FIRST_LOSS + cause]
        buckets = np.flatnonzero(lost)
        for first, last in stretches(buckets * width):
            span = slice(buckets[first], buckets[last] + 1)
            count = int(lost[span].sum())
            if count >= MANY:
                text = f"{count:,} jobs are given up in {_spell(span, width)}: {why}"
                yield TimelineRow(float(span.start * width), "jobs_given_up", "jobs", text)


def additions(
    series: dict[str, NDArray[np.float64]],
    timeline: Collection[TimelineRow],
    consumers: Collection[str],
) -> Iterator[TimelineRow]:
    """Replicas that listen while every connection is taken, and want some themselves."""
    times, limit, used = series["t_s"], series["connection_limit"], series["connections"]
    for row in timeline:
        service = row.subject.rpartition("-")[0]
        if row.event != "listening" or service not in consumers or not times.size:
            continue
        at = int(np.searchsorted(times, row.t_s, side="right")) - 1
        if 0 < limit[at] <= used[at]:
            text = f"{row.subject} wants connections and all {int(limit[at])} are taken"
            yield TimelineRow(row.t_s, "consumers_added", row.subject, text)


def _times(count: int) -> str:
    return "one connection" if count == 1 else f"{count:,} connections"


def _spell(span: slice, width: float) -> str:
    seconds = (span.stop - span.start) * width
    return f"{seconds:g} s" if seconds < 120.0 else f"{round(seconds / 60.0):g} min"
