"""The histories of benchmarks/: a row of ratios a landing, written by engines.py --row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.engines import DOCUMENTED, HERE, HISTORIES, add_row


def test_a_row_holds_medians_of_ratios_of_the_same_round(tmp_path: Path) -> None:
    columns = HISTORIES["history.csv"]
    rates = {column.what: [700.0, 1400.0, 9000.0] for column in columns.values()}
    rates[DOCUMENTED] = [10.0, 19.0, 100.0]
    rates[columns["everything"].what] = [250.0, 475.0, 2500.0]
    path = tmp_path / "history.csv"
    add_row(rates, path, columns, "abc1234", "2026-11-28")
    add_row(rates, path, columns, "def5678", "2026-11-29")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["commit"] for row in rows] == ["abc1234", "def5678"]
    assert rows[0]["date"] == "2026-11-28"
    assert rows[0]["product"] == "73.7"  # of 70, 73.7 and 90
    assert rows[0]["everything"] == "25"


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_has_the_columns_of_its_writer_and_numbers_in_them(name: str) -> None:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert rows
    assert reader.fieldnames == ["commit", "date", *HISTORIES[name]]
    assert all(float(row[column]) > 0.0 for row in rows for column in HISTORIES[name])
