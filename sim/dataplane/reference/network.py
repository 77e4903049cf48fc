"""The network between servers: how long a round trip takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane.codes import ONE_SERVER, Stream
from sim.dataplane.profile import Law

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Hardware, Instance


class Links:
    """Round trips between segments; what was never told takes no time."""

    def __init__(self) -> None:
        self.between: dict[tuple[int, int], Law] = {}

    def round_trip(self, asking: Hardware, asked: Instance, ident: int) -> float:
        """Seconds of one to this container and back: the same for all of one attempt."""
        ends = asking.segment, asked.server.segment
        law = self.between.get((ONE_SERVER, ONE_SERVER) if asking is asked.server else ends)
        return asked.demand(law, Stream.TRIP, ident) if law is not None else 0.0
