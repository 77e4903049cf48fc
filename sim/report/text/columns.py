"""Rows of cells as text: aligned for a terminal, Markdown, CSV."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from itertools import zip_longest
from textwrap import TextWrapper, wrap
from typing import Any

from sim.report.text.words import markdown

BREAKS = re.compile(r"(\s+|(?<=\w[.])(?=[a-z]))")  # of a line: spaces, and the dots of a path
NUMBER = re.compile(r"[-+]?[$]?\d[^<]*$|never$")  # and no mark behind it
WIDTH, FOLD = 100, 98  # of a terminal's lines; of its sentences
LEAST = 12  # of a column that is folded
Cells = Sequence[Sequence[str]]  # the first row is the heads


def aligned(rows: Cells, width: int = sys.maxsize) -> list[str]:
    """Lines, numbers on the right of their column. What is wider than `width` is folded: the heads
    first, then the widest columns of words, paths at their dots."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers, room = numeric(rows), width - 2 * (len(widths) - 1)
    if sum(widths) > room:
        for i, column in enumerate(zip(*rows, strict=True)):
            widths[i] = max(map(len, [*column[0].split(), *column[1:]]))
        words = [i for i, number in enumerate(numbers) if i == 0 or not number]
        while sum(widths) > room and max(widths[i] for i in words) > LEAST:
            widths[max(words, key=widths.__getitem__)] -= 1
    sides = [str.rjust if right else str.ljust for right in numbers]
    lines = []
    for row in rows:
        folds = [_fold(cell, w) or [""] for cell, w in zip(row, widths, strict=True)]
        for cells in zip_longest(*folds, fillvalue=""):
            parts = (side(cell, w) for side, cell, w in zip(sides, cells, widths, strict=True))
            lines.append("  ".join(parts).rstrip())
    return lines


def _fold(cell: str, width: int) -> list[str]:
    wrapper = TextWrapper(width, break_on_hyphens=False)
    wrapper.wordsep_simple_re = BREAKS
    return wrapper.wrap(cell)


def folded(sentences: Iterable[str], first: str = "", then: str = "  ") -> list[str]:
    """Lines of a terminal, a sentence after the other: `first` stands before its first line, `then`
    before its others."""
    return [
        line
        for sentence in sentences
        for line in wrap(sentence, FOLD, initial_indent=first, subsequent_indent=then)
    ]


def numeric(rows: Cells) -> list[bool]:
    """Of each column: is it of numbers, which stand on the right?"""
    return [
        any(cells) and all(NUMBER.match(cell) for cell in cells if cell)
        for _, *cells in zip(*rows, strict=True)
    ]


def markdown_table(rows: Cells) -> list[str]:
    head, *body = ([markdown(cell) for cell in row] for row in rows)
    rule = ["---:" if right else "---" for right in numeric(rows)]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *body)]


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
