"""The gates: reference/gates.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.codes import DRAW_GATE
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import uniform


@inner
def gate_of(w: Any, s: int) -> int:
    """The server to which a try is bound; -1: to none."""
    return w.work[s].gate if w.local != 0 else -1


@inner
def met(w: Any, s: int) -> int:
    return w.gate[int(uniform(w, DRAW_GATE, w.work[s].tried) * w.gates)]


@inner
def opens(w: Any, s: int) -> bool:
    """`opens` of the reference."""
    return w.gates == 0 or w.work[s].gate < 0 or w.machine[w.work[s].gate].alive != 0


@inner
def behind(w: Any, b: int, gate: int) -> int:
    """How many backends a try can reach."""
    n = w.balancer[b].backends
    if gate < 0:
        return n
    here = 0
    for i in range(n):
        here += w.container[w.backend[b, i]].server == gate
    return here


@inner
def backend(w: Any, b: int, gate: int, k: int) -> int:
    """The k-th of these."""
    if gate < 0:
        return w.backend[b, k]
    i = 0
    while w.container[w.backend[b, i]].server != gate or k > 0:
        k -= w.container[w.backend[b, i]].server == gate
        i += 1
    return w.backend[b, i]


@inner
def shut(w: Any, s: int) -> bool:
    """Is the gate of a new connection dead, or does nobody stand behind it?"""
    gate, b = w.work[s].gate, w.work[s].balancer
    if w.machine[gate].alive == 0:
        return True
    return w.local != 0 and w.balancer[b].backends > 0 and behind(w, b, gate) == 0
