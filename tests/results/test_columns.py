"""Every column of a result has a unit and a meaning, and the page says what `columns()` does."""

from __future__ import annotations

from pathlib import Path

import sim
from sim.results import columns
from sim.results.figures import METRICS
from sim.results.series import series_columns
from tests.scenarios.replays import replay

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "columns.md"


def test_each_column_has_a_row_and_each_row_a_column() -> None:
    table = sim.columns()
    assert list(table.columns) == ["table", "name", "unit", "meaning"]
    named = {table: list(rows["name"]) for table, rows in table.groupby("table")}
    assert set(named["series"]) == set(series_columns(replay("container_crash", "compose")))
    assert named["figures"] == list(METRICS)
    assert table["unit"].str.len().min() > 0
    assert table["meaning"].str.len().min() > 3


def test_the_page_is_made_from_the_tables() -> None:
    again = "python -m sim schema columns > docs/guide/columns.md"
    assert PAGE.read_text(encoding="utf-8") == columns.page(), again
