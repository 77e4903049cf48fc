"""What a verdict hangs on, in words: numbers that nobody knows, at their ends."""

from __future__ import annotations

from typing import NamedTuple


class Unknowns(NamedTuple):
    """A tornado as a table: a row a number, the widest first; its heads are the first row."""

    finding: str
    table: tuple[tuple[str, ...], ...]
    note: str
