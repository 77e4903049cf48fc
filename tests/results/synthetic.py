"""Synthetic runs: what an engine would hand over, written down directly. No simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.dataplane.codes import LATENCY_BINS, JobLoss, Outcome
from sim.dataplane.tables import (
    DONE,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    IN_SLO,
    JOB_COLUMNS,
    REQUEST_COLUMNS,
    SUCCEEDED,
    Books,
    PlaneGauge,
    Recording,
)
from sim.results.run import SERIES, OperatorFigures, Run, TimelineRow
from sim.schema.scenario import Slo

REFUSED = FIRST_CAUSE + Outcome.REFUSED - 2


def recording(
    rate=5.0,
    horizon_s=1800,
    down=((300.0, 600.0),),
    seed=1,
    *,
    failing=1.0,
    noise=0.0,
    cause=REFUSED,
) -> Recording:
    """Poisson arrivals; within `down` each request fails with probability `failing`, else `noise`.

    Success takes about 40 ms; every fifth arrival enqueues a job, lost while down.
    """
    draw = np.random.default_rng(seed)
    times = np.sort(draw.uniform(0, horizon_s, draw.poisson(rate * horizon_s)))
    inside = np.zeros(times.size, dtype=bool)
    for start, end in down:
        inside |= (times >= start) & (times < end)
    failed = draw.uniform(size=times.size) < np.where(inside, failing, noise)
    second = times.astype(int)
    requests = np.zeros((horizon_s, REQUEST_COLUMNS), dtype=np.int64)
    np.add.at(requests[:, 0], second, 1)
    np.add.at(requests[:, SUCCEEDED], second[~failed], 1)
    requests[:, IN_SLO] = requests[:, SUCCEEDED]
    np.add.at(requests[:, cause], second[failed], 1)
    jobs = np.zeros((horizon_s, JOB_COLUMNS), dtype=np.int64)
    pushes = np.arange(times.size) % 5 == 0
    np.add.at(jobs[:, ENQUEUED], second[pushes], 1)
    np.add.at(jobs[:, DONE], second[pushes & ~inside], 1)
    np.add.at(jobs[:, FIRST_LOSS + JobLoss.REDIS_WIPED], second[pushes & inside], 1)
    latency = np.zeros(LATENCY_BINS, dtype=np.int64)
    taken = draw.lognormal(np.log(0.04), 0.6, int((~failed).sum()))
    bins = np.clip((np.log(taken / 1e-4) / np.log(1.02)).astype(int), 0, LATENCY_BINS - 1)
    np.add.at(latency, bins, 1)
    return Recording(
        bucket_s=1.0,
        requests=requests,
        jobs=jobs,
        refused=np.zeros(horizon_s, dtype=np.int64),
        latency=latency,
        latency_sum=requests[:, SUCCEEDED] * 0.04,
        latency_max_s=float(taken.max()) if taken.size else 0.0,
        endpoints=np.zeros((0, REQUEST_COLUMNS), np.int64),
        endpoint_latency=np.zeros((0, LATENCY_BINS), np.int64),
    )


def gauge(record: Recording, **changed) -> PlaneGauge:
    """The counters that fit a synthetic recording: nothing in flight, nothing queued."""
    base = PlaneGauge(
        arrived=int(record.requests[:, 0].sum()),
        succeeded=int(record.requests[:, SUCCEEDED].sum()),
        failed=int(record.requests[:, FIRST_CAUSE:].sum()),
        in_flight=0,
        retries=0,
        jobs_queued=0,
        jobs_in_progress=0,
        connections=40,
        connection_limit=97,
        connection_waits=0,
        connections_peak=60,
        connections_refused=int(record.refused.sum()),
        exhausted_s=0.0,
        backlog_peak=0,
    )
    return base._replace(**changed)


def books(**changed) -> Books:
    """Books that balance with `gauge(recording())`."""
    base = Books(
        open_requests=0,
        open_calls=0,
        jobs_queued=0,
        jobs_in_progress=0,
        connections_open=40,
        connections_held=40,
        connections_granted=140,
        connections_closed=100,
        cached=0,
        busy_s=(10.0, 5.0),
        capacity_s=(400.0, 400.0),
        memory=(100, 200),
        memory_counted=(100, 200),
    )
    return base._replace(**changed)


def series(record: Recording, backlog=None) -> dict[str, np.ndarray]:
    """Flat samples, one a second from 0; `backlog` replaces jobs_queued."""
    seconds = record.requests.shape[0]
    found = {"t_s": np.arange(seconds, dtype=float)}
    found |= {name: np.zeros(seconds) for name in SERIES}
    found["connections"] += 40
    found["connection_limit"] += 97
    if backlog is not None:
        found["jobs_queued"] = np.asarray(backlog, dtype=float)
    return found


def run(platform="compose", down=((300.0, 641.0),), record=None, seed=7, **changed) -> Run:
    """A run of container_crash as it might have been; `changed` replaces fields of Run."""
    record = record if record is not None else recording(down=down, seed=seed)
    built = Run(
        scenario="container_crash",
        stack="sspp",
        platform=platform,
        seed=seed,
        engine="reference",
        horizon_s=float(record.requests.shape[0]),
        slo=Slo(success=0.98, down_below=0.5),
        recording=record,
        gauge=gauge(record),
        series=series(record),
        timeline=(
            TimelineRow(300.0, "operator_kill", "api-1", "api-1 killed by docker kill (exit 137)"),
            TimelineRow(420.5, "page", "operator", "operator paged"),
        ),
        fault_s=300.0,
        detected_s=420.5,
        containers_refused=0,
        operator=OperatorFigures(pages=1, minutes=4.5, mistakes=0),
        server_seconds=1800.0,
        usd=0.02,
    )
    return replace(built, **changed)
