"""One file of a recording: its kind, its requests or rates, and what became of each line.

Lines that cannot be read are dropped and counted, as long as they are few: a log of a month has
some that a crash cut short.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sim.imports.traffic.kinds import (
    BESIDE,
    CONNECTIONS,
    CONSOLE,
    REQUESTS,
    STAMP,
    Reader,
    RecordingKind,
    Row,
    WrongLineError,
    data_line,
)
from sim.imports.traffic.series import (
    HEADER,
    MOST_DOCUMENT,
    SERIES,
    gaps,
    is_document,
    prometheus,
    summed,
)
from sim.imports.traffic.source import pieces
from sim.schema.fields import InputError, Issue
from sim.schema.text.document import describe

WRONG_SHARE = 0.01  # of a file's lines, dropped; chosen
MOST_ISSUES = 10  # told of one file; a wrong file has a million
HEAD = 50  # lines by which a kind is told
PROMETHEUS = RecordingKind(
    "Prometheus query_range, read as requests per second", lambda _: None, series=True, paths=False
)
_BINARY = re.compile("[\0-\x08\x0e-\x1a\x7f]")  # no log has them; \x1b colours one
Matching = Callable[[str], Any] | None  # of a request's path


@dataclass
class LineTally:
    """What became of the lines of a file."""

    lines: int = 0
    used: int = 0
    apart: int = 0  # readable, but no request: headers, other metrics
    unmatched: int = 0  # requests of other paths
    wrong: int = 0
    first_wrong: int = 0

    @classmethod
    def together(cls, tallies: Sequence[LineTally]) -> LineTally:
        """Of several files; the first wrong line is that of the first file that has one."""
        total = cls(*map(sum, zip(*map(astuple, tallies), strict=True)))
        total.first_wrong = next((t.first_wrong for t in tallies if t.first_wrong), 0)
        return total


@dataclass
class Content:
    """`stamps` of requests, or `rows` (time, requests/s, "") of a series, in the file's order."""

    kind: RecordingKind
    stamps: array[float] = field(default_factory=lambda: array("d"))
    rows: list[Row] = field(default_factory=list)
    tally: LineTally = field(default_factory=LineTally)


def read_file(name: str, matching: Matching = None, counted: bool = False) -> Content:
    """What the file holds. `counted`: a series whose values are no rates but counts. Raises
    `InputError` with the first ten lines that cannot be read, where they are too many."""
    lines = pieces(Path(name), name)
    first = next(lines, [])
    head = first[:HEAD]
    if not data_line(first):
        expected = "a log, a result of a load test, rows time,rate or one time stamp a line"
        raise InputError(name, found="no data", expected=expected)
    is_json = is_document(head)
    kind, reader = (PROMETHEUS, None) if is_json else kind_of(head, name)
    if matching is not None and not kind.paths:
        expected = "a log with paths in it"
        raise InputError(name, field="traffic.replay", found=kind.name, expected=expected)
    if counted and kind.series:
        kind = kind._replace(counts=True)
    content = Content(kind)
    if reader is None:
        _read_document(content, _text(chain([first], lines), name), name)
    else:
        _read_lines(content, chain([first], lines), reader, name, matching)
    if kind.counts:
        content.rows = _as_rates(content, name)
    return content


def kind_of(head: Sequence[str], name: str) -> tuple[RecordingKind, Reader]:
    """The kind of a recording by its first lines, and who reads them. Raises `InputError`."""
    for kind in () if _BINARY.search(data_line(head)) else (*REQUESTS, *SERIES):
        reader = kind.reader(head)
        if reader is not None:
            return kind, reader
    first = data_line(head)
    line = head.index(first) + 1
    byte = next((c for c in "".join(head) if "\udc80" <= c <= "\udcff"), None)
    if byte is not None and not _BINARY.search(first):
        line = next(number for number, text in enumerate(head, 1) if byte in text)
        strange = f"a byte that is not UTF-8 (0x{ord(byte) - 0xDC00:02x})"
        raise InputError(name, line, found=strange, expected="text in UTF-8")
    if first.lstrip().startswith("{"):
        expected = "a field time, timestamp or ts with the time of the request"
        raise InputError(name, line, field="time", found=describe(first), expected=expected)
    for lines, found, expected in (
        (CONNECTIONS, "a log of connections", "one of requests (HAProxy: option httplog)"),
        (BESIDE, "an error log", "the access log, in which the requests stand"),
        (CONSOLE, "Caddy's console format", "its JSON (Caddyfile: log { format json })"),
        (_BINARY, "no text", "text; of vegeta's results what `vegeta encode` makes"),
    ):
        if lines.search(first):
            raise InputError(name, line, found=found, expected=expected)
    is_table = "," in first or ";" in first or "\t" in first
    field_, expected = ("header", HEADER) if is_table else ("time", f"a log, or {STAMP} a line")
    raise InputError(name, line, field=field_, found=describe(first), expected=expected)


# ---- documents ----
def _text(lines: Iterator[list[str]], file: str) -> str:
    parts, size = [], 0
    for piece in lines:
        parts += piece
        size += sum(map(len, piece))
        if size > MOST_DOCUMENT:
            most = f"{MOST_DOCUMENT // 2**20} MiB"
            raise InputError(file, found=f"JSON of more than {most}", expected="a smaller range")
    return "\n".join(parts)


def _read_document(content: Content, text: str, name: str) -> None:
    samples = list(prometheus(text, name))
    good = [row for row in samples if row is not None]
    content.rows = summed(good)
    tally = content.tally
    tally.lines, tally.used, tally.apart = len(samples), len(good), len(samples) - len(good)
    if not good:
        raise InputError(name, found="no sample in it", expected="a query that has a result")


# ---- lines ----
def _read_lines(
    content: Content, lines: Iterator[list[str]], reader: Reader, name: str, matching: Matching
) -> None:
    number, issues, tally = 0, list[Issue](), content.tally
    keep = content.rows.append if content.kind.series else None
    count = content.stamps.append
    for piece in lines:
        before = tally.wrong
        for line in piece:
            number += 1
            try:
                row = reader(line)
            except WrongLineError as error:
                tally.wrong += 1
                tally.first_wrong = tally.first_wrong or number
                if len(issues) < MOST_ISSUES:
                    issue = Issue(name, number, 0, error.field, error.text, error.expected)
                    issues.append(issue)
                continue
            if row is None:
                tally.apart += bool(line.strip())
            elif matching is not None and not matching(row[2]):
                tally.unmatched += 1
            elif keep is not None:
                keep(row)
            else:
                count(row[0])
        if tally.wrong - before > max(MOST_ISSUES, len(piece) // 2):
            break  # of another kind than its first lines; the rest need not be read
    tally.lines, tally.used = number, len(content.rows) + len(content.stamps)
    if tally.wrong > WRONG_SHARE * (number - tally.apart):
        raise InputError(issues=issues)
    if not tally.used and not tally.unmatched:
        expected = f"lines of the kind {content.kind.name}"
        raise InputError(name, found="no data below the header", expected=expected)


def _as_rates(content: Content, name: str) -> list[Row]:
    """Counts until the next row as rates."""
    if len(content.rows) < 2:
        expected, line = "at least two rows: a count needs a span", content.tally.lines
        raise InputError(name, line, field="count", found="one row", expected=expected)
    rows = sorted(content.rows)
    spans = gaps([row[0] for row in rows])
    return [(at, count / span, "") for (at, count, _), span in zip(rows, spans, strict=True)]
