"""Metrics from the users' side: downtime, degraded time, latency, recovery, backlog.

Every figure comes from what clients saw (`Recording`) and from the plane's counters, never from
container state. Times are simulated seconds. A request counts in the second it arrived in;
requests still in flight at the horizon are neither good nor bad.

Whether a second is down. A second with at least 20 requests is judged by its own. A quieter one
borrows from its neighbours until the window holds 20: with the threshold 50 %, half of the loan
comes from before and half from after, like a running median, so that the edge of an outage stays
where it is (a window of plain width would shift it, or smear it by its own width). For a
threshold p the same argument asks for two windows, one with the share p of its loan before and
1 - p after, one mirrored; the second is under the threshold if both windows are. At 50 % the two
are the same; at 98 % one looks back and one ahead, and a single failure costs its own second
only. A second without requests takes the verdict of the nearest one that has some: a quiet
second is no outage, and a quiet second between two failures is no recovery. Tested in
tests/results/test_metrics.py: at 0.2, 1, 5 and 250 requests/s a five-minute outage measures five
minutes in expectation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import LATENCY_GROWTH, LATENCY_MIN_S, JobLoss
from sim.dataplane.tables import (
    ARRIVED,
    DONE,
    ENQUEUED,
    FIRST_LOSS,
    IN_SLO,
    SUCCEEDED,
)
from sim.results.run import LostRows, Run

ENOUGH = 20  # requests that a window must hold (DESIGN.md, section 5)
REACH_S = 300.0  # a window borrows from at most so far away, on either side
FIRST_S = 60.0  # of a run: as then it was before
LAG_SEEN_S = 10.0  # so long a rate is looked at, of which a replica's lag is a part
SUSTAINED_S = 60.0  # the SLO must hold so long before a platform counts as recovered


def under(
    due: NDArray[np.int64],
    good: NDArray[np.int64],
    threshold: float,
    bucket_s: float = 1.0,
    enough: int = ENOUGH,
) -> NDArray[np.bool_]:
    """Which buckets answered less than `threshold` of their requests well.

    `due`, `good`: shape (buckets,), requests that got an outcome, and those with a good one.
    Returns shape (buckets,). See the module's docstring for the windows.
    """
    buckets = due.size
    busy = np.flatnonzero(due)
    if not busy.size:
        return np.zeros(buckets, dtype=np.bool_)
    requests = np.concatenate(([0], np.cumsum(due)))  # requests before bucket i
    well = np.concatenate(([0], np.cumsum(good)))
    reach = max(1, math.ceil(REACH_S / bucket_s))
    first = requests[np.maximum(busy - reach, 0)]
    last = requests[np.minimum(busy + 1 + reach, buckets)]
    loan = np.maximum(enough - due[busy], 0)

    def share(before: float) -> NDArray[np.float64]:
        low = np.maximum(requests[busy] - before * loan, first)
        high = np.minimum(requests[busy + 1] + (1.0 - before) * loan, last)
        answered = np.interp(high, requests, well) - np.interp(low, requests, well)
        return np.asarray(answered / (high - low), dtype=np.float64)

    best = np.maximum(share(threshold), share(1.0 - threshold))
    verdict = best < threshold - 1e-9
    if not verdict.any():
        return np.zeros(buckets, dtype=np.bool_)
    begun = np.searchsorted(requests, requests[busy + 1] - enough, side="right") - 1
    ended = np.searchsorted(requests, requests[busy] + enough)
    back = np.where(begun < 0, reach, busy + 1 - begun)
    ahead = np.where(ended > buckets, reach, ended - busy)
    return _spread(verdict, busy, buckets, reach, (back, ahead))


def _spread(
    verdict: NDArray[np.bool_],
    busy: NDArray[np.intp],
    buckets: int,
    reach: int,
    apart: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> NDArray[np.bool_]:
    """Give each quiet bucket the verdict of its nearest busy one, within `reach`; beyond: False.
    `apart`: of each busy one how far back, and ahead, as many requests lie as a window must hold:
    no further it reaches towards one with another verdict.

    Before the first and after the last busy bucket nobody came, so nothing was down.
    """
    everyone = np.arange(buckets)
    after = np.clip(np.searchsorted(busy, everyone), 0, busy.size - 1)
    before = np.clip(after - 1, 0, None)
    to_after, to_before = np.abs(busy[after] - everyone), np.abs(everyone - busy[before])
    earlier = to_before <= to_after
    nearest = np.where(earlier, before, after)
    known = np.where(earlier, apart[0][before], apart[1][after])
    known = np.where(verdict[before] == verdict[after], reach, np.minimum(known, reach))
    inside = (everyone >= busy[0]) & (everyone <= busy[-1])
    near = (np.minimum(to_before, to_after) <= known) & inside
    return np.asarray(verdict[nearest] & near, dtype=np.bool_)


def due(run: Run) -> NDArray[np.int64]:
    """Requests with an outcome, by the bucket of their arrival, shape (buckets,)."""
    return run.recording.settled


def down(run: Run) -> NDArray[np.bool_]:
    """Which buckets were down: under `down_below` answered well and in the client's time."""
    return _verdict(run, "down", SUCCEEDED, run.slo.down_below)


def degraded(run: Run) -> NDArray[np.bool_]:
    """Which buckets missed the SLO: too few good answers that were also fast enough."""
    return _verdict(run, "degraded", IN_SLO, run.slo.success)


def _verdict(run: Run, name: str, column: int, threshold: float) -> NDArray[np.bool_]:
    if name not in run.verdicts:
        ended, good = due(run), run.recording.requests[:, column]
        flags = under(ended, good, threshold, run.recording.bucket_s)
        _cut_off_too(flags, ended, run.recording.requests[:, ARRIVED])
        flags.setflags(write=False)
        run.verdicts[name] = flags
    return run.verdicts[name]


def _cut_off_too(
    flags: NDArray[np.bool_], ended: NDArray[np.int64], arrived: NDArray[np.int64]
) -> None:
    """Arrivals cut off by the horizon keep the verdict of the last bucket that has outcomes."""
    settled, came = np.flatnonzero(ended), np.flatnonzero(arrived)
    if settled.size and came.size and came[-1] > settled[-1]:
        flags[settled[-1] : came[-1] + 1] = flags[settled[-1]]


def seconds(flags: NDArray[np.bool_], run: Run) -> float:
    """Total time of the flagged buckets; the last bucket may be cut off by the horizon."""
    width = run.recording.bucket_s
    starts = np.flatnonzero(flags) * width
    return float(np.minimum(width, np.maximum(run.horizon_s - starts, 0.0)).sum())


def downtime_s(run: Run) -> float:
    return seconds(down(run), run)


def degraded_s(run: Run) -> float:
    return seconds(degraded(run), run)


def redundancy_lost_s(run: Run) -> float:
    """How long fewer replicas were ready than had been and were wanted, while users were served
    within the SLO: what the next fault would have met."""
    bare = run.series["missing"][: run.recording.requests.shape[0]] > 0
    return seconds(bare & ~degraded(run)[: bare.size], run)


def availability(run: Run) -> float:
    """Good / due requests over the horizon; 1.0 if nobody came."""
    return _share(run, SUCCEEDED)


def slo_share(run: Run) -> float:
    """Requests answered within the SLO / due requests over the horizon; 1.0 if nobody came."""
    return _share(run, IN_SLO)


def _share(run: Run, column: int) -> float:
    totals = run.recording.totals
    ended = totals[SUCCEEDED] + run.recording.failed
    return totals[column] / ended if ended else 1.0


def percentile(
    latency: NDArray[np.int64], share: float, longest_s: float, failed: int = 0
) -> float | None:
    """The latency in seconds that `share` of the requests stayed under: of the successes and of
    `failed` others, whose latency is infinite. None if it is one of those, or without a success.

    `latency`: histogram of the successes, shape (LATENCY_BINS,). Inside its bin (2 % wide) a value
    is interpolated on the logarithmic scale; `longest_s` is exact and bounds it.
    """
    counted = np.cumsum(latency)
    total = int(counted[-1])
    rank = max(share * (total + failed), 1e-9)  # share 0: the first bin that holds anything
    if not total or rank > total:
        return None
    bin_ = min(int(np.searchsorted(counted, rank)), latency.size - 1)
    before = int(counted[bin_ - 1]) if bin_ else 0
    part = (rank - before) / int(latency[bin_]) if latency[bin_] else 0.0
    return min(LATENCY_MIN_S * float(LATENCY_GROWTH ** (bin_ + part)), longest_s)


def detect_s(run: Run) -> float | None:
    """From the fault to the first action on it, by a controller or a human; None if never. What an
    autoscaler does by usage from before the fault is none."""
    if run.fault_s is None or run.detected_s is None:
        return None
    return max(0.0, run.detected_s - run.fault_s)


def recover_s(run: Run) -> float | None:
    """From the fault to the first second after which the SLO holds for a sustained minute.

    The search starts where the fault first shows (a leak needs its time to hurt): 0.0 if it never
    shows. None without a fault, or when the horizon comes first.
    """
    if run.fault_s is None:
        return None
    width = run.recording.bucket_s
    bad = degraded(run)
    fault = int(run.fault_s // width)
    hurt = fault + np.flatnonzero(bad[fault:])
    if not hurt.size:
        return 0.0
    # the ends of each stretch without a bad bucket, the horizon as the last
    stops = np.append(hurt, run.horizon_s / width)
    calm = np.flatnonzero(np.diff(stops) - 1 >= SUSTAINED_S / width)
    if not calm.size:
        return None
    return float((hurt[calm[0]] + 1) * width - run.fault_s)


def drained_at_s(run: Run) -> float | None:
    """The first second after the backlog's peak with no more jobs than before the fault.

    The fault's own time if the queue never grew beyond that; 0.0 without a fault; None if the
    queue is still longer at the horizon.
    """
    time, queued = run.series["t_s"], run.series["jobs_queued"]
    start = run.fault_s or 0.0
    later = np.flatnonzero(time >= start)
    if not later.size:
        return start
    earlier = queued[time < start]
    normal = float(earlier.max()) if earlier.size else 0.0
    after = queued[later]
    peak = int(np.argmax(after))
    if after[peak] <= normal:
        return start
    calm = np.flatnonzero(after[peak:] <= normal)
    return float(time[later[peak + calm[0]]]) if calm.size else None


def rows_lost(run: Run) -> int:
    """Rows that were committed and are in no copy: one for each request that succeeded and each job
    that was done, of services that use the database. What came before the run came as in its first
    minute; a replica's lag is shorter than what is counted, and costs its rate times the lag."""
    recording, lost = run.recording, 0.0
    for rows in run.lost_rows:
        for table, column, writes in (
            (recording.requests, SUCCEEDED, rows.requests),
            (recording.jobs, DONE, rows.jobs),
        ):
            if not writes:
                continue
            if rows.lag:
                lost += lagging(table[:, column], recording.bucket_s, rows)
                continue
            first = math.ceil(max(rows.since_s, 0.0) / recording.bucket_s)
            lost += float(table[first : math.ceil(rows.until_s / recording.bucket_s), column].sum())
            minute = table[: max(1, math.ceil(FIRST_S / recording.bucket_s)), column]
            before_s = max(0.0, -rows.since_s)
            lost += before_s * float(minute.sum()) / (minute.size * recording.bucket_s)
    return round(lost)


def lagging(counts: NDArray[np.int64], bucket_s: float, rows: LostRows) -> float:
    """As many as came in the lag, at the rate of the last seconds (10 s, or the lag) in which the
    primary was well."""
    lag_s = rows.until_s - rows.since_s
    last = math.floor(rows.until_s / bucket_s)
    before = counts[max(0, last - math.ceil(max(lag_s, LAG_SEEN_S) / bucket_s)) : last]
    return lag_s * float(before.sum()) / (max(1, before.size) * bucket_s)


def restore_s(run: Run) -> float | None:
    """From the loss of a disk until a backup of it was on another one: the longest, if there were
    several. 0.0 where none was lost; None if one is still away at the horizon."""
    times = [
        None if rows.restored_s is None else rows.restored_s - rows.until_s
        for rows in run.lost_rows
    ]
    return None if None in times else max((t for t in times if t is not None), default=0.0)


def oldest_s(run: Run) -> float:
    """The longest that the job at the head of the queue had stood there, at any second.

    First in, first out: of the jobs that ever came in, as many as wait now are the last ones. A job
    that came back (a retry, a redelivery) counts as if it were new, so that this is the least.
    """
    recording = run.recording
    time, waiting = run.series["t_s"], run.series["jobs_queued"]
    if not waiting.any():
        return 0.0
    turned_away = [FIRST_LOSS + JobLoss.REDIS_DOWN, FIRST_LOSS + JobLoss.QUEUE_FULL]
    entered = recording.jobs[:, ENQUEUED] - recording.jobs[:, turned_away].sum(axis=1)
    so_far = np.concatenate([[0], np.cumsum(entered)])
    begun = np.minimum((time / recording.bucket_s).astype(int), so_far.size - 1)
    head = so_far[begun] - waiting  # so many have left it
    came = (np.searchsorted(so_far, head, side="right") - 1) * recording.bucket_s
    aged = np.where(waiting > 0, time - came, 0.0)
    return float(max(0.0, aged.max(initial=0.0)))
