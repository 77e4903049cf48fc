"""Recordings as people have them: every kind, packed or cut, in any order; and what is said."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.imports.trace import arrivals, recording
from sim.imports.traffic.course import Instants
from sim.imports.traffic.replay import figures
from sim.report.text import traffic as text
from sim.schema.fields import InputError
from sim.schema.traffic import Replay, Traffic

DATA = Path(__file__).parents[1] / "data" / "traffic"
LOG = '10.0.0.7 - - [01/Mar/2025:{} +0000] "GET {} HTTP/1.1" 200 512 "-" "curl"{}\n'
SECONDS = ("08:00:00", "08:00:01", "08:00:03")


def _log(*times: str, path: str = "/a", tail: str = "", head: str = "") -> str:
    return "".join(head + LOG.format(time, path, tail) for time in times)


def _put(folder: Path, *texts: str | bytes) -> list[str]:
    names = []
    for i, content in enumerate(texts):
        path = folder / f"traffic{i}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        names.append(str(path))
    return names


def _times(files: Sequence[str], scale: float = 1.0, **replay: Any) -> list[float]:
    come = arrivals(Traffic(trace=list(files), scale=scale, replay=Replay(**replay)))
    assert come.times_s is not None
    return [round(float(t), 6) for t in come.times_s]


def _lines(files: Sequence[str], horizon: float = 3.0, **replay: Any) -> str:
    recorded = recording(Traffic(trace=list(files), replay=Replay(**replay)))
    assert recorded is not None
    return "\n".join(text.lines(figures(recorded, horizon)))


# ---- the kinds: each says requests at 8:00:00, 8:00:01 and 8:00:03 on March 1st of 2025 ----
ALB = (
    "http 2025-03-01T08:00:0{}.500000Z app/web/50dc 10.0.0.1:2817 10.1.0.1:80 0.100 0.300 0.100 "
    '200 200 34 366 "GET http://shop.example:80/a HTTP/1.1" "curl" - - arn:x "Root=1" "-" "-" 0 '
    '2025-03-01T08:00:00Z "forward" "-" "-" "10.1.0.1:80" "200" "-" "-"\n'
)
HAPROXY = (
    "Mar  1 08:00:00 lb haproxy[1]: 10.0.1.2:333 [01/Mar/2025:08:00:0{}.000] web api/s1 "
    '10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /a HTTP/1.1"\n'
)
TCP = (
    "Mar  1 08:00:00 lb haproxy[1]: 10.0.1.2:333 [01/Mar/2025:08:00:00.000] db pg/s1 "
    "10/0/3069 2750 -- 1/1/1/1/0 0/0\n"
)
NGINX = "".join(LOG.format(t, "/a", " 3 0.012 [web-80] [] 10.0.0.2:80 3") for t in SECONDS)
KINDS = {
    "ingress-nginx": NGINX,
    "haproxy beside tcplog": HAPROXY.format(0) + TCP + HAPROXY.format(1) + HAPROXY.format(3),
    "pino": "".join(
        f'{{"level":30,"time":174081600{s}000,"req":{{"method":"GET","url":"/a"}}}}\n'
        for s in (0, 1, 3)
    ),
    "vhost": _log(*SECONDS, head="shop.example:80 "),
    "with a duration": _log(*SECONDS, tail=" 0.012"),
    "traefik common": _log(*SECONDS, tail=' 1 "api@docker" "http://10.0.0.2:80" 3ms'),
    "compose logs": _log(*SECONDS, head="web-1  | "),
    "haproxy": "".join(HAPROXY.format(s) for s in (0, 1, 3)),
    "envoy": "".join(
        f'[2025-03-01T08:00:0{s}.000Z] "GET /a HTTP/2" 200 - 154 0 226 100 "-" "curl"\n'
        for s in (0, 1, 3)
    ),
    "alb": "".join(ALB.format(s) for s in (0, 1, 3)),
    "iis": "#Software: Microsoft Internet Information Services 10.0\n"
    "#Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
    + "".join(f"2025-03-01 {t} GET /a 200 15\n" for t in SECONDS),
    "cloudfront": "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes cs-uri-stem\n"
    + "".join(f"2025-03-01\t{t}\tFRA2\t182\t/a\n" for t in SECONDS),
    "nginx json": "".join(
        f'{{"time_iso8601":"2025-03-01T{t}+00:00","request":"GET /a HTTP/1.1"}}\n' for t in SECONDS
    ),
    "caddy": '{"level":"info","ts":1740816000.0,"logger":"tls","msg":"cleaning storage"}\n'
    + "".join(
        f'{{"level":"info","ts":174081600{s}.0,"logger":"http.log.access",'
        '"msg":"handled request","request":{"uri":"/a"}}\n'
        for s in (0, 1, 3)
    ),
    "traefik json": "".join(
        f'{{"StartUTC":"2025-03-01T{t}.000000000Z","RequestPath":"/a","time":"2025-03-01T09:00:00Z"}}\n'
        for t in SECONDS
    ),
    "vegeta json": "".join(
        f'{{"attack":"","seq":{s},"code":200,"timestamp":"2025-03-01T08:00:0{s}Z","latency":1,'
        '"url":"http://shop/a"}\n'
        for s in (0, 1, 3)
    ),
    "vegeta csv": "".join(
        f"174081600{s}000000000,200,15000000,0,5,,,attack,{s},GET,http://shop/a,\n"
        for s in (0, 1, 3)
    ),
    "k6 json": '{"type":"Metric","data":{"name":"http_reqs"},"metric":"http_reqs"}\n'
    + "".join(
        f'{{"type":"Point","metric":"{metric}","data":{{"time":"2025-03-01T08:00:0{s}.000000001Z",'
        '"value":1,"tags":{"url":"http://shop/a"}}}\n'
        for s in (0, 1, 3)
        for metric in ("http_reqs", "http_req_duration")
    ),
    "k6 csv": "metric_name,timestamp,metric_value,status,url\n"
    + "".join(
        f"{metric},174081600{s},1.0,200,http://shop/a\n"
        for s in (0, 1, 3)
        for metric in ("http_reqs", "http_req_duration")
    ),
    "jmeter": "timeStamp,elapsed,label,responseCode\n".lower()
    + "".join(f"174081600{s}000,12,/a,200\n" for s in (0, 1, 3)),
    "docker's json-file": "".join(
        json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-01-01T00:00:00Z"}) + "\n"
        for line in _log(*SECONDS).splitlines()
    ),
    "compose logs of json": 'web  | starting\nweb  | {"ts":1,"msg":"serving"}\n'
    + "".join(
        f'web  | {{"ts":174081600{s}.0,"logger":"http.log.access","msg":"handled request",'
        '"request":{"uri":"/a"}}\n'
        for s in (0, 1, 3)
    ),
    "containerd": "".join(
        f'2026-01-01T00:00:00.1+01:00 stdout F {{"start_time":"2025-03-01T{t}Z","path":"/a"}}\n'
        for t in SECONDS
    ),
    "kubectl": "".join(
        f'[pod/web-5f/web] 2026-01-01T00:00:00Z {{"start_time":"2025-03-01T{t}Z","path":"/a"}}\n'
        for t in SECONDS
    ),
    "syslog": "".join(
        f'<190>Mar  1 09:00:00 edge nginx: {{"time_iso8601":"2025-03-01T{t}Z","uri":"/a"}}\n'
        for t in SECONDS
    ),
    "cloudflare": "".join(
        f'{{"EdgeStartTimestamp":"2025-03-01T{t}Z","ClientRequestURI":"/a"}}\n' for t in SECONDS
    ),
    "errors among the requests": "2025/03/01 08:00:00 [error] 31#31: *46 no such file\n"
    + _log(*SECONDS)
    + "[Sat Mar 01 08:00:00.880562 2025] [auth_basic:error] [pid 9] AH01617: user a\n",
    "haproxy from its start": "Mar  1 07:59:59 lb haproxy[1]: Proxy web started.\n"
    + "".join(HAPROXY.format(s) for s in (0, 1, 3)),
    "a day in its directive": "#Date: 2025-03-01 00:00:02\n#Fields: time cs-method cs-uri-stem\n"
    + "".join(f"{t} GET /a\n" for t in SECONDS),
    "semicolons": "date;status;url\n" + "".join(f"2025-03-01 {t};200;/a\n" for t in SECONDS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_log_says_when_its_requests_came(kind: str, tmp_path: Path) -> None:
    files = _put(tmp_path, KINDS[kind])
    assert _times(files) == [0.0, 1.0, 3.0]
    recorded = recording(Traffic(trace=files))
    assert recorded is not None
    assert recorded.course.begin == 1740816000.0
    assert _times(files, path="^(http://shop(.example:80)?)?/a$") == [0.0, 1.0, 3.0]
    with pytest.raises(InputError, match="no request"):
        _times(files, path="/b")


NAMED = {
    "vhost": "Combined Log Format",
    "traefik common": "Traefik access log",
    "haproxy": "HAProxy HTTP log",
    "ingress-nginx": "ingress-nginx access log",
    "envoy": "Envoy access log",
    "iis": "IIS log",
    "cloudfront": "CloudFront log",
    "a day in its directive": "W3C extended log",
    "caddy": "Caddy JSON log",
    "traefik json": "Traefik JSON log",
    "nginx json": "JSON lines",
    "vegeta json": "vegeta JSON",
    "k6 json": "k6 JSON",
    "k6 csv": "k6 CSV",
    "jmeter": "rows of requests",
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_recording_is_called_by_its_maker(kind: str, tmp_path: Path) -> None:
    text = KINDS[kind].replace("sc-status", "sc-win32-status")
    assert f": {NAMED[kind]}; 3 s from" in _lines(_put(tmp_path, text))


RATES = {
    "t38_grafana.csv": [12.5, 13.5, 14.5, 15.5, 16.5],
    "t38_value.csv": [90.0, 91.0, 92.0, 93.0, 94.0],
    "t40_locust.csv": [8.5, 9.5, 10.5, 11.5, 12.5],
    "t41_prometheus.json": [12.5, 13.0, 90.0],
}


@pytest.mark.parametrize("name", RATES)
def test_series_are_rates(name: str) -> None:
    come = arrivals(Traffic(trace=[str(DATA / name)]))
    assert list(come.rate) == RATES[name]
    with pytest.raises(InputError, match="a log with paths"):
        arrivals(Traffic(trace=[str(DATA / name)], replay=Replay(path="/a")))


def test_grafanas_values_bear_their_units(tmp_path: Path) -> None:
    """As Grafana writes them: 1.23K req/s, short as 1.2 K; a minute's; a latency is no rate."""
    head = '"Time","latency"\n2025-03-01 08:00:00,{}\n2025-03-01 08:00:15,0\n'
    for cell, rate in (
        ("1.25K req/s", 1250.0), ("1.2 K", 1200.0), ("2.5 Mil", 2.5e6), ("120 ops/m", 2.0),
        ("12.5 reqps", 12.5), ("3", 3.0),
    ):  # fmt: skip
        assert arrivals(Traffic(trace=_put(tmp_path, head.format(cell)))).rate == (rate, 0.0)
    for cell in ("10 ms", "12%", "3 GiB"):
        with pytest.raises(InputError, match=f"rate: found '{cell}'; expected requests per second"):
            arrivals(Traffic(trace=_put(tmp_path, head.format(cell))))


def test_a_counter_of_prometheus_is_no_rate(tmp_path: Path) -> None:
    series = {"metric": {"__name__": "http_requests_total"}, "values": [[0, "1000"], [15, "1010"]]}
    document = {"data": {"resultType": "matrix", "result": [series]}}
    with pytest.raises(InputError, match=r"expected rate\(http_requests_total\[1m\]\)"):
        arrivals(Traffic(trace=_put(tmp_path, json.dumps(document))))


def test_locust_counts_by_its_totals(tmp_path: Path) -> None:
    """By hand: 8 and 12 requests in a second each, then the statistics begin again, with 9."""
    head = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,Total Request Count\n"
    rows = ((0, 0, 0.0), (1, 8, 0.0), (1, 8, 0.0), (2, 20, 4.0), (3, 9, 9.0))
    text = "".join(
        f"174081600{t},5,,Aggregated,{mean},0,{total}\n174081600{t},5,GET,/a,{mean},0,{total}\n"
        for t, total, mean in rows
    )
    assert arrivals(Traffic(trace=_put(tmp_path, head + text))).rate == (8.0, 12.0, 9.0)


def test_values_may_be_counts(tmp_path: Path) -> None:
    """60 requests until the next row, a minute later, are one a second."""
    files = _put(tmp_path, "timestamp,value\n0,60\n60,120\n")
    assert arrivals(Traffic(trace=files)).rate == (60.0, 120.0)
    assert arrivals(Traffic(trace=files, replay=Replay(reads="count"))).rate == (1.0, 2.0)


def test_series_of_one_time_are_summed_and_gaps_told(tmp_path: Path) -> None:
    result = [
        {"metric": {"pod": "a"}, "values": [[0, "1"], [15, "NaN"]]},
        {"metric": {"pod": "b"}, "values": [[0, "2"], [15, "4"]]},
    ]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    files = _put(tmp_path, json.dumps(document, indent=2))
    assert arrivals(Traffic(trace=files)).rate == (3.0, 4.0)
    assert "1 other lines" in _lines(files)
    grafana = 'sep=,\n"Time","a","b"\n2025-03-01 08:00:00,1.5 req/s,2\n2025-03-01 08:00:15,,4\n'
    assert arrivals(Traffic(trace=_put(tmp_path, grafana))).rate == (3.5, 4.0)


# ---- files ----
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_read(pack: Any, tmp_path: Path) -> None:
    assert _times(_put(tmp_path, pack(_log(*SECONDS).encode()))) == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(_log(*SECONDS).encode(), mtime=0)[:-9], "a gzip that ends or breaks off"),
        (_log(*SECONDS).encode("utf-16"), "text in UTF-16"),
        (b"PK\x03\x04....", "a zip archive"),
        (b'{"a": 1}\n', "expected a field time"),
        (b'[{"a": 1}]\n', "a JSON document"),
        (b"{\n", "no JSON"),
        (b'{"status":"success","data":{"resultType":"vector","result":[]}}', "of type vector"),
        (b'{"data":{"resultType":"matrix","result":[]}}', "no sample in it"),
        (b"hello\n", "a log, or epoch seconds"),
        (b"\x7f\x03\x01\x06Result, of a, gob\n", "`vegeta encode`"),
        (TCP.encode(), "a log of connections; expected one of requests"),
        (b"Connect from 10.0.0.1:51090 to 10.0.0.2:80 (web/HTTP)\n", "a log of connections"),
        (b"2025/03/01 08:00:00.5\tINFO\thttp.log.access\thandled request\t{}\n", "console format"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(data: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why) as refused:
        _times(_put(tmp_path, data))
    assert len(str(refused.value).splitlines()) == 1


def test_several_files_are_one_recording(tmp_path: Path) -> None:
    early, late = _log("08:00:00", "08:00:01"), _log("08:00:03")
    files = _put(tmp_path, late, gzip.compress(early.encode()))
    assert _times(files) == [0.0, 1.0, 3.0]
    assert "put in order" in _lines(files)
    with pytest.raises(InputError, match="logs alone, or series alone"):
        _times([*files, str(DATA / "t38_value.csv")])


def test_a_rotated_log_is_put_in_order() -> None:
    times = _times([str(DATA / "t35_rotated.log")])
    assert times == [0.0, 1.0, 2.0, 3.0, 4.0, 7200.0, 7201.0, 7202.0, 7203.0, 7204.0]


def test_a_few_lines_that_cannot_be_read_are_dropped_and_told(tmp_path: Path) -> None:
    good = _log(*["08:00:00"] * 199)
    assert len(_times(_put(tmp_path, good + "cut sho\n"))) == 199
    said = _lines(_put(tmp_path, good + "cut sho\n"))
    assert "1 unreadable and dropped (0.50 %; the first is line 200)" in said
    with pytest.raises(InputError, match=":200: time: found 'cut 0'"):
        _times(_put(tmp_path, good + "".join(f"cut {i}\n" for i in range(3))))


# ---- the part that was asked for ----
def test_a_part_of_a_log_by_time_of_day_from_its_beginning_or_by_date(tmp_path: Path) -> None:
    files = _put(tmp_path, _log("08:00:00", "08:10:00", "08:10:30", "09:00:00"))
    assert _times(files, begin="8:05") == [300.0, 330.0, 3300.0]
    assert _times(files, begin="5m", end="15m") == [300.0, 330.0]
    assert _times(files, end="2025-03-01T08:10:00Z") == [0.0]
    assert "the part from 2025-03-01 08:05:00 UTC to 2025-03-01 08:15:00 UTC: 2 requests" in _lines(
        files, 600.0, begin="5m", end="15m"
    )
    for wrong, why in (
        ({"begin": "noon"}, "14:30 .UTC., 2h"),
        ({"begin": "2h", "end": "1h"}, "a later end"),
        ({"begin": "5h"}, "begin: found .* 13:00:00 UTC; expected a time before its end"),
        ({"begin": "5m", "busiest": 60.0}, "one of them"),
        ({"path": "("}, "a pattern"),
    ):
        with pytest.raises(InputError, match=why):
            _times(files, **wrong)


def test_the_busiest_window_has_the_most_requests() -> None:
    """By hand: of these minutes 08:10 has three requests, and its window begins with them."""
    rng = np.random.default_rng(5)
    seconds = np.sort(rng.integers(0, 7200, 3000)).astype(float)
    course = Instants(seconds, seconds[0], seconds[-1])
    begin = course.busiest(600.0)
    most = max(np.sum((seconds >= b) & (seconds < b + 600)) for b in range(7200))
    assert len(course.between(begin, begin + 600.0).times) == most


def test_the_busiest_window_of_a_series(tmp_path: Path) -> None:
    """60 s of 5/s and 60 s of 9/s stand together from second 60 on."""
    files = _put(tmp_path, "time,rate\n0,1\n60,5\n120,9\n180,2\n240,1\n")
    come = arrivals(Traffic(trace=files, replay=Replay(busiest=120.0)))
    assert come.start_s == (0.0, 60.0)
    assert come.rate == (5.0, 9.0)
    assert come.end_s == 120.0


def test_speed_keeps_the_requests_and_shortens_the_time(tmp_path: Path) -> None:
    assert _times(_put(tmp_path, _log(*SECONDS)), speed=2.0) == [0.0, 0.5, 1.5]
    series = arrivals(
        Traffic(trace=_put(tmp_path, "time,rate\n0,5\n60,7\n"), replay=Replay(speed=2.0))
    )
    assert series.rate == (10.0, 14.0)
    assert (series.start_s, series.end_s) == ((0.0, 30.0), 60.0)


# ---- never cut without a word ----
def test_a_recording_longer_than_the_run_is_told() -> None:
    said = _lines([str(DATA / "t34_six_hours.log")], 1800.0)
    assert "550 requests (91.67 %) come after its end and are left out" in said
    assert "--set scenario.horizon=21564s" in said
    assert "50 requests" in said


def test_a_recording_shorter_than_the_run_is_told(tmp_path: Path) -> None:
    said = _lines(_put(tmp_path, _log(*SECONDS)), 1800.0)
    assert "nobody comes after its end; --set scenario.horizon=3s" in said
    assert "run" not in _lines(_put(tmp_path, _log(*SECONDS)), 3.0)


def test_a_rate_without_end_is_neither(tmp_path: Path) -> None:
    files = _put(tmp_path, "time,rate\n0,5\n")
    assert "without end" in _lines(files, 1800.0)
    recorded = recording(Traffic(trace=files))
    assert recorded is not None
    said = figures(recorded, 1800.0)
    assert said["requests"] is None
    assert said["requests_used"] == 9000.0
    assert json.dumps(said, allow_nan=False)


def test_a_replay_needs_a_recording() -> None:
    with pytest.raises(
        InputError, match=r"traffic.replay: found busiest 60.0; expected a recording"
    ):
        recording(Traffic(rate=5.0, replay=Replay(busiest=60.0)))


def test_a_part_says_when_it_is_and_all_of_it_says_when_that_began(tmp_path: Path) -> None:
    files = _put(tmp_path, _log(*SECONDS))
    for replay in (Replay(begin="1s"), Replay(busiest=2.0)):
        said = figures(recording(Traffic(trace=files, replay=replay)), 60.0)
        assert said["begins"] == "2025-03-01 08:00:00 UTC"
        assert "to 2025-03-01 08:00:0" in said["part"]
    with pytest.raises(
        InputError, match=r"found no request for a path that matches \^/b; expected"
    ):
        recording(Traffic(trace=files, replay=Replay(path="^/b")))
