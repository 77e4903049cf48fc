"""Requests of a recording with how long each took: what `sim fit` reads.

Where a duration stands, in which unit, and whether the time stamp is that of the request or of its
answer, as the makers document it: nginx `$request_time` (s, written when it ends), Apache `%D` (us,
`%t` is when it came; mod_log_config), HAProxy `TR/Tw/Tc/Tr/Ta` (ms, accept date), Traefik (JSON:
ns, StartUTC; common: `12ms`), Caddy `duration` (s, written when it ends), AWS ALB (three durations
before the time), W3C `time-taken` (IIS: ms, CloudFront: s), Envoy `duration` (ms, start_time),
JMeter `elapsed` (ms), vegeta `latency` (ns), k6 `http_req_duration` (ms, its sample is taken at the
end), lograge `duration` and `db` (ms, written when it ends). Others say the unit in the name; a
`duration` in whole numbers is in ms.
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

from sim.imports.traffic.file import PROMETHEUS, kind_of
from sim.imports.traffic.kinds import (
    CLOUDFRONT,
    Form,
    Reader,
    RecordingKind,
    Row,
    WrongLineError,
    cells_of,
    data_line,
    delimiter_of,
    json_object,
    load_balancer_durations,
    value_at,
)
from sim.imports.traffic.series import is_document
from sim.imports.traffic.source import pieces
from sim.imports.traffic.stamps import number
from sim.schema.fields import InputError, parse_duration

MOST_REQUESTS = 200_000  # chosen: more tell nothing new of a law, and take long


class DurationField(NamedTuple):
    """A duration by its name: seconds of its unit, and whether the stamp is of the answer."""

    name: str
    unit_s: float
    at_end: bool = False


_FIELDS = (
    DurationField("request_time", 1.0, at_end=True), DurationField("duration", 1.0, at_end=True),
    DurationField("responseTime", 1e-3, at_end=True),  # pino-http
    DurationField("httpRequest.latency", 1.0, at_end=True),  # Google Cloud's, as 0.012s
    DurationField("Duration", 1e-9, at_end=True), DurationField("latency", 1e-9),
    DurationField("elapsed", 1e-3),
    DurationField("data.value", 1e-3, at_end=True),
    DurationField("metric_value", 1e-3, at_end=True),
    *(
        DurationField(f"{word}{end}", unit)
        for word in ("duration", "latency", "elapsed", "response_time")
        for end, unit in (("_s", 1.0), ("_ms", 1e-3), ("_us", 1e-6), ("_ns", 1e-9))
    ),
)  # fmt: skip
# lograge's where `db` stands beside it, Envoy's %DURATION%, and of others who write whole numbers
_IN_MS = DurationField("duration", 1e-3, at_end=True)
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
    (re.compile(r" (?:\+?-?\d+/){4}\+?(\d+) "), 1e-3, False),  # HAProxy
    (re.compile(r"\" \d+ (\d+\.\d+) \[[^]]*\] \["), 1.0, True),  # ingress-nginx
    (re.compile(r"[ \"](\d+)ms\"?$"), 1e-3, False),
    (re.compile(r"[ \"](\d+\.\d+)\"?$"), 1.0, True),
    (re.compile(r"[\" ](?:\d+/)?(\d+)$"), 1e-6, False),  # Apache: %D, or %T/%D
)
_LAST_IS_SIZE = re.compile(r"\" \d{3} (?:\d+|-)$")  # Common, as it is
_BEGINS = ("start_time", "StartUTC", "starttime")  # a time that is not that of the answer
_K6 = ("http_reqs", "http_req_duration")


class Lasted(NamedTuple):
    """Seconds; is the stamp that of the answer; seconds of it in databases, if the line says so."""

    seconds: float
    at_end: bool
    database_s: float = nan


Lasting = Callable[[str], Lasted | None]
TimedRow = tuple[float, float, str, float, float]


@dataclass(frozen=True)
class TimedRequests:
    """Of requests in the order in which they came: seconds since 1970, durations, paths, seconds in
    databases (not a number where a line does not say). `resolution_s`: of the coarser of the two
    clocks; `silent`: requests among them that do not say how long they took."""

    arrive: NDArray[np.float64]
    duration: NDArray[np.float64]
    paths: tuple[str, ...]
    resolution_s: float
    database: NDArray[np.float64]
    silent: int


def read_timed(names: Sequence[str], path: str = "") -> TimedRequests:
    """The requests of these files that say how long they took, the first 200,000. `path`: a pattern
    that theirs must match. Raises `InputError`."""
    rows, silent = list[TimedRow](), 0
    for row in (row for name in names for row in _rows(name, path)):
        if row is None:
            silent += 1
            continue
        rows.append(row)
        if len(rows) == MOST_REQUESTS:
            break
    if not rows:
        expected = "a log with durations, of requests that match"
        raise InputError(names[0], found="no request with a duration", expected=expected)
    rows.sort()
    begin, duration = (np.array([row[i] for row in rows]) for i in (0, 1))
    finest = _resolution(duration)
    resolution = max(_resolution(np.array([row[3] for row in rows])), finest)
    database = np.array([row[4] for row in rows])
    duration[duration == 0.0] = finest / 2  # shorter than its clock tells
    paths = tuple(row[2] for row in rows)
    return TimedRequests(begin, duration, paths, resolution, database, silent)


def _rows(name: str, path: str) -> Iterator[TimedRow | None]:
    """Of each request that matches when it came, how long it took, its path, its time stamp,
    seconds in databases; None of one that does not say how long."""
    lines = pieces(Path(name), name)
    first = next(lines, [])
    kind, reader = (PROMETHEUS, None) if is_document(first) else kind_of(first, name)
    example = next((line for line in first if reader and _row(reader, line)), "")
    lasting = _reading(kind, first, example)
    if reader is None or lasting is None:
        expected = "a duration of each request: nginx $request_time, Apache %D, a field duration_ms"
        raise InputError(name, found=f"{kind.name} without durations", expected=expected)
    pattern = re.compile(path)
    for line in chain.from_iterable(chain([first], lines)):
        row = _row(reader, line)
        try:
            lasted = lasting(line)
        except (WrongLineError, ValueError, IndexError):
            lasted = None
        if row is None or not pattern.search(row[2]):
            continue
        if lasted is None or lasted.seconds < 0:
            yield None
        else:
            began = row[0] - lasted.seconds * lasted.at_end
            yield began, lasted.seconds, row[2], row[0], lasted.database_s


def _row(reader: Reader, line: str) -> Row | None:
    """The request of a line; of k6's it is the one that has the duration."""
    if line.find(_K6[0]) >= 0 or line.find(_K6[1]) >= 0:
        line = line.replace(_K6[0], "-").replace(_K6[1], _K6[0])
    try:
        return reader(line)
    except (WrongLineError, ValueError, IndexError):
        return None


def _reading(kind: RecordingKind, first: Sequence[str], line: str) -> Lasting | None:
    """How the lines of a file say how long a request took, by its first ones and one that is a
    request; None: they do not."""
    if kind.form is Form.ALB:
        return lambda text: Lasted(load_balancer_durations(text), at_end=False)
    if kind.form is Form.TEXT:
        form = next((form for form in _LINES if form[0].search(line)), None)
        return None if form is None or _LAST_IS_SIZE.search(line) else _by_pattern(*form)
    if kind.form is Form.JSON:
        return _by_field(lambda text, name: value_at(json_object(text), name), line)
    if kind.form is Form.COLUMNS:
        header = data_line(first)
        delimiter = delimiter_of(header)
        place = {name: i for i, name in enumerate(cells_of(header, delimiter))}
        return _by_field(
            lambda text, name: cells_of(text, delimiter)[place[name]] if name in place else None,
            line,
        )
    if kind.form is Form.VEGETA:
        return lambda text: Lasted(float(cells_of(text)[2]) * 1e-9, at_end=False)
    told = any(text.startswith("#Fields:") and "time-taken" in text for text in first)
    return _time_taken(1.0 if kind.name == CLOUDFRONT else 1e-3) if told else None


def _by_field(value: Callable[[str, str], Any], example: str) -> Lasting | None:
    """By the first of the fields that the example has; `value`: of a line's field, or None."""
    field = next((field for field in _FIELDS if value(example, field.name) is not None), None)
    database = next((field for field in _DATABASE if value(example, field.name) is not None), None)
    if field is None:
        return None
    if field.name == _IN_MS.name and (
        database is _DATABASE[0] or str(value(example, field.name)).isdigit()
    ):
        field = _IN_MS
    at_end = field.at_end and all(value(example, name) is None for name in _BEGINS)

    def read(line: str) -> Lasted | None:
        lasted_s = _seconds(value(line, field.name), field.unit_s)
        if lasted_s is None:
            return None
        waited = None if database is None else value(line, database.name)
        waited_s = None if database is None else _seconds(waited, database.unit_s)
        return Lasted(lasted_s, at_end, nan if waited_s is None else waited_s)

    return read


def _seconds(value: Any, unit_s: float) -> float | None:
    """Of a number, or of a duration with its unit: `7.4ms`, as Go writes it."""
    count = number(value)
    if count is not None:
        return count * unit_s
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _time_taken(unit_s: float) -> Lasting:
    """Of a W3C log, whose columns may change from one line on."""
    place = -1

    def read(line: str) -> Lasted | None:
        nonlocal place
        if line.startswith("#Fields:"):
            names = line.removeprefix("#Fields:").split()
            place = names.index("time-taken") if "time-taken" in names else -1
        if place < 0 or line.startswith("#"):
            return None
        cells = line.split("\t" if "\t" in line else " ")
        return Lasted(float(cells[place]) * unit_s, at_end=True)

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
