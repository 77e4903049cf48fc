"""A range over seeds, the seed whose story is told, and which platform did better."""

import re
from dataclasses import replace

import pytest

from sim.report.text import words
from sim.report.text.verdict import verdict
from sim.results.preference import preferences
from sim.results.spread import nearest, spread, typical
from sim.results.summary import replication
from sim.study.ask import Ask
from sim.study.plan import plan
from sim.study.precision import seeds_for_a_range
from tests.results.results import result
from tests.results.synthetic import recording, run


def some(platform, *lengths, keep=True):
    """One replication for each length of an outage, seeds from 1."""
    return tuple(
        replication(
            run(platform, record=recording(down=((300.0, 300.0 + length),)), seed=seed), keep
        )
        for seed, length in enumerate(lengths, start=1)
    )


def test_a_range_is_the_least_and_the_most():
    spans = spread(some("compose", 100.0, 300.0, 200.0))
    assert spans["downtime_s"]["low"] == pytest.approx(100.0, abs=2)
    assert spans["downtime_s"]["high"] == pytest.approx(300.0, abs=2)
    assert spans["downtime_s"]["seeds"] == 3


def test_what_some_run_lacks_has_no_range():
    runs = some("compose", 100.0, 300.0)
    never = replace(runs[1], figures={**runs[1].figures, "recover_s": None})
    assert "recover_s" in spread(runs)
    assert "recover_s" not in spread((runs[0], never))


def test_the_story_is_that_of_the_seed_nearest_to_the_mean():
    sides = {
        "compose": some("compose", 100.0, 300.0, 210.0),
        "kubernetes": some("kubernetes", 0, 0, 0),
    }
    assert nearest(sides) == 3
    told = typical(sides)
    assert [done.run is not None for done in told["compose"]] == [False, False, True]
    assert replace(result(), replications=told, seed=1).shown_seed == 3


def test_without_a_common_seed_each_tells_its_first():
    sides = {"compose": some("compose", 100.0)[:1], "kubernetes": some("kubernetes", 5, 5)[1:]}
    assert nearest(sides) is None
    told = typical(sides)
    assert all(any(done.run for done in runs) for runs in told.values())


def test_the_first_harm_that_clearly_differs_decides():
    sides = {"compose": some("compose", 100, 300, 200), "kubernetes": some("kubernetes", 0, 0, 0)}
    found = next(preferences(sides))
    assert (found.metric, found.better, found.worse) == ("downtime_s", ("kubernetes",), "compose")
    assert (found.agree, found.seeds) == (3, 3)
    assert found.low == pytest.approx(100, abs=2)
    assert found.high == pytest.approx(300, abs=2)


def test_where_nothing_differs_there_is_no_decision():
    sides = {"compose": some("compose", 100, 300), "kubernetes": some("kubernetes", 100, 300)}
    assert list(preferences(sides)) == []
    assert list(preferences({"compose": sides["compose"]})) == []


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ((100, 300, 200), r"Kubernetes: 3 min .* \[1:\d\d .. [45]:\d\d over 3 seeds\]\."),
        ((200,), r"Kubernetes: 3 min \d\d s less down than Compose \[one seed\]\."),
        ((0, 0), r"Nothing differs that users, jobs or people would notice: both down 0 s\."),
    ],
)
def test_the_verdict_is_one_sentence_with_its_range(lengths, said):
    theirs = some("kubernetes", *(0 for _ in lengths))
    sides = {"compose": some("compose", *lengths), "kubernetes": theirs}
    assert re.fullmatch(said, verdict(replace(result(), replications=sides)))


def test_what_fails_everywhere_alike_is_said():
    sides = {"compose": some("compose", 200), "kubernetes": some("kubernetes", 200)}
    said = verdict(replace(result(), replications=sides))
    assert re.fullmatch(
        r"Nothing differs .*: both down 3 min \d\d s, with \d+ failed requests\.", said
    )


def test_who_is_not_down_may_miss_the_objective_all_the_same():
    for seconds, told in ((605, ", degraded for 10 min 05 s"), (30, "")):
        sides = {}
        for name in ("compose", "kubernetes"):
            (each,) = some(name, 0)
            sides[name] = (replace(each, figures={**each.figures, "degraded_s": float(seconds)}),)
        said = verdict(replace(result(), replications=sides))
        assert re.search(rf"both down 0 s{told}[.,]", said), said


@pytest.mark.parametrize(
    ("path", "low", "high", "said"),
    [
        ("downtime_s", 170.0, 450.0, "2:50 .. 7:30"),
        ("downtime_s", 8.0, 12.0, "8 s .. 12 s"),
        ("downtime_s", 0.0, 11288.0, "0:00 .. 3:08:08"),
        ("downtime_s", -5.0, 90.0, "-0:05 .. 1:30"),
        ("downtime_s", 3.0, 3.0, ""),
        ("availability", 0.5, 1.0, "50.00 % .. 100 %"),
        ("operator.minutes", 0.5, 2.0, "0:30 .. 2:00"),
        ("requests.failed", 3, 1200, "3 .. 1,200"),
    ],
)
def test_ranges_read_as_clocks(path, low, high, said):
    assert words.span(path, low, high) == said


def test_how_many_seeds_hangs_on_the_size_alone():
    seconds = [0.01, 1.3, 1.4, 4.0, 6.4, 6.6, 100.0]
    assert [seeds_for_a_range(each) for each in seconds] == [10, 10, 9, 3, 2, 1, 1]


@pytest.mark.parametrize(
    ("name", "seeds"), [("container_crash", 10), ("frozen_control_plane", 4), ("black_friday", 2)]
)
def test_a_long_run_has_fewer_seeds(name, seeds):
    """Four simulated hours of a quiet cluster take as long as a million requests."""
    assert plan(Ask(name, reps=None)).ask.reps == seeds
