"""The kinds of recordings that say how many requests came: rates and counts over time.

Rows `time,rate` and `time,count`; Locust's stats history (its `Aggregated` rows); Grafana's CSV and
`timestamp,value`, taken as requests per second; the answer of Prometheus' `query_range` (HTTP API
v1: a matrix of [time, "value"]). Series of the same time are summed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from sim.imports.traffic.kinds import (
    TIMES,
    Reader,
    RecordingKind,
    Row,
    WrongLineError,
    cells_of,
    data_line,
    delimiter_of,
    time_of,
)
from sim.imports.traffic.stamps import number
from sim.schema.fields import InputError

MOST_DOCUMENT = 2**26  # characters of a JSON document, which is read as a whole; chosen
_RATES = ("rate", "rps", "requests/s", "requests_per_second", "req/s")
_TOTAL = "total request count"
_COUNTERS = ("_total", "_count", "_sum", "_bucket")  # of Prometheus' names
_COUNTS = ("count", "requests", "hits", "sum")
HEADER = "time,rate (requests per second) or time,count (requests until the next row)"


def rate_rows(head: Sequence[str]) -> Reader | None:
    """`time,rate`, with or without its header."""
    names = _names(head)
    if names and names[0] in TIMES:
        return named_rows(_RATES, head)
    return _two_columns(head) if 1 < len(names) < 4 else None  # more is another table


def named_rows(values: Sequence[str], head: Sequence[str]) -> Reader | None:
    """`time,count` or `timestamp,value`: a time, and a column of one of these names."""
    names = _names(head)
    fits = len(names) == 2 and names[0] in TIMES and names[1] in values
    return _two_columns(head) if fits else None


def _names(head: Sequence[str]) -> list[str]:
    first = data_line(head)
    return [cell.lower() for cell in cells_of(first, delimiter_of(first))]


def _two_columns(head: Sequence[str]) -> Reader:
    first = data_line(head)
    delimiter = delimiter_of(first)
    header = first if _names(head)[0] in TIMES else None
    stamps: set[float] = set()

    def read(line: str) -> Row | None:
        if not line.strip() or line.startswith("#") or line == header:
            return None
        cells = cells_of(line, delimiter)
        if len(cells) != 2:
            raise WrongLineError("row", line, "two columns, time,rate")
        seconds, value = time_of(cells[0]), _rate(cells[1])
        if seconds in stamps:
            raise WrongLineError("time", cells[0], "a time that no row before has")
        stamps.add(seconds)
        return seconds, value, ""

    return read


def _rate(text: str) -> float:
    value = number(text)
    if value is None or value < 0:
        raise WrongLineError("rate", text, "a number of at least 0")
    return value


def locust(head: Sequence[str]) -> Reader | None:
    """`stats_history.csv`: what came since the row before, by its total, since Requests/s is a mean
    over the last ten seconds; that of a file without totals."""
    names, header = _names(head), data_line(head)
    if not {"timestamp", "name", "requests/s"} <= set(names):
        return None
    time, name, rate = map(names.index, ("timestamp", "name", "requests/s"))
    total = names.index(_TOTAL) if _TOTAL in names else None
    before: tuple[float, float] | None = None

    def read(line: str) -> Row | None:
        nonlocal before
        cells = cells_of(line)
        if line == header or not cells or cells[name : name + 1] not in ([], ["Aggregated"]):
            return None
        if len(cells) < len(names):
            raise WrongLineError("row", line, f"{len(names)} columns")
        now = time_of(cells[time])
        if total is None:
            return now, _rate(cells[rate]), ""
        began, before = before, (now, _rate(cells[total]))
        if began is None or now <= began[0]:
            before = began or before  # a second row of the same second
            return None
        since = before[1] - (began[1] if began[1] <= before[1] else 0.0)  # --reset-stats
        return began[0], since / (now - began[0]), ""

    return read


# how Grafana writes a value (valueFormats of its 12.x): counts/s, ops/s, req/s and the like as
# 1.23K req/s, short as 1.2 K and 1.2 Mil
_VALUE = re.compile(
    r"([\d.eE+-]+) ?(K|k|Mil|M|Bil|B|Tri|T)?(?: ?([a-zA-Z]+/(?:s|m|min)|reqps|rps|Hz))?"
)
_THOUSANDS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def _grafana_rate(cell: str) -> float:
    match = _VALUE.fullmatch(cell)
    if match is None:
        raise WrongLineError("rate", cell, "requests per second, as 12.5, 1.2 K or 1.2K req/s")
    per = 60.0 if (match[3] or "").partition("/")[2] in ("m", "min") else 1.0
    return _rate(match[1]) * _THOUSANDS[(match[2] or "")[:1].upper()] / per


def grafana(head: Sequence[str]) -> Reader | None:
    """`"Time","series", ...`, perhaps below `sep=,`; values may bear a unit."""
    lines = [line for line in head if line.strip() and not line.startswith("sep=")]
    first = lines[0] if lines else ""
    delimiter = delimiter_of(first)
    names = cells_of(first, delimiter)
    if len(names) < 2 or names[0] != "Time":
        return None

    def read(line: str) -> Row | None:
        if line == first or not line.strip() or line.startswith("sep="):
            return None
        cells = cells_of(line, delimiter)
        if len(cells) != len(names):
            raise WrongLineError("row", line, f"{len(names)} columns")
        # an empty cell: that series has no value then
        values = [_grafana_rate(cell) for cell in cells[1:] if cell and cell != "undefined"]
        return (time_of(cells[0]), sum_of(values), "") if values else None

    return read


def sum_of(values: Sequence[float]) -> float:
    """From left to right, on every interpreter alike."""
    total = 0.0
    for value in values:
        total += value
    return total


SERIES = (
    RecordingKind("Locust stats history", locust, series=True, paths=False),
    RecordingKind("Grafana CSV, read as requests per second", grafana, series=True, paths=False),
    RecordingKind("rows time,count", partial(named_rows, _COUNTS), series=True, counts=True,
                  paths=False),
    RecordingKind("rows of a time and a value, read as requests per second",
                  partial(named_rows, ["value"]), series=True, paths=False),
    RecordingKind("rows time,rate", rate_rows, series=True, paths=False),
)  # fmt: skip


# ---- documents ----
def is_document(head: Sequence[str]) -> bool:
    """Is it JSON, but not an object a line?"""
    first = data_line(head).strip()
    if first.startswith("["):
        return not re.match(r"\[[\w/]+[ /\]-]", first)  # a time, a pod's name
    if not first.startswith("{"):
        return False
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return True
    return (
        isinstance(record, dict)
        and isinstance(record.get("data"), dict)
        and ("resultType" in record["data"])
    )


def prometheus(text: str, file: str) -> Iterator[Row | None]:
    """The samples of a `query_range` answer, rates in requests per second; None for one that is no
    number (a rate over a stretch without samples). Raises `InputError` for another document."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise InputError(file, line, found="no JSON", expected="a query_range answer") from None
    data = document.get("data") if isinstance(document, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if (
        not isinstance(data, dict)
        or data.get("resultType") != "matrix"
        or not isinstance(result, list)
    ):
        kind = data.get("resultType") if isinstance(data, dict) else None
        found = f"a JSON document{f' of type {kind}' if kind else ''}"
        expected = "the answer of Prometheus' query_range (a matrix), or an object a line"
        raise InputError(file, found=found, expected=expected)
    for i, series in enumerate(result):
        values = series.get("values") if isinstance(series, dict) else None
        metric = series.get("metric") if isinstance(series, dict) else None
        counter = metric.get("__name__") if isinstance(metric, dict) else None
        if str(counter).endswith(_COUNTERS):  # rate() takes the name away
            found, rate = f"{counter}, which counts from its start", f"rate({counter}[1m])"
            raise InputError(file, field=f"data.result.{i}.metric", found=found, expected=rate)
        for k, sample in enumerate(values if isinstance(values, list) else []):
            yield _sample(sample, f"data.result.{i}.values.{k}", file)


def _sample(sample: Any, field: str, file: str) -> Row | None:
    pair = sample if isinstance(sample, list) and len(sample) == 2 else (None, None)
    seconds, value = number(pair[0]), number(pair[1])
    if pair[1] in ("NaN", "+Inf", "-Inf") and seconds is not None:
        return None
    if seconds is None or value is None or seconds < 0 or value < 0:
        raise InputError(file, 0, 0, field, repr(sample)[:60], '[time, "requests per second"]')
    return seconds, value, ""


def summed(rows: Sequence[Row]) -> list[Row]:
    """Several series as one: values of the same time added, in order of time."""
    totals: dict[float, float] = {}
    for seconds, value, _ in rows:
        totals[seconds] = totals.get(seconds, 0.0) + value
    return [(seconds, totals[seconds], "") for seconds in sorted(totals)]


def gaps(starts: Sequence[float]) -> list[float]:
    """How long each row holds: until the next; the last as long as the one before it."""
    spans = [after - before for before, after in pairwise(starts)]
    return [*spans, spans[-1]] if spans else []
