"""Which of two lists of runs is better in a figure: of pairs of the same seed, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from sim.results.counterfactual import gain
from sim.results.expectations import measured
from sim.results.figures import TABLES, Unit, figure_at
from sim.results.intervals import bounds
from sim.results.summary import Replication, possible

MORE_IS_BETTER = ("availability", "requests.succeeded", "jobs.done")
NEITHER = ("requests.arrived", "jobs.enqueued", "requests.in_flight", "connections.limit")
# of a figure of one service, call, store or endpoint; any other of them is neither
MORE_OF_ONE = {"succeeded", "done", "hits", "hit_ratio"}
LESS_OF_ONE = {
    "failed", "lost", "given_up", "retries", "misses", "unanswered", "duplicated", "backlog_peak",
    "oldest_s", "latency_s", "connections_refused", "connection_waits", "exhausted_s",
}  # fmt: skip
LEAST_SHARE = 0.001  # of availability: a smaller difference is nobody's concern; chosen


class Estimate(NamedTuple):
    """A mean over seeds with its bounds (sim.results.intervals); of one seed all are its value."""

    mean: float
    low: float
    high: float


def values(replications: Sequence[Replication], metric: str) -> list[float]:
    """Seed by seed; empty if one of them lacks the figure."""
    column = [measured(done.figures, metric) for done in replications]
    known = [float(value) for value in column if value is not None]
    return known if len(known) == len(column) else []


def estimate(replications: Sequence[Replication], metric: str) -> Estimate | None:
    """None if there is no such figure in one of them. Not below 0, a share not above 1."""
    column = values(replications, metric)
    if not column:
        return None
    return Estimate(fmean(column), *possible(figure_at(metric), bounds(column)))


def sign(metric: str) -> int:
    """-1: less is better; 1: more is; 0: neither."""
    table, *words = metric.split(".")
    if table in TABLES:
        return len(MORE_OF_ONE.intersection(words[1:])) - len(LESS_OF_ONE.intersection(words[1:]))
    return 1 if metric in MORE_IS_BETTER else 0 if metric in NEITHER else -1


def clearly_worse(
    these: Sequence[Replication], best: Sequence[Replication], metric: str
) -> bool:  # fmt: skip
    """Is the first worse than the second beyond chance (in pairs of one seed), and by more
    than nobody minds? A figure that does not exist (never recovered) is worse than any."""
    first, second = values(these, metric), values(best, metric)
    if not first or not second:
        return bool(second) and not first
    pairs = min(len(first), len(second))
    gap = gain(first[:pairs], second[:pairs], least(metric))
    return gap.clear and -sign(metric) * gap.mean > 0.0


def least(metric: str) -> float:
    """The least difference that anybody minds."""
    figure = figure_at(metric)
    if figure.harm is not None:
        return figure.harm.least
    return LEAST_SHARE if figure.unit is Unit.SHARE else 0.0
