"""A table by service, database, queue, cache and caller, in counts, and where an outage began.

A call counts once, however often its caller tried; a call that a breaker or a time-out ended has
failed for its caller, whatever its callee made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES, Outcome
from sim.dataplane.tables import (
    ARRIVED,
    FIRST_CAUSE,
    SUCCEEDED,
    CacheGauge,
    CallGauge,
    DatabaseGauge,
    QueueGauge,
    ServiceGauge,
)
from sim.results import metrics
from sim.results.figures import TABLES, Figures
from sim.results.run import Run
from sim.schema.stack import Stack

USERS = "users"  # as a caller
NO_REQUESTS, NO_JOBS = (0,) * len(REQUEST_CAUSES), (0,) * len(JOB_CAUSES)
LEAST_S = 60.0  # chosen: longer than most wait for an answer


class Health(NamedTuple):
    """Of a service, within a stretch of time."""

    asked: int
    bad: int  # failed, or without an answer beyond what was so before

    @property
    def share(self) -> float:
        return min(1.0, self.bad / self.asked) if self.asked else float(self.bad > 0)


def tables(run: Run) -> Figures:
    """`services`, `databases`, `queues`, `caches`, `callers`, `endpoints` and `began_at` of
    summary.json: counts at the end, `failed` and `lost` by cause. Nothing of a stack in which
    nobody calls anybody, but for caches, for endpoints where users ask them, and for queues where
    there are several."""
    queues = {name: by_cause(gauge, "lost", JOB_CAUSES) for name, gauge in run.queues.items()}
    caches = {name: looks(gauge) for name, gauge in run.caches.items()}
    alone: Figures = {"caches": caches} if caches else {}
    alone |= {"endpoints": endpoints(run)} if run.endpoints else {}
    if not run.services:
        return alone | ({"queues": queues} if len(queues) > 1 else {})
    failed = {n: by_cause(gauge, "failed", REQUEST_CAUSES) for n, gauge in run.services.items()}
    return {
        "services": failed,
        "databases": {name: gauge._asdict() for name, gauge in run.databases.items()},
        "queues": queues,
        "callers": {
            caller: {callee: edge(named) for callee, named in row.items()}
            for caller, row in run.callers.items()
        },
        "began_at": origin(run),
        **alone,
    }


def endpoint_names(stack: Stack) -> tuple[str, ...]:
    """What users ask in a mix, by its name; nothing where all ask the same."""
    several = len(stack.doors) > 1
    return tuple(
        "/".join(filter(None, (service, name))) if several else name or "(none)"
        for service, name, _ in stack.ways
    )


def table_paths(stack: Stack) -> list[str]:
    """Dotted paths of the figures that `tables` has for a run of this stack, in its order:
    `services.api.failed`, `services.api.failed.oom`."""
    asked, queues, timed = stack.asked(), stack.playing("redis"), {"p50": None, "p95": None}
    service = by_cause(ServiceGauge(0, 0, 0, 0, 0, 0, NO_REQUESTS), "failed", REQUEST_CAUSES)
    queue = by_cause(QueueGauge(0, 0, 0, 0, 0, 0, 0, 0.0, NO_JOBS), "lost", JOB_CAUSES)
    ended = {name: service[name] for name in ("asked", "succeeded", "failed")}
    rows: Figures = {
        "caches": dict.fromkeys(stack.playing("cache"), looks(CacheGauge())),
        "endpoints": dict.fromkeys(endpoint_names(stack), ended | {"latency_s": timed}),
        "queues": dict.fromkeys(queues, queue) if max(len(asked), len(queues)) > 1 else {},
    }
    if len(asked) > 1:
        database, call = DatabaseGauge(0, 0, 0, 0, 0, 0.0)._asdict(), CallGauge()._asdict()
        calls = {name: stack.calls(name) for name in asked} | {USERS: stack.doors}
        rows |= {
            "services": dict.fromkeys(asked, service),
            "databases": dict.fromkeys(stack.playing("postgres"), database),
            "callers": {name: dict.fromkeys(whom, call) for name, whom in calls.items()},
        }
    return [path for table in TABLES for path in _numbers(rows.get(table, {}), table)]


def _numbers(record: Mapping[str, Any], path: str) -> Iterator[str]:
    """Of each number in it, and of each that is told by cause."""
    for name, value in record.items():
        inner = f"{path}.{name}"
        if not isinstance(value, dict):
            yield inner
            continue
        if name in ("failed", "lost"):
            yield inner
        yield from _numbers(value, inner)


def edge(named: Mapping[str, CallGauge]) -> Figures:
    """All that one asked of another, and `endpoints`: of it what was asked by name."""
    whole = CallGauge(*map(sum, zip(*named.values(), strict=True)))
    apart = {name: gauge._asdict() for name, gauge in named.items() if name}
    return whole._asdict() | ({"endpoints": apart} if apart else {})


def looks(gauge: CacheGauge) -> Figures:
    """Its counts, what it holds at the end, and the share of hits among the looks that it answered
    (none: 0)."""
    ratio = gauge.hits / max(1, gauge.hits + gauge.misses)
    return gauge._asdict() | {"entries": gauge.entries, "hit_ratio": ratio}


def endpoints(run: Run) -> Figures:
    """Of each endpoint that users asked: how many, what became of them, and how long half and 95 %
    of the successes took at most, in seconds; null without a success."""
    table: Figures = {}
    counted = run.recording
    for name, row, bins in zip(
        run.endpoints, counted.endpoints, counted.endpoint_latency, strict=True
    ):
        if row[ARRIVED]:
            table[name] = {
                "asked": int(row[ARRIVED]),
                "succeeded": int(row[SUCCEEDED]),
                "failed": dict(zip(REQUEST_CAUSES, row[FIRST_CAUSE:].tolist(), strict=True)),
                "latency_s": {
                    name: metrics.percentile(bins, share, counted.latency_max_s)
                    for name, share in (("p50", 0.5), ("p95", 0.95))
                },
            }
    return table


def by_cause(gauge: ServiceGauge | QueueGauge, total: str, causes: Sequence[str]) -> Figures:
    """Its fields, with the `total` told by cause."""
    fields = gauge._asdict() | {total: dict(zip(causes, gauge.causes, strict=True))}
    del fields["causes"]
    return fields


def mean_tables(figures: Sequence[Figures]) -> Figures:
    """Those of several runs: means; it began where it did in most of them."""
    parts = [part for part in TABLES if part in figures[0]]
    means: Figures = {part: mean_of([f[part] for f in figures]) for part in parts}
    places = [f["began_at"] for f in figures if "began_at" in f]
    if places:
        means["began_at"] = max(dict.fromkeys(places), key=places.count)
    return means


def mean_of(records: Sequence[Any]) -> Any:
    """Of numbers, or of each number in records; of those that have it."""
    if isinstance(records[0], dict):
        names = dict.fromkeys(name for record in records for name in record)
        return {n: mean_of([record[n] for record in records if n in record]) for n in names}
    known = [number for number in records if number is not None]
    return fmean(known) if known else None


def origin(run: Run) -> str:
    """The first service whose own work failed: from the worst that users ask down along the calls,
    as long as one of those that a service asks is worse than users bear, or failed half as often as
    the service did; the database that refused the most connections, where that ended most of what
    the service failed. "" if users bore it all."""
    stretch = trouble(run)
    if stretch is None:
        return ""
    healths = {name: health(run, name, *stretch) for name in run.services}
    place = max(run.callers[USERS], key=lambda name: healths[name].share)
    while True:
        bears = 1.0 - run.slo.success
        below = [
            name
            for name in run.calls.get(place, ())
            if healths[name].share > bears or 2 * healths[name].bad >= max(1, healths[place].bad)
        ]
        if not below:
            return refusing(run, place) or place
        place = max(below, key=lambda name: healths[name].share)


def refusing(run: Run, service: str) -> str:
    """The database that refused the most connections, if refusals ended most of what the service
    failed; else ""."""
    causes = run.services[service].causes
    refused = {name: gauge.connections_refused for name, gauge in run.databases.items()}
    most = 2 * causes[Outcome.DB_REFUSED - Outcome.REFUSED] > sum(causes)
    return max(refused, key=refused.__getitem__) if most and any(refused.values()) else ""


def trouble(run: Run) -> tuple[float, float] | None:
    """From when to when users were served badly for the first time, in seconds; a minute at least,
    since what is given up is counted when it is given up. What is less than a tenth as long as the
    longest such time is passed over: seconds in which somebody else's errors come together."""
    edges = np.diff(np.pad(metrics.degraded(run).astype(int), 1))
    starts, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    if not starts.size:
        return None
    lengths = ends - starts
    first = int((10 * lengths >= lengths.max()).argmax())
    from_s, until_s = (float(side[first]) * run.recording.bucket_s for side in (starts, ends))
    return from_s, max(until_s, from_s + LEAST_S)


def health(run: Run, service: str, from_s: float, until_s: float) -> Health:
    """What a service was asked from then to then, and how much of it came to nothing."""
    times, counts = run.series["t_s"], run.answers[service]
    a, b = (min(int(times.searchsorted(t)), len(times) - 1) for t in (from_s, until_s))
    (asked, failed, waiting), before = counts[b], counts[a]
    stuck = max(0, int(waiting - before[2]))
    return Health(int(asked - before[0]), int(failed - before[1]) + stuck)


def rows(platforms: Mapping[str, Figures]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Lines (what, a cell for each platform) by title; none of what a stack has one of."""
    everyone = list(platforms.values())
    services = _lines([f.get("services", {}) for f in everyone], cell)
    if any(f.get("began_at") for f in everyone):
        services.append(("it began at", tuple(f.get("began_at") or "-" for f in everyone)))
    databases = _lines([f.get("databases", {}) for f in everyone], database_cell)
    queues = _lines([f.get("queues", {}) for f in everyone], queue_cell)
    callers = _lines([dict(edges(f)) for f in everyone], caller_cell)
    return {
        "Endpoints": _lines([f.get("endpoints", {}) for f in everyone], endpoint_cell),
        "Services": services,
        "Databases": databases if len(databases) > 1 else [],
        "Queues": queues if len(queues) > 1 else [],
        "Caches": _lines([f.get("caches", {}) for f in everyone], cache_cell),
        "Callers": callers if len(callers) > 1 else [],
    }


def edges(figures: Figures) -> Iterator[tuple[str, Figures]]:
    """`web to api`, and after it `web to api/checkout` for each endpoint that is asked by name."""
    for caller, row in figures.get("callers", {}).items():
        for callee, counts in row.items():
            yield f"{caller} to {callee}", counts
            for name, part in counts.get("endpoints", {}).items():
                yield f"{caller} to {callee}/{name}", part


def _lines(
    sides: Sequence[Mapping[str, Any]], show: Callable[[Mapping[str, Any] | None], str]
) -> list[tuple[str, tuple[str, ...]]]:
    names = dict.fromkeys(name for side in sides for name in side)
    return [(name, tuple(show(side.get(name)) for side in sides)) for name in names]


def database_cell(counts: Mapping[str, Any] | None) -> str:
    """`at most 25 connections, 583 refused, full for 31 s`."""
    if counts is None or not (counts["connections_peak"] or counts["connections_refused"]):
        return "not asked"
    refused, full_s = counts["connections_refused"], counts["exhausted_s"]
    parts = [f"at most {counts['connections_peak']:,.0f} connections"]
    parts += [f"{refused:,.0f} refused"] if refused else []
    return ", ".join([*parts, *([f"full for {full_s:,.0f} s"] if full_s >= 0.5 else [])])


def queue_cell(counts: Mapping[str, Any] | None) -> str:
    """`1,234 pushed, 1,200 done, 4 lost, 30 wait (the oldest for 12 s)`."""
    if counts is None or not counts["pushed"]:
        return "nothing pushed"
    lost, waiting = sum(counts["lost"].values()), counts["queued"] + counts["in_progress"]
    parts = [f"{counts['pushed']:,.0f} pushed", f"{counts['done']:,.0f} done"]
    parts += [f"{lost:,.0f} lost"] if lost else []
    parts += [f"{counts['duplicated']:,.0f} twice"] if counts["duplicated"] else []
    if waiting:
        oldest = f" (the oldest for {counts['oldest_s']:,.0f} s)" if counts["queued"] else ""
        parts.append(f"{waiting:,.0f} left{oldest}")
    return ", ".join(parts)


def percent(share: float) -> str:
    """`94.1 %`."""
    return f"{100.0 * share:.1f} %"


def cache_cell(counts: Mapping[str, Any] | None) -> str:
    """`12,345 looks, 94.1 % hits, 31 unanswered, holds 8,000`."""
    looked = 0 if counts is None else counts["hits"] + counts["misses"] + counts["unanswered"]
    if counts is None or not looked:
        return "not asked"
    parts = [f"{looked:,.0f} looks", f"{percent(counts['hit_ratio'])} hits"]
    parts += [f"{counts['unanswered']:,.0f} unanswered"] if counts["unanswered"] else []
    return ", ".join([*parts, f"holds {counts['entries']:,.0f}"])


def caller_cell(counts: Mapping[str, Any] | None) -> str:
    """`12,345 calls, 1.2 % failed (0.3 % given up), 2.4 tries each`."""
    if counts is None or not counts["calls"]:
        return "no calls"
    calls, failed, given_up = counts["calls"], counts["failed"], counts["given_up"]
    part = f"{percent(failed / calls)} failed"
    part += f" ({percent(given_up / calls)} given up)" if given_up else ""
    tries = f", {counts['tries'] / calls:.3g} tries each"
    return f"{calls:,.0f} calls, {part}{tries if counts['tries'] > 1.005 * calls else ''}"


def cell(counts: Mapping[str, Any] | None) -> str:
    """`12,345 asked, 1.2 % failed, 2.4 tries each`; tries where some were repeated."""
    if counts is None or not counts["asked"]:
        return "not asked"
    asked, failed = counts["asked"], sum(counts["failed"].values())
    tries = (asked + counts["retries"]) / asked
    parts = [f"{asked:,.0f} asked", f"{percent(failed / asked)} failed"]
    if tries > 1.005:
        parts.append(f"{tries:.3g} tries each")
    return ", ".join(parts)


def endpoint_cell(counts: Mapping[str, Any] | None) -> str:
    """`12,345 asked, 1.2 % failed, p50 25 ms, p95 80 ms`."""
    if counts is None:
        return "not asked"
    asked, failed = counts["asked"], sum(counts["failed"].values())
    parts = [f"{asked:,.0f} asked", f"{percent(failed / asked)} failed"]
    half, most = (counts["latency_s"][p] for p in ("p50", "p95"))
    if half is not None:
        parts += [f"p50 {1000 * half:,.3g} ms", f"p95 {1000 * most:,.3g} ms"]
    return ", ".join(parts)
