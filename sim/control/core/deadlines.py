"""Answers that must come in time, of probes and of a balancer's checks."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import simpy

from sim.control.core.clock import Clock, Rank


class Waiter(Protocol):
    """Who waits for an answer."""

    question: int  # number of the probe that has no answer yet; -1: none

    def timed_out(self) -> None:
        """No answer came in time; one that comes later reaches nobody."""


class Deadlines:
    """Timeouts of one length, in order as they were set: one timer stands for the first."""

    def __init__(self, clock: Clock, timeout_s: float, rank: Rank) -> None:
        self.clock, self.timeout_s, self.rank = clock, timeout_s, rank
        self.waiting: deque[tuple[float, int, int, int, Waiter]] = deque()
        self.armed = False

    def add(self, asker: Waiter, key: int, part: int) -> None:
        """The probe that `asker` has just sent; `key` and `part` as in `Clock.at`."""
        self.waiting.append((self.clock.now + self.timeout_s, key, part, asker.question, asker))
        if not self.armed:
            self.arm()

    def arm(self) -> None:
        self.armed = True
        at_s, key, part, _, _ = self.waiting[0]
        self.clock.exactly(at_s, self.rank, key, part).callbacks.append(self.due)

    def due(self, _: simpy.Event) -> None:
        number, asker = self.waiting.popleft()[3:]
        if asker.question == number:
            asker.timed_out()  # which may ask anew, and add that
        while self.waiting and self.waiting[0][4].question != self.waiting[0][3]:
            self.waiting.popleft()  # answered
        self.armed = False
        if self.waiting:
            self.arm()
