"""Demands from durations: truths that the simulator made itself, and logs that cannot tell."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.cli.app import main
from sim.cli.verbs.fit import lines, read
from sim.dataplane.codes import Does, Kind, LawKind
from sim.dataplane.profile import Arrivals, Client, Law, Profile, StoryStep, Workload
from sim.dataplane.reference.plane import ReferencePlane
from sim.imports.traffic.durations import read_timed
from sim.library.stacks import load_stack
from sim.schema.databases import DatabasePool
from sim.schema.fields import InputError, LawSpec
from sim.schema.settings import apply_settings
from sim.schema.stack import CpuSpec, JobPush
from sim.schema.steps import ServiceStep
from sim.study.fit import Fit, _inside, _likelihood, fit, fitted_stack, replayed

EXPONENTIAL, LOGNORMAL = LawKind.EXPONENTIAL, LawKind.LOGNORMAL
# law, rule, places, requests a second
TRUTHS = (
    (Law(EXPONENTIAL, 0.012, 1.0), "share", 1, 40.0),  # half busy
    (Law(LOGNORMAL, 0.012, 0.7), "share", 2, 100.0),
    (Law(LOGNORMAL, 0.1, 0.8), "queue", 4, 24.0),
    (Law(EXPONENTIAL, 0.05, 1.0), "queue", 8, 120.0),
)


def _log(law: Law, rule: str, places: int, rate: float, count: int, seed: int):
    """When requests came and how long each took, as an engine has it."""
    times = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate, count))
    profile = Profile(Kind.HTTP, slots=10**6, cpu=law, cpu_limit=float(places))
    if rule == "queue":
        steps = (StoryStep(Does.WAIT, law=law),)
        profile = Profile(Kind.HTTP, slots=places, at_once=True, steps=steps)
    end = float(times[-1]) + 1000.0
    work = Workload(seed, end, Arrivals(times_s=times), Client(timeout_s=1e6), bucket_s=3600.0)
    plane = ReferencePlane(work)
    plane.clients.trace = []
    plane.start(plane.add_container(plane.add_profile(profile), plane.add_server(64.0, 2**40)), 0)
    plane.publish([0])
    while plane.now < end:
        plane.advance(end)
    took = np.zeros(count)
    for request, _, latency in plane.clients.trace:
        took[request] = latency
    return times, np.round(took, 6)


def _fit(truth, count: int, seed: int) -> Fit:
    times, took = _log(*truth, count, seed)
    return fit(times, took, ("/a?x=1",) * count, 1e-6, "log")


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_rule_the_places_and_the_law_are_found(truth) -> None:
    made = _fit(truth, 1500, 3)
    law, rule, places, rate = truth
    assert (made.rule, made.places) == (rule, places)
    assert made.demand.law.law == law.kind.name.lower()
    assert made.demand.law.mean == pytest.approx(law.mean, rel=0.08)
    assert made.demand.low < made.demand.law.mean < made.demand.high
    assert made.utilisation == pytest.approx(rate * law.mean / places, rel=0.12)
    assert made.paths["/a"].requests == 1500


def test_a_limit_that_was_never_reached_is_not_told() -> None:
    made = _fit((Law(LOGNORMAL, 0.02, 0.5), "share", 16, 60.0), 1000, 1)
    assert made.places is None
    assert made.demand.law.mean == pytest.approx(0.02, rel=0.06)


def test_a_long_log_without_a_limit_shows_none() -> None:
    """What nobody waited for is no likelier if some had: of 40,000 requests 29 leave before a turn
    that they would have had to wait for, and 31 would be won by the waits of the others."""
    random = np.random.default_rng(1)
    begin = np.cumsum(random.exponential(0.005, 40_000))
    leave = begin + np.round(random.exponential(0.005, 40_000), 6)
    inside = _inside(begin, leave)
    free = _likelihood("share", int(inside.number.max()), begin, leave, inside, 1e-6)
    for places in (4, 5, 6):
        assert _likelihood("queue", places, begin, leave, inside, 1e-6) < free


@pytest.mark.slow
@pytest.mark.parametrize("truth", TRUTHS[1:3])
def test_percentiles_at_the_load_seen(truth) -> None:
    """The same arrivals and draws, so that the two numbers differ by what was fitted alone."""
    law, rule, places, _ = truth
    times, took = _log(*truth, 10_000, 7)
    made = fit(times, took, ("",) * len(times), 1e-6, "log")
    known = LawSpec(law=law.kind.name.lower(), mean=law.mean, cv=law.cv)
    real = replace(made, demand=made.demand._replace(law=known), rule=rule, places=places)
    begin = times - times[0]
    fitted, true = replayed(made, begin, 11), replayed(real, begin, 11)
    for share, most in ((0.5, 0.03), (0.95, 0.03), (0.99, 0.1)):
        assert fitted[share] == pytest.approx(true[share], rel=most)


@pytest.mark.slow
def test_the_range_holds_the_truth_about_nine_times_in_ten() -> None:
    truth = TRUTHS[1]
    held = 0
    for seed in range(30):
        made = _fit(truth, 500, 100 + seed)
        held += made.demand.low <= truth[0].mean <= made.demand.high
    assert 23 <= held <= 30


@pytest.mark.parametrize(
    ("count", "resolution", "says"),
    [(150, 1e-6, "at least 200"), (400, 1.0, "a finer clock")],
)
def test_what_cannot_tell(count: int, resolution: float, says: str) -> None:
    times, took = _log(*TRUTHS[0], count, 1)
    with pytest.raises(InputError, match=says):
        fit(times, took, ("",) * count, resolution, "log")


def test_a_service_that_stood_still_is_no_service_of_one_law() -> None:
    """A minute in which nothing was answered: not a demand."""
    times, took = _log(*TRUTHS[0], 2400, 1)
    stood = (times > 20) & (times < 24)
    took[stood] += 24.0 - times[stood]
    with pytest.raises(InputError, match="cut an outage out"):
        fit(times, took, ("",) * len(times), 1e-6, "log")


def _with_queries(count: int, seed: int):
    """When requests came, how long each took, and what of it was in the database: 8 ms of queries,
    and of those who met somebody half of their other 12 ms as well, as if they waited there."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(0.05, count))
    deviation = np.sqrt(np.log(1.25))
    queries = random.lognormal(np.log(0.008) - deviation**2 / 2, deviation, count)
    own = random.exponential(0.012, count)
    took = own + queries
    into_next = np.append(np.maximum.accumulate(times + took)[:-1] > times[1:], False)
    met = into_next | np.append(False, into_next[:-1])
    return times, np.round(took, 6), np.round(queries + met * own / 2, 6)


def test_what_queries_cost_is_told_by_requests_that_met_nobody() -> None:
    times, took, queries = _with_queries(1500, 3)
    made = fit(times, took, ("",) * 1500, 1e-6, "log", queries)
    assert made.database is not None
    assert made.alone == made.database.requests < 1500
    law = made.database.law
    assert law.law == "lognormal"
    assert law.mean == pytest.approx(0.008, rel=0.06)  # and not the 10 ms of all together
    assert law.cv == pytest.approx(0.5, rel=0.15)
    assert made.database.low < 0.008 < made.database.high
    api = fitted_stack(load_stack("sspp"), made)[0].services["api"]
    assert api.database is not None
    assert api.database.demand == law
    own = made.demand.law.mean - law.mean
    assert api.cpu.demand.mean == pytest.approx(own)
    variance = (made.demand.law.cv * made.demand.law.mean) ** 2 - (law.cv * law.mean) ** 2
    assert api.cpu.demand.cv == pytest.approx(np.sqrt(variance) / own)


@pytest.mark.slow
def test_who_met_nobody_is_no_shorter_than_the_rest_once_weighted() -> None:
    """Long requests meet somebody sooner; over seeds nothing of that is left."""
    laws, held = [], 0
    for seed in range(12):
        times, took, queries = _with_queries(1500, seed)
        made = fit(times, took, ("",) * 1500, 1e-6, "log", queries).database
        assert made is not None
        laws.append(made.law)
        held += made.low < 0.008 < made.high
    assert np.mean([law.mean for law in laws]) == pytest.approx(0.008, rel=0.015)
    assert held >= 8


def test_too_few_that_met_nobody_tell_no_share(capsys) -> None:
    times, took, queries = _with_queries(1500, 4)
    queries[150:] = np.nan
    made = fit(times, took, ("",) * 1500, 1e-6, "log", queries)
    assert made.database is None
    assert 0 < made.alone <= 150
    said = "\n".join(lines(made))
    assert f"{made.alone} requests that met nobody say" in said


def test_two_queries_share_what_the_log_says_as_they_did() -> None:
    times, took, queries = _with_queries(1500, 4)
    made = fit(times, took, ("",) * 1500, 1e-6, "log", queries)
    assert made.database is not None
    slow, fast = LawSpec(law="exponential", mean=0.003, cv=1.0), LawSpec(mean=0.002)
    steps = [
        ServiceStep(cpu=LawSpec(mean=0.01)), ServiceStep(query="postgres", demand=slow),
        ServiceStep(query="postgres", demand=fast, share=0.5),
    ]  # fmt: skip
    stack = load_stack("sspp")
    bare = {"steps": steps, "database": None, "cpu": CpuSpec(), "push": JobPush()}
    pools = {"pools": {"postgres": DatabasePool()}}
    api = stack.services["api"].model_copy(update=bare | pools)
    stack = stack.model_copy(update={"services": {**stack.services, "api": api}})
    changed = fitted_stack(stack, made)[0].services["api"].steps or []
    first, second = (step.demand for step in changed if step.kind == "query")
    assert first is not None
    assert second is not None
    assert first.mean + 0.5 * second.mean == pytest.approx(made.database.law.mean)
    assert first.mean / second.mean == pytest.approx(1.5)


# --- logs -----------------------------------------------------------------------------------------

COMMON = '1.2.3.4 - - [10/Oct/2025:13:55:36.500 +0000] "GET /a HTTP/1.1" 200 512'


@pytest.mark.parametrize(
    ("text", "arrive", "took"),
    [
        (f'{COMMON} "-" "curl" 0.250', 36.25, 0.25),  # nginx: written at its end
        (f'{COMMON} "-" "curl" rt=0.250 uct=0.1', 36.25, 0.25),
        (f'{COMMON} "-" "curl" 250000', 36.5, 0.25),  # Apache %D: written when it came
        (f'{COMMON} "-" "-" 1 "web@docker" "http://x" 250ms', 36.5, 0.25),  # Traefik
        ('{"ts": 36.5, "logger": "http", "msg": "handled request", "duration": 0.25, '
         '"request": {"uri": "/a"}}', 36.25, 0.25),  # Caddy
        ('{"StartUTC": "1970-01-01T00:00:36.5Z", "RequestPath": "/a", "Duration": 250000000}',
         36.5, 0.25),
        ('{"metric":"http_req_duration","type":"Point","data":{"time":"1970-01-01T00:00:36.5Z",'
         '"value":250,"tags":{"url":"/a"}}}', 36.25, 0.25),
        ('{"metric":"http_reqs","type":"Point","data":{"time":"1970-01-01T00:00:36.5Z",'
         '"value":1,"tags":{"url":"/a"}}}\n{"metric":"http_req_duration","type":"Point","data":'
         '{"time":"1970-01-01T00:00:36.5Z","value":250,"tags":{"url":"/a"}}}', 36.25, 0.25),
        ("metric_name,timestamp,metric_value,url\nhttp_reqs,36.5,1,/a\n"
         "http_req_duration,36.5,250,/a", 36.25, 0.25),
        (f'{COMMON} "-" "curl" 3 0.250 [web-80] [] 10.0.0.2:80 3', 36.25, 0.25),  # ingress-nginx
        (f"{COMMON} 250000", 36.5, 0.25),
        (f"{COMMON} 0/250000", 36.5, 0.25),  # Apache %T/%D
        ("#Fields: date time cs-uri-stem sc-win32-status time-taken\n"
         "1970-01-01 00:00:36.5 /a 0 250", 36.25, 0.25),
        ("#Fields: date time x-edge-location cs-uri-stem time-taken\n"
         "1970-01-01\t00:00:36.5\tFRA2\t/a\t0.250", 36.25, 0.25),
        ('{"start_time":"1970-01-01T00:00:36.5Z","response_code":200,"path":"/a","duration":250}',
         36.5, 0.25),  # Envoy: ms
        ('{"ts": 36.5, "logger": "http", "msg": "handled request", "duration": "250ms", '
         '"request": {"uri": "/a"}}', 36.25, 0.25),
        ('{"time": 36.5, "req": {"url": "/a"}, "responseTime": 250}', 36.25, 0.25),  # pino
        ('{"time": 36.5, "request": "GET /a HTTP/1.1", "request_time": "0.250"}', 36.25, 0.25),
        ("timeStamp,elapsed,label\n36500,250,/a", 36500.0, 0.25),  # JMeter
        ("time,path,duration_ms\n36.5,/a,250", 36.5, 0.25),
    ],
)  # fmt: skip
def test_where_a_duration_stands(text: str, arrive: float, took: float, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(text + "\n")
    timed = read_timed([str(path)])
    assert timed.duration.tolist() == pytest.approx([took])
    assert timed.arrive[0] % 60 == pytest.approx(arrive % 60, abs=1e-4)
    assert timed.paths == ("/a",)


@pytest.mark.parametrize(
    ("record", "took", "queries"),
    [
        ({"duration": 58.3, "view": 40.4, "db": 15.2}, 0.0583, 0.0152),  # lograge: both in ms
        ({"request_time": 0.058, "db_ms": 15.2}, 0.058, 0.0152),
        ({"duration_ms": 58.0, "query_time_us": 15200}, 0.058, 0.0152),
        ({"duration_ms": 58.0}, 0.058, np.nan),
    ],
)
def test_where_the_time_in_databases_stands(record, took, queries, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    rows = [{"time": "2026-10-10T13:55:36.500Z", "path": "/a", **record}] * 2
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    timed = read_timed([str(path)])
    assert timed.duration.tolist() == pytest.approx([took] * 2)
    assert timed.database.tolist() == pytest.approx([queries] * 2, nan_ok=True)


def test_what_took_less_than_the_clock_tells_is_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f'{COMMON} "-" "-" 0.{ms:03d}\n' for ms in (0, 4, 4)) + f"{COMMON}\n")
    timed = read_timed([str(path)])
    assert sorted(timed.duration.tolist()) == pytest.approx([0.0005, 0.004, 0.004])
    assert "".join(read(timed)).endswith("3 requests, 1 that do not say how long left out")


def test_a_log_without_durations(tmp_path: Path, capsys) -> None:
    path = tmp_path / "access.log"
    path.write_text(COMMON + "\n")
    assert main(["fit", "--traffic", str(path), "--out", str(tmp_path / "s.yaml")]) == 2
    assert "without durations; expected a duration of each request" in capsys.readouterr().err
    assert main(["fit"]) == 2


def test_from_a_log_to_a_stack(tmp_path: Path, capsys) -> None:
    """The database's part stays; the service's own is what is left of the log's durations."""
    times, took = _log(Law(EXPONENTIAL, 0.03, 1.0), "share", 2, 30.0, 1200, 5)
    log, out = tmp_path / "nginx.json", tmp_path / "fitted.yaml"
    rows = ({"msec": 1.7e9 + t + d, "request_time": d, "uri": "/a"}
            for t, d in zip(times.round(6), took, strict=True))  # fmt: skip
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["fit", "--traffic", str(log), "--stack", "sspp", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "2 at once, others share" in said
    assert "worth" in said
    api = load_stack(out).services["api"]
    assert api.cpu.threads == 2
    assert api.database is not None
    assert api.cpu.demand.mean + api.database.demand.mean == pytest.approx(0.03, rel=0.08)
    assert f"# {log}: " in out.read_text()
    assert main(["fit", "--traffic", str(log), "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err


def test_a_service_that_waits_has_places(tmp_path: Path) -> None:
    made = _fit(TRUTHS[2], 1500, 3)
    changed, _ = fitted_stack(load_stack("sspp"), made)
    api = changed.services["api"]
    assert (api.concurrency, api.database) == (4, None)
    assert [step.kind for step in api.steps or ()] == ["wait", "query", "push"]
    with pytest.raises(InputError, match="calls api"):
        fitted_stack(load_stack("shop"), made)
    looks = {"services.cache": {"role": "cache"}, "services.api.steps": [{"cache": "cache"}]}
    with pytest.raises(InputError, match="looks into a cache"):
        fitted_stack(apply_settings(load_stack("sspp"), looks), made)
    sspp = load_stack("sspp")
    for steps, words in (([ServiceStep(cpu=LawSpec())], "endpoints with steps"), (None, "")):
        mixed = sspp.services["api"].model_copy(update={"endpoints": {"search": steps}})
        stack = sspp.model_copy(update={"services": {**sspp.services, "api": mixed}})
        with pytest.raises(InputError, match=words) if words else nullcontext():
            assert fitted_stack(stack, made)[0].services["api"].concurrency == 4
