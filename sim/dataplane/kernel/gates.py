"""The gates: reference/gates.py over arrays."""

from __future__ import annotations

from typing import Any

from sim.dataplane.kernel.codes import DRAW_GATE
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import uniform


@inner
def shut(w: Any, s: int) -> bool:
    """`swallows` of the reference, of a try that opens a connection: is it a user's, and the server
    dead by which it comes in?"""
    if w.request[w.work[s].of_request].parent >= 0:
        return False
    at = int(uniform(w, DRAW_GATE, w.work[s].tried) * w.gates)
    return w.machine[w.gate[at]].alive == 0
