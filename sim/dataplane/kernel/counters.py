"""What comes in and what goes out of the kernel in bulk: arrival times, and the counters."""

from __future__ import annotations

import math
from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.codes import Outcome
from sim.dataplane.kernel.codes import DRAW_ARRIVAL
from sim.dataplane.kernel.compile import entry, inner, shared
from sim.dataplane.kernel.draws import snap, uniform, way
from sim.dataplane.kernel.layout import OUT_ARRIVED, OUT_JOB, OUT_REFUSED
from sim.dataplane.tables import ARRIVED, FIRST_CAUSE, IN_SLO, SUCCEEDED

next_arrival = shared(
    arithmetic.next_arrival, gap=inner(arithmetic.gap), area=inner(arithmetic.area)
)
latency_bin = inner(arithmetic.latency_bin)
GOOD, FIRST_BAD = Outcome.SUCCEEDED.value, Outcome.REFUSED.value


@entry
def more_arrivals(
    box: Any, start: Any, rate: Any, slope: Any, times: Any, end: float, states: Any, most: int
) -> None:
    """Fill the chunk with `most` arrival times, and go on with the one row of `states`."""
    w, state = box[0], states[0]
    n = 0
    request, segment, last, event = state.request, state.segment, state.since, state.event
    left = state.left
    while n < most:
        if times.size > 0:
            number = request - state.first
            t = times[number] if number < times.size else math.inf
        elif start.size > 0:
            work = left if left >= 0.0 else -math.log(uniform(w, DRAW_ARRIVAL, request))
            segment, last = next_arrival(segment, last, work, start, rate, slope, end)
            t = snap(last, w.lattice) if last < math.inf else math.inf
        else:
            t = math.inf
        if t >= end:
            w.arrival_at[n] = math.inf
            n += 1
            break
        wait = t - event
        event = event + (wait if wait > 0.0 else 0.0)
        w.arrival_at[n] = event
        n += 1
        request += 1
        left = -1.0
    w.arrival, w.arrivals = 0, n
    state.request, state.segment, state.since, state.event = request, segment, last, event
    state.left = left


@inner
def count(w: Any, k: int, endpoints: Any, endpoint_latency: Any) -> None:
    """The same of one entry, by the way in which its user asked."""
    kind, took, e = w.out[k].kind, w.out[k].latency, way(w, w.out[k].id)
    if kind == OUT_ARRIVED:
        endpoints[e, ARRIVED] += 1
    elif kind == GOOD:
        endpoints[e, SUCCEEDED] += 1
        endpoints[e, IN_SLO] += took <= w.policy[0].slo_s
        endpoint_latency[e, latency_bin(took)] += 1
    else:
        endpoints[e, FIRST_CAUSE + kind - FIRST_BAD] += 1


@entry
def fold(
    box: Any,
    bucket_s: float,
    requests: Any,
    jobs: Any,
    refused: Any,
    latency: Any,
    latency_sum: Any,
    latency_max: Any,
    endpoints: Any,
    endpoint_latency: Any,
) -> None:
    """Empty the out ring into the counters (Recorder of the reference)."""
    w = box[0]
    last = requests.shape[0] - 1
    for k in range(w.outs):
        kind, t = w.out[k].kind, w.out[k].t
        at = min(int(t / bucket_s), last)
        if endpoints.shape[0] > 0 and kind < OUT_REFUSED:
            count(w, k, endpoints, endpoint_latency)
        if kind == OUT_ARRIVED:
            requests[at, ARRIVED] += 1
        elif kind >= OUT_JOB:
            jobs[at, kind - OUT_JOB] += 1
        elif kind == OUT_REFUSED:
            refused[at] += 1
        elif kind == GOOD:
            took = w.out[k].latency
            requests[at, SUCCEEDED] += 1
            if took <= w.policy[0].slo_s:
                requests[at, IN_SLO] += 1
            latency[latency_bin(took)] += 1
            latency_sum[at] += took
            latency_max[0] = max(latency_max[0], took)
        else:
            requests[at, FIRST_CAUSE + kind - FIRST_BAD] += 1
    w.outs = 0
