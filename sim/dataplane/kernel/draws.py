"""u(seed, stream, id) for the kernel: `dataplane/draws.py` line by line in 64-bit words.

The key of a stream (two of the three rounds) is computed once per run in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane import arithmetic
from sim.dataplane.codes import SECOND
from sim.dataplane.kernel.codes import LOGNORMAL
from sim.dataplane.kernel.compile import inner

GOLDEN, A, B = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
ONE = np.uint64(1)

draw = inner(arithmetic.draw)
snap = inner(arithmetic.snap)


@inner
def uniform(w: Any, stream: int, ident: int) -> float:
    x = w.key[stream] + (np.uint64(ident) + ONE) * GOLDEN
    x = (x ^ (x >> S30)) * A
    x = (x ^ (x >> S27)) * B
    x = x ^ (x >> S31)
    return (np.float64(x >> S11) + 0.5) * 1.1102230246251565e-16


@inner
def demand_of(w: Any, law: int, mean: float, cv: float, stream: int, ident: int) -> float:
    """Containers' `demand`: a law's value for one request or job, on the test lattice."""
    u1 = uniform(w, stream, ident)
    u2 = uniform(w, stream + SECOND, ident) if law == LOGNORMAL else 0.5
    return snap(draw(law, mean, cv, u1, u2), w.lattice)
