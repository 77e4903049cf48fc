"""The platform record of summary.json (schema 1), for one run and for many replications.

One run: every figure of DESIGN.md section 6. Many: means over replications (counts may then be
fractional), except latency percentiles, which come from the merged histograms (a mean of
percentiles is the percentile of nothing), and the longest latency. A figure that does not exist
in one of the replications (never recovered) has no mean: null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.dataplane.tables import (
    ARRIVED,
    DONE,
    DUPLICATED,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    SUCCEEDED,
)
from sim.results import metrics
from sim.results.intervals import interval
from sim.results.run import Run

SCHEMA = 1
Figures = dict[str, Any]  # nested records of int, float or None
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Replication:
    """What is kept of one run: its figures, and all of it only for the first seed.

    `latency` has shape (LATENCY_BINS,); `run` is None for further replications, so that memory
    does not grow with their number.
    """

    platform: str
    seed: int
    engine: str
    slo_held: bool
    figures: Figures
    latency: NDArray[np.int64]
    latency_max_s: float
    run: Run | None = None


def replication(run: Run, keep: bool) -> Replication:
    """Reduce a run to its figures; `keep` keeps the whole run for plots and files too."""
    return Replication(
        platform=run.platform,
        seed=run.seed,
        engine=run.engine,
        slo_held=metrics.slo_share(run) >= run.slo_success,
        figures=figures(run),
        latency=run.recording.latency,
        latency_max_s=run.recording.latency_max_s,
        run=run if keep else None,
    )


def figures(run: Run) -> Figures:
    """The record of one run, without `intervals`. Units are in the names; see DESIGN.md 6."""
    recording, gauge = run.recording, run.gauge
    requests = [int(x) for x in recording.requests.sum(axis=0)]
    jobs = [int(x) for x in recording.jobs.sum(axis=0)]
    return {
        "requests": {
            "arrived": requests[ARRIVED],
            "succeeded": requests[SUCCEEDED],
            "in_flight": gauge.in_flight,
            "failed": dict(zip(REQUEST_CAUSES, requests[FIRST_CAUSE:], strict=True)),
        },
        "jobs": {
            "enqueued": jobs[ENQUEUED],
            "done": jobs[DONE],
            "queued": gauge.jobs_queued,
            "in_progress": gauge.jobs_in_progress,
            "duplicated": jobs[DUPLICATED],
            "lost": dict(zip(JOB_CAUSES, jobs[FIRST_LOSS:], strict=True)),
            "backlog_peak": gauge.backlog_peak,
            "drained_at_s": metrics.drained_at_s(run),
            "oldest_s": metrics.oldest_s(run),
        },
        "downtime_s": metrics.seconds(metrics.down(run), run),
        "degraded_s": metrics.seconds(metrics.degraded(run), run),
        "availability": metrics.availability(run),
        "latency_s": _latency(recording.latency, recording.latency_max_s),
        "detect_s": metrics.detect_s(run),
        "recover_s": metrics.recover_s(run),
        "connections": {
            "limit": gauge.connection_limit,
            "peak": gauge.connections_peak,
            "refused": gauge.connections_refused,
            "exhausted_s": float(gauge.exhausted_s),
            "containers_refused": run.containers_refused,
        },
        "operator": {
            "pages": run.operator.pages,
            "minutes": float(run.operator.minutes),
            "mistakes": run.operator.mistakes,
        },
        "cost": {"server_hours": run.server_seconds / 3600.0, "usd": float(run.usd)},
    }


def mean_figures(replications: Sequence[Replication]) -> Figures:
    """One record for all replications of a platform, with `intervals` when there are several."""
    if len(replications) == 1:
        return replications[0].figures
    merged = _mean([r.figures for r in replications])
    histogram = np.sum([r.latency for r in replications], axis=0)
    longest = max(r.latency_max_s for r in replications)
    merged["latency_s"] = _latency(histogram, longest)
    merged["intervals"] = intervals(replications)
    return merged


def intervals(replications: Sequence[Replication]) -> dict[str, list[float]]:
    """95 % t-intervals of the means: dotted path -> [low, high], cut to what is possible.

    Not for latency percentiles (they are no means) nor for figures that some run lacks.
    """
    found = {}
    for path in paths(replications[0].figures):
        values = [lookup(r.figures, path) for r in replications]
        numbers = [float(v) for v in values if v is not None]
        if path.startswith("latency_s.") or len(numbers) < len(values):
            continue
        low, high = interval(numbers)
        top = 1.0 if path == "availability" else high
        found[path] = [max(0.0, low), min(high, top)]
    return found


def paths(record: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted paths of all numbers in a platform record: `jobs.lost.redis_wiped`."""
    for name, value in record.items():
        if isinstance(value, dict):
            if name != "intervals":
                yield from paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def lookup(record: Mapping[str, Any], path: str) -> float | None:
    """The number at a dotted path. KeyError if there is none (claims.py checks beforehand)."""
    value: Any = record
    for part in path.split("."):
        value = value[part]
    return value  # type: ignore[no-any-return]


def _latency(histogram: NDArray[np.int64], longest_s: float) -> dict[str, float | None]:
    """Percentiles and maximum in seconds; all None when nothing succeeded."""
    found = {
        name: metrics.percentile(histogram, share, longest_s) for name, share in PERCENTILES.items()
    }
    return {**found, "max": float(longest_s) if histogram.any() else None}


def _mean(records: Sequence[Figures]) -> Figures:
    """Field by field; None as soon as one of the replications has no such figure."""
    merged: Figures = {}
    for name, value in records[0].items():
        column = [record[name] for record in records]
        if isinstance(value, dict):
            merged[name] = _mean(column)
        else:
            merged[name] = None if None in column else fmean(column)
    return merged
