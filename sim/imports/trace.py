"""When requests arrive: a scenario's profile as pieces of straight lines, or a recorded trace.

A trace is a text file in one of these forms, told apart by its first line of data:
- rows `time,rate`: from `time` on (seconds, or ISO 8601) `rate` requests per second arrive. With
  the header `time,count` the second column counts the requests until the next row;
- one time stamp a line: epoch seconds, ISO 8601, or access-log lines in Common or Combined Log
  Format (`... [10/Oct/2000:13:55:36 -0700] ...`), each of them one request.
Times are shifted to begin at 0. Stamps without a time zone are UTC. Where several requests bear the
same whole second they are spread evenly over it: the clock was coarse, the users were not. Servers
stamp a request when it begins and log it when it ends, so log lines may be out of order a little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.profile import Arrivals
from sim.schema.fields import InputError, Issue
from sim.schema.scenario import Traffic
from sim.schema.text.document import describe
from sim.schema.text.files import MOST_LINE, MOST_RECORDED, read_text

LOG_DISORDER_S = 300.0  # chosen: more than any request lasts
LATEST_S = 253402300800.0  # the end of the year 9999, as far as ISO 8601 writes four digits
LONGEST_STAMP = len("2000-10-10T13:55:36.123456789+07:00:00.000000")
MAX_ISSUES = 10  # of one file; a wrong file has a million
_TIMES = ("time", "timestamp", "t", "seconds", "date", "datetime", "time_s")
_LOG = re.compile(r"\[(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\]")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True)
class TraceRate:
    """Rows of a trace: from start_s[i], rate[i] requests/s; the last row lasts until end_s."""

    start_s: tuple[float, ...]
    rate: tuple[float, ...]
    end_s: float

    def arrivals(self, scale: float = 1.0) -> Arrivals:
        rates = tuple(rate * scale for rate in self.rate)
        return Arrivals(self.start_s, rates, (0.0,) * len(rates), self.end_s)


def profile(traffic: Traffic) -> Arrivals:
    """The arrivals of `rate:` or `points:`, scale applied. A ramp leads from the rate before it."""
    if traffic.rate is not None:
        return Arrivals((0.0,), (traffic.rate * traffic.scale,), (0.0,), math.inf)
    pieces: list[tuple[float, float, float]] = []
    before = 0.0
    for point in traffic.points:
        after = point.rate * traffic.scale
        if point.ramp > 0:
            pieces.append((point.at, before, (after - before) / point.ramp))
        pieces.append((point.at + point.ramp, after, 0.0))
        before = after
    starts, rates, slopes = zip(*pieces, strict=True) if pieces else ((), (), ())
    return Arrivals(starts, rates, slopes, math.inf)


def arrivals(traffic: Traffic) -> Arrivals:
    """What a scenario's traffic amounts to, its trace read if it has one. Raises `InputError`."""
    if traffic.trace is None:
        return profile(traffic)
    trace = load_trace(traffic.trace)
    if isinstance(trace, TraceRate):
        return trace.arrivals(traffic.scale)
    if traffic.scale != 1.0:
        found = f"{traffic.scale:g} with a trace of time stamps"
        raise InputError(traffic.trace, field="traffic.scale", found=found, expected="scale: 1")
    return trace


def load_trace(path: str | Path) -> TraceRate | Arrivals:
    """Read a trace file. Errors name file and line; at most ten of them."""
    file = str(path)
    lines = list(_lines(read_text(Path(path), file, MOST_RECORDED), file))
    if not lines:
        raise InputError(file, found="no data", expected="rows time,rate or one time stamp a line")
    number, first = lines[0]
    if _LOG.search(first):
        return _times(file, lines, is_log=True)
    header = [cell.strip().strip('"').lower() for cell in first.split(",")]
    has_header = header[0] in _TIMES
    if len(header) == 1:
        return _times(file, lines[has_header:], is_log=False)
    counts = has_header and header[1] in ("count", "requests")
    if has_header and not counts and header[1] != "rate":
        raise InputError(
            file,
            number,
            field="header",
            found=describe(first),
            expected="time,rate (requests per second) or time,count (requests until the next row)",
        )
    return _rates(file, lines[has_header:], counts)


def _lines(text: str, file: str) -> Iterator[tuple[int, str]]:
    """Numbered lines with something on them; `#` begins a comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MOST_LINE:
            expected = f"lines of at most {MOST_LINE} characters"
            raise InputError(file, number, found=f"{len(line)} characters", expected=expected)
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _rates(file: str, lines: list[tuple[int, str]], counts: bool) -> TraceRate:
    issues = _Issues(file)
    starts: list[float] = []
    rates: list[float] = []
    for number, line in lines:
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if len(cells) != 2:
            issues.add(number, "row", describe(line), "two columns, time,rate")
            continue
        start, rate = _stamp(cells[0]), _number(cells[1])
        if start is None:
            issues.add(number, "time", describe(cells[0]), "seconds or an ISO 8601 time")
        elif starts and start <= starts[-1]:
            issues.add(number, "time", describe(cells[0]), "a time after that of the row before")
        if rate is None or rate < 0:
            issues.add(number, "rate", describe(cells[1]), "a number of at least 0")
        if start is not None and rate is not None:
            starts.append(start)
            rates.append(rate)
    issues.done(bool(starts), "rows time,rate")
    spans = [after - before for before, after in pairwise(starts)]
    spans.append(spans[-1] if spans else math.inf)
    if counts:
        if len(starts) < 2:
            issues.add(lines[-1][0], "count", "one row", "at least two rows: a count needs a span")
            issues.done(True, "")
        rates = [count / span for count, span in zip(rates, spans, strict=True)]
    shifted = tuple(start - starts[0] for start in starts)
    return TraceRate(shifted, tuple(rates), shifted[-1] + spans[-1])


def _times(file: str, lines: list[tuple[int, str]], is_log: bool) -> Arrivals:
    issues = _Issues(file)
    stamps: list[float] = []
    latest = -math.inf
    slack = LOG_DISORDER_S if is_log else 0.0
    expected = "[10/Oct/2000:13:55:36 -0700]" if is_log else "epoch seconds or an ISO 8601 time"
    for number, line in lines:
        stamp = _log_stamp(line) if is_log else _stamp(line.strip('"'))
        if stamp is None:
            issues.add(number, "time", describe(line), expected)
            continue
        if stamp < latest - slack:
            issues.add(number, "time", describe(line), "a time not before that of the line before")
        latest = max(latest, stamp)
        stamps.append(stamp)
    issues.done(bool(stamps), "time stamps")
    times = np.sort(np.asarray(stamps, dtype=np.float64))
    return Arrivals(times_s=_spread(times - math.floor(times[0])))


def _spread(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Requests of the same whole second evenly over it; then the first at 0."""
    if np.all(times == np.floor(times)) and len(np.unique(times)) < len(times):
        _, first, counts = np.unique(times, return_index=True, return_counts=True)
        rank = np.arange(len(times)) - np.repeat(first, counts)
        times = times + rank / np.repeat(counts, counts)
    shifted: NDArray[np.float64] = times - times[0]
    return shifted


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _stamp(text: str) -> float | None:
    """Seconds of a number (not negative) or an ISO 8601 time."""
    value = _number(text)
    if value is not None:
        return value if 0 <= value <= LATEST_S else None
    if len(text) > LONGEST_STAMP:  # Python reads any number of digits as fractions of a second
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _log_stamp(line: str) -> float | None:
    match = _LOG.search(line)
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[i]) for i in (1, 3, 4, 5, 6))
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    try:
        zone = timezone(-offset if match[7] == "-" else offset)
        month = _MONTHS.index(match[2]) + 1
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()
    except ValueError:
        return None


class _Issues:
    """Collects the problems of one file, up to a limit."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.issues: list[Issue] = []

    def add(self, line: int, field: str, found: str, expected: str) -> None:
        self.issues.append(Issue(self.file, line, 0, field, found, expected))
        if len(self.issues) >= MAX_ISSUES:
            self.done(True, "")

    def done(self, any_data: bool, expected: str) -> None:
        if not any_data and not self.issues:
            self.issues.append(
                Issue(self.file, found="no data below the header", expected=expected)
            )
        if self.issues:
            raise InputError(issues=self.issues)
