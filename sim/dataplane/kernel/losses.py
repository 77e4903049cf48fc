"""Packets that are lost: a part of reference/network.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.kernel.codes import DRAW_LOSS
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import GOLDEN, child, uniform

either = inner(arithmetic.either)
resend_after = inner(arithmetic.resend_after)


@inner
def loss(w: Any, v: int, u: int) -> float:
    """Of packets between two servers; -1: the world outside."""
    if v == u:
        return 0.0
    i = w.segment[v] if v >= 0 else 0
    j = w.segment[u] if u >= 0 else 0
    return w.loss[i, j]


@inner
def either_way(w: Any, v: int, u: int) -> float:
    return either(loss(w, v, u), loss(w, u, v))


@inner
def way(w: Any, stops: Any, back: bool) -> float:
    """Share lost by all these servers; -2: none of them."""
    share, v, legs = 0.0, stops[0], 0
    for u in stops[1:]:
        if u < -1:
            continue
        leg = loss(w, u, v) if back else loss(w, v, u)
        share, v, legs = either(share, leg) if legs > 0 else leg, u, legs + 1
    return share


@inner
def torn(w: Any, c: int, other: int) -> bool:
    v, u = w.container[c].server, w.container[other].server
    return loss(w, v, u) >= 1.0 or loss(w, u, v) >= 1.0


@inner
def loses(w: Any, s: int, share: float) -> bool:
    if share == 0.0:
        return False
    work = w.work[s]
    packet = child(work.tried, np.uint64(work.sent + 1) * GOLDEN)
    work.sent += 1
    lost = uniform(w, DRAW_LOSS, packet) < share
    work.losses = work.losses + 1 if lost else 0
    return lost


@inner
def sends(w: Any, s: int, v: int, u: int, most_s: float) -> float:
    share, seconds = loss(w, v, u), 0.0
    while seconds < most_s and loses(w, s, share):
        seconds += again_after(w, s)
    return seconds


@inner
def again_after(w: Any, s: int) -> float:
    return resend_after(w.work[s].losses - 1)
