"""Rows of cells as text: aligned for a terminal, Markdown, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from sim.report.text.words import markdown

Cells = Sequence[Sequence[str]]  # the first row is the heads


def aligned(rows: Cells) -> list[str]:
    """Lines; the first column on the left, numbers and all else as wide as their column."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return [line.rstrip() for line in lines]


def markdown_table(rows: Cells) -> list[str]:
    head, *body = ([markdown(cell) for cell in row] for row in rows)
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]


def csv_text(rows: Sequence[Mapping[str, Any]], heads: Sequence[str] = ()) -> str:
    """A line a record, lists and records as JSON. `heads`: what of them; else all of the first."""
    out, columns = StringIO(), heads or list(rows[0] if rows else ())
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([columns, *([_cell(row[name]) for name in columns] for row in rows)])
    return out.getvalue()


def plain_name(name: str) -> str:
    """What somebody calls himself, so that a spreadsheet takes it for no formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t") else name


def json_text(record: Mapping[str, Any] | Iterable[Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _cell(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, list | dict) else value
