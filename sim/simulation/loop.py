"""The loop of the two planes.

It asks the control plane when its next event is, lets the data plane run so far (or to the first
instant of which the control plane must know), and then takes one control event.
"""

from __future__ import annotations

import math

from sim.control.core.clock import Rank
from sim.simulation.observation import Observer

MOST_STEPS = 500_000  # of the control plane at one instant; beyond, time stands still for ever


def advance(observer: Observer, until_s: float, last: Rank = Rank.OBSERVER) -> None:
    """Run both planes to `until_s`. At exactly that instant the data plane acts, what follows acts
    at once, and then the control events of ranks up to `last`: what is left comes next time."""
    cluster, goes_on = observer.cluster, observer.goes_on
    clock, plane, notice = cluster.clock, cluster.plane, cluster.notice
    reached = before = -math.inf
    clock.until_s = until_s
    steps = 0  # of this instant
    while True:
        due = clock.due()
        until = min(due, until_s)
        if until != reached or plane.stirred:
            now, notices = plane.advance(until)
            clock.set(now)
            if notices:
                goes_on(now)
            for told in notices:
                notice(told)
            reached = -math.inf if notices else until
            if notices:
                clock.wake()
                continue  # what they woke comes before the control events of this instant
        if due > until_s or (due == until_s and clock.rank_due() > last):
            return
        steps, before = (steps + 1 if due == before else 0), due
        if steps > MOST_STEPS:
            clock.stuck(steps)
        goes_on(due)
        cluster.step()
