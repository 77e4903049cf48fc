"""The network between servers: reference/network.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import LOGIN_TRIPS, ONE_SERVER, SECOND
from sim.dataplane.kernel.codes import DRAW_TRIP, LOGNORMAL
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import draw, snap, uniform
from sim.dataplane.kernel.layout import POOLER_TURNS, TRAVELLED
from sim.dataplane.kernel.postgres import list_of, wait_for
from sim.dataplane.kernel.timing import push_back


@inner
def round_trip(w: Any, asker: int, asked: int, ident: int) -> float:
    """Seconds of one from a container to another and back."""
    v, u = w.container[asker].server, w.container[asked].server
    i, j = w.segment[v], w.segment[u]
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
    store = w.store[work.database]
    trip = round_trip(w, work.at, store.db, work.visit)
    if trip == 0.0:
        return False
    work.in_session = store.session
    push_back(w, list_of(work.database, POOLER_TURNS), 2 * s + 1)
    trips = 1.0 + LOGIN_TRIPS if work.fresh != 0 and work.pooled == 0 else 1.0
    wait_for(w, s, trips * trip, TRAVELLED)
    return True
