"""The servers by which a try gets to its target: `stops` of the reference's Attempt."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import GOLDEN, child
from sim.dataplane.kernel.network import round_trip


@inner
def asker_of(w: Any, s: int) -> int:
    """The server on which somebody asks, or -1: users."""
    parent = w.request[w.work[s].of_request].parent
    return w.container[w.work[parent].at].server if parent >= 0 else -1


@inner
def near(w: Any, s: int) -> int:
    """The last of its stops before its target, or -1: users come straight in."""
    work = w.work[s]
    if work.via >= 0:
        return w.container[work.via].server
    return work.gate if work.gate >= 0 else asker_of(w, s)


@inner
def stops(w: Any, s: int, u: int) -> Any:
    """`stops` of the reference, and server u; -2: none."""
    work = w.work[s]
    gate = work.gate if work.gate >= 0 else -2
    via = w.container[work.via].server if work.via >= 0 else -2
    return asker_of(w, s), gate, via, u


@inner
def users_trip(w: Any, s: int, u: int) -> float:
    """From the world outside to where this try comes in, on its way to server u."""
    work = w.work[s]
    first = work.gate
    if first < 0:
        first = w.container[work.via].server if work.via >= 0 else u
    return round_trip(w, -1, first, child(work.tried, GOLDEN))
