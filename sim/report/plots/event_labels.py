"""Which events of a timeline a plot names, and where the names go so that none hides another.

Pure geometry in pixels along one axis, and lanes above the plot; no drawing here. Every event's
line rises to the lane of its name. Names of events that stand close together are stacked beside
the last of their lines, the earliest on top. From right to left, each stack takes the lowest lanes
in which it covers no line and no name. Events join in order of importance; one that would need a
fifth lane is left out (timeline.csv has them all).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sim.report.incident import FAULTS
from sim.results import metrics
from sim.results.run import Run, TimelineRow

LONGEST = 40  # characters of a name
MOST = 10  # events named in one plot
LANES = 4
GAP = 5.0  # pixels between a line and its name, and between names
CLOSE = 14.0  # pixels: events nearer than this share a stack


class Mark(NamedTuple):
    t_s: float
    label: str


class _Name(NamedTuple):
    mark: Mark
    x: float
    width: float


class Placed(NamedTuple):
    """A mark with its line at `x` up to `lane` (0: the lowest), its name from `low` to `high`."""

    mark: Mark
    x: float
    lane: int
    low: float
    high: float


def chosen(run: Run, start_s: float, end_s: float) -> list[Mark]:
    """The events worth a mark between two times, the most important first.

    What was done to the platform, what ended the downtime, the first of each kind of reaction,
    then what is left in order of time.
    """
    rows = [row for row in run.timeline if start_s <= row.t_s <= end_s]
    bad = np.flatnonzero(metrics.down(run))
    up_s = (float(bad[-1]) + 2) * run.recording.bucket_s if bad.size else -1.0
    cure = max((i for i, row in enumerate(rows) if row.t_s <= up_s), default=-1)
    kinds: set[str] = set()
    ranked: list[tuple[int, int]] = []
    for i, row in enumerate(rows):
        rank = 0 if row.event in FAULTS else 1 if i == cure else 2 if row.event not in kinds else 3
        kinds.add(row.event)
        ranked.append((rank, i))
    return [Mark(rows[i].t_s, label(rows[i])) for _, i in sorted(ranked)[:MOST]]


def label(row: TimelineRow) -> str:
    """The event's sentence, cut at a word if it is long; its kind if it has none."""
    text = row.text or f"{row.subject} {row.event.replace('_', ' ')}".strip()
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rpartition(" ")[0].rstrip(",;:") + " \u2026"


def place(
    marks: Sequence[Mark],
    x_of: Callable[[float], float],
    width_of: Callable[[str], float],
    right_edge: float,
    lanes: int = LANES,
) -> list[Placed]:
    """Where the marks stand, in order of time; `marks` come the most important first."""
    shown: list[_Name] = []
    best: list[Placed] = []
    for mark in marks:
        wanted = [*shown, _Name(mark, x_of(mark.t_s), width_of(mark.label))]
        placed = _attempt(wanted, right_edge, lanes)
        if placed is not None:
            shown, best = wanted, placed
    return sorted(best, key=lambda name: name.x)


def _attempt(names: list[_Name], right_edge: float, lanes: int) -> list[Placed] | None:
    placed: list[Placed] = []
    for stack in reversed(_stacks(names)):
        xs = [name.x for name in stack]
        widest = max(name.width for name in stack)
        low = xs[-1] + GAP
        if low + widest > right_edge:
            low = xs[0] - GAP - widest  # no room on the right of its lines: on their left
        base = next((b for b in range(lanes) if _free(placed, low, low + widest, xs, b)), lanes)
        if low < 0 or base + len(stack) > lanes:
            return None
        for depth, name in enumerate(stack):
            lane = base + len(stack) - 1 - depth
            placed.append(Placed(name.mark, name.x, lane, low, low + name.width))
    return placed


def _stacks(names: list[_Name]) -> list[list[_Name]]:
    """The names in order of time, those close together in one list."""
    stacks: list[list[_Name]] = []
    for name in sorted(names, key=lambda name: name.mark.t_s):
        if stacks and name.x - stacks[-1][-1].x < CLOSE:
            stacks[-1].append(name)
        else:
            stacks.append([name])
    return stacks


def _free(placed: list[Placed], low: float, high: float, xs: list[float], base: int) -> bool:
    """Whether names from `low` to `high` in the lanes from `base` up, and lines at `xs` rising to
    them, keep clear of everything placed."""
    for other in placed:
        apart = high + GAP <= other.low or other.high + GAP <= low
        if other.lane >= base and not (apart and not low - GAP < other.x < high + GAP):
            return False
        if other.lane <= base and any(other.low - GAP < x < other.high + GAP for x in xs):
            return False
    return True
