"""A year of incidents, from what one of each kind does: exact means, drawn years for the range.

Kinds come at their rates, independent of each other (Poisson). What one does is one of the
replications of its kind, each as likely. The years of two set-ups have the same incidents, as far
as their rates are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

from sim.dataplane import draws
from sim.results.expectations import rank
from sim.study.quarter.draw import poisson

YEARS = 400  # drawn, for a range; chosen
RANGE = (5.0, 95.0)  # percent of years


class Harms(NamedTuple):
    """What users and people lose: of one incident, or of all in a year."""

    down_h: float = 0.0
    failed: float = 0.0  # requests
    jobs_never_done: float = 0.0
    day_h: float = 0.0  # hours of people at work on it
    night_h: float = 0.0
    follow_up_h: float = 0.0  # and afterwards, by day: the post-mortem and its repairs


class Recurrence(NamedTuple):
    """One kind of incident: how many a year, and what each of some did."""

    kind: str
    rate: float
    samples: tuple[Harms, ...]
    deploys: bool = False  # somebody deploys: how often that is, only the reader knows


def weighed(parts: Sequence[tuple[float, Harms]]) -> Harms:
    """The sum, each so many times."""
    columns = zip(*(harms for _, harms in parts), strict=True)
    weights = [weight for weight, _ in parts]
    return Harms(*(fsum(w * x for w, x in zip(weights, column, strict=True)) for column in columns))


def expected(
    year: Sequence[Recurrence], factor: float = 1.0, which: Sequence[int] = (), deploys: float = 1.0
) -> Harms:
    """The mean year. `factor`: of all rates, `deploys`: also of those of deploys; `which`: the
    samples, by index, that count."""
    parts = []
    for stream in year:
        chosen = [stream.samples[i % len(stream.samples)] for i in which] or stream.samples
        often = factor * stream.rate * (deploys if stream.deploys else 1.0)
        parts += [(often / len(chosen), harms) for harms in chosen]
    return weighed(parts) if parts else Harms()


def drawn(year: Sequence[Recurrence], seed: int, years: int = YEARS) -> list[Harms]:
    """So many years, one after the other."""
    lived = []
    for number in range(years):
        parts = []
        for stream in year:
            name = draws.stream(f"decide/{stream.kind}")
            count = poisson(stream.rate, draws.u(seed, name, number * 2**20))
            for i in range(count):
                u = draws.u(seed, name, number * 2**20 + i + 1)
                parts.append((1.0, stream.samples[int(u * len(stream.samples))]))
        lived.append(weighed(parts) if parts else Harms())
    return lived


def ranges(years: Sequence[Harms]) -> Mapping[str, tuple[float, float]]:
    """Of each harm, what 90 % of years have."""
    return {name: span([getattr(harms, name) for harms in years]) for name in Harms._fields}


def span(values: Sequence[float]) -> tuple[float, float]:
    """Between which 90 % of them are."""
    column = sorted(values)
    low, high = (column[rank(len(column), percent)] for percent in RANGE)
    return low, high
