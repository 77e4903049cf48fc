"""Loops that look again and again, and the looks that may be left out.

While the world stands still, a look mostly finds what the one before has found. A loop that says so
(`calm`) goes on at its first look that could find something else: every other loop says so too, the
data plane makes nothing but checks that pass, and no other wait ends before. Then the loop brings
what it keeps to where all its looks would have brought it (`left_out`), and the run is, to the last
bit, the one in which it had looked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from sim.control.core.clock import Clock, Rank, Wait, priority


def never() -> float:
    """`calm` of a loop whose looks change nothing while the world stands."""
    return math.inf


def keeps_nothing(_: Sequence[float]) -> None:
    """`left_out` of a loop that remembers no look."""


class Ticks:
    """What such a loop waits for: `for tick in cluster.ticks(...): yield tick`. The ticks come at
    first_s + k x period_s, or (`chained`) each so long after the loop is done with the one before.

    `calm()`: before this time its looks change nothing that anybody acts on, as long as nothing
    happens but checks that pass; 0 if the next one may. `left_out(times)`: these were, the latest
    last. `kept`: so many before something happens are made all the same, since others read them.
    `deaf`: while it is calm it sleeps until a loop acts, or the data plane tells something: its
    looks read nothing else there.
    """

    def __init__(
        self, clock: Clock, calm_until: Callable[[float], float], period_s: float, rank: Rank,
        first_s: float, key: int = 0, *, calm: Callable[[], float], chained: bool = False,
        left_out: Callable[[Sequence[float]], None] = keeps_nothing, kept: int = 0,
        deaf: bool = False,
    ) -> None:  # fmt: skip
        self.deaf = deaf
        self.clock, self.calm_until, self.period_s = clock, calm_until, period_s
        self.place, self.first_s, self.chained = priority(rank, key), first_s, chained
        self.calm, self.left_out, self.kept = calm, left_out, kept
        self.k, self.due_s = -1, first_s  # of the tick that is waited for, or was the latest

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Wait:
        self.k, self.due_s = self.k + 1, self.following(self.k, self.clock.now)
        if self.k > 1:  # before, the clock may round: the next one is more than twice as late
            if self.deaf and self.calm() == math.inf:
                return self.sleep()
            self.leave_out()
        if not self.chained:  # as `Clock.at`
            now = self.clock.now
            self.due_s = now + max(0.0, self.due_s - now)
        tick = Wait(self.clock.env, self.due_s, self.place)
        tick.quiet = True
        return tick

    def sleep(self) -> Wait:
        """The tick comes when somebody has acted: the first then that is still to come."""
        tick = Wait(self.clock.env, math.inf, self.place)
        tick.quiet = True

        def wake(now: float, passed: int) -> None:
            self.k += max(0, int((now - self.due_s) / self.period_s) - 1)
            while (due_s := self.following(self.k - 1, now), self.place) <= (now, passed):
                self.k += 1
            self.due_s = due_s
            tick.put(due_s, self.place)

        self.clock.asleep.append(wake)
        return tick

    def following(self, k: int, t_s: float) -> float:
        """The tick after that of number k, which is at t_s; -1: the first one."""
        if self.chained:
            return t_s + self.period_s if k >= 0 else self.first_s
        return self.first_s + (k + 1) * self.period_s

    def leave_out(self) -> None:
        """Go on at the first tick that could change anything, and those kept before it."""
        until_s = self.calm_until(self.due_s)
        if self.due_s >= until_s:
            return
        times = self.ahead(until_s)
        idle = len(times) - 1 - self.kept
        if idle > 0:
            self.left_out(times[:idle])
            self.k, self.due_s = self.k + idle, times[idle]

    def ahead(self, until_s: float) -> list[float]:
        """The tick that is due and those after it, to the first that is not before `until_s`: the
        sums that `following` would make, one after the other."""
        most = int((until_s - self.due_s) / self.period_s) + 3
        if self.chained:
            times = np.add.accumulate([self.due_s, *[self.period_s] * most])
        else:
            times = self.first_s + np.arange(self.k, self.k + most) * self.period_s
        seen: list[float] = times[: int(times.searchsorted(until_s)) + 1].tolist()
        return seen
