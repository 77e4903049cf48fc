"""The network between servers: how long a round trip takes, and which packets are lost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.dataplane import draws
from sim.dataplane.arithmetic import draw, either, resend_after, snap
from sim.dataplane.codes import ONE_SERVER, SECOND, Stream
from sim.dataplane.profile import Law
from sim.dataplane.reference.leases import rewired

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Hardware
    from sim.dataplane.reference.plane import ReferencePlane
    from sim.dataplane.reference.work import Work


class Links:
    """Round trips between segments, and the share of packets lost from one to another; what was
    never told takes no time and loses none."""

    def __init__(self, seed: int, lattice: float) -> None:
        self.seed, self.lattice = seed, lattice
        self.between: dict[tuple[int, int], Law] = {}
        self.lossy: dict[tuple[int, int], float] = {}

    def round_trip(self, asking: Hardware | None, asked: Hardware, ident: int) -> float:
        """Seconds of one to this server and back, the same for all of one attempt; None: from the
        world outside."""
        ends = asking.segment if asking else 0, asked.segment
        law = self.between.get((ONE_SERVER, ONE_SERVER) if asking is asked else ends)
        if law is None:
            return 0.0
        u1 = draws.u(self.seed, Stream.TRIP, ident)
        u2 = draws.u(self.seed, Stream.TRIP + SECOND, ident)
        return snap(draw(law.kind, law.mean, law.cv, u1, u2), self.lattice)

    def loss(self, sender: Hardware | None, receiver: Hardware | None) -> float:
        """Share of the packets between two servers that are lost; None: the world outside."""
        if not self.lossy or sender is receiver:
            return 0.0
        ends = sender.segment if sender else 0, receiver.segment if receiver else 0
        return self.lossy.get(ends, 0.0)

    def either_way(self, one: Hardware | None, other: Hardware | None) -> float:
        """Share of the connections between them of whose opening a packet is lost."""
        return either(self.loss(one, other), self.loss(other, one))

    def way(self, stops: Sequence[Hardware | None]) -> tuple[float, float]:
        """Shares lost by all these, there and back."""
        there = [self.loss(one, other) for one, other in pairwise(stops)]
        back = [self.loss(other, one) for one, other in pairwise(stops)]
        return reduce(either, there), reduce(either, back)

    def torn(self, one: Hardware | None, other: Hardware | None) -> bool:
        """Can no connection be opened between them?"""
        return self.loss(one, other) >= 1.0 or self.loss(other, one) >= 1.0

    def sends(self, work: Work, sender: Hardware, receiver: Hardware, most_s: float) -> float:
        """Seconds that its next packet over an open connection is late, or `most_s` and more."""
        share, seconds = self.loss(sender, receiver), 0.0
        while seconds < most_s and self.loses(work, share):
            seconds += again_after(work)
        return seconds

    def loses(self, work: Work, share: float) -> bool:
        """Is the next packet of its lost?"""
        if share == 0.0:
            return False
        number, work.sent = work.sent, work.sent + 1
        lost = draws.u(self.seed, Stream.LOSS, draws.child(work.tried, number)) < share
        work.losses = work.losses + 1 if lost else 0
        return lost


def again_after(work: Work) -> float:
    """Seconds until its packet, which was lost just now, is sent again."""
    return resend_after(work.losses - 1)


def rewire(plane: ReferencePlane) -> None:
    """Who is cut off, and who no longer?"""
    if plane.links.lossy:
        for worker in plane.workers:
            rewired(worker.queue, worker)
        for database in plane.databases:
            database.goes_on()
