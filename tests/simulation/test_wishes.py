"""Jobs that users wanted are known of those whose requests failed, too, wherever they are left."""

from __future__ import annotations

from typing import Any

import pytest

from sim.dataplane.tables import ENQUEUED
from sim.results.run import Run
from sim.schema.stack import Stack
from sim.simulation.wishes import CHUNK, Wishes
from tests.control import outage

DESK = [
    {"cpu": "1ms"},
    {"together": [{"push": "mails", "share": 0.5}, {"call": "till", "endpoint": "pay"}]},
]
STACK: dict[str, Any] = {
    "name": "desk",
    "mix": {"buy": 0.6, "till": 0.1},
    "services": {
        "web": {
            "role": "http",
            "concurrency": 99,
            "push": {"share": 0.25},
            "endpoints": {"buy": [{"call": "desk", "share": 0.8}]},
        },
        "desk": {"role": "http", "concurrency": 99, "steps": DESK},
        "till": {
            "role": "http",
            "concurrency": 99,
            "steps": [{"wait": "1ms"}],
            "endpoints": {"pay": [{"wait": "1ms"}, {"push": "bills", "share": 0.3}]},
        },
        "bills": {"role": "redis"},
        "mails": {"role": "redis"},
        "clerk": {"role": "worker", "job": {"queue": "mails"}},
    },
}


def replay(*events: dict[str, Any], **services: Any) -> Run:
    stack = Stack.model_validate({**STACK, "services": {**STACK["services"], **services}})
    points = [{"at": 0, "rate": 20.0}, {"at": 100.0, "rate": 0.0}]  # all are served at the end
    return outage.replay(
        *events, stack=stack, horizon_s=120.0, traffic={"points": points}, calm=False
    )


def left(run: Run) -> int:
    return int(run.recording.jobs[:, ENQUEUED].sum())


def test_as_many_are_wanted_as_are_left_where_nothing_fails_and_where_something_does():
    """By the entry's short form, by an endpoint's call, side by side there, and by whom that asks:
    of 20 a second for 100 s 0.3 x 0.25 + 0.6 x 0.8 x (0.5 + 0.3) are 918."""
    whole = replay()
    assert whole.gauge.failed == 0
    assert whole.jobs_wanted == left(whole) == pytest.approx(918, rel=0.08)
    died = replay({"at": 20.0, "operator_kill": {"service": "desk"}})
    assert died.gauge.failed > 50
    assert died.jobs_wanted == whole.jobs_wanted > left(died) + 20


def test_what_a_cache_or_a_worker_decides_is_known_by_what_was_left():
    looks = [{"cache": "shelf", "on_miss": [{"push": "mails"}]}]
    run = replay(desk={**STACK["services"]["desk"], "steps": looks}, shelf={"role": "cache"})
    assert run.jobs_wanted == left(run)
    sends = {**STACK["services"]["clerk"], "steps": [{"push": "bills"}]}
    run = replay(clerk=sends)
    assert run.jobs_wanted == left(run)


def test_a_million_at_a_time_are_those_of_one_after_the_other(monkeypatch):
    wishes = Wishes(Stack.model_validate(STACK), 7)
    at_once = wishes.of_requests(5_000)
    monkeypatch.setattr("sim.simulation.wishes.CHUNK", 999)
    assert CHUNK > 999
    assert wishes.of_requests(5_000) == at_once > 0
