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
from enum import Enum, auto
from functools import partial
from typing import Any, NamedTuple

from sim.imports.traffic.stamps import log_stamp, stamp
from sim.schema.text.document import describe

Row = tuple[float, float, str]  # time, value (of a series), path or ""
Reader = Callable[[str], Row | None]

TIMES = (
    "time", "timestamp", "t", "seconds", "date", "datetime", "time_s", "@timestamp", "ts",
    "time_local", "time_iso8601", "msec", "starttime", "start_time", "startutc", "eventtime",
)  # fmt: skip
PATHS = (
    "path", "uri", "url", "request_uri", "request_path", "requesturl", "requestpath", "request",
    "cs-uri-stem", "label",
)  # fmt: skip
# a column or field of these makes a row one request
_REQUEST = {*PATHS, "status", "status_code", "code", "responsecode", "method", "elapsed", "latency"}
STAMP = "epoch seconds or an ISO 8601 time"


CLOUDFRONT = "CloudFront log"


class WrongLineError(ValueError):
    """A line that cannot be read: which field, what stands there, what would do."""

    def __init__(self, field: str, text: str, expected: str) -> None:
        super().__init__(expected)
        self.field, self.text, self.expected = field, describe(text), expected


class Form(Enum):
    """How a line of requests is made: by it a duration is looked for."""

    TEXT = auto()
    JSON = auto()
    COLUMNS = auto()
    W3C = auto()
    ALB = auto()
    VEGETA = auto()


class RecordingKind(NamedTuple):
    """One kind of recording. `reader` of its first lines; rates: a row is a requests/s from its
    time on; counts: so many requests until the next row."""

    name: str
    reader: Callable[[Sequence[str]], Reader | None]
    form: Form | None = None
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
_WITH_METHOD = re.compile(r"[A-Z]+ (\S+)(?: HTTP/[\d.]+)?")  # nginx' $request as a field
# what servers and their balancer write into the same stream: no requests
BESIDE = re.compile(
    r"\d{4}/\d\d/\d\d [\d:]{8} \[\w+\] |\[\w{3} \w{3} +\d+ [\d:.]+ \d{4}\] \[|"
    r"haproxy\[\d+\]: +(Proxy|Server|Stopping|Connect from|backend|Health|\[\w+\])|"
    r"^Connect from |"
    r"^\S* *\| *$|\[(notice|NOTICE|INFO|WARNING|ALERT|emerg)\]"
)
_ALB = re.compile(r"(?:https?|h2|wss?|grpcs?) (\d{4}-\S+Z) \S+ \S+:\d+ \S+ (\S+) (\S+) (\S+) ")


# a line a connection, whatever many requests went through it: HAProxy's tcplog, an AWS NLB
CONNECTIONS = re.compile(
    r"^(?:\w{3} [ \d]\d [\d:]{8} .*: )?Connect from |^(?:tls|tcp) 2\.0 \d{4}-|"
    r"\] \S+ \S+/\S+ (?:-?\d+/){2}\+?-?\d+ \+?\d+ \S\S [\d/+]+ "
)
CONSOLE = re.compile(r"^\S+ \S+\t\S+\thttp\.log\.access")
_HAPROXY = re.compile(r"\] \S+ \S+/\S+ (?:\+?-?\d+/){4}\+?-?\d+ ")
_STATUS = r'" \d{3} (?:\d+|-)'
# by what a line of it has behind its time; the first that fits
_ACCESS = (
    ("HAProxy HTTP log", _HAPROXY),
    ("Traefik access log", re.compile(_STATUS + r'.* \d+ "[^"]*" "[^"]*" \d+ms$')),
    ("ingress-nginx access log", re.compile(_STATUS + r'.*" \d+ [\d.]+ \[[^]]*\] \[[^]]*\] ')),
    ("Combined Log Format", re.compile(_STATUS + ' "')),
    ("Common Log Format", re.compile(_STATUS)),
    ("access log", re.compile("")),
)


def access_log(pattern: re.Pattern[str], head: Sequence[str]) -> Reader | None:
    """Common and Combined and what begins or ends otherwise; HAProxy, whose lines of connections
    are no requests."""
    first = _first_request(head)
    bracket = _BRACKET.search(first)
    if not bracket or not pattern.search(first, bracket.end() - 1) or CONNECTIONS.search(first):
        return None
    return _bracketed(_BRACKET, _log_time, CONNECTIONS if pattern is _HAPROXY else None)


def envoy_log(head: Sequence[str]) -> Reader | None:
    first = _first_request(head)
    fits = _ISO.search(first) and _REQUEST_LINE.search(first)
    return _bracketed(_ISO, time_of) if fits else None


def _first_request(head: Sequence[str]) -> str:
    beside = [line for line in head if not BESIDE.search(line)]
    return data_line(beside or head)


def _log_time(text: str) -> float:
    seconds = log_stamp(text)
    if seconds is None:
        raise WrongLineError("time", text, "[10/Oct/2000:13:55:36 -0700]")
    return seconds


def _bracketed(
    time: re.Pattern[str], convert: Callable[[str], float], apart: re.Pattern[str] | None = None
) -> Reader:
    last, seconds = "", 0.0  # most lines have the second of the line before

    def read(line: str) -> Row | None:
        nonlocal last, seconds
        match = time.search(line)
        if match is None:
            if not line.strip() or BESIDE.search(line):
                return None
            raise WrongLineError("time", line, "[10/Oct/2000:13:55:36 -0700]")
        if apart is not None and apart.search(line):
            return None
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


def w3c(column: str, head: Sequence[str]) -> Reader | None:
    """IIS and CloudFront, told by a column that they alone have: `#Fields:` names the columns, and
    may do so again further down."""
    if not any(line.startswith("#Fields:") and column in line for line in head):
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

    name: str
    keys: tuple[str, ...]
    time: str
    path: str = ""
    only: Mapping[str, str] = {}


_JSON = (
    JsonKind("k6 JSON", ("type", "metric"), "data.time", "data.tags.url",
             {"type": "Point", "metric": "http_reqs"}),
    JsonKind("Traefik JSON log", ("StartUTC",), "StartUTC", "RequestPath"),
    JsonKind("Caddy JSON log", ("ts", "logger", "msg"), "ts", "request.uri",
             {"msg": "handled request"}),
    JsonKind("vegeta JSON", ("attack", "seq", "timestamp"), "timestamp", "url"),
    JsonKind("Cloudflare JSON log", ("EdgeStartTimestamp",), "EdgeStartTimestamp",
             "ClientRequestURI"),
    JsonKind("Envoy JSON log", ("start_time", "response_code"), "start_time", "path"),
    JsonKind("JSON lines", (), ""),
)  # fmt: skip


def json_lines(made: JsonKind, head: Sequence[str]) -> Reader | None:
    """An object a line, perhaps behind what a container's runtime or syslog put before it; one
    without keys of its own is any with a time."""
    objects = [record for record in map(json_object, head) if record is not None]
    if not objects or len(objects) * 2 < sum(bool(line.strip()) for line in head):
        return None
    if not any(set(made.keys) <= set(record) for record in objects):
        return None
    kind = made if made.keys else _any_json(objects[0])
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
        return time_of(text, kind.time), 1.0, _target(value_at(record, kind.path))

    return read


def _any_json(record: Mapping[str, Any]) -> JsonKind | None:
    """By its names: a time, and a path beside it or in an object of it (`req.url`, `http.path`)."""
    time = _named(record, TIMES)
    if not time or stamp(str(record[time]).strip()) is None:
        return None
    inner = {key: _named(sub, PATHS) for key, sub in record.items() if isinstance(sub, dict)}
    nested = (f"{key}.{name}" for key, name in inner.items() if name)
    return JsonKind("", (), time, _named(record, PATHS) or next(nested, ""))


def _named(record: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these names that it has with a plain value, as it writes it; "" of none."""
    plain = {key.lower(): key for key, value in record.items() if not isinstance(value, dict)}
    return next((plain[name] for name in names if name in plain), "")


def _target(value: Any) -> str:
    """The path of `GET /a HTTP/1.1`, or what stands there."""
    text = str(value or "")
    match = _WITH_METHOD.fullmatch(text)
    return match[1] if match else text


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


def request_rows(k6: bool, head: Sequence[str]) -> Reader | None:
    """Named columns, among them a time and something that requests alone have; k6's CSV."""
    first = data_line(head)
    delimiter = delimiter_of(first)
    names = [cell.lower() for cell in cells_of(first, delimiter)]
    time = next((name for name in TIMES if name in names), None)
    if k6 != ("metric_name" in names) or time is None or not (k6 or _REQUEST & set(names)):
        return None
    if first.startswith(('"Time"', "sep=")):
        return None  # Grafana's, of a series named latency
    path = next((name for name in PATHS if name in names), None)

    def read(line: str) -> Row | None:
        if line == first or not line.strip() or line.startswith("#"):
            return None
        cells = cells_of(line, delimiter)
        if len(cells) < len(names):
            raise WrongLineError("row", line, f"{len(names)} columns")
        if k6 and cells[names.index("metric_name")] != "http_reqs":
            return None
        where = _target(cells[names.index(path)]) if path else ""
        return time_of(cells[names.index(time)]), 1.0, where

    return read


REQUESTS = (
    RecordingKind(CLOUDFRONT, partial(w3c, "x-edge-location"), Form.W3C),
    RecordingKind("IIS log", partial(w3c, "sc-win32-status"), Form.W3C),
    RecordingKind("W3C extended log", partial(w3c, ""), Form.W3C),
    RecordingKind("AWS ALB access log", load_balancer, Form.ALB),
    *(RecordingKind(name, partial(access_log, line), Form.TEXT) for name, line in _ACCESS),
    RecordingKind("Envoy access log", envoy_log, Form.TEXT),
    *(RecordingKind(kind.name, partial(json_lines, kind), Form.JSON) for kind in _JSON),
    RecordingKind("vegeta CSV", vegeta_csv, Form.VEGETA),
    RecordingKind("k6 CSV", partial(request_rows, True), Form.COLUMNS),
    RecordingKind("rows of requests", partial(request_rows, False), Form.COLUMNS),
    RecordingKind("time stamps", bare_stamps, paths=False),
)
