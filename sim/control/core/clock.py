"""The control plane's time: SimPy, with an order of simultaneous events that is stated here.

Plain SimPy orders events of one instant by when each was scheduled, so that a ticker's period
would change what another controller sees. Here each timed wait says who waits (a rank, one for each
kind of wait), for which container, server or service (a key), and for which of its questions (a
part). At one instant the data plane has acted, then waits end in the order of (rank, key, part),
and observers come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from enum import IntEnum, auto, unique
from heapq import heappop
from itertools import count
from typing import Any, NoReturn, TypeVar

import simpy

from sim.control.core.records import NonsenseError
from sim.dataplane.simpy_inside import PlacedEvent, now_within, queue_of, set_now, throw_into

ROUNDING_S = 1e-6  # so much a difference of two times may be below 0
T = TypeVar("T")
Task = Generator[simpy.Event, Any, T]  # something that takes time and yields a T in the end
Loop = Task[None]


@unique
class Rank(IntEnum):
    """Who acts at one instant, from first to last. Each kind of wait has a line of its own, so that
    no two can meet; the first line of a group is what a mechanism of a user's own takes."""

    FAULT_ENDS = auto()  # a hang is over, a leak has grown
    FAULT = auto()  # by number of the event
    LOCK_OUT_ENDS = auto()
    SCHEDULE = auto()  # jobs come by the clock; by the number of the schedule
    # servers boot and die
    RENTED_MACHINE = auto()  # by a person
    MACHINE = auto()
    ORDERED_MACHINE = auto()  # by an autoscaler
    # processes start, stop, restart (Docker Engine, kubelet)
    DAEMON = auto()
    RUNTIME = auto()
    AUTOHEAL = auto()
    MEMORY_PRESSURE = auto()
    PROBE = auto()  # parts: the question, the end of the wait for its answer
    # heartbeats, node lifecycle
    NODE_MONITOR = auto()
    NODE = auto()
    NODE_EVICTION = auto()
    NODE_REPAIR = auto()
    POD_GC = auto()
    STEP_DOWN = auto()  # a primary, that cannot say that it lives; by its number
    REPLICAS = auto()  # a queue counts those that follow it; by its number
    FAILOVER = auto()  # of a database, by its number
    # endpoints, balancer checks
    DISCOVERY = auto()
    OUTLIERS = auto()
    RESOLVER = auto()
    GATES = auto()  # parts: a balancer's check of a server, the end of the wait for its answer
    # who goes where
    SCHEDULER = auto()
    DRAIN_RETRY = auto()
    # versions
    ROLLOUT = auto()  # a replica is available
    ROLLOUT_DEADLINE = auto()
    ROLLOUT_STATUS = auto()
    DEPLOYMENT = auto()
    RELEASE = auto()
    RELEASE_DEADLINE = auto()
    RELEASE_STATUS = auto()
    ROLLBACK = auto()  # parts: the deadline, the analysis
    # replicas and servers from load
    METRICS = auto()
    AUTOSCALER = auto()
    SERVER_AUTOSCALER = auto()
    KEDA = auto()
    ALARM = auto()
    SERVER_DRAIN = auto()
    OPERATOR = auto()
    DRAIN_LOOK = auto()
    OBSERVER = auto()  # last in its instant: 1 the ledger, 2 the spans, 3 the progress


KEYS, PARTS = 1 << 45, 8  # keys and parts are below these


def priority(rank: Rank, key: int, part: int = 0) -> int:
    """A wait's place among all of its instant: the smaller acts first. NonsenseError for what is
    no rank, or a key or part that would reach into another's place."""
    if type(rank) is not Rank:
        raise NonsenseError(f"a wait of rank {rank!r}", "a member of Rank, such as Rank.RUNTIME")
    if not (0 <= key < KEYS and 0 <= part < PARTS):
        found = f"a wait of {rank.name} with key {key} and part {part}"
        raise NonsenseError(found, f"a key from 0 and below {KEYS}, a part below {PARTS}")
    # SimPy's own priorities are 0 (start, interrupt) and 1 (succeed): what follows at once
    return 2 + ((rank * KEYS + key) * PARTS + part)


LAST = priority(Rank.OBSERVER, 0)


class Wait(PlacedEvent):
    """A timeout whose place in its instant is the one given, not its order of insertion."""

    cancelled = False
    quiet = False  # at its end nobody acts whom others must wait for

    def __init__(self, env: simpy.Environment, t_s: float, priority: int) -> None:
        super().__init__(env, priority, [], t_s=t_s)

    def cancel(self) -> None:
        """Nobody waits for it any more, and nobody will: `Clock.due` drops it."""
        self.callbacks, self.cancelled, self.quiet = [], True, True


class Clock:
    """One per run; `env` is the control plane's own SimPy environment."""

    now: float = now_within("env")

    def __init__(self) -> None:
        self.env = simpy.Environment(0.0)
        self.until_s = 0.0  # so far it goes before somebody from outside may act
        self.asleep: list[Callable[[float, int], None]] = []  # what wakes loops, once
        self.passed = 0.0, 0  # the instant of the latest step, and how far into it steps have come

    def due(self) -> float:
        """When the next event is that somebody waits for; infinite if none is."""
        queue = queue_of(self.env)
        while queue and type(wait := queue[0][3]) is Wait and wait.cancelled:
            heappop(queue)
            wait.callbacks = None  # type: ignore[assignment] # as if it had been
        return float(queue[0][0]) if queue else math.inf

    def undisturbed_until(self) -> float:
        """Before this time nobody acts, except for whoever acts now and those who only look."""
        until_s = self.until_s
        for t_s, place, _, event in queue_of(self.env):
            if t_s < until_s and place < LAST and not getattr(event, "quiet", False):
                until_s = t_s
        return until_s

    def step(self) -> bool:
        """Take the event that is due. Has somebody acted for whom others must wait?"""
        t_s, place, _, event = queue_of(self.env)[0]
        at_s, passed = self.passed
        self.passed = t_s, max(passed, place) if t_s == at_s else place
        self.env.step()
        return not getattr(event, "quiet", False)

    def wake(self) -> None:
        """Somebody has acted: loops that slept until then look again, at their own times."""
        at_s, passed = self.passed
        woken, self.asleep = self.asleep, []
        for wake in woken:
            wake(self.now, passed if at_s == self.now else 0)

    def rank_due(self) -> int:
        """The rank of the event that is due; 0, before all ranks, for what follows at once."""
        return max(0, (queue_of(self.env)[0][1] - 2) // (KEYS * PARTS))

    def after(self, delay_s: float, rank: Rank, key: int = 0, part: int = 0) -> Wait:
        """An event `delay_s` seconds from now. `key` and `part`: which one of this rank, if several
        can meet at one instant (a container's or server's id; equals follow as they were asked
        for). NonsenseError for a delay below 0 (by more than rounding), or that is no number or
        never ends."""
        if not -ROUNDING_S < delay_s < math.inf:
            found = f"a delay of {delay_s:g} s"
            raise NonsenseError(found, "a number of seconds of at least 0")
        return Wait(self.env, self.now + max(0.0, delay_s), priority(rank, key, part))

    def at(self, t_s: float, rank: Rank, key: int = 0, part: int = 0) -> Wait:
        """An event at an absolute time (k * period: repeated delays would drift)."""
        if math.isnan(t_s):
            raise NonsenseError("a time that is no number", "a number of seconds")
        now = self.now
        return Wait(self.env, now + max(0.0, t_s - now), priority(rank, key, part))

    def ticks(
        self, period_s: float, rank: Rank, first_s: float = 0.0, key: int = 0
    ) -> Iterator[Wait]:
        """What a loop waits for again and again: `for tick in clock.ticks(15.0, rank): yield tick`.
        Each is placed when it is asked for."""
        return (self.at(first_s + k * period_s, rank, key) for k in count())

    def exactly(self, t_s: float, rank: Rank, key: int, part: int = 0) -> Wait:
        """An event at an instant that was computed earlier, to the last bit."""
        return Wait(self.env, t_s, priority(rank, key, part))

    def at_once(self, action: Callable[[simpy.Event], None]) -> None:
        """`action` follows at once: after what was woken before it at this instant."""
        event = self.env.event()
        event.callbacks = [action]
        event.succeed()

    def event(self) -> simpy.Event:
        """An event somebody will trigger with `succeed`."""
        return self.env.event()

    def loop(self, generator: Loop) -> simpy.Process:
        """Run a controller's loop."""
        return self.env.process(generator)

    def stuck(self, steps: int) -> NoReturn:
        """Time stands still: NonsenseError, from within the loop that would act next."""
        found = f"a loop that acts {steps:,} times without letting time pass"
        error = NonsenseError(found, "a wait of more than 0 s")
        for callback in queue_of(self.env)[0][3].callbacks or ():
            process = getattr(callback, "__self__", None)
            if isinstance(process, simpy.Process):
                throw_into(process, error)
        raise error

    def set(self, t_s: float) -> None:
        """Bring the clock to an instant at which the data plane sent a notice."""
        set_now(self.env, t_s)
