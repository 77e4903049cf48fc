"""The incident in a run: what set it off, stretches of flagged time, the window around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.results import metrics
from sim.results.measurements import Measurements
from sim.schema.scenario import NATURES

FAULTS = tuple(
    kind for kind, nature in NATURES.items() if nature != "hands"
)  # the scenario's words
MANY_JOBS = 20  # left over at the end: a backlog, not the few that always wait


def window(result: Measurements) -> tuple[float, float]:
    """The part of the horizon that is worth looking at, in seconds: from before the first fault
    to after the last trouble, or everything if that is most of it."""
    first, last = result.horizon_s, 0.0
    for run in result.runs:
        trouble = np.flatnonzero(metrics.degraded(run)) * run.recording.bucket_s
        starts = [t for t in (run.fault_s, trouble[0] if trouble.size else None) if t is not None]
        first = min([first, *starts])
        drained = metrics.drained_at_s(run)
        if drained is None and run.gauge.jobs_queued >= MANY_JOBS:
            drained = run.horizon_s  # the trouble is not over
        ends = [drained or 0.0, run.detected_s or 0.0]
        last = max([last, *starts, *ends, float(trouble[-1]) if trouble.size else 0.0])
    if last < first:
        return 0.0, result.horizon_s
    pad = max(60.0, 0.12 * (last - first))
    start, end = max(0.0, first - pad), min(result.horizon_s, last + pad)
    return (start, end) if end - start < 0.6 * result.horizon_s else (0.0, result.horizon_s)


def stretches(flags: NDArray[np.bool_], width: float) -> list[tuple[float, float]]:
    """(from, to) in seconds of each run of True."""
    steps = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(float(a) * width, float(b) * width) for a, b in zip(starts, ends, strict=True)]
