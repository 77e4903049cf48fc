"""A ladder in words: `Of 4 min 05 s down: restart policy 3 min 57 s, replicas 8 s`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from sim.report.text import words
from sim.results.figures import figure_at
from sim.results.ladder import Ladder

MOST = 0.9  # of the whole: who has taken it "would do"; chosen
FEW = 2  # rungs that a sentence names


class LadderRow(NamedTuple):
    """A row of the table."""

    name: str
    takes: str
    after: str
    says: str
    share: str = ""  # over orders


def sentence(ladder: Ladder) -> str:
    """Those that take or give something, in their order, and how many do nothing; with orders what
    they take in the mean over these, too."""
    ends = f"{words.platform(ladder.first)} to {words.platform(ladder.last)}"
    harm = figure_at(ladder.metric).harm
    whole = (harm.left if harm and harm.left else "{}").format(
        words.figure(ladder.metric, ladder.whole)
    )
    text = f"Of {whole} from {ends}: "
    text += f"{_parts(ladder, ladder.takes)}."
    if ladder.orders:
        text += f" In the mean over {ladder.orders} orders: {_parts(ladder, ladder.shares)}."
    return text


def enough(ladder: Ladder) -> tuple[str, float] | None:
    """The rungs after which a tenth of the whole is left, of those that do something, and what is
    left; None if it takes all of them, or more of them than a sentence holds."""
    whole, names = fmean(ladder.values), []
    for rung, takes in zip(ladder.rungs[:-1], ladder.takes, strict=False):
        if abs(takes) >= ladder.least and takes:
            names.append(rung.name)
        left = fmean(rung.values)
        if names and whole > 0.0 and left <= (1.0 - MOST) * whole:
            return (" and ".join(names), left) if len(names) <= FEW else None
    return None


def _parts(ladder: Ladder, taken: Sequence[float]) -> str:
    metric, parts, idle = ladder.metric, [], 0
    for rung, takes in zip(ladder.rungs, taken, strict=True):
        if abs(takes) < ladder.least or not takes:
            idle += 1
        else:
            parts.append(f"{rung.name} {words.figure(metric, takes)}")
    if idle:
        parts.append(f"{'nothing else' if parts else 'nothing'} of {len(ladder.rungs)} changes")
    return ", ".join(parts)


def steps(ladder: Ladder) -> list[LadderRow]:
    """One row a rung, where it begins first."""
    first = LadderRow(
        words.platform(ladder.first), "", words.figure(ladder.metric, fmean(ladder.values)), ""
    )
    return [first] + [
        LadderRow(
            rung.name,
            words.figure(ladder.metric, takes),
            words.figure(ladder.metric, fmean(rung.values)),
            rung.says,
            words.figure(ladder.metric, share) if ladder.orders else "",
        )
        for rung, takes, share in zip(
            ladder.rungs, ladder.takes, ladder.shares or ladder.takes, strict=True
        )
    ]
