"""What is left of a run when it is over."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from sim.control.core.choices import charge_of
from sim.control.core.cluster import Cluster
from sim.dataplane.arithmetic import added
from sim.dataplane.tables import ENQUEUED, Recording
from sim.results.bill import monthly_cost
from sim.results.run import OperatorFigures, Run
from sim.results.services import USERS, endpoint_names
from sim.results.signs import signs
from sim.simulation.case import Case
from sim.simulation.observation import Observer
from sim.simulation.wishes import Wishes


def finished(
    case: Case, seed: int, engine: str, observer: Observer, recording: Recording, end: float
) -> Run:
    """The run as it ended at `end` seconds: at the horizon, or as if the horizon were there."""
    cluster = observer.cluster
    count, series = cluster.count, observer.series(end)
    services = case.stack.services
    recording, gauge, queues = until(recording, end), cluster.plane.gauge(), cluster.queues()
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
        slo=case.scenario.slo,
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
            jobs_per_s={name: queue.pushed / end for name, queue in queues.items()},
        ),
        means=observer.means,
        usd=added(rented_s / 3600.0 * price for rented_s, price in rented),
        spans=observer.recorder.finished(end),
        queues=queues,
        caches=cluster.caches(),
        endpoints=endpoint_names(case.stack),
        **among_services(cluster, len(series["t_s"])),
    )


def jobs_wanted(cluster: Cluster, seed: int, arrived: int, recording: Recording) -> int:
    """Requests that would have left a job, and what comes by the clock; a retry that pushes again
    wants no other job. Where a cache or a worker decides whether one is left it is not known, nor
    of users who come back, who have numbers of their own (`arrived` is 0 then): then those that
    were left."""
    stack, scheduled = cluster.stack, cluster.count.scheduled_jobs
    if not stack.playing("redis"):
        return scheduled
    workers = [stack.services[name] for name in stack.playing("worker")]
    told = any(step.push is not None for worker in workers for step in worker.every_step)
    wishes = Wishes(stack, seed)
    if told or not arrived or not wishes.known:
        return recording.job_totals[ENQUEUED]
    return scheduled + wishes.of_requests(arrived)


def among_services(cluster: Cluster, samples: int) -> dict[str, Any]:
    """What a run keeps of services that call each other."""
    plane, services = cluster.plane, cluster.asked
    if len(services) < 2:  # alone, its figures are those of the whole plane
        return {}
    databases, answers = cluster.stack.playing("postgres"), plane.samples().services[:samples]
    return {
        "services": cluster.services(),
        "databases": {n: plane.database_gauge(i) for i, n in enumerate(databases)},
        "callers": {USERS: cluster.user_calls(), **cluster.calls()},
        "calls": {n: tuple(cluster.stack.calls(n)) for n in services},
        "answers": {n: answers[:, i] for i, n in enumerate(services)},
    }


def until(recording: Recording, end_s: float) -> Recording:
    """The recording up to `end_s`; what happened exactly then counts to the last bucket, as what
    happens at the horizon does."""
    buckets = max(1, math.ceil(end_s / recording.bucket_s))
    if len(recording.requests) == buckets:
        return recording

    def rows(table: NDArray[Any]) -> NDArray[Any]:
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
