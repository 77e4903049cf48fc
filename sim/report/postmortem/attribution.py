"""Where the time went: what was going on in each second in which users were served badly.

A degraded second (sim.results.metrics) counts once, under the first of these that was going on in
its middle, what is nearest to the cure first:

1. start-up: a process starts, or has not passed its first readiness probe
2. back-off: a process has exited, and its restart manager waits before it starts it again
3. eviction wait: a server is lost, the platform knows, and does not move its containers yet
4. wait for a server: a replica is wanted and no server has room for it
5. hands-on: the operator is at work
6. acknowledgement: the operator is paged and has not answered
7. detection: since the last fault nobody has done anything, no controller and no page; or a server
   is lost, and the platform will notice and has not yet
8. other: overload, mostly; or somebody has acted, and waits

The order is a convention, as is every such sum: a second with two causes has one place. The sum is
the degraded time of the table, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.report.incident import FAULTS
from sim.results import metrics
from sim.results.run import Run, Span

Stretch = tuple[float, float]
KINDS = (
    "start-up", "back-off", "eviction wait", "wait for a server", "hands-on", "acknowledgement",
    "detection", "other",
)  # fmt: skip


def seconds_by_kind(run: Run) -> dict[str, float]:
    """Degraded seconds by what was going on; the keys are KINDS, all of them."""
    going_on = states(run.spans)
    going_on["detection"] = [*going_on.get("detection", []), *undetected(run)]
    return attributed(metrics.degraded(run), run.recording.bucket_s, run.horizon_s, going_on)


def attributed(
    bad: NDArray[np.bool_], width_s: float, horizon_s: float, going_on: Mapping[str, list[Stretch]]
) -> dict[str, float]:
    """Seconds of the bad buckets by the first of KINDS whose stretches hold the bucket's middle."""
    unexplained = bad.copy()
    middles = (np.arange(bad.size) + 0.5) * width_s
    lengths = np.minimum(width_s, np.maximum(horizon_s - np.arange(bad.size) * width_s, 0.0))
    seconds = {}
    for kind in KINDS[:-1]:
        flags = np.zeros(bad.size, dtype=np.bool_)
        for a, b in going_on.get(kind, ()):
            low, high = np.searchsorted(middles, (a, b))
            flags[low:high] = True
        seconds[kind] = float(lengths[unexplained & flags].sum())
        unexplained &= ~flags
    seconds[KINDS[-1]] = float(lengths[unexplained].sum())
    return seconds


def states(spans: Iterable[Span]) -> dict[str, list[Stretch]]:
    """Kind -> when it was going on, from the states of containers and of the operator."""
    word = {
        "starting": "start-up", "back_off": "back-off", "evicting": "eviction wait",
        "pending": "wait for a server", "hands_on": "hands-on", "acknowledge": "acknowledgement",
    }  # fmt: skip
    stretches: dict[str, list[Stretch]] = {}
    started: dict[str, float] = {}  # when the last start of a container ended
    away: dict[str, Span] = {}  # the last of a container on a lost server
    for span in sorted(spans, key=lambda span: span.start_s):
        kind = word.get(span.state, "")
        if span.state == "starting":
            started[span.name] = span.end_s
        elif span.state == "away":
            away[span.name] = span
        elif span.state == "not_ready" and started.get(span.name) == span.start_s:
            kind = "start-up"
        if span.state == "evicting" and span.name in away and away[span.name].end_s == span.start_s:
            stretches.setdefault("detection", []).append(away[span.name][3:5])
        if kind:
            stretches.setdefault(kind, []).append((span.start_s, span.end_s))
    return stretches


def undetected(run: Run) -> list[Stretch]:
    """From each fault to the first reaction to it, or to the horizon."""
    faults = {row.t_s for row in run.timeline if row.event in FAULTS}
    reactions = {row.t_s for row in run.timeline if row.event == "page"}
    if run.fault_s is not None:
        faults.add(run.fault_s)
    if run.detected_s is not None:
        reactions.add(run.detected_s)
    return unanswered(sorted(faults), sorted(reactions), run.horizon_s)


def unanswered(faults: Sequence[float], reactions: Sequence[float], end_s: float) -> list[Stretch]:
    """(fault, first reaction at or after it) of each fault."""
    return [(fault, next((r for r in reactions if r >= fault), end_s)) for fault in faults]
