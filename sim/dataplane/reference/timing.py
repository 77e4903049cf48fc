"""Time in the reference engine: timers with a stated order, and what ends an instant.

SimPy runs events of one instant by priority, then by insertion. Its own priorities 0 (a process
starts) and 1 (`succeed`) are "what follows at once". After them CPU shares settle; then the next
timer by (kind, id), so that the order never depends on when a timer was set.
"""

from __future__ import annotations

from collections.abc import Callable

import simpy

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import ID_BITS
from sim.dataplane.simpy_inside import PlacedEvent

SETTLE = 2
TIMED = 4


class DueTimer(PlacedEvent):
    """Calls `action(id)` after `delay`, but not later than `until`. Never cancelled: the action
    checks that it is still due."""

    __slots__ = ("action", "id")

    def __init__(
        self,
        env: simpy.Environment,
        delay: float,
        due: int,
        ident: int,
        action: Callable[[int], None],
        until: float = INFINITY,
    ) -> None:
        self.action, self.id = action, ident
        t = min(env.now + delay, until)
        super().__init__(env, TIMED + (due << ID_BITS) + ident, [self.fire], t_s=t)

    def fire(self, _: simpy.Event) -> None:
        self.action(self.id)


def settle_later(env: simpy.Environment, action: Callable[[simpy.Event], None]) -> None:
    """The end of this instant, once: all that follows at once is done."""
    PlacedEvent(env, SETTLE, [action])
