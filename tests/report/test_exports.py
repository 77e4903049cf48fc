"""Exports, each read back by the parser of its own format."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.cli.app import main
from sim.dataplane.profile import Arrivals
from sim.imports.trace import arrivals
from sim.report import files
from sim.report.exports import formats
from sim.report.exports.k6 import k6, script, stages
from sim.report.exports.openmetrics import openmetrics
from sim.report.exports.trace import trace
from sim.results.run import Span
from sim.schema.fields import InputError, LawSpec
from sim.schema.scenario import Slo
from sim.schema.traffic import Point, Traffic
from sim.study.comparison import compare
from sim.study.result import Result
from tests import ENGINE
from tests.report import pages
from tests.results.results import result

FILES = {row.file for row in formats.FORMATS.values()}
ROOT = Path(__file__).resolve().parents[2]

# the Trace Event Format (Google, 2016), as far as these files use it
EVENT = {
    "type": "object",
    "required": ["ph", "pid", "tid", "ts", "name"],
    "properties": {
        "ph": {"enum": ["X", "i", "C", "M"]},
        "pid": {"type": "integer", "minimum": 0},
        "tid": {"type": "integer", "minimum": 0},
        "ts": {"type": "integer", "minimum": 0},
        "name": {"type": "string", "minLength": 1},
        "cat": {"type": "string"},
    },
    "allOf": [
        {
            "if": {"properties": {"ph": {"const": "X"}}},
            "then": {
                "required": ["dur"],
                "properties": {"dur": {"type": "integer", "minimum": 0}},
            },
        },
        {
            "if": {"properties": {"ph": {"const": "i"}}},
            "then": {"required": ["s"], "properties": {"s": {"enum": ["g", "p", "t"]}}},
        },
        {
            "if": {"properties": {"ph": {"const": "C"}}},
            "then": {
                "required": ["args"],
                "properties": {"args": {"additionalProperties": {"type": "number"}}},
            },
        },
        {
            "if": {"properties": {"ph": {"const": "M"}}},
            "then": {
                "required": ["args"],
                "properties": {
                    "name": {
                        "enum": [
                            "process_name", "process_sort_index",
                            "thread_name", "thread_sort_index",
                        ]
                    }
                },
            },
        },
    ],
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {"traceEvents": {"type": "array", "items": EVENT}},
}


@pytest.fixture(scope="module")
def crash():
    settings = {"scenario.horizon": "15m"}
    return compare("container_crash", settings=settings, engine=ENGINE)


@pytest.fixture(scope="module", params=["crash", "plain", "hostile", "nothing", "moment", "crowd"])
def some(request):
    made = pages.CASES.get(request.param)
    return made() if made else request.getfixturevalue("crash")


def tracks(text):
    """(pid, thread's name) -> slices."""
    events = json.loads(text)["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    found = {}
    for event in events:
        if event["ph"] == "X":
            found.setdefault((event["pid"], names[event["pid"], event["tid"]]), []).append(event)
    return found


# ---- trace ----
def test_a_trace_keeps_to_its_format(some):
    jsonschema = pytest.importorskip("jsonschema")
    text = trace(some)
    jsonschema.validate(json.loads(text), SCHEMA)
    for slices in tracks(text).values():
        ends = [0, *(e["ts"] + e["dur"] for e in slices)]
        assert all(e["ts"] >= end for e, end in zip(slices, ends, strict=False))


def test_a_trace_has_a_track_for_each_container_server_and_the_operator(crash):
    found = tracks(trace(crash))
    for name in ("api-1", "postgres-1", "redis-1", "worker-1", "server-1 (server)", "operator"):
        assert (1, name) in found, name
    assert (2, "server-3 (server)") in found
    assert [e["name"] for e in found[1, "api-1"]] == ["ready", "exited", "starting", "ready"]
    assert found[1, "api-1"][1]["ts"] == 300_000_000  # microseconds


def test_replicas_that_wait_at_once_get_a_track_each():
    waiting = [Span("pending", "api", "pending", 5.0, 20.0 + k, "api") for k in range(3)]
    run = replace(result(platforms=("compose",)).runs[0], spans=tuple(waiting))
    text = trace(pages.of(run))
    slices = [e for e in json.loads(text)["traceEvents"] if e["ph"] == "X"]
    assert len({e["tid"] for e in slices}) == 3


def test_services_that_call_others_are_tracks_and_labels():
    """Payments refuse for a minute: a fifth of what the API asks, and nobody else's own failure."""
    down = "scenario.events=[{at: 30s, external: {state: down, lasts: 60s}}]"
    short = ["scenario.horizon=2m", down]
    shop = compare("third_party_down", ["compose"], settings=short, engine=ENGINE)
    (run,) = shop.runs
    counters: dict[str, list[float]] = {}
    for event in json.loads(trace(shop))["traceEvents"]:
        if event["ph"] == "C":
            counters.setdefault(event["name"], []).extend(event["args"].values())
    assert {f"{name}: open" for name in run.services} <= counters.keys()
    assert max(counters["payments: failed a second"]) > 1
    assert max(counters["catalogue: failed a second"]) == 0
    found = families(openmetrics(shop))
    ends = {s.labels["service"]: s.value for s in found["sim_service_failed"].samples}
    assert ends == {name: gauge.failed for name, gauge in run.services.items()}
    assert ends["payments"] > 100
    calls = {(s.labels["caller"], s.labels["service"]): s.value for s in found["sim_calls"].samples}
    assert calls["api", "payments"] == run.services["payments"].asked
    assert {s.labels["queue"] for s in found["sim_queue_pushed"].samples} == {"queue", "parcels"}
    assert {s.labels["database"] for s in found["sim_database_connections_peak"].samples} == {
        "orders", "products", "standby",
    }  # fmt: skip
    assert {s.labels["cache"] for s in found["sim_cache_hits"].samples} == {"cache"}


# ---- openmetrics ----
def families(text):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def test_openmetrics_reads_back(some):
    found = families(openmetrics(some))
    for run in some.runs:
        final = [
            s
            for s in found["sim_requests"].samples
            if s.labels["platform"] == run.platform and float(s.timestamp) == run.horizon_s
        ]
        counted = sum(s.value for s in final)
        assert counted == run.gauge.succeeded + run.gauge.failed
    assert found["sim_requests"].type == "counter"
    assert found["sim_latency_seconds"].unit == "seconds"
    assert found["sim_retries"].type == found["sim_connections_refused"].type == "counter"


def test_openmetrics_tells_when_users_were_down(crash):
    down = [s for s in families(openmetrics(crash))["sim_down"].samples if s.value == 1]
    assert {s.labels["platform"] for s in down} == {"compose"}
    assert 300.0 <= min(float(s.timestamp) for s in down) <= 315.0


def test_the_latency_histogram_counts_each_success_once(crash):
    for run in crash.runs:
        samples = [
            s
            for s in families(openmetrics(crash))["sim_latency_seconds"].samples
            if s.labels["platform"] == run.platform and s.name.endswith("_bucket")
        ]
        counts = [s.value for s in samples]
        assert counts == sorted(counts)
        assert counts[-1] == run.gauge.succeeded


# ---- parquet ----
def test_parquet_holds_what_series_csv_holds(crash, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    files.write(crash, tmp_path / "r", plots=False, exports=("parquet",))
    table = parquet.read_table(tmp_path / "r" / "series.parquet")
    assert table.num_rows == 2 * 900
    assert table.column_names == ["platform", *crash.series.columns[1:]]
    arrived = np.asarray(table["requests_arrived"])
    assert arrived.tolist() == crash.series["requests_arrived"].tolist()
    assert table.schema.metadata[b"scenario"] == b"container_crash"


# ---- k6 ----
def expected(start, planned, horizon_s):
    """Requests that a list of stages makes."""
    rate, at_s, total = start, 0.0, 0.0
    for stage in planned:
        total += stage.duration_s * (rate + stage.target) / 2
        rate, at_s = stage.target, at_s + stage.duration_s
    assert at_s == pytest.approx(horizon_s)
    return total


@pytest.mark.parametrize(
    ("traffic", "start", "requests"),
    [
        (Traffic(rate=5.0), 5.0, 3000),
        (Traffic(points=[Point(rate=2.0), Point(at=300.0, rate=10.0)]), 2.0, 600 + 3000),
        (Traffic(points=[Point(rate=2.0), Point(at=300.0, rate=10.0, ramp=100.0)]), 2.0,
         600 + 600 + 2000),
        (Traffic(points=[Point(at=200.0, rate=1.0)]), 0.0, 400),
        (Traffic(points=[Point(rate=2.0), Point(at=900.0, rate=99.0)]), 2.0, 1200),
        (Traffic(points=[Point(rate=2.0), Point(at=500.0, rate=12.0, ramp=200.0)], scale=2.0), 4.0,
         2 * (1000 + 450)),
    ],
)  # fmt: skip
def test_stages_make_the_requests_of_the_profile(traffic, start, requests):
    found, planned = stages(arrivals(traffic), 600.0)
    assert found == start
    assert expected(found, planned, 600.0) == pytest.approx(requests)


def test_time_stamps_become_rates():
    times = np.sort(np.random.default_rng(1).uniform(0, 600, 4321))
    start, planned = stages(Arrivals(times_s=times), 600.0)
    assert expected(start, planned, 600.0) == pytest.approx(4321)


HOSTILE = "*/ x\n'; evil() //\u2028 ${1}"


@pytest.mark.parametrize("title", ["Black Friday", HOSTILE])
def test_a_script_is_java_script(title, tmp_path):
    traffic = Traffic(points=[Point(rate=2.5), Point(at=60.0, rate=10.0, ramp=5.0)])
    text = script("black_friday", title, traffic, Slo(latency=0.3), 600.0)
    esprima = pytest.importorskip("esprima")
    body = esprima.parseModule(text).body
    assert [statement.type for statement in body][:3] == [
        "ImportDeclaration", "ImportDeclaration", "ExportNamedDeclaration",
    ]  # fmt: skip
    assert body[-1].type == "ExportDefaultDeclaration"
    assert "evil" not in str([statement for statement in body])
    if node := shutil.which("node"):
        path = tmp_path / "traffic.mjs"
        path.write_text(text, encoding="utf-8")
        subprocess.run([node, "--check", str(path)], check=True, capture_output=True)


def test_options_are_those_of_the_executor(crash):
    text = k6(crash)
    options = json.loads(re.search(r"options = (\{.*?\n\});", text, re.S)[1])
    users = options["scenarios"]["users"]
    assert users["executor"] == "ramping-arrival-rate"
    assert all(isinstance(stage["target"], int) for stage in users["stages"])  # k6 takes no other
    seconds = sum(int(stage["duration"].removesuffix("ms")) for stage in users["stages"]) / 1000
    assert seconds == crash.horizon_s
    assert users["maxVUs"] >= users["preAllocatedVUs"]
    assert options["thresholds"]["checks"] == [f"rate>={crash.slo.success:g}"]


@pytest.mark.parametrize("law", ["constant", "exponential", "uniform", "lognormal"])
def test_users_who_come_back_think_and_ask(law):
    traffic = Traffic(users=5, think=LawSpec(law=law, mean=2.0, cv=0.5), scale=3.0)
    text = script("crowd", "A crowd", traffic, Slo(), 600.0)
    users = json.loads(re.search(r"options = (\{.*?\n\});", text, re.S)[1])["scenarios"]["users"]
    assert users == {"executor": "constant-vus", "vus": 15, "duration": "600s"}
    thought = re.search(r"\(\) \{\n  sleep\((.*)\);\n", text)[1]  # before it asks
    assert thought.startswith(("2", "-2"))
    assert pytest.importorskip("esprima").parseModule(text)


def test_users_who_come_and_go_ramp():
    points = [Point(users=5), Point(at=100.0, users=25, ramp=50.0), Point(at=300.0, users=0)]
    text = script("crowd", "A", Traffic(points=points, think=LawSpec(mean=2.0)), Slo(), 600.0)
    users = json.loads(re.search(r"options = (\{.*?\n\});", text, re.S)[1])["scenarios"]["users"]
    stages = [(stage["duration"], stage["target"]) for stage in users.pop("stages")]
    assert users == {"executor": "ramping-vus", "startVUs": 5}
    flat = [stage for stage in stages if stage[0] != "0ms"]
    assert flat == [("100000ms", 5), ("50000ms", 25), ("150000ms", 25), ("300000ms", 0)]


# ---- which ----
def test_exports_go_with_the_report_and_with_the_next(crash, tmp_path):
    files.write(crash, tmp_path / "r", plots=False, exports=tuple(formats.FORMATS))
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names >= FILES
    files.write(crash, tmp_path / "r", plots=False)  # its own files are no strangers
    assert not {path.name for path in (tmp_path / "r").iterdir()} & FILES


def test_names_are_checked():
    assert formats.named("") == ()
    assert formats.named("trace, k6,trace") == ("trace", "k6")
    with pytest.raises(InputError, match="did you mean openmetrics"):
        formats.named("openmetric")


def test_a_program_may_name_them_too(crash, tmp_path):
    crash.write(tmp_path / "r", plots=False, exports=["k6"])
    assert (tmp_path / "r" / "traffic.k6.js").stat().st_size > 0
    with pytest.raises(InputError, match="trace, openmetrics, parquet"):
        crash.write(tmp_path / "s", plots=False, exports=["speech"])
    assert not (tmp_path / "s").exists()


def test_a_missing_library_is_told_with_its_cure(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'outage-lab\[parquet\]'"):
        formats.named("parquet")


def test_every_format_is_told_where_people_look(capsys):
    """A row of FORMATS alone is no export: docs and `Result.write` say what it is."""
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    methods = Result.write.__doc__
    main(["run", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, row in formats.FORMATS.items():
        line = f"| `{row.file}` | `--export {name}`"
        assert line in page, (
            f"docs/command_line.md, What a run writes: add {line}: what it is for |"
        )
        assert name in methods, f"sim/study/result.py, Result.write: its docstring lacks {name}"
        assert re.search(rf"separated by commas: .*\b{name}\b", shown), f"run --help lacks {name}"
