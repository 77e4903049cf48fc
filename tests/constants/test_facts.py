"""Every constant of a real system, written down once more in tests/data/constants.csv: none changes
by a slip. Who changes one on purpose looks at its source, and changes both."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sim.constants.catalogue import constants
from sim.constants.facts import Fact

FILE = Path(__file__).parent.parent / "data" / "constants.csv"
FACTS = {fact.name: fact for fact in constants()}
with FILE.open(encoding="utf-8", newline="") as lines:
    DOCUMENTED = {row["name"]: (row["value"], row["unit"]) for row in csv.DictReader(lines)}


def written(fact: Fact) -> tuple[str, str]:
    return str(fact.value), fact.unit


def test_the_table_has_every_constant() -> None:
    assert sorted(DOCUMENTED) == list(DOCUMENTED)
    assert set(DOCUMENTED) == set(FACTS)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_constant_is_what_its_source_says(name: str) -> None:
    fact = FACTS[name]
    assert written(fact) == DOCUMENTED[name], fact.source
    assert fact.source
