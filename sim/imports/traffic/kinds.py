"""The kinds of recordings whose lines are requests, told apart by their first lines.

A kind is a function from the first lines to a reader, or to None where they are not its own. A
reader takes a line and gives a `Row`, None for a line that is no request (a header, a comment,
another metric), or raises `WrongLineError`. Formats, as their makers document them: Apache
mod_log_config (Common, Combined, vhost), nginx log_format, HAProxy 2.x HTTP log format, Envoy's
default access log, AWS "Access logs for your Application Load Balancer", W3C extended log format
(WD-logfile-960323) with the fields of IIS and CloudFront, Traefik 3 and Caddy 2 access logs,
`vegeta encode`, k6's csv and json outputs.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sim.imports.traffic.stamps import log_stamp, stamp
from sim.schema.text.document import describe

Row = tuple[float, float, str]  # time, value (of a series), path or ""
Reader = Callable[[str], Row | None]

TIMES = (
    "time", "timestamp", "t", "seconds", "date", "datetime", "time_s", "@timestamp", "ts",
    "time_local", "time_iso8601", "msec", "starttime", "start_time", "startutc", "eventtime",
)  # fmt: skip
PATHS = ("path", "uri", "url", "request_uri", "request", "requestpath", "cs-uri-stem", "label")
# a column or field of these makes a row one request
_REQUEST = {*PATHS, "status", "status_code", "code", "responsecode", "method", "elapsed", "latency"}
STAMP = "epoch seconds or an ISO 8601 time"


class WrongLineError(ValueError):
    """A line that cannot be read: which field, what stands there, what would do."""

    def __init__(self, field: str, text: str, expected: str) -> None:
        super().__init__(expected)
        self.field, self.text, self.expected = field, describe(text), expected


class RecordingKind(NamedTuple):
    """One kind of recording. `reader` of its first lines; rates: a row is a requests/s from its
    time on; counts: so many requests until the next row."""

    name: str
    reader: Callable[[Sequence[str]], Reader | None]
    series: bool = False
    counts: bool = False
    paths: bool = True


def time_of(text: Any, field: str = "time") -> float:
    """Seconds since 1970. Raises `WrongLineError`."""
    seconds = stamp(str(text).strip())
    if seconds is None:
        raise WrongLineError(field, str(text), STAMP)
    return seconds


def data_line(head: Sequence[str]) -> str:
    """The first with something on it that is no comment."""
    return next((line for line in head if line.strip() and not line.startswith("#")), "")


# ---- lines of text ----
_BRACKET = re.compile(r"\[(\d\d/[^\]\s]+(?: [+-]\d{4})?)\]")
_ISO = re.compile(r"\[(\d{4}-\d\d-\d\d[T ][0-9:.,]+(?:Z|[+-]\d\d:?\d\d)?)\]")
_REQUEST_LINE = re.compile(r'"[A-Z]+ ([^ "]+)')
# what servers and their balancer write into the same stream: no requests
BESIDE = re.compile(
    r"\d{4}/\d\d/\d\d [\d:]{8} \[\w+\] |\[\w{3} \w{3} +\d+ [\d:.]+ \d{4}\] \[|"
    r"haproxy\[\d+\]: +(Proxy|Server|Stopping|Connect from|backend|Health|\[\w+\])|"
    r"^\S* *\| *$|\[(notice|NOTICE|INFO|WARNING|ALERT|emerg)\]"
)
_ALB = re.compile(r"(?:https?|h2|wss?|grpcs?) (\d{4}-\S+Z) \S+ \S+:\d+ \S+ (\S+) (\S+) (\S+) ")


def access_log(head: Sequence[str]) -> Reader | None:
    """Common and Combined and what begins or ends otherwise; HAProxy; Envoy."""
    requests = [line for line in head if not BESIDE.search(line)] or head
    first = data_line(requests)
    if not _BRACKET.search(first):
        envoy = _ISO.search(first) and _REQUEST_LINE.search(first)
        return _bracketed(_ISO, time_of) if envoy else None
    return _bracketed(_BRACKET, _log_time)


def _log_time(text: str) -> float:
    seconds = log_stamp(text)
    if seconds is None:
        raise WrongLineError("time", text, "[10/Oct/2000:13:55:36 -0700]")
    return seconds


def _bracketed(time: re.Pattern[str], convert: Callable[[str], float]) -> Reader:
    last, seconds = "", 0.0  # most lines have the second of the line before

    def read(line: str) -> Row | None:
        nonlocal last, seconds
        match = time.search(line)
        if match is None:
            if not line.strip() or BESIDE.search(line):
                return None
            raise WrongLineError("time", line, "[10/Oct/2000:13:55:36 -0700]")
        if match[1] != last:
            last, seconds = match[1], convert(match[1])
        path = _REQUEST_LINE.search(line, match.end())
        return seconds, 1.0, path[1] if path else ""

    return read


def load_balancer(head: Sequence[str]) -> Reader | None:
    """AWS ALB: the time is that of the answer, the three durations before it are known."""

    def read(line: str) -> Row | None:
        match = _ALB.match(line)
        if match is None:
            if not line.strip():
                return None
            raise WrongLineError("line", line, "a line of an ALB's access log")
        lasted = load_balancer_durations(line)
        path = _REQUEST_LINE.search(line, match.end())
        return time_of(match[1]) - lasted, 1.0, path[1] if path else ""

    return read if _ALB.match(data_line(head)) else None


def w3c(head: Sequence[str]) -> Reader | None:
    """IIS and CloudFront: `#Fields:` names the columns, and may do so again further down."""
    if not any(line.startswith("#Fields:") for line in head):
        return None
    names: list[str] = []
    day: dict[str, str] = {}  # of the directive, where no column says it

    def read(line: str) -> Row | None:
        if line.startswith("#Fields:"):
            names[:] = line.removeprefix("#Fields:").split()
        if line.startswith("#Date:"):
            day["date"] = line.removeprefix("#Date:").split(maxsplit=1)[0]
        if line.startswith("#") or not line.strip():
            return None
        columns = line.split("\t" if "\t" in line else " ")
        cells = {**day, **dict(zip(names, columns, strict=False))}
        if "date" not in cells or "time" not in cells:
            raise WrongLineError("line", line, f"{len(names)} columns with date and time")
        path = cells.get("cs-uri-stem", "")
        return time_of(f"{cells['date']}T{cells['time']}"), 1.0, path

    return read


def bare_stamps(head: Sequence[str]) -> Reader | None:
    """A time stamp a line and nothing else, perhaps below a header."""
    lines = [line.strip().strip('"') for line in head if line.strip() and line[0] != "#"]
    header = lines[0] if lines and lines[0].lower() in TIMES else None
    first = next(iter(lines[header is not None :]), "")
    if "," in first or (header is None and stamp(first) is None):
        return None

    def read(line: str) -> Row | None:
        text = line.strip().strip('"')
        if not text or text == header or text.startswith("#"):
            return None
        return time_of(text), 1.0, ""

    return read


def load_balancer_durations(line: str) -> float:
    """Seconds from the request's arrival to its answer in a line of an ALB; 0 of any other."""
    match = _ALB.match(line)
    return sum(max(0.0, float(match[i])) for i in (2, 3, 4)) if match else 0.0  # -1: not so far


# ---- JSON, an object a line ----
class JsonKind(NamedTuple):
    """`keys`: what an object of it has; `only`: what a request among them has."""

    keys: tuple[str, ...]
    time: str
    path: str = ""
    only: Mapping[str, str] = {}


_JSON = (
    JsonKind(("type", "metric"), "data.time", "data.tags.url",
             {"type": "Point", "metric": "http_reqs"}),
    JsonKind(("StartUTC",), "StartUTC", "RequestPath"),
    JsonKind(("ts", "logger", "msg"), "ts", "request.uri", {"msg": "handled request"}),
    JsonKind(("attack", "seq", "timestamp"), "timestamp", "url"),
    JsonKind(("EdgeStartTimestamp",), "EdgeStartTimestamp", "ClientRequestURI"),
)  # fmt: skip


def json_lines(head: Sequence[str]) -> Reader | None:
    """k6, Traefik, Caddy, vegeta, Cloudflare, and any other with a time: an object a line, perhaps
    behind what a container's runtime or syslog put before it."""
    objects = [record for record in map(json_object, head) if record is not None]
    if not objects or len(objects) * 2 < sum(bool(line.strip()) for line in head):
        return None
    fitting = (k for record in objects for k in _JSON if set(k.keys) <= set(record))
    kind = next(fitting, None) or _any_json(objects[0])
    if kind is None:
        return None

    def read(line: str) -> Row | None:
        if not line.strip():
            return None
        record = json_object(line)
        if record is None:
            if "{" not in line:
                return None  # of a program beside it, in the same stream
            raise WrongLineError("line", line, "an object of JSON")
        if any(record.get(key) != value for key, value in kind.only.items()):
            return None
        text = value_at(record, kind.time)
        if text is None:
            raise WrongLineError(kind.time, line, "the time of the request")
        return time_of(text, kind.time), 1.0, str(value_at(record, kind.path) or "")

    return read


def _any_json(record: Mapping[str, Any]) -> JsonKind | None:
    lower = {key.lower(): key for key in record}
    time = next((lower[name] for name in TIMES if name in lower), None)
    path = next((lower[name] for name in PATHS if name in lower), "")
    if time is None or stamp(str(record[time]).strip()) is None:
        return None
    return JsonKind((), time, path)


def value_at(record: Any, dotted: str) -> Any:
    """`request.uri` of an object in an object; a key with dots in it comes first."""
    if isinstance(record, dict) and dotted in record:
        return record[dotted]
    for key in dotted.split("."):
        record = record.get(key) if isinstance(record, dict) else None
    return record


def json_object(line: str) -> dict[str, Any] | None:
    """The object of a line; before it may stand a container's name, a time, a stream."""
    begin = line.find("{")
    if begin < 0 or (begin > 0 and not _PREFIX.fullmatch(line, 0, begin)):
        return None
    try:
        value = json.loads(line[begin:])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# `docker compose logs`, `kubectl logs --prefix --timestamps`, containerd's files, syslog
_PREFIX = re.compile(
    r"\s*([\w.-]+\s*\|\s*|\[pod/\S+\]\s*)?(\d{4}-\d\d-\d\dT\S+ )?(std(out|err) [FP] )?"
    r"(<\d+>)?(\w{3} [ \d]\d [\d:]{8} )?([\w.-]+ )?([\w./-]+(\[\d+\])?: )?"
)


# ---- CSV, a request a row ----
def cells_of(line: str, delimiter: str = ",") -> list[str]:
    """The cells of one line, quotes taken away."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def delimiter_of(line: str) -> str:
    return max(",;\t", key=line.count)


def vegeta_csv(head: Sequence[str]) -> Reader | None:
    """`vegeta encode --to csv`: no header; nanoseconds first, the URL in the eleventh column."""

    def read(line: str) -> Row | None:
        cells = cells_of(line)
        if not cells:
            return None
        if len(cells) < 9:
            raise WrongLineError("row", line, "the columns of `vegeta encode --to csv`")
        return time_of(cells[0]), 1.0, cells[10] if len(cells) > 10 else ""

    first = cells_of(data_line(head))
    is_vegeta = len(first) >= 9 and first[0].isdigit() and len(first[0]) == 19
    return read if is_vegeta else None


def request_rows(head: Sequence[str]) -> Reader | None:
    """Named columns, among them a time and something that requests alone have; k6's CSV."""
    first = data_line(head)
    delimiter = delimiter_of(first)
    names = [cell.lower() for cell in cells_of(first, delimiter)]
    time = next((name for name in TIMES if name in names), None)
    k6 = "metric_name" in names
    if time is None or not (k6 or _REQUEST & set(names)):
        return None
    path = next((name for name in PATHS if name in names), None)

    def read(line: str) -> Row | None:
        if line == first or not line.strip() or line.startswith("#"):
            return None
        cells = cells_of(line, delimiter)
        if len(cells) < len(names):
            raise WrongLineError("row", line, f"{len(names)} columns")
        if k6 and cells[names.index("metric_name")] != "http_reqs":
            return None
        where = cells[names.index(path)] if path else ""
        return time_of(cells[names.index(time)]), 1.0, where

    return read


REQUESTS = (
    RecordingKind("W3C extended log", w3c),
    RecordingKind("AWS ALB access log", load_balancer),
    RecordingKind("access log", access_log),
    RecordingKind("JSON lines", json_lines),
    RecordingKind("vegeta results", vegeta_csv),
    RecordingKind("rows of requests", request_rows),
    RecordingKind("time stamps", bare_stamps, paths=False),
)
