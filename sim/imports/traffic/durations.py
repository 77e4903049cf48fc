"""Requests of a recording with how long each took: what `sim fit` reads.

Where a duration stands, in which unit, and whether the time stamp is that of the request or of its
answer, as the makers document it: nginx `$request_time` (s, written when it ends), Apache `%D` (us,
`%t` is when it came; mod_log_config), HAProxy `Tr/Tw/Tc/Tr/Ta` (ms, accept date), Traefik (JSON:
ns, StartUTC; common: `12ms`), Caddy `duration` (s, written when it ends), AWS ALB (three durations
before the time), W3C `time-taken` (IIS: ms), JMeter `elapsed` (ms), vegeta `latency` (ns), k6
`http_req_duration` (ms, its sample is taken at the end), lograge `duration` and `db` (ms, written
when it ends). Others say the unit in the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.imports.traffic.file import kind_of
from sim.imports.traffic.kinds import (
    WrongLineError,
    cells_of,
    data_line,
    delimiter_of,
    json_object,
    load_balancer_durations,
    value_at,
)
from sim.imports.traffic.source import pieces
from sim.imports.traffic.stamps import number
from sim.schema.fields import InputError

MOST_REQUESTS = 200_000  # chosen: more tell nothing new of a law, and take long


class DurationField(NamedTuple):
    """A duration by its name: seconds of its unit, and whether the stamp is of the answer."""

    name: str
    unit_s: float
    at_end: bool = False


_FIELDS = (
    DurationField("request_time", 1.0, at_end=True), DurationField("duration", 1.0, at_end=True),
    DurationField("Duration", 1e-9), DurationField("latency", 1e-9), DurationField("elapsed", 1e-3),
    DurationField("time-taken", 1e-3, at_end=True), DurationField("data.value", 1e-3, at_end=True),
    DurationField("metric_value", 1e-3, at_end=True),
    *(
        DurationField(f"{word}{end}", unit)
        for word in ("duration", "latency", "elapsed", "response_time")
        for end, unit in (("_s", 1.0), ("_ms", 1e-3), ("_us", 1e-6), ("_ns", 1e-9))
    ),
)  # fmt: skip
_LOGRAGE = DurationField("duration", 1e-3, at_end=True)  # where `db` stands beside it
# what of it a service waited for its databases, by its own clock
_DATABASE = (
    DurationField("db", 1e-3), DurationField("db_runtime", 1e-3),
    *(
        DurationField(f"{word}{end}", unit)
        for word in ("db", "db_time", "db_duration", "database", "database_time", "query_time")
        for end, unit in (("_s", 1.0), ("_ms", 1e-3), ("_us", 1e-6), ("_ns", 1e-9))
    ),
)  # fmt: skip
_LINES = (
    (re.compile(r"(?:\brt|request_time)=\"?(\d+\.\d+)"), 1.0, True),
    (re.compile(r" (?:-?\d+/){4}\+?(\d+) "), 1e-3, False),  # HAProxy
    (re.compile(r"[ \"](\d+)ms\"?$"), 1e-3, False),
    (re.compile(r"[ \"](\d+\.\d+)\"?$"), 1.0, True),
    (re.compile(r"\" (\d+)$"), 1e-6, False),
)
_K6 = ("http_reqs", "http_req_duration")


class Lasted(NamedTuple):
    """Seconds; is the stamp that of the answer; seconds of it in databases, if the line says so."""

    seconds: float
    at_end: bool
    database_s: float = nan


Lasting = Callable[[str], Lasted | None]


@dataclass(frozen=True)
class TimedRequests:
    """Of requests in the order in which they came: seconds since 1970, durations, paths, seconds in
    databases (not a number where a line does not say). `resolution_s`: of the coarser of the two
    clocks."""

    arrive: NDArray[np.float64]
    duration: NDArray[np.float64]
    paths: tuple[str, ...]
    resolution_s: float
    database: NDArray[np.float64]


def read_timed(names: Sequence[str], path: str = "") -> TimedRequests:
    """The requests of these files that say how long they took, the first 200,000. `path`: a pattern
    that theirs must match. Raises `InputError`."""
    rows = [row for name in names for row in _rows(name, path)][:MOST_REQUESTS]
    if not rows:
        expected = "a log with durations, of requests that match"
        raise InputError(names[0], found="no request with a duration", expected=expected)
    rows.sort()
    begin, duration = (np.array([row[i] for row in rows]) for i in (0, 1))
    resolution = max(_resolution(np.array([row[3] for row in rows])), _resolution(duration))
    database = np.array([row[4] for row in rows])
    return TimedRequests(begin, duration, tuple(row[2] for row in rows), resolution, database)


def _rows(name: str, path: str) -> Iterator[tuple[float, float, str, float, float]]:
    """When it came, how long it took, its path, its time stamp, seconds in databases."""
    lines = pieces(Path(name), name)
    first = next(lines, [])
    kind, reader = kind_of(first, name)
    lasting = None if kind.series else _reading(kind.name, data_line(first))
    if lasting is None:
        expected = "a duration of each request: nginx $request_time, Apache %D, a field duration_ms"
        raise InputError(name, found=f"{kind.name} without durations", expected=expected)
    count, pattern = 0, re.compile(path)
    for line in chain.from_iterable(chain([first], lines)):
        if count == MOST_REQUESTS:
            return
        swapped = line.replace(_K6[0], "-").replace(_K6[1], _K6[0]) if _K6[1] in line else line
        try:
            row, lasted = reader(swapped), lasting(line)
        except (WrongLineError, ValueError, IndexError):
            continue
        if row is not None and lasted is not None and lasted.seconds > 0 and pattern.search(row[2]):
            count += 1
            began = row[0] - lasted.seconds * lasted.at_end
            yield began, lasted.seconds, row[2], row[0], lasted.database_s


def _reading(kind: str, line: str) -> Lasting | None:
    """How the lines of a file say how long a request took; None: they do not."""
    if kind == "AWS ALB access log":
        return lambda text: Lasted(load_balancer_durations(text), at_end=False)
    if kind == "access log":
        form = next((form for form in _LINES if form[0].search(line)), None)
        return None if form is None else _by_pattern(*form)
    if kind == "JSON lines":
        record = json_object(line)
        return _by_field(
            lambda name: value_at(record, name),
            lambda text, name: value_at(json_object(text), name),
        )
    if kind == "vegeta results":
        return lambda text: Lasted(float(cells_of(text)[2]) * 1e-9, at_end=False)
    names = line.removeprefix("#Fields: ").split() if line.startswith("#") else []
    names = names or cells_of(line, delimiter_of(line))
    delimiter = "\t" if "\t" in line else " " if line.startswith("#") else delimiter_of(line)
    return _by_field(
        lambda name: name if name in names else None,
        lambda text, name: cells_of(text, delimiter)[names.index(name)],
    )


def _by_field(there: Callable[[str], Any], value: Callable[[str, str], Any]) -> Lasting | None:
    """By the first of the fields that is `there`; `value`: of a line's field."""
    field = next((field for field in _FIELDS if there(field.name) is not None), None)
    database = next((field for field in _DATABASE if there(field.name) is not None), None)
    if field is None:
        return None
    if field.name == _LOGRAGE.name and database is _DATABASE[0]:
        field = _LOGRAGE

    def read(line: str) -> Lasted | None:
        count = number(value(line, field.name))
        waited = None if database is None else number(value(line, database.name))
        if count is None:
            return None
        waited_s = nan if waited is None or database is None else waited * database.unit_s
        return Lasted(count * field.unit_s, field.at_end, waited_s)

    return read


def _by_pattern(pattern: re.Pattern[str], unit_s: float, at_end: bool) -> Lasting:
    def read(line: str) -> Lasted | None:
        match = pattern.search(line)
        return Lasted(float(match[1]) * unit_s, at_end) if match else None

    return read


def _resolution(values: NDArray[np.float64]) -> float:
    """The largest power of ten of a second (1, 0.1 ... a microsecond) that all are multiples of."""
    for digits in range(7):
        scaled = values[:1000] * 10.0**digits
        if np.abs(scaled - np.round(scaled)).max() < 1e-3:
            return 10.0**-digits
    return 1e-6
