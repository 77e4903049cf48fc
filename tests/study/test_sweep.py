"""Sweeps: what a knob may be, where the knee is, and that the same customers come everywhere."""

import json
from types import SimpleNamespace

import pytest

from sim.report.study_page import spoken
from sim.report.text import words
from sim.results.summary import replication
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.decision import merit, sweep
from sim.study.decision.knobs import grid, knobs, knobs_file
from sim.study.decision.merit import Estimate
from sim.study.decision.sweep import SweepPoint, cell, knee
from tests.results.synthetic import recording, run
from tests.study.runs import ALONE, interrupted

SHORT = ("scenario.horizon=10m",)
CRASH = Ask("container_crash", ["compose"], reps=3, settings=SHORT)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["a.b=1..4"], {"a.b": [1, 2, 3, 4]}),
        (["a.b=10..30/10"], {"a.b": [10, 20, 30]}),
        (["a.b=5s|10s"], {"a.b": ["5s", "10s"]}),
        (["a.b=1..2,c.d=x|y"], {"a.b": [1, 2], "c.d": ["x", "y"]}),
        (
            ["a.b={mean: 2s, cv: 0}|3s", "c.d=1"],
            {"a.b": [{"mean": "2s", "cv": 0}, "3s"], "c.d": [1]},
        ),
    ],
)
def test_what_knobs_are(texts, values):
    assert {knob.path: list(knob.values) for knob in knobs(texts)} == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.b", "PATH=LOW..HIGH"),
        ("a.b=", "PATH=LOW..HIGH"),
        ("a.b=3..1", "LOW not above HIGH"),
        ("a.b=1..x", "LOW..HIGH are whole numbers"),
        ("a.b=1||2", "PATH=LOW..HIGH"),
        ("a.b=1|1", "each once"),
        ("a.b=1,a.b=2", "a.b twice"),
        ("a.b=1..1000000000", "a space of 1,000,000,000 points"),
        ("a.b=1..10,c.d=1..100000", "fewer values of c.d"),
    ],
)
def test_what_is_no_knob_is_told(text, says):
    with pytest.raises(InputError) as caught:
        knobs([text])
    assert says in str(caught.value)


def test_a_file_of_knobs(tmp_path):
    file = tmp_path / "knobs.yaml"
    file.write_text(
        "stack.services.api.replicas: 1..3\nstack.services.api.restart: ['no', always]\n"
    )
    points = list(grid(knobs_file(file)))
    assert len(points) == 6
    assert points[1] == {"stack.services.api.replicas": 1, "stack.services.api.restart": "always"}
    file.write_text("stack.services.api.replicas: 3..1\n")
    with pytest.raises(InputError, match=r"knobs\.yaml:1"):
        knobs_file(file)


def test_a_wrong_path_names_the_option_and_the_nearest():
    with pytest.raises(InputError) as caught:
        sweep.prepare(CRASH, knobs(["stack.services.api.replica=1..2"]))
    assert "--vary" in str(caught.value)
    assert "did you mean replicas?" in str(caught.value)


def point(value, *downs):
    runs = [
        replication(
            run("compose", record=recording(10.0, 1200, ((300.0, 300.0 + s),)), seed=k), False
        )
        for k, s in enumerate(downs, 1)
    ]
    return SweepPoint({"x": value}, "compose", tuple(runs))


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (60.0, 60.0, 60.0, "1 min"),
        (60.0, 50.0, 70.0, "1 min [50 s .. 1 min 10 s]"),
        (60.0, 50.0, 60.0, "1 min [50 s .. 1 min]"),
        (60.0, 60.0, 70.0, "1 min [1 min .. 1 min 10 s]"),
    ],
)
def test_a_range_is_told_where_there_is_one(mean, low, high, text):
    assert cell("downtime_s", Estimate(mean, low, high)) == text
    assert cell("downtime_s", None) == words.NOTHING


@pytest.mark.parametrize(
    ("downs", "value"),
    [
        (((200, 220, 210), (100, 110, 105), (99, 112, 104), (100, 109, 105)), 2),  # flat from 2 on
        (((200, 220, 210), (100, 110, 105), (40, 45, 44)), 3),  # better to the end
        (((50, 60, 70), (50, 60, 70)), 1),  # nothing is gained
        (((50, 60, 70), (20, 100, 65), (60, 50, 72)), 1),  # nothing beyond chance
        (((200, 220, 210), (50, 60, 55), (300, 320, 310)), 2),  # there and back
    ],
)
def test_the_knee_is_the_first_that_is_not_clearly_worse_than_the_best(downs, value):
    points = [point(k, *row) for k, row in enumerate(downs, 1)]
    assert knee(points, "downtime_s").settings == {"x": value}


@pytest.mark.parametrize(
    ("downs", "says"),
    [
        (((50, 60), (50, 60)), "Compose: downtime_s is 55 s [50 s .. 1 min] at every point."),
        (((200, 220), (50, 60)), "Compose: the knee is x=2, downtime_s 55 s [50 s .. 1 min]; "
         "nothing clearly better was tried."),
    ],
)  # fmt: skip
def test_where_every_point_is_alike_there_is_no_knee_to_tell(downs, says):
    points = [point(k, *row) for k, row in enumerate(downs, 1)]
    of = SimpleNamespace(
        metrics=("downtime_s",), of=lambda _: points, knee=lambda _: knee(points, "downtime_s")
    )
    assert sweep._finding(of, "compose") == says


def test_a_point_that_never_recovers_is_no_knee():
    points = [point(1, 900.0, 900.0), point(2, 60.0, 60.0)]
    assert knee(points, "recover_s").settings == {"x": 2}


def test_a_figure_without_a_better_side_has_no_knee():
    assert knee([point(1, 10.0), point(2, 20.0)], "requests.arrived") is None


def test_the_same_customers_come_at_each_point_and_a_restart_policy_is_the_knee():
    runs = sweep.prepare(CRASH, knobs(["stack.services.api.restart=no|always"]))
    done = sweep.measure(runs, ALONE)
    first, second = done.points
    arrived = [[r.figures["requests"]["arrived"] for r in p.replications] for p in done.points]
    assert arrived[0] == arrived[1]
    assert [r.seed for r in first.replications] == [1, 2, 3]
    assert first.estimate("downtime_s") == second.estimate("downtime_s")  # `docker kill` cancels it
    assert done.knee("compose") is first


def test_a_replica_that_pays_is_the_knee_and_each_file_says_so(tmp_path):
    ask = Ask("container_crash", ["kubernetes"], reps=3, settings=SHORT)
    vary = ["stack.services.api.scaling.min=1,stack.services.api.replicas=1..3"]
    done = sweep.measure(sweep.prepare(ask, knobs(vary), ["availability"]), ALONE)
    assert done.knee("kubernetes").settings["stack.services.api.replicas"] == 2
    text = sweep.PAGE.text(done)
    assert "<- knee" in text
    parts = sweep.PAGE.parts(done, more=True)
    assert set(parts) == sweep.PAGE.files
    for name, write in parts.items():
        write(tmp_path / name)
    record = json.loads((tmp_path / "sweep.json").read_text())
    assert record["knee"]["kubernetes"]["stack.services.api.replicas"] == 2
    assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 1 + 3
    assert (tmp_path / "sweep.png").stat().st_size > 10_000


def test_an_interrupted_sweep_goes_on_from_its_store_with_the_same_bytes(tmp_path):
    def text(run, **how):
        runs = sweep.prepare(CRASH, knobs(["stack.operator.detect=10s|60s"]))
        return sweep.PAGE.text(sweep.measure(runs, lambda batch: run(batch, **how)))

    whole = text(ALONE)
    half = text(interrupted(2), store=tmp_path)
    assert "Interrupted" in half
    assert text(ALONE, store=tmp_path) == whole
    lines = (tmp_path / "replications.jsonl").read_text().splitlines()
    assert len(lines) == 6


def test_a_terminal_s_paragraphs_end_at_its_edge() -> None:
    """A sentence is wrapped; a table's line, which has columns, is none."""

    def lines(_study, rows, _most):
        return ["long words " * 20, *rows([("a", "b"), ("1", "2  <- knee"), ("x" * 9, "3")])]

    said = spoken(lines)(None).splitlines()
    assert max(map(len, said)) <= 100
    assert " ".join(said[:-3]).split() == ["long", "words"] * 20
    assert said[-2].startswith("1          2  <- knee")  # a marked column stays on the left


@pytest.mark.parametrize(
    ("metric", "sign"),
    [
        ("services.api.failed.oom", -1),
        ("services.failed.succeeded", 1),
        ("callers.web.api.tries", 0),
        ("endpoints.web/pay.latency_s.p95", -1),
        ("caches.shelf.hit_ratio", 1),
        ("databases.orders.connections_peak", 0),
    ],
)
def test_which_way_a_figure_of_one_service_is_better(metric: str, sign: int) -> None:
    assert merit.sign(metric) == sign
