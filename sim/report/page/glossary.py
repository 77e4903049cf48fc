"""What words mean, from docs/glossary.md: a report explains them where they stand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
PLACES = (_PACKAGE / "data" / "docs" / "glossary.md", _PACKAGE.parent / "docs" / "glossary.md")
ROWS, FAILURES = "The table, row by row", "Failures"


@cache
def meanings(heading: str) -> dict[str, str]:
    """Word -> meaning of the table below a heading: first and last column, without markup."""
    text = next(place for place in PLACES if place.is_file()).read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {
        word.strip("`"): cells[-1].replace("`", "")
        for cells in rows[1:]
        for word in cells[0].split(", ")
    }
