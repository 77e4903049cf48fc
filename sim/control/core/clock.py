"""The control plane's time: SimPy, with an order of simultaneous events that is stated here.

Plain SimPy orders events of one instant by when each was scheduled, so that a ticker's period
would change what another controller sees. Here each timed wait carries a rank (who) and a key
(which of them); at one instant the data plane has acted, then ranks act in this order, and
observers come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any, NoReturn, TypeVar

import simpy

from sim.control.core.records import NonsenseError

TIMED, KEY_BITS = 2, 48  # a timed event's priority is TIMED + (rank << KEY_BITS) + key
ROUNDING_S = 1e-6  # so much a difference of two times may be below 0
T = TypeVar("T")
Task = Generator[simpy.Event, Any, T]  # something that takes time and yields a T in the end
Loop = Task[None]


class Rank(IntEnum):
    FAULT = 0
    MACHINE = 1  # servers boot and die
    RUNTIME = 2  # processes start, stop, restart (Docker Engine, kubelet)
    PROBE = 3
    NODE = 4  # heartbeats, node lifecycle
    DISCOVERY = 5  # endpoints, balancer checks
    SCHEDULER = 6
    ROLLOUT = 7
    AUTOSCALER = 8
    OPERATOR = 9
    OBSERVER = 15  # ticks and gauges: last in their instant


class Timer(simpy.Event):
    """A timeout whose place in its instant is (rank, key), not its order of insertion."""

    cancelled = False

    def __init__(self, env: simpy.Environment, t_s: float, rank: Rank, key: int) -> None:
        self.env = env
        self.callbacks: list[Any] = []
        self._ok, self._value, self._defused = True, None, False
        # `env.schedule`, for an instant. SimPy's own priorities are 0 (start, interrupt) and 1
        # (succeed): what follows at once
        queue: list[Any] = env._queue
        heappush(queue, (t_s, TIMED + (int(rank) << KEY_BITS) + key, next(env._eid), self))

    def cancel(self) -> None:
        """Nobody waits for it any more, and nobody will: `Clock.due` drops it."""
        self.callbacks, self.cancelled = [], True


class Clock:
    """One per run; `env` is the control plane's own SimPy environment."""

    def __init__(self) -> None:
        self.env = simpy.Environment()

    @property
    def now(self) -> float:
        return float(self.env._now)  # what env.now gives: asked some hundred thousand times

    def due(self) -> float:
        """When the next event is that somebody waits for; infinite if none is."""
        queue: list[Any] = self.env._queue
        while queue and type(queue[0][3]) is Timer and queue[0][3].cancelled:
            heappop(queue)[3].callbacks = None  # as if it had been
        return float(queue[0][0]) if queue else math.inf

    def rank_due(self) -> int:
        """Of which rank that event is; `Rank.FAULT`, too, for what follows at once."""
        return max(0, int(self.env._queue[0][1]) - TIMED) >> KEY_BITS

    def after(self, delay_s: float, rank: Rank, key: int = 0) -> Timer:
        """An event `delay_s` seconds from now. `key` must be unique among equals of a rank that can
        meet at one instant (a container's or server's id does). NonsenseError for a delay below 0
        (by more than rounding), or that is no number or never ends."""
        if not -ROUNDING_S < delay_s < math.inf:
            found = f"a delay of {delay_s:g} s"
            raise NonsenseError(found, "a number of seconds of at least 0")
        return Timer(self.env, self.now + max(0.0, delay_s), rank, key)

    def at(self, t_s: float, rank: Rank, key: int = 0) -> simpy.Event:
        """An event at an absolute time (k * period: repeated delays would drift)."""
        if math.isnan(t_s):
            raise NonsenseError("a time that is no number", "a number of seconds")
        now = self.now
        return Timer(self.env, now + max(0.0, t_s - now), rank, key)

    def exactly(self, t_s: float, rank: Rank, key: int) -> simpy.Event:
        """An event at an instant that was computed earlier, to the last bit."""
        return Timer(self.env, t_s, rank, key)

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
        for callback in self.env._queue[0][3].callbacks or ():
            process = getattr(callback, "__self__", None)
            if isinstance(process, simpy.Process):
                process._generator.throw(error)
        raise error

    def set(self, t_s: float) -> None:
        """Bring the clock to an instant at which the data plane sent a notice."""
        self.env._now = t_s
