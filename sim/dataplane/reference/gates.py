"""The gates: servers through one of which users come in, where a balancer stands before servers.

It passes packets on and looks at nothing: a server that is dead, or cut off from users, swallows
what is sent by it, until whoever keeps the list (the control plane) has it no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane import draws
from sim.dataplane.codes import UNLIMITED, AttemptPhase, Stream
from sim.dataplane.reference.work import Attempt

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Hardware, Instance
    from sim.dataplane.reference.network import Links


class Gates:
    """The list; empty: users come straight in."""

    def __init__(self, seed: int, links: Links) -> None:
        self.seed, self.links = seed, links
        self.servers: list[Hardware] = []
        self.local = False

    def met(self, attempt: Attempt) -> Hardware:
        """The one by which a new connection comes in."""
        u1 = draws.u(self.seed, Stream.GATE, attempt.tried)
        return self.servers[int(u1 * len(self.servers))]

    def behind(self, attempt: Attempt, backends: list[Instance]) -> list[Instance]:
        """Whom of these it can reach."""
        if not self.local or attempt.gate is None:
            return backends
        return [container for container in backends if container.server is attempt.gate]

    def opens(self, attempt: Attempt) -> bool:
        """Has the gate power by which it came in, if it did?"""
        return not self.servers or attempt.gate is None or attempt.gate.alive

    def swallows(self, attempt: Attempt) -> bool:
        """Does a user's new connection meet a dead one, or is its SYN lost on the way there? Then
        nobody answers before the client gives the connection up, nor does any proxy try again. One
        that is kept goes by its own."""
        balancer = attempt.balancer
        if not self.servers or attempt.asker is not None:
            return False
        if attempt.kept is not None and balancer.keeps(attempt):
            attempt.gate = attempt.kept.gate
            return False
        gate = attempt.gate = attempt.gate or self.met(attempt)
        reaches = bool(self.behind(attempt, balancer.backends)) or not balancer.backends
        stands = gate.alive and reaches
        lost = stands and self.links.loses(attempt, self.links.either_way(None, gate))
        attempt.dials = 0 if stands and not lost else UNLIMITED
        if not stands:
            balancer.wait(attempt, AttemptPhase.CONNECTING, attempt.client.connect_timeout_s)
        elif lost:
            balancer.resend(attempt, attempt.client.connect_timeout_s)
        return attempt.dials != 0
