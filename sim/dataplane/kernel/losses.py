"""Packets that are lost: a part of reference/network.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.kernel.codes import DRAW_LOSS
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import GOLDEN, child, uniform

resend_after = inner(arithmetic.resend_after)


@inner
def loss(w: Any, sender: int, receiver: int) -> float:
    """Of packets between two containers; -1: the world outside."""
    v = w.container[sender].server if sender >= 0 else -1
    u = w.container[receiver].server if receiver >= 0 else -1
    if v == u:
        return 0.0
    i = w.segment[v] if v >= 0 else 0
    j = w.segment[u] if u >= 0 else 0
    return w.loss[i, j]


@inner
def torn(w: Any, c: int, other: int) -> bool:
    return loss(w, c, other) >= 1.0 or loss(w, other, c) >= 1.0


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
def again_after(w: Any, s: int) -> float:
    return resend_after(w.work[s].losses - 1)
