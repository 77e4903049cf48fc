"""What every constant was when somebody last looked at its source: tests/data/constants.csv.

    python -m tests.constants.record

writes the table anew from the program, after a change that was meant.
"""

from __future__ import annotations

import csv
from pathlib import Path

from sim.constants.catalogue import constants
from sim.constants.facts import Fact

FILE = Path(__file__).parent.parent / "data" / "constants.csv"
COLUMNS = ("name", "value", "unit")


def recorded() -> dict[str, tuple[str, ...]]:
    """Name -> the row of the table."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        return {
            row["name"]: tuple(row[column] for column in COLUMNS) for row in csv.DictReader(lines)
        }


def row(fact: Fact[object]) -> tuple[str, ...]:
    return fact.name, str(fact.value), fact.unit


def write() -> None:
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *map(row, constants())])


if __name__ == "__main__":
    write()
