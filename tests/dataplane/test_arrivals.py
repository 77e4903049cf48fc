"""The arrival rate changes in mid-run: who comes when, worked out from the draws.

Request n takes a unit exponential e(n) off the integrated rate. Nobody serves: arrivals are all
that happens, and buckets of a millisecond tell when.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.dataplane import draws
from sim.dataplane.arithmetic import left_over, segment_at
from sim.dataplane.codes import Kind, Stream
from sim.dataplane.profile import Arrivals, Profile, Workload
from sim.dataplane.tables import ARRIVED
from tests.dataplane.worlds import at, drive, poisson, world

SEED = 5
MS = 1 / 1024
Change = tuple[float, Arrivals]


def e(number: int) -> float:
    return -math.log(draws.u(SEED, Stream.ARRIVAL, number))


def comes(rate: float, until: float = 100.0) -> list[float]:
    """The instants at a flat rate, were it never changed."""
    instants, t = [], 0.0
    while t < until:
        t += e(len(instants)) / rate
        instants.append(t)
    return instants


def milliseconds(instants: list[float], horizon: float) -> list[int]:
    return [int(t / MS) for t in instants if t < horizon]


def arrived(plane_class, first: Arrivals, *changes: Change, horizon: float = 16.0) -> list[int]:
    """The millisecond of each arrival."""
    workload = Workload(SEED, horizon, first, bucket_s=MS)
    script = [(t, "set_arrivals", (arrivals,)) for t, arrivals in changes]
    run = drive(plane_class, world(workload, Profile(Kind.PLAIN), script=script))
    counts = run.recording.requests[:, ARRIVED]
    return np.repeat(np.arange(len(counts)), counts).tolist()


def test_who_is_due_next_goes_on_at_the_new_rate(plane_class):
    """Half of the way at 1 a second, the rest at 4 a second."""
    change = 0.5 * e(0)
    first = change + 0.5 * e(0) / 4
    expected = [first, first + e(1) / 4, first + (e(1) + e(2)) / 4]
    found = arrived(plane_class, poisson(1.0), (change, poisson(4.0)))
    assert found[:3] == milliseconds(expected, 16.0)


def test_nobody_comes_at_rate_0_and_all_come_later_by_so_much_after_it(plane_class):
    undisturbed = comes(2.0)
    stop, go = 4.0, 9.0
    expected = [t if t < stop else t + (go - stop) for t in undisturbed]
    found = arrived(plane_class, poisson(2.0), (stop, poisson(0.0)), (go, poisson(2.0)))
    assert found == milliseconds(expected, 16.0)
    assert milliseconds(expected, stop)
    assert any(t > go / MS for t in found)


def test_an_end_that_has_passed_is_no_end_of_what_follows(plane_class):
    """Nobody comes after the end; from the change on, as if the time between had not been."""
    expected = [t if t < 4.0 else t + 5.0 for t in comes(2.0)]
    found = arrived(plane_class, poisson(2.0, end_s=4.0), (9.0, poisson(2.0)))
    assert found == milliseconds(expected, 16.0)


def test_the_same_rate_again_changes_nothing(plane_class):
    curve = Arrivals((1.0, 6.0, 9.0), (3.0, 0.0, 8.0), (0.5, 0.0, -1.0))
    often = [(0.37 * k, curve) for k in range(1, 40)]
    assert arrived(plane_class, curve, *often) == arrived(plane_class, curve)


def test_a_change_before_the_first_and_two_at_one_instant(plane_class):
    late = Arrivals((5.0,), (1.0,), (0.0,))
    changes = [(2.0, poisson(50.0)), (2.0, poisson(1.0))]  # the first of them has no time
    expected = [t + 2.0 for t in comes(1.0)]
    assert arrived(plane_class, late, *changes) == milliseconds(expected, 16.0)


def test_the_instants_of_a_trace_are_kept_but_for_those_that_are_past(plane_class):
    trace = at(1.0, 3.0, 5.0, 5.0, 7.5)
    found = arrived(plane_class, poisson(1e-9), (3.0, trace))
    assert found == milliseconds([5.0, 5.0, 7.5], 16.0)


def test_after_a_trace_the_rate_begins_anew(plane_class):
    """Two came by the trace: the third takes all of its draw, from the change on."""
    expected = [1.0, 2.0, 4.0 + e(2) / 2, 4.0 + (e(2) + e(3)) / 2]
    found = arrived(plane_class, at(1.0, 2.0, 6.0), (4.0, poisson(2.0)))
    assert found[:4] == milliseconds(expected, 16.0)


def test_many_come_before_and_after_as_the_rates_say(plane_class):
    """Also more than the kernel draws at a time (16,384), both before and after the change."""
    rates, change, horizon = (3000.0, 9000.0), 8.0, 16.0
    found = np.array(
        arrived(plane_class, poisson(rates[0]), (change, poisson(rates[1])), horizon=horizon)
    )
    before = int((found < change / MS).sum())
    for count, mean in ((before, 8 * rates[0]), (len(found) - before, 8 * rates[1])):
        assert abs(count - mean) < 5 * math.sqrt(mean)


@pytest.mark.parametrize(
    ("until", "left"), [(0.5, 9.0), (1.0, 9.0), (2.0, 7.0), (4.0, 3.0), (6.0, 0.0), (99.0, 0.0)]
)
def test_what_is_left_of_a_draw(until, left):
    """2 a second from 1 s on, 4 a second from 4.5 s on."""
    start, rate, slope = (1.0, 4.5), (2.0, 4.0), (0.0, 0.0)
    assert left_over(0, 0.0, 9.0, start, rate, slope, until) == left


def test_the_piece_of_a_rate_that_holds():
    start = (1.0, 2.0, 2.5)
    assert [segment_at(start, t) for t in (0.0, 1.0, 1.9, 2.0, 9.0)] == [0, 0, 0, 1, 2]
    assert segment_at((), 3.0) == 0
