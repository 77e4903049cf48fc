"""u(seed, stream, id) for the kernel: `dataplane/draws.py` line by line in 64-bit words.

The key of a stream (two of the three rounds) is computed once per run in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.kernel.codes import DRAW_MIX, LOGNORMAL
from sim.dataplane.kernel.compile import inner

GOLDEN, A, B = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
S30, S27, S31, S11, S2 = (np.uint64(bits) for bits in (30, 27, 31, 11, 2))
ONE = np.uint64(1)

chosen = inner(arithmetic.chosen)
draw = inner(arithmetic.draw)
snap = inner(arithmetic.snap)


@inner
def drawn(key: Any, ident: int) -> float:
    """u of the stream of this key."""
    x = key + (np.uint64(ident) + ONE) * GOLDEN
    x = (x ^ (x >> S30)) * A
    x = (x ^ (x >> S27)) * B
    x = x ^ (x >> S31)
    return (np.float64(x >> S11) + 0.5) * 1.1102230246251565e-16


@inner
def uniform(w: Any, stream: int, ident: int) -> float:
    return drawn(w.key[stream], ident)


@inner
def way(w: Any, request: int) -> int:
    """In which of the mix a user asks; the policy of such users has its number."""
    return 0 if w.ways == 1 else chosen(uniform(w, DRAW_MIX, request), w.mix, w.ways)


@inner
def child(ident: int, salt: Any) -> Any:
    """draws.child; `salt` is ready to be added."""
    x = np.uint64(ident) + salt
    x = (x ^ (x >> S30)) * A
    x = (x ^ (x >> S27)) * B
    x = x ^ (x >> S31)
    return np.int64(x >> S2)


@inner
def amount(w: Any, i: int, s: int) -> float:
    """Containers' `demand`: what step i asks for, for work s, on the test lattice."""
    step = w.step[i]
    ident = w.work[s].visit if step.by_try == 0 else w.work[s].tried
    u1 = drawn(step.key, ident)
    u2 = drawn(step.second_key, ident) if step.law_kind == LOGNORMAL else 0.5
    return snap(draw(step.law_kind, step.law_mean, step.law_cv, u1, u2), w.lattice)
