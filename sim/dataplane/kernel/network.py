"""The network between servers: reference/network.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import LOGIN_TRIPS, ONE_SERVER, SECOND
from sim.dataplane.kernel.codes import DRAW_TRIP, LOGNORMAL
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import draw, snap, uniform
from sim.dataplane.kernel.layout import POOLER_TURNS, RETURNED, TRAVELLED
from sim.dataplane.kernel.leases import rewired
from sim.dataplane.kernel.losses import again_after, loses, loss
from sim.dataplane.kernel.postgres import goes_on, list_of, wait_for
from sim.dataplane.kernel.timing import push_back


@inner
def round_trip(w: Any, v: int, u: int, ident: int) -> float:
    """Seconds of one from a server to another and back; -1: from the world outside."""
    i, j = w.segment[v] if v >= 0 else 0, w.segment[u]
    if v == u:
        i = j = ONE_SERVER
    law = w.link[i, j]
    if law.mean == 0.0:
        return 0.0
    u1 = uniform(w, DRAW_TRIP, ident)
    u2 = uniform(w, DRAW_TRIP + SECOND, ident) if law.kind == LOGNORMAL else 0.5
    return snap(draw(law.kind, law.mean, law.cv, u1, u2), w.lattice)


@inner
def query_travels(w: Any, s: int) -> bool:
    """`travel` of the reference."""
    work = w.work[s]
    u = w.container[w.store[work.database].db].server
    trip = round_trip(w, w.container[work.at].server, u, work.visit)
    if trip == 0.0:
        return False
    trips = 1.0 + LOGIN_TRIPS if work.fresh != 0 and work.pooled == 0 else 1.0
    on_the_way(w, s, trips * trip, TRAVELLED)
    return True


@inner
def on_the_way(w: Any, s: int, seconds: float, stage: int) -> None:
    d = w.work[s].database
    w.work[s].in_session = w.store[d].session
    push_back(w, list_of(d, POOLER_TURNS), 2 * s + 1)
    wait_for(w, s, seconds, stage)


@inner
def resends(w: Any, s: int, back: bool) -> bool:
    """`sent` of the reference: is a packet of the query, or of its answer, lost?"""
    v = w.container[w.work[s].at].server
    u = w.container[w.store[w.work[s].database].db].server
    if not loses(w, s, loss(w, u, v) if back else loss(w, v, u)):
        return False
    on_the_way(w, s, again_after(w, s), RETURNED if back else TRAVELLED)
    return True


@inner
def rewire(w: Any) -> None:
    """Who is cut off, and who no longer?"""
    for i in range(w.workers):
        rewired(w, w.worker[i])
    for d in range(w.databases):
        goes_on(w, d)
