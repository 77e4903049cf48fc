"""How far a figure goes over seeds, and the seed whose story is told: the one nearest to the mean.

A mean without its range says less than it seems; and seed 1 is told of because it is 1, though it
may have drawn what comes once in 260.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from statistics import fmean, pstdev
from typing import Any

from sim.results.figures import FIGURES, lookup, total
from sim.results.summary import Replication

TELLING = ("downtime_s", "degraded_s", "requests.failed", "operator.minutes")  # of a story


def spread(replications: Sequence[Replication]) -> dict[str, dict[str, Any]]:
    """Path of each figure (causes summed) -> the least and the most of it, and over how many seeds;
    without figures that some run lacks."""
    spans = {}
    for figure in FIGURES:
        if any(lookup(done.figures, figure.path) is None for done in replications):
            continue
        values = [total(done.figures, figure.path) for done in replications]
        spans[figure.path] = {"low": min(values), "high": max(values), "seeds": len(values)}
    return spans


def nearest(by_platform: Mapping[str, Sequence[Replication]]) -> int | None:
    """The seed that every platform has whole and whose TELLING figures are nearest to their means,
    in deviations, all platforms together; the lowest of equals. None if there is none."""
    everyone = list(by_platform.values())
    common = [{done.seed for done in some if done.run is not None} for some in everyone]
    seeds = sorted(set.intersection(*common)) if common else []

    def distance(seed: int) -> float:
        return fsum(_deviation(some, path, seed) ** 2 for some in everyone for path in TELLING)

    return min(seeds, key=lambda seed: (distance(seed), seed), default=None)


def _deviation(some: Sequence[Replication], path: str, seed: int) -> float:
    values = {done.seed: total(done.figures, path) for done in some}
    width = pstdev(values.values())
    return (values[seed] - fmean(values.values())) / width if width > 0.0 else 0.0


def typical(
    by_platform: Mapping[str, tuple[Replication, ...]],
) -> dict[str, tuple[Replication, ...]]:
    """The same with one whole run a platform: that of the nearest seed; where an interruption left
    none to all of them, each one's first."""
    seed = nearest(by_platform)
    return {name: one_whole(some, seed) for name, some in by_platform.items()}


def one_whole(
    replications: tuple[Replication, ...], seed: int | None = None
) -> tuple[Replication, ...]:
    """The same with the run of one seed at most; without a seed that of the first whole one."""
    first = next((done.seed for done in replications if done.run is not None), None)
    shown = first if seed is None else seed
    return tuple(done if done.seed == shown else replace(done, run=None) for done in replications)
