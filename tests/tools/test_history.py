"""benchmarks/history.csv: a row of ratios a landing, written by benchmarks/engines.py --row."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.engines import DOCUMENTED, HISTORY, RATIOS, add_row


def test_a_row_holds_medians_of_ratios_of_the_same_run(tmp_path: Path) -> None:
    rates = {name: [700.0, 1400.0, 9000.0] for name in RATIOS.values()}
    rates[DOCUMENTED] = [10.0, 19.0, 100.0]
    rates[RATIOS["everything"]] = [250.0, 475.0, 2500.0]
    path = tmp_path / "history.csv"
    add_row(rates, path, "abc1234", "2026-11-28")
    add_row(rates, path, "def5678", "2026-11-29")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["commit"] for row in rows] == ["abc1234", "def5678"]
    assert rows[0]["date"] == "2026-11-28"
    assert rows[0]["product"] == "73.7"  # of 70, 73.7 and 90
    assert rows[0]["everything"] == "25.0"


def test_the_history_has_the_columns_of_its_writer_and_numbers_in_them() -> None:
    with HISTORY.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == ["commit", "date", *RATIOS]
    assert all(float(row[name]) > 1.0 for row in rows for name in RATIOS)
