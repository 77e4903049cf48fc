"""CPU: every container is a processor-sharing station; the stations of a server share its cores.

A station keeps one virtual clock V: the CPU seconds that each of its requests has had. A request
with demand d that joins at V is through when V reaches V + d, so that only joins, completions,
drops and changes of rate cost anything: O(log n). Exact, because rates are constant in between.
Rates settle once at the end of an instant (share_cores in arithmetic.py).
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import simpy

from sim.dataplane.arithmetic import INFINITY, share_cores
from sim.dataplane.codes import Due
from sim.dataplane.reference.timing import DueTimer, settle_later

if TYPE_CHECKING:
    from sim.dataplane.reference.work import Work


class Station:
    """The running requests of one container."""

    def __init__(self, cpu: Cores, ident: int, cap: float, weight: float) -> None:
        self.cpu, self.id, self.cap, self.weight = cpu, ident, cap, weight
        self.frozen = False  # hung, or its server is dead
        self.heap: list[tuple[float, int, Work]] = []  # (virtual finish, work id, work)
        self.n = 0
        self.rate = 1.0  # cores per request
        self.virtual = 0.0
        self.since = 0.0
        self.busy = 0.0  # CPU seconds used up to `since`
        self.due = INFINITY  # when the next completion is timed
        self.touched = False

    def sync(self, now: float) -> None:
        """Bring the virtual clock to now. Only for joins, completions, drops, changes of rate."""
        if self.n:
            had = now - self.since
            self.busy += self.n * self.rate * had
            self.virtual += self.rate * had
        self.since = now

    def busy_now(self, now: float) -> float:
        """A gauge: computes, stores nothing."""
        return self.busy + self.n * self.rate * (now - self.since)

    def join(self, work: Work, demand: float) -> simpy.Event:
        """Serve `demand` core seconds; the event triggers when they are done."""
        self.sync(self.cpu.env.now)
        heappush(self.heap, (self.virtual + demand, work.id, work))
        self.n += 1
        self.touch()
        work.wake = self.cpu.env.event()
        return work.wake

    def complete(self, _: int) -> None:
        """The request with the least virtual finish is through."""
        now = self.cpu.env.now
        if self.due != now:
            return  # re-timed since
        self.sync(now)
        finish, _, work = heappop(self.heap)
        self.virtual = finish  # snap: no rounding is carried on
        self.n -= 1
        self.emptied()
        self.due = INFINITY
        self.touch()
        work.resume(0)

    def drop(self, gone: Callable[[Work], bool]) -> None:
        """Take out the work that died, without finishing it."""
        keep = [entry for entry in self.heap if not gone(entry[2])]
        if len(keep) == self.n:
            return
        self.sync(self.cpu.env.now)
        heapify(keep)
        self.heap, self.n = keep, len(keep)
        self.emptied()
        self.touch()

    def emptied(self) -> None:
        if self.n == 0:
            self.virtual = 0.0  # keeps precision over a long run

    def touch(self) -> None:
        self.touched = True
        self.cpu.touch()

    def retime(self, now: float) -> None:
        if self.n == 0 or self.rate == 0.0:
            self.due = INFINITY
            return
        # virtual time can pass the finish by an ulp
        delay = max(0.0, (self.heap[0][0] - self.virtual) / self.rate)
        self.due = now + delay
        DueTimer(self.cpu.env, delay, Due.COMPLETION, self.id, self.complete)


class Cores:
    """The cores of one server."""

    def __init__(self, env: simpy.Environment, cores: float, settle: Settling) -> None:
        self.env, self.cores, self.settling = env, cores, settle
        self.stations: list[Station] = []
        self.touched = False

    def touch(self) -> None:
        if not self.touched:
            self.touched = True
            self.settling.add(self)

    def settle(self, now: float) -> None:
        """Share out the cores anew and re-time the stations whose rate changed, or were touched."""
        self.touched = False
        stations = self.stations
        rates = [0.0] * len(stations)
        share_cores(
            len(stations),
            [s.n for s in stations],
            [0.0 if s.frozen else s.cap for s in stations],
            [s.weight for s in stations],
            self.cores,
            rates,
        )
        for station, rate in zip(stations, rates, strict=True):
            if rate != station.rate:
                station.sync(now)
                station.rate = rate
                station.retime(now)
            elif station.touched:
                station.retime(now)
            station.touched = False


class Settling:
    """The servers whose shares must settle at the end of this instant."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.waiting: list[Cores] = []

    def add(self, cpu: Cores) -> None:
        if not self.waiting:
            settle_later(self.env, self.run)
        self.waiting.append(cpu)

    def run(self, _: simpy.Event) -> None:
        now, waiting = self.env.now, self.waiting
        self.waiting = []
        for cpu in waiting:
            cpu.settle(now)
