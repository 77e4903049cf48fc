"""The gates: servers through one of which users come in, where a balancer stands before servers.

It passes packets on and looks at nothing: a server that is dead swallows what is sent by it, until
whoever keeps the list (the control plane) has it no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane import draws
from sim.dataplane.codes import UNLIMITED, AttemptPhase, Stream
from sim.dataplane.reference.work import Attempt

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Hardware, Instance


class Gates:
    """The list; empty: users come straight in."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.servers: list[Hardware] = []
        self.local = False

    def met(self, attempt: Attempt) -> Hardware:
        """The one by which it comes in."""
        u1 = draws.u(self.seed, Stream.GATE, attempt.tried)
        return self.servers[int(u1 * len(self.servers))]

    def behind(self, attempt: Attempt, backends: list[Instance]) -> list[Instance]:
        """Whom of these it can reach."""
        if not self.servers or not self.local or attempt.asker is not None:
            return backends
        gate = self.met(attempt)
        return [container for container in backends if container.server is gate]

    def swallows(self, attempt: Attempt) -> bool:
        """Does a user's new connection meet a dead one? Then nobody answers before the client gives
        the connection up, nor does any proxy try again. One that is kept stays as it is."""
        if not self.servers or attempt.asker is not None or attempt.balancer.keeps(attempt):
            return False
        backends = attempt.balancer.backends
        reaches = bool(self.behind(attempt, backends)) or not backends
        if self.met(attempt).alive and reaches:
            return False
        attempt.dials = UNLIMITED
        timeout_s = attempt.client.connect_timeout_s
        attempt.balancer.wait(attempt, AttemptPhase.CONNECTING, timeout_s)
        return True
