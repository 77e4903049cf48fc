"""What a verdict hangs on: which numbers are tried, their ends, and what flips."""

import pytest

from sim.results.summary import replication
from sim.study.ask import Ask
from sim.study.decision import sensitivity
from sim.study.decision.sensitivity import Doubt, Tornado, doubts, verdict
from sim.study.plan import plan
from tests.results.synthetic import recording, run
from tests.study.runs import ALONE

SHORT = ("scenario.horizon=15m", "scenario.traffic.scale=0.3")


def runs(platform, *downs):
    return tuple(
        replication(
            run(platform, record=recording(10.0, 1200, ((300.0, 300.0 + s),)), seed=k), False
        )
        for k, s in enumerate(downs, 1)
    )


def test_each_number_has_two_ends_as_set_takes_them():
    (case,) = plan(Ask("container_crash", ["compose"])).cases
    by_name = {doubt.name: doubt for doubt in doubts(case)}
    low, high = by_name["stack.services.api.cpu.demand"].ends
    assert low == {
        "stack.services.api.cpu.demand": {"law": "exponential", "mean": "0.006s", "cv": 1.0}
    }
    assert high["stack.services.api.cpu.demand"]["mean"] == "0.024s"
    assert by_name["monitoring.look"].ends == (
        {"stack.operator.alarm.look": "5s"}, {"stack.operator.alarm.look": "20s"},
    )  # fmt: skip
    restore = by_name["stack.services.postgres.backup.restore"].ends  # a range of its own
    assert [list(end.values()) for end in restore] == [["30m"], ["19h"]]
    assert not any(name.startswith("kubernetes.") for name in by_name)


@pytest.mark.parametrize(
    ("compose", "kubernetes", "best"),
    [
        ((200.0, 220.0), (0.0, 0.0), ("kubernetes",)),
        ((3.0, 4.0), (0.0, 0.0), ("compose", "kubernetes")),  # nobody minds 5 s
        ((10.0, 10.0), (60.0, 60.0), ("compose",)),
    ],
)
def test_a_verdict_is_who_is_best(compose, kubernetes, best):
    both = {"compose": runs("compose", *compose), "kubernetes": runs("kubernetes", *kubernetes)}
    assert verdict(both, "downtime_s").best == best


class Held:
    def __init__(self, held):
        self.slo_held, self.figures = held, {"downtime_s": 1.0}


@pytest.mark.parametrize(
    ("held", "keeps"),
    [([True], True), ([False], False), ([True, False], False), ([True, True, False], True),
     ([True, False, False], False), ([True] * 3, True), ([False] * 3, False)],
)  # fmt: skip
def test_who_keeps_the_slo_keeps_it_in_more_than_half_of_the_seeds(held, keeps):
    done = {"compose": tuple(map(Held, held))}
    assert verdict(done, "downtime_s").keeps == (("compose",) if keeps else ())


@pytest.mark.parametrize(("most", "more"), [(None, []), (2, ["... and 1 more in tornado.md"]),
                                            (3, [])])  # fmt: skip
def test_a_terminal_s_tornado_says_how_many_more_there_are(most, more):
    base = {"compose": runs("compose", 200.0)}
    bars = tuple(Doubt(f"x{k}", "", "1", ({}, {}), runs=(base, base)) for k in range(3))
    found = Tornado(plan(Ask("container_crash", ["compose"])), "downtime_s", base, bars)
    lines = sensitivity._lines(found, lambda rows: [], most)
    assert [line for line in lines if line.startswith("... and")] == more


def test_what_nobody_did_is_not_varied():
    """Nobody was paged: how long a page takes to be seen makes no difference (`after:`)."""
    planned = plan(Ask("container_crash", ["compose"]))
    (case,) = planned.cases
    tried = {}
    for pages in (0, 1):
        run = Held(True)
        run.figures["operator"] = {"pages": pages, "minutes": 0.0}
        ways = sensitivity._ways(planned, case, {"compose": (run,)})
        tried[pages] = {way.number for way in ways}
    seen = {"stack.operator.acknowledge", "stack.operator.missed_page"}
    assert tried[1] - tried[0] == seen
    assert "stack.operator.detect" in tried[0]
    assert "stack.operator.login" not in tried[1], "nobody's hands were at work"


def test_what_flips_the_verdict_stands_in_the_first_sentence():
    planned = plan(Ask("container_crash"))
    base = {"compose": runs("compose", 200.0), "kubernetes": runs("kubernetes", 0.0)}
    worse = {**base, "kubernetes": runs("kubernetes", 400.0)}
    path = "stack.services.api.cpu.demand"
    bar = Doubt(path, "CPU", "0.012s", ({}, {path: {"mean": "0.024s"}}), runs=({}, worse))
    found = Tornado(planned, "downtime_s", base, (bar,))
    ((flipped, end, to),) = found.flips()
    assert (flipped, end, to.best) == (bar, 1, ("compose",))
    first = " ".join(sensitivity.PAGE.text(found).split())
    assert f"flips with {path} at 0.024s instead of 0.012s" in first
    assert first.startswith(
        "Kubernetes is best and keeps the SLO (down: Compose 3 min 20 s, Kubernetes 0 s): that"
    )
    assert sensitivity.table(found)[-1][-1] == "Compose is best, nobody keeps the SLO"
    none = found._replace(bars=())
    assert "none of 0 numbers" in sensitivity.finding(none)


def test_a_tornado_of_a_crash_is_led_by_the_people_and_names_what_does_not_act(tmp_path):
    ask = Ask("container_crash", ["compose"], settings=SHORT)
    found = sensitivity.measure(sensitivity.prepare(ask), ALONE)
    names = [bar.name for bar in found.bars]
    assert {"stack.operator.detect", "stack.operator.acknowledge"} <= set(names)
    assert "stack.services.redis.boot" in found.idle
    detect = next(bar for bar in found.bars if bar.name == "stack.operator.detect")
    low, high = (found.at(detect, end, "compose").mean for end in (0, 1))
    assert low < found.base["compose"][0].figures["downtime_s"] < high
    parts = sensitivity.PAGE.parts(found, more=True)
    assert set(parts) == sensitivity.PAGE.files
    for name, write in parts.items():
        write(tmp_path / name)
    assert "stack.operator.detect" in (tmp_path / "tornado.csv").read_text()
    assert (tmp_path / "tornado.png").stat().st_size > 10_000
