"""The kernel's doors, as machine code: what Python calls for a record of some size."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from sim.dataplane.kernel import loop, verbs
from sim.dataplane.kernel.books import MACHINE_BOOK, TOTALS, walk
from sim.dataplane.kernel.compile import direct
from sim.dataplane.kernel.counters import fold
from sim.dataplane.kernel.gauges import look, look_at
from sim.dataplane.kernel.layout import CONTAINER_FIGURES, PLANE_FIGURES, empty_record


@cache
def machine_code(works: int, containers: int) -> tuple[Any, Any, Any, Any, Any]:
    """call, fold, look, look_at and walk for a record of this size: numba asks a hundredth of a
    second for its type."""
    box, counts, sums = empty_record(works, containers), np.zeros(1, np.int64), np.zeros(1)
    table = np.zeros((1, 1), np.int64)
    return (
        direct(loop.call, box, verbs.ADVANCE, 0, 0, 0.0),
        direct(fold, box, 1.0, table, table, counts, counts, sums, sums, table, table),
        direct(look, box, np.zeros(1, PLANE_FIGURES)),
        direct(look_at, box, 0, np.zeros(1, CONTAINER_FIGURES)),
        direct(walk, box, np.zeros(1, TOTALS), np.zeros(1, MACHINE_BOOK)),
    )
