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
    apart: str
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


def apart(measured: Sequence[float], simulated: Sequence[Sequence[float]]) -> float:
    """What was measured less what was simulated with the same arrivals, in the mean of all."""
    return fmean(m - fmean(same) for m, same in zip(measured, simulated, strict=True))


def row(
    case: str, figure: Figure, measured: Sequence[float], paired: Sequence[Sequence[float]]
) -> Row:
    """`measured`: median and range; simulated: mean and range of all. `paired`: for each measured
    run those that were simulated with its arrivals."""
    simulated = [value for same in paired for value in same]
    return Row(
        case,
        figure.says,
        shown(median(measured), measured),
        shown(fmean(simulated), simulated),
        f"{apart(measured, paired):+.2g}",
        within(figure, measured, simulated),
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown; what is done stands in the first of its lines."""
    lines = [
        "| what is done | figure | measured | simulated | apart | within |",
        "|---|---|---|---|---|---|",
    ]
    before = ""
    for line in rows:
        cells = ("" if line.case == before else line.case, *line[1:-1])
        lines.append(f"| {' | '.join(cells)} | {'yes' if line.within else 'NO'} |")
        before = line.case
    return "\n".join(lines)
