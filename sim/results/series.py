"""The columns of series.csv, as plain arrays: no pandas here.

One series row a second: what arrived in it and how that ended, and the samples (sim.results.run,
SERIES) as they stood at its end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.dataplane.tables import (
    DONE,
    DUPLICATED,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    IN_SLO,
    SUCCEEDED,
)
from sim.results import metrics
from sim.results.run import SERIES, Run

Columns = dict[str, NDArray[np.generic]]


def series_columns(run: Run) -> Columns:
    """Name -> values, each of shape (buckets,). `t_s` is the bucket's start in seconds.

    All counts are of one second. `requests_*` count by the second of arrival, `jobs_*`, `retries`
    and `connections_refused` by the second in which it happened; `down` and `degraded` are 0 or 1;
    `latency_mean_s` is NaN without a success.
    """
    recording = run.recording
    table, jobs = recording.requests, recording.jobs
    buckets = table.shape[0]
    start = np.arange(buckets, dtype=np.float64) * recording.bucket_s
    good = table[:, SUCCEEDED]
    with np.errstate(divide="ignore", invalid="ignore"):
        latency = np.where(good > 0, recording.latency_sum / good, np.nan)
    columns: Columns = {
        "t_s": start,
        "requests_arrived": table[:, 0],
        "requests_succeeded": good,
        "requests_in_slo": table[:, IN_SLO],
    }
    for i, cause in enumerate(REQUEST_CAUSES):
        columns[f"requests_{cause}"] = table[:, FIRST_CAUSE + i]
    columns["latency_mean_s"] = latency
    columns["down"] = metrics.down(run).astype(np.int64)
    columns["degraded"] = metrics.degraded(run).astype(np.int64)
    columns["jobs_enqueued"] = jobs[:, ENQUEUED]
    columns["jobs_done"] = jobs[:, DONE]
    columns["jobs_duplicated"] = jobs[:, DUPLICATED]
    for i, cause in enumerate(JOB_CAUSES):
        columns[f"jobs_lost_{cause}"] = jobs[:, FIRST_LOSS + i]
    columns["connections_refused"] = recording.refused
    end = np.asarray(start + recording.bucket_s, dtype=np.float64)
    for name, sampling in SERIES.items():
        samples = sampled(run, name, end)
        columns[name] = np.diff(samples, prepend=0.0) if sampling.so_far else samples
    return columns


def sampled(run: Run, name: str, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples of a series at the given times: the last one taken up to then."""
    taken = run.series["t_s"]
    values = run.series[name]
    if not taken.size:
        return np.zeros(times.size)
    at = np.clip(np.searchsorted(taken, times, side="right") - 1, 0, taken.size - 1)
    return np.asarray(values[at], dtype=np.float64)
