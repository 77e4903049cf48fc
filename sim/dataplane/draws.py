"""Random numbers without state: u(seed, stream, id) is a pure function.

The n-th request has the same demands in both engines, on every platform and in every process, so
that platforms meet the very same customers (common random numbers) and a run is its seed alone.
The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
generators", OOPSLA 2014), applied once per word. `kernel/draws.py` writes the same lines for numba.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

MASK = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """SplitMix64's finaliser: every output bit hangs on every input bit."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def u(seed: int, stream: int, ident: int) -> float:
    """A uniform number in the open interval (0, 1)."""
    x = mix((seed + GOLDEN) & MASK)
    x = mix((x + (stream + 1) * GOLDEN) & MASK)
    x = mix((x + (ident + 1) * GOLDEN) & MASK)
    return ((x >> 11) + 0.5) * 1.1102230246251565e-16


def key(seed: int, stream: int) -> int:
    """Two of the three rounds of `u`: those that all draws of a stream share."""
    return mix((mix((seed + GOLDEN) & MASK) + (stream + 1) * GOLDEN) & MASK)


def keys(seed: int, streams: int) -> NDArray[np.uint64]:
    """`key(seed, n)` of all streams below this number."""
    return keys_of(seed, np.arange(streams, dtype=np.uint64))


def keys_of(seed: int, streams: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`key(seed, n)` of each of these."""
    x = (streams + np.uint64(1)) * np.uint64(GOLDEN)
    return _mixed(x + np.uint64(mix((seed + GOLDEN) & MASK)))


def uniforms_of(seed: int, stream: int, ids: NDArray[np.uint64]) -> NDArray[np.float64]:
    """`u(seed, stream, n)` of each of these."""
    x = _mixed((ids + np.uint64(1)) * np.uint64(GOLDEN) + np.uint64(key(seed, stream)))
    return ((x >> np.uint64(11)).astype(np.float64) + 0.5) * 1.1102230246251565e-16


def children(ids: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """`child(n, salt)` of each of these."""
    return _mixed(ids + np.uint64((salt + 1) * GOLDEN & MASK)) >> np.uint64(2)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`mix` of each."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def child(ident: int, salt: int) -> int:
    """Who is asked for by `ident`, in the step of this salt: 62 bits. It says nothing of places,
    replicas or order, so that whatever those do the same one is asked for."""
    return mix((ident + (salt + 1) * GOLDEN) & MASK) >> 2


def stream(name: str) -> int:
    """A stable stream number for a named draw of the control plane (any process, any platform);
    those of the data plane are codes.Stream."""
    return 1000 + crc32(name.encode())
