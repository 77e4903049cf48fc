"""Many platforms at a glance: a row for each, and the figures that decide.

A column a platform is readable for four of them at most; beyond that the table turns.
"""

from __future__ import annotations

from sim.report.text import words
from sim.results.figures import TOPICS, Figures, lookup, shown, total
from sim.results.measurements import Measurements

MANY = 4  # more platforms than this: a row each

# heading -> figure, in the order of the other table
COLUMNS = {row.column: figure for topic in TOPICS for figure, row in shown(topic) if row.column}
SELDOM = tuple(row.column for topic in TOPICS for _, row in shown(topic) if row.seldom)


def is_many(result: Measurements) -> bool:
    """Does the table turn?"""
    return len(result.platforms) > MANY


def rows(result: Measurements) -> list[tuple[str, ...]]:
    """One row a platform: its name, then a cell for each of COLUMNS."""
    return [row(name, figures) for name, figures in result.platforms.items()]


def telling(result: Measurements) -> list[tuple[str, ...]]:
    """The heads, then `rows`, without the columns of what is seldom and nobody has."""
    table = [("", *COLUMNS), *rows(result)]
    columns = [
        column
        for column in zip(*table, strict=True)
        if column[0] not in SELDOM or set(column[1:]) != {"0"}
    ]
    return list(zip(*columns, strict=True))


def row(platform: str, figures: Figures) -> tuple[str, ...]:
    return (
        words.platform(platform), *(_cell(figure.path, figures) for figure in COLUMNS.values())
    )  # fmt: skip


def _cell(path: str, figures: Figures) -> str:
    exists = lookup(figures, path) is not None
    return words.figure(path, total(figures, path) if exists else None)
