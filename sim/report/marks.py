"""Which events of a timeline a plot names, and where the names go so that none hides another.

Pure geometry in pixels along one axis and lanes above the plot; no drawing here. A label stands
right or left of its event's line, in a lane. It may not overlap a label of its lane, nor be
crossed by the line of a label above it. What finds no room keeps its line and loses its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.results.run import Run, TimelineRow
from sim.spec.scenario import Event

LONGEST = 30  # characters of a label
MOST = 9  # events marked in one plot
LANES = 4
GAP = 6.0  # pixels between a line and its label, and between labels

FAULTS = tuple(name for name in Event.model_fields if name != "at")  # the scenario's own words


@dataclass(frozen=True)
class Mark:
    t_s: float
    label: str


@dataclass(frozen=True)
class Placed:
    """Where a mark stands: `x` of its line; `lane` 0 is the lowest, None: no name."""

    mark: Mark
    x: float
    lane: int | None = None
    low: float = 0.0  # span of the label, same unit as x
    high: float = 0.0
    left: bool = False  # the label stands left of its line


def chosen(run: Run, start_s: float, end_s: float) -> list[Mark]:
    """The events worth a mark between two times, the most important first.

    What was done to the platform, then the first of each kind of reaction, then what is left in
    order of time.
    """
    rows = [row for row in run.timeline if start_s <= row.t_s <= end_s]
    seen: set[str] = set()
    ranked: list[tuple[int, int]] = []
    for i, row in enumerate(rows):
        rank = 0 if row.event in FAULTS else 1 if row.event not in seen else 2
        seen.add(row.event)
        ranked.append((rank, i))
    return [Mark(rows[i].t_s, label(rows[i])) for _, i in sorted(ranked)[:MOST]]


def label(row: TimelineRow) -> str:
    """The event's sentence if it is short, else its kind and whom it hit."""
    if 0 < len(row.text) <= LONGEST:
        return row.text
    words = f"{row.subject}: {row.event.replace('_', ' ')}" if row.subject else row.event
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "\u2026"


def place(
    marks: Sequence[Mark],
    x_of: Callable[[float], float],
    width_of: Callable[[str], float],
    right_edge: float,
) -> list[Placed]:
    """Each mark with its place, in the order given; earlier ones choose first."""
    placed: list[Placed] = []
    for mark in marks:
        x = x_of(mark.t_s)
        if any(abs(x - other.x) < 2 for other in placed):
            continue  # one line for one instant, with the name of the more important event
        placed.append(_find(mark, x, width_of(mark.label), right_edge, placed))
    return placed


def _find(mark: Mark, x: float, width: float, right_edge: float, others: list[Placed]) -> Placed:
    for lane in range(LANES):
        for left in (False, True):
            low = x - GAP - width if left else x + GAP
            candidate = Placed(mark, x, lane, low, low + width, left)
            fits = low >= 0 and low + width <= right_edge
            if fits and not any(_collide(candidate, other) for other in others):
                return candidate
    return Placed(mark, x)


def _collide(a: Placed, b: Placed) -> bool:
    if a.lane is None or b.lane is None:
        return False
    if a.lane == b.lane and a.low < b.high + GAP and b.low < a.high + GAP:
        return True
    return _crosses(a, b) or _crosses(b, a)


def _crosses(line: Placed, name: Placed) -> bool:
    """The line of one label, which rises to its lane, runs through another's name."""
    assert line.lane is not None
    assert name.lane is not None
    return name.lane <= line.lane and name.low - GAP / 2 < line.x < name.high + GAP / 2
