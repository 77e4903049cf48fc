"""Timers: a cancelled one never acts and never holds the run back."""

import math

from sim.control.core.clock import Clock, Rank


def test_a_cancelled_timer_is_no_due_event():
    clock, heard = Clock(), []
    soon, late = clock.after(1.0, Rank.PROBE, 1), clock.after(2.0, Rank.PROBE, 2)
    soon.callbacks.append(lambda _: heard.append("soon"))
    late.callbacks.append(lambda _: heard.append("late"))
    soon.cancel()
    assert clock.due() == 2.0
    clock.env.run()
    assert heard == ["late"]
    assert clock.due() == math.inf


def test_a_timer_cancelled_behind_another_waits_its_turn():
    clock = Clock()
    clock.after(1.0, Rank.PROBE)
    clock.after(2.0, Rank.PROBE).cancel()
    assert clock.due() == 1.0
    clock.env.step()
    assert clock.due() == math.inf
