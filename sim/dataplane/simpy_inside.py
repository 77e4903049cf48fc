"""The private parts of SimPy that both planes touch: all of them, here and nowhere else.

SimPy orders the events of an instant by priority, then by insertion; an order that is stated needs
a look into its queue, and a clock that follows another needs to be set. Fits SimPy 4 (pyproject
says below 5). It stands below both planes: the control plane may import what is beside the engines,
and nothing here imports the control plane.
"""

from __future__ import annotations

import math
from heapq import heappush
from operator import attrgetter
from typing import Any, NoReturn

import simpy

Entry = tuple[float, int, int, simpy.Event]  # instant, place in it, order of insertion, event


class PlacedEvent(simpy.Event):
    """An event that is bound to happen `delay` from now, or exactly at `t_s`: at that place in its
    instant. At infinity: when it is `put` somewhere.

    Places 0 and 1 are SimPy's own (a process starts or is interrupted; `succeed`): what follows at
    once. `env.schedule` knows delays alone, which would round again an instant that is known."""

    __slots__ = ()

    def __init__(
        self,
        env: simpy.Environment,
        place: int,
        actions: list[Any],
        delay: float = 0.0,
        t_s: float | None = None,
    ) -> None:
        self.env, self.callbacks = env, actions
        self._ok, self._value, self._defused = True, None, False
        due = env._now + delay if t_s is None else t_s
        if due < math.inf:
            self.put(due, place)

    def put(self, t_s: float, place: int) -> None:
        queue: list[Any] = self.env._queue
        heappush(queue, (t_s, place, next(self.env._eid), self))


def queue_of(env: simpy.Environment) -> list[Entry]:
    """What is to come, a heap."""
    queue: list[Any] = env._queue
    return queue


def now_within(attribute: str) -> Any:
    """A property that gives the time of the environment that is this attribute, as `env.now` does,
    without a call in Python: it is asked for some hundred thousand times."""
    return property(attrgetter(f"{attribute}._now"))


def set_now(env: simpy.Environment, t_s: float) -> None:
    """Bring the clock to an instant at which nothing of its own happens."""
    env._now = t_s


def throw_into(process: simpy.Process, error: Exception) -> NoReturn:
    """Raise the error where the process waits, so that its traceback leads there."""
    process._generator.throw(error)
    raise error


def failure_of(event: Any) -> BaseException | None:
    """What the event failed with, if it did."""
    value = getattr(event, "_value", None)
    return value if isinstance(value, BaseException) else None
