"""Spans: what stood where in which state, exactly and without gaps."""

import itertools

import pytest

from sim.control.core.recorder import acknowledgements
from sim.results.run import TimelineRow
from sim.study.comparison import compare
from tests import ENGINE


@pytest.fixture(scope="module")
def crash():
    settings = {"scenario.horizon": "15m"}
    found = compare("container_crash", seed=1, settings=settings, engine=ENGINE)
    return {run.platform: run for run in found.runs}


def states(run, name):
    return [(s.state, s.start_s, s.end_s) for s in run.spans if s.name == name]


def test_a_container_is_in_one_state_at_a_time_from_first_to_last(crash):
    for run in crash.values():
        names = {s.name for s in run.spans if s.kind == "container"}
        assert names
        for name in names:
            mine = states(run, name)
            assert mine[0][1] == 0.0
            assert mine[-1][2] == run.horizon_s
            assert all(a[2] == b[1] for a, b in itertools.pairwise(mine))
            assert all(a[0] != b[0] for a, b in itertools.pairwise(mine))


def test_the_killed_container_tells_its_story(crash):
    compose = states(crash["compose"], "api-1")
    assert [state for state, *_ in compose] == ["ready", "exited", "starting", "ready"]
    assert compose[1][1] == 300.0
    started = next(row.t_s for row in crash["compose"].timeline if "started by" in row.text)
    assert compose[2][1] == started
    kubernetes = states(crash["kubernetes"], "api-1")
    words = ["ready", "back_off", "starting", "not_ready", "ready"]
    assert [state for state, *_ in kubernetes] == words


def test_her_hands_add_up_to_her_minutes(crash):
    run = crash["compose"]
    hands = [s for s in run.spans if s.state == "hands_on"]
    assert sum(s.end_s - s.start_s for s in hands) == pytest.approx(60 * run.operator.minutes)
    (page,) = (s for s in run.spans if s.state == "acknowledge")
    assert page.end_s == hands[0].start_s


def test_a_hang_is_seen_within_a_second():
    settings = {"scenario.horizon": "12m"}
    found = compare("sick_container", ["compose"], settings=settings, engine=ENGINE)
    (run,) = found.runs
    hung = [s for s in run.spans if s.state == "hung"]
    assert hung
    assert run.fault_s is not None
    assert 0.0 <= hung[0].start_s - run.fault_s <= 1.0


def test_a_lost_server_goes_unnoticed_first():
    settings = {"scenario.horizon": "20m"}
    found = compare("server_crash", settings=settings, engine=ENGINE)
    compose, kubernetes = found.runs
    seen = [state for state, *_ in states(kubernetes, "postgres-1")]
    assert seen[:3] == ["ready", "away", "evicting"]
    assert "evicting" not in {s.state for s in compose.spans}  # nobody there moves anything


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        ([(10, "page"), (70, "acknowledged")], [(10, 70)]),
        ([(10, "page"), (40, "page"), (70, "acknowledged"), (90, "page")],
         [(10, 70), (90, float("inf"))]),
        ([(70, "acknowledged")], []),
    ],
)  # fmt: skip
def test_an_incident_is_acknowledged_from_its_first_page_on(events, expected):
    rows = [TimelineRow(t, event, "operator", "") for t, event in events]
    assert acknowledgements(rows) == expected
