"""SimPy's private parts are touched in one file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import simpy

from sim.dataplane import simpy_inside
from sim.dataplane.simpy_inside import (
    PlacedEvent,
    failure_of,
    now_within,
    queue_of,
    set_now,
    throw_into,
)

PLANE = Path(simpy_inside.__file__).parent
PRIVATE = {"_queue", "_eid", "_now", "_ok", "_value", "_defused", "_generator"}


def test_nobody_else_touches_them():
    for path in sorted(PLANE.parent.rglob("*.py")):
        if path != Path(simpy_inside.__file__):
            tree = ast.parse(path.read_text())
            names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not names & PRIVATE, f"{path.name}: {names & PRIVATE} belong to simpy_inside.py"


class Holder:
    now = now_within("env")

    def __init__(self, env):
        self.env = env


def test_events_of_an_instant_happen_in_order_of_their_places():
    env, happened = simpy.Environment(), []
    for place in (7, 3, 5):
        PlacedEvent(env, place, [lambda _, place=place: happened.append(place)], delay=2.0)
    PlacedEvent(env, 9, [lambda _: happened.append(9)], t_s=1.0)
    assert [entry[:2] for entry in sorted(queue_of(env))[:2]] == [(1.0, 9), (2.0, 3)]
    env.run()
    assert happened == [9, 3, 5, 7]
    assert Holder(env).now == env.now == 2.0


def test_the_clock_can_be_set():
    env = simpy.Environment()
    set_now(env, 4.5)
    assert Holder(env).now == env.now == 4.5


def test_an_error_is_raised_where_the_process_waits():
    env, lines = simpy.Environment(), []

    def waits():
        try:
            yield env.event()
        except KeyError:
            lines.append("here")
            raise

    process = env.process(waits())
    env.run(until=1.0)
    with pytest.raises(KeyError):
        throw_into(process, KeyError("late"))
    assert lines == ["here"]


def test_what_an_event_failed_with():
    env, error = simpy.Environment(), ValueError("x")
    failed = env.event().fail(error)
    assert failure_of(failed) is error
    assert failure_of(env.event().succeed("fine")) is None
    assert failure_of(env.event()) is None
    assert failure_of("no event") is None
