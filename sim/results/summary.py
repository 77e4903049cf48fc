"""The platform record of summary.json (schema 2), for one run and for many replications.

One run: every figure of sim.results.figures. Many: means over replications (counts may then be
fractional), except latency percentiles, which come from the merged histograms (a mean of
percentiles is the percentile of nothing), and the longest latency. A figure that does not exist
in one of the replications (never recovered) has no mean: null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.results import metrics, services
from sim.results.figures import METRICS, Figure, Figures, Unit, figure_at, lookup, record, total
from sim.results.intervals import bounds, kind
from sim.results.run import Run

SCHEMA = 2


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

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return int(total(self.figures, "requests.failed"))


def mean_total(replications: Sequence[Replication], path: str) -> float:
    """The mean of a figure, causes summed, that all of them have."""
    return fmean(total(done.figures, path) for done in replications)


def replication(run: Run, keep: bool) -> Replication:
    """Reduce a run to its figures; `keep` keeps the whole run for plots and files too."""
    return Replication(
        platform=run.platform,
        seed=run.seed,
        engine=run.engine,
        slo_held=metrics.slo_share(run) >= run.slo.success,
        figures=figures(run),
        latency=run.recording.latency,
        latency_max_s=run.recording.latency_max_s,
        run=run if keep else None,
    )


def figures(run: Run) -> Figures:
    """The record of one run, without `intervals`. Units are in the names."""
    return record(lambda figure: figure.of(run)) | services.tables(run)


class PooledLatencies(NamedTuple):
    """The latencies of several runs together."""

    latency: NDArray[np.int64]
    latency_max_s: float
    failed: int


def mean_figures(replications: Sequence[Replication]) -> Figures:
    """One record for all replications of a platform, with `intervals` when there are several."""
    if len(replications) == 1:
        return replications[0].figures
    pool = PooledLatencies(
        np.sum([r.latency for r in replications], axis=0),
        max(r.latency_max_s for r in replications),
        sum(r.failed for r in replications),
    )

    def merged(figure: Figure) -> float | dict[str, float | None] | None:
        if figure.pooled is not None:
            return figure.pooled(pool)
        if figure.parts:
            paths = zip(figure.parts, figure.paths, strict=True)
            return {part: _mean(replications, path) for part, path in paths}
        return _mean(replications, figure.path)

    told = services.mean_tables([r.figures for r in replications])
    return record(merged) | told | {
        "intervals": intervals(replications), "intervals_are": kind(len(replications)),
    }  # fmt: skip


def _mean(replications: Sequence[Replication], path: str) -> float | None:
    """None as soon as one of the replications has no such figure."""
    column = [lookup(r.figures, path) for r in replications]
    return None if None in column else fmean(column)


def intervals(replications: Sequence[Replication]) -> dict[str, list[float]]:
    """Bounds of the means (sim.results.intervals): dotted path -> [low, high], cut to what is
    possible.

    Not for latency percentiles (they are no means) nor for figures that some run lacks.
    """
    spans = {}
    for path in METRICS:
        figure = figure_at(path)
        values = [lookup(r.figures, path) for r in replications]
        if figure.pooled is None and None not in values:
            spans[path] = list(possible(figure, bounds([float(value) for value in values])))
    return spans


def possible(figure: Figure, span: tuple[float, float]) -> tuple[float, float]:
    """Bounds of a figure, cut: not below 0, a share not above 1."""
    low, high = span
    return max(0.0, low), min(high, 1.0) if figure.unit is Unit.SHARE else high
