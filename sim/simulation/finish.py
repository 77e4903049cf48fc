"""What is left of a run when it is over."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from sim.control.core.choices import charge_of
from sim.control.core.cluster import Cluster
from sim.dataplane.arithmetic import added
from sim.dataplane.codes import Stream
from sim.dataplane.draws import uniforms
from sim.dataplane.tables import ENQUEUED, Recording
from sim.results.bill import monthly_cost
from sim.results.run import OperatorFigures, Run
from sim.results.signs import signs
from sim.simulation.case import Case
from sim.simulation.observation import Observer

CHUNK = 1_000_000  # requests whose draws are made at once


def finished(
    case: Case, seed: int, engine: str, cluster: Cluster, observer: Observer, end: float
) -> Run:
    """The run as it ended at `end` seconds: at the horizon, or as if the horizon were there."""
    count, series = cluster.count, observer.series(end)
    slo, services = case.scenario.slo, case.stack.services
    recording, gauge = until(cluster.plane.recording(), end), cluster.plane.gauge()
    consumers = {name for name in services if case.stack.pools(name)}
    marks = signs(recording, series, cluster.timeline, consumers, end, cluster.stack.full_error)
    rented = [
        ((end if s.released_s is None else s.released_s) - s.rented_s, s.price_per_hour)
        for s in cluster.servers
    ]
    server_seconds = added(rented_s for rented_s, _ in rented)
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
        recording=recording,
        gauge=gauge,
        series=series,
        timeline=tuple(sorted((*cluster.timeline, *marks), key=lambda row: row.t_s)),
        fault_s=count.fault_s,
        detected_s=count.detected_s,
        containers_refused=count.containers_refused,
        operator=OperatorFigures(count.pages, count.hands_on_s(end) / 60.0, count.mistakes),
        lost_rows=tuple(count.lost_rows),
        jobs_wanted=jobs_wanted(cluster, seed, gauge.arrived, recording),
        server_seconds=server_seconds,
        month=monthly_cost(
            case.stack,
            added(s.price_per_hour for s in cluster.servers if s.rented_s == 0.0),
            charge_of(case.choices.scheduling),
            charge_of(case.choices.load_balancing),
        ),
        means=observer.means,
        usd=added(rented_s / 3600.0 * price for rented_s, price in rented),
        spans=observer.recorder.finished(end),
        queues=cluster.queues(),
        caches=cluster.caches(),
        endpoints=endpoints_of(cluster, recording),
        **among_services(cluster, len(series["t_s"])),
    )


def jobs_wanted(cluster: Cluster, seed: int, arrived: int, recording: Recording) -> int:
    """Requests that would have left a job. Whether one does is drawn for its number alone, so that
    it is known of those that failed, too; a retry that pushes again wants no other job. Where a
    service with steps of its own pushes it is not known: then those that were left."""
    entry = cluster.stack.services[cluster.entry]
    stories = [step for s in cluster.stack.services.values() for step in s.every_step]
    if any(step.push is not None for step in stories) or entry.stories:
        return int(recording.jobs[:, ENQUEUED].sum())
    share = entry.push.share
    if not share or not any(s.role == "redis" for s in cluster.stack.services.values()):
        return cluster.count.scheduled_jobs
    return cluster.count.scheduled_jobs + sum(
        int((uniforms(seed, Stream.PUSH, first, min(first + CHUNK, arrived)) < share).sum())
        for first in range(0, arrived, CHUNK)
    )


def endpoints_of(cluster: Cluster, recording: Recording) -> tuple[str, ...]:
    """What users ask in a mix, the first without a name; nothing where all ask the same."""
    names = ("(none)", *cluster.stack.services[cluster.entry].asked_by_name)
    return names if len(recording.endpoints) else ()


def among_services(cluster: Cluster, samples: int) -> dict[str, Any]:
    """What a run keeps of services that call each other."""
    plane, services = cluster.plane, cluster.stack.asked()
    if len(services) < 2:  # alone, its figures are those of the whole plane
        return {}
    databases, answers = cluster.stack.playing("postgres"), plane.samples().services[:samples]
    return {
        "services": cluster.services(),
        "databases": {n: plane.database_gauge(i) for i, n in enumerate(databases)},
        "callers": cluster.calls(),
        "calls": {n: tuple(cluster.stack.calls(n)) for n in services},
        "answers": {n: answers[:, i] for i, n in enumerate(services)},
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
