"""Causes that no controller tells, read from counters: each rule with its answer worked out."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import sim
from sim.dataplane.codes import JobLoss, Outcome
from sim.dataplane.tables import FIRST_CAUSE, FIRST_LOSS
from sim.results.run import TimelineRow
from sim.results.signs import MANY, signs, stretches
from sim.schema.scenario import Claim, Sign
from tests.report.pages import of
from tests.results.synthetic import recording, run, series

END_S = 600


def told(record=None, samples=None, timeline=(), consumers=("worker",)):
    record = recording(down=()) if record is None else record
    rows = signs(record, samples or series(record), timeline, consumers, END_S)
    return [(row.t_s, row.event) for row in rows]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([5.0], [(0, 0)]),
        ([5.0, 65.0], [(0, 1)]),
        ([5.0, 66.0], [(0, 0), (1, 1)]),
        ([1.0, 2.0, 100.0, 101.0, 300.0], [(0, 1), (2, 3), (4, 4)]),
    ],
)
def test_a_minute_of_calm_ends_a_stretch(times, expected):
    assert stretches(np.array(times)) == expected


def test_a_run_without_any_says_nothing():
    assert told() == []


def used(*spans):
    record = recording(down=())
    samples = series(record)
    for first, last in spans:
        samples["connections"][first:last] = 97
    return samples


def test_a_limit_is_told_when_it_is_reached_and_when_it_is_left():
    assert told(samples=used((100, 130))) == [(100.0, "limit_reached"), (129.0, "limit_left")]


def test_short_breaths_do_not_leave_it():
    events = told(samples=used((100, 130), (180, 200)))
    assert events == [(100.0, "limit_reached"), (199.0, "limit_left")]


def test_what_lasts_to_the_end_is_never_left():
    assert told(samples=used((100, 600))) == [(100.0, "limit_reached")]


def test_who_is_refused_and_who_gives_up():
    record = recording(down=())
    record.refused[50:60] = 20
    record.requests[50:55, FIRST_CAUSE + Outcome.DB_REFUSED - Outcome.REFUSED] = 1
    record.jobs[55, FIRST_LOSS + JobLoss.ATTEMPTS_EXHAUSTED] = MANY
    rows = signs(record, series(record), (), (), END_S)
    assert [row.event for row in rows] == ["connection_refused", "jobs_given_up"]
    assert "200 connections in 10 s" in rows[0].text
    assert rows[0].text.endswith("by it: 5")
    assert "100 jobs are given up in 1 s" in rows[1].text


def test_a_few_jobs_are_no_event():
    record = recording(down=())
    record.jobs[55, FIRST_LOSS + JobLoss.ATTEMPTS_EXHAUSTED] = MANY - 1
    assert told(record) == []


@pytest.mark.parametrize(
    ("subject", "t_s", "expected"),
    [
        ("worker-9", 110.5, True),
        ("web-9", 110.5, False),
        ("worker-9", 90.0, False),
        ("worker-9", 99.5, False),  # what was last looked at was not full
        ("worker-9", 100.0, True),
        ("worker-9", 129.5, True),
        ("worker-9", 130.0, False),
    ],
)
def test_a_consumer_that_comes_while_all_is_taken(subject, t_s, expected):
    row = TimelineRow(t_s, "listening", subject, f"{subject} listens")
    events = told(samples=used((100, 130)), timeline=[row])
    assert ((t_s, "consumers_added") in events) == expected


def test_every_event_that_a_claim_may_rest_on_is_told_by_somebody():
    files = Path(sim.__file__).parent.rglob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    for sign in get_args(Sign):
        told = rf'(say|TimelineRow)\([^=]*?"{sign}"'
        assert re.search(told, source), sign


@pytest.mark.parametrize(("shown_by", "said"), [([], True), (["exit"], False), (["mistake"], True)])
def test_a_because_is_said_only_where_the_run_shows_it(shown_by, said):
    claim = Claim(
        id="X", says="it is never down", platform="compose", metric="downtime_s", high=0.0,
        because="she made a mistake", shown_by=shown_by,
    )  # fmt: skip
    shown = run(timeline=(TimelineRow(300.0, "mistake", "operator", "makes a mistake"),))
    [(row, because)] = replace(of(shown), asked=(claim,)).verdicts
    assert not row["holds"]
    assert (because == "she made a mistake") is said
