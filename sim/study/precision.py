"""When a study has seen enough: a figure's mean is known well enough on every platform.

Decided in the order of seeds: the least number of first seeds whose 95 % interval is narrow enough
on each platform. Seeds that happened to end earlier change nothing, so that the same study stops at
the same seed on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

from sim.results.figures import METRICS, figure_at, lookup
from sim.results.intervals import interval
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.schema.text.validation import closest

Until = tuple[str, float] | str | int  # a figure and its half-width, or a number of replications
LEAST = 3  # replications: of two, equal by chance, the interval has no width
MOST = 1_000  # replications, where nobody says how many
# percentiles come from merged histograms: they are no means, and have no interval
MEANS = tuple(metric for metric in METRICS if figure_at(metric).pooled is None)
RANGE_S = 13.0  # CPU seconds of a headline's range: container_crash under 5 s, black_friday under
# 8 s on two cores with start and report, as measured; a range is then of two seeds there
MOST_OF_A_RANGE = 10  # seeds


class Precision(NamedTuple):
    """A figure of summary.json, and how far its mean may be from the truth (95 %)."""

    metric: str
    half_width: float

    def __str__(self) -> str:
        return f"{self.metric} within ±{self.half_width:g}"

    def reached(self, columns: Iterable[Sequence[Replication]]) -> bool:
        """Is every platform's mean known so well?"""
        return all(self.width(column) <= self.half_width for column in columns)

    def width(self, replications: Sequence[Replication]) -> float:
        """Half of the interval; infinite where a run lacks the figure, or for too few."""
        values = [lookup(done.figures, self.metric) for done in replications]
        numbers = [float(value) for value in values if value is not None]
        if len(numbers) < max(LEAST, len(values)):
            return inf
        low, high = interval(numbers)
        return (high - low) / 2.0


def goal(until: Any) -> Precision | int | None:
    """`("downtime_s", 5)`, `"downtime_s=5"`, 200 or "200" as what it means. Raises `InputError`."""
    expected = "METRIC=HALFWIDTH such as downtime_s=5, or a number of replications"
    if until is None or (isinstance(until, int) and not isinstance(until, bool) and until > 0):
        return until
    parts: Any = until
    if isinstance(until, str):
        if until.strip().isdecimal() and int(until) > 0:
            return int(until)
        parts = until.split("=")
    if not isinstance(parts, tuple | list) or len(parts) != 2 or not isinstance(parts[0], str):
        raise InputError(field="until", found=repr(until), expected=expected)
    metric = parts[0].strip()
    if metric not in MEANS:
        known = "a figure of summary.json that has an interval, such as downtime_s"
        near = closest(metric, MEANS)
        raise InputError(field="until", found=repr(metric), expected=known, nearest=near)
    try:
        half_width = float(parts[1])
    except (TypeError, ValueError):
        half_width = -1.0
    if not 0.0 <= half_width < inf:
        found = f"{metric} within {parts[1]!r}"
        raise InputError(field="until", found=found, expected="a number of at least 0")
    return Precision(metric, half_width)


def seeds_for_a_range(each_s: float) -> int:
    """Over how many seeds a headline's range goes where nobody says. `each_s`: CPU seconds of one,
    as the plan alone expects them (`Case.cpu_s`), so that it is the same on every machine. 1 where
    another seed would take long."""
    return max(1, min(MOST_OF_A_RANGE, int(RANGE_S / each_s)))


def most_replications(reps: int, until: Until | None) -> int:
    """How many there may be. Raises `InputError`."""
    wanted = goal(until)
    if isinstance(wanted, Precision):
        return reps if reps > 1 else MOST
    return reps if wanted is None else wanted


def until_text(until: Until) -> str:
    """As `--until` takes it."""
    wanted = goal(until)
    return (
        f"{wanted.metric}={wanted.half_width:g}" if isinstance(wanted, Precision) else str(wanted)
    )
