"""Does what was measured lie where the simulator says? Pure: samples in, a row out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import NamedTuple


class Figure(NamedTuple):
    """What is compared. `slack`: a part of the simulated mean, `least`: in the figure's unit, by
    which the measured median may lie outside of the simulated range; both 0: exact, no run of
    either differs from another."""

    says: str
    slack: float = 0.0
    least: float = 0.0

    @property
    def exact(self) -> bool:
        return self.slack == 0 == self.least


class Row(NamedTuple):
    """A line of the table."""

    case: str
    figure: str
    measured: str
    simulated: str
    within: bool


def within(figure: Figure, measured: Sequence[float], simulated: Sequence[float]) -> bool:
    """An exact rule: one value, the same in every run. Else: the measured median in the simulated
    range, widened on both sides by what the figure allows."""
    if figure.exact:
        return len({*measured, *simulated}) == 1
    reach = max(figure.slack * abs(fmean(simulated)), figure.least)
    return min(simulated) - reach <= median(measured) <= max(simulated) + reach


def shown(middle: float, sample: Sequence[float]) -> str:
    return f"{middle:.4g} ({min(sample):.4g}-{max(sample):.4g})"


def row(case: str, figure: Figure, measured: Sequence[float], simulated: Sequence[float]) -> Row:
    """`measured`: median and range; `simulated`: mean and range."""
    return Row(
        case, figure.says, shown(median(measured), measured), shown(fmean(simulated), simulated),
        within(figure, measured, simulated),
    )  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| what is done | figure | measured | simulated | within |", "|---|---|---|---|---|"]
    for line in rows:
        cells = (line.case, line.figure, line.measured, line.simulated)
        lines.append(f"| {' | '.join(cells)} | {'yes' if line.within else 'NO'} |")
    return "\n".join(lines)
