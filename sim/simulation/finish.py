"""What is left of a run when it is over."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from sim.control.core.cluster import Cluster
from sim.dataplane.arithmetic import added
from sim.dataplane.tables import Recording
from sim.results.run import OperatorFigures, Run
from sim.simulation.case import Case
from sim.simulation.observation import Observer


def finished(
    case: Case, seed: int, engine: str, cluster: Cluster, observer: Observer, end: float
) -> Run:
    """The run as it ended at `end` seconds: at the horizon, or as if the horizon were there."""
    count, samples = cluster.count, int(end / observer.step_s) + 1
    slo = case.scenario.slo
    rented = [
        ((end if s.released_s is None else s.released_s) - s.rented_s, s.price_per_hour)
        for s in cluster.servers
    ]
    seconds = added(each for each, _ in rented)
    return Run(
        scenario=case.name,
        stack=case.stack.name,
        platform=case.platform,
        seed=seed,
        engine=engine,
        horizon_s=end,
        slo_success=slo.success,
        slo_latency_s=slo.latency,
        down_below=slo.down_below,
        recording=until(cluster.plane.recording(), end),
        gauge=cluster.plane.gauge(),
        series={name: column[:samples] for name, column in observer.series.items()},
        timeline=tuple(cluster.timeline),
        fault_s=count.fault_s,
        detected_s=count.detected_s,
        containers_refused=count.containers_refused,
        operator=OperatorFigures(count.pages, count.hands_on_s(end) / 60.0, count.mistakes),
        lost_rows=tuple(count.lost_rows),
        server_seconds=seconds,
        usd=added(each / 3600.0 * price for each, price in rented),
        spans=observer.recorder.finished(end),
        **among_services(cluster, observer, samples),
    )


def among_services(cluster: Cluster, observer: Observer, samples: int) -> dict[str, Any]:
    """What a run keeps of services that call each other."""
    if not observer.answers:
        return {}
    plane = cluster.plane
    return {
        "services": {n: plane.service_gauge(i) for i, n in enumerate(observer.answers)},
        "calls": {n: tuple(cluster.stack.calls(n)) for n in observer.answers},
        "answers": {n: counts[:samples] for n, counts in observer.answers.items()},
    }


def until(recording: Recording, end_s: float) -> Recording:
    """The recording up to `end_s`; what happened exactly then counts to the last bucket, as what
    happens at the horizon does."""
    buckets = max(1, math.ceil(end_s / recording.bucket_s))

    def rows(table: NDArray[Any]) -> NDArray[Any]:
        if len(table) == buckets:
            return table
        kept = table[:buckets].copy()
        kept[-1] += table[buckets:].sum(axis=0)
        return kept

    return replace(
        recording,
        requests=rows(recording.requests),
        jobs=rows(recording.jobs),
        refused=rows(recording.refused),
        latency_sum=rows(recording.latency_sum),
    )
