"""The ledger: everything that enters is accounted for, at every instant, per cause.

The experiment checks it after twenty simulated minutes, each time after twice as long, and at the
end of a run, not only in tests.
Two independent countings meet here: the running counters (`recording`, `gauge`) and the walk over
the state (`books`). An engine that loses a request, grants a connection twice or invents CPU
time cannot finish a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.dataplane.tables import (
    ARRIVED,
    DONE,
    ENQUEUED,
    FIRST_CAUSE,
    FIRST_LOSS,
    IN_SLO,
    SUCCEEDED,
    Books,
    CacheGauge,
    PlaneGauge,
    QueueGauge,
    Recording,
    ServiceGauge,
)

CPU_TOLERANCE = 1e-6  # relative: sums of millions of slices; and as many core seconds, absolute


class LedgerError(AssertionError):
    """An equation of the ledger does not hold: a defect of the program, never of the input."""


Finding = tuple[str, str, str]  # the equation, its left side and its right side in numbers


def check(
    books: Books,
    recording: Recording,
    gauge: PlaneGauge,
    at_s: float,
    highest_limit: int = 0,
    queues: Mapping[str, QueueGauge] = {},
    services: Mapping[str, ServiceGauge] = {},
    caches: Mapping[str, CacheGauge] = {},
) -> None:
    """Raise `LedgerError` with every equation that does not hold, both sides and the time.

    `at_s`: simulated seconds, for the message. `highest_limit`: the largest connection limit so
    far; after a limit was lowered the connections above it stay until they close, which is no
    error.
    """
    findings = [
        *_requests(books, recording, gauge),
        *_services(books, services),
        *_jobs(books, recording, gauge),
        *_queues(gauge, queues),
        *_caches(books, caches),
        *_connections(books, recording, gauge, highest_limit),
        *_servers(books),
    ]
    if findings:
        lines = [f"{equation}: {left} against {right}" for equation, left, right in findings]
        raise LedgerError(f"the ledger does not balance at {at_s:.3f} s: " + "; ".join(lines))


def _requests(books: Books, recording: Recording, gauge: PlaneGauge) -> Iterator[Finding]:
    table = recording.requests
    totals = recording.totals
    causes = list(totals[FIRST_CAUSE:])
    left, right = totals[ARRIVED], totals[SUCCEEDED] + sum(causes) + books.open_requests
    if left != right:
        parts = f"{totals[SUCCEEDED]} + {_by(REQUEST_CAUSES, causes)} + {books.open_requests}"
        equation = "requests arrived = succeeded + failed + open"
        yield equation, str(left), f"{right} ({parts})"
    yield from _same("requests arrived, gauge = recording", gauge.arrived, left)
    yield from _same("requests in flight, gauge = books", gauge.in_flight, books.open_requests)
    yield from _same("requests succeeded, gauge = recording", gauge.succeeded, totals[SUCCEEDED])
    yield from _same("requests failed, gauge = recording", gauge.failed, sum(causes))
    if len(recording.endpoints):
        ways = recording.endpoints.sum(axis=0)
        yield from _same("requests arrived, sum of ways in", int(ways[ARRIVED]), gauge.arrived)
        ended = int(ways[SUCCEEDED] + ways[FIRST_CAUSE:].sum())
        yield from _same("requests ended, sum of ways in", ended, gauge.succeeded + gauge.failed)
    answered = int(recording.latency.sum())
    yield from _same("latencies counted = requests succeeded", answered, totals[SUCCEEDED])
    wrong = (recording.settled > table[:, ARRIVED]) | (table[:, IN_SLO] > table[:, SUCCEEDED])
    if table.min(initial=0) < 0:
        wrong |= (table < 0).any(axis=1)
    if wrong.any():
        bucket = int(np.argmax(wrong))
        row = [int(x) for x in table[bucket]]
        where = f"{bucket * recording.bucket_s:g} s"
        yield f"requests of {where}: 0 <= settled <= arrived, in SLO <= succeeded", str(row), "0.."


def _services(books: Books, services: Mapping[str, ServiceGauge]) -> Iterator[Finding]:
    """Each of them balances, and what is open of all of them is what users and callers wait for."""
    for name, service in services.items():
        right = service.succeeded + service.failed + service.open + service.forsaken
        equation = f"calls of {name}: asked = succeeded + failed + open + forsaken"
        yield from _same(equation, service.asked, right)
    if services:
        waiting = sum(service.open for service in services.values())
        equation = "requests and calls open, sum of services = books"
        yield from _same(equation, waiting, books.open_requests + books.open_calls)


def _jobs(books: Books, recording: Recording, gauge: PlaneGauge) -> Iterator[Finding]:
    totals = recording.job_totals
    losses = list(totals[FIRST_LOSS:])
    right = totals[DONE] + sum(losses) + books.jobs_queued + books.jobs_in_progress
    if totals[ENQUEUED] != right:
        parts = f"{totals[DONE]} + {_by(JOB_CAUSES, losses)}"
        parts += f" + {books.jobs_queued} + {books.jobs_in_progress}"
        equation = "jobs enqueued = done + lost + queued + in progress"
        yield equation, str(totals[ENQUEUED]), f"{right} ({parts})"
    yield from _same("jobs queued, gauge = books", gauge.jobs_queued, books.jobs_queued)
    progress = books.jobs_in_progress
    yield from _same("jobs in progress, gauge = books", gauge.jobs_in_progress, progress)
    if gauge.backlog_peak < gauge.jobs_queued:
        yield "backlog peak >= jobs queued", str(gauge.backlog_peak), str(gauge.jobs_queued)


def _queues(gauge: PlaneGauge, queues: Mapping[str, QueueGauge]) -> Iterator[Finding]:
    """Each of them balances, and they are all that there is."""
    for name, queue in queues.items():
        right = queue.done + queue.lost + queue.queued + queue.in_progress
        equation = f"jobs of {name}: pushed = done + lost + queued + in progress"
        yield from _same(equation, queue.pushed, right)
    if queues:
        waiting = sum(queue.queued for queue in queues.values())
        yield from _same("jobs queued, gauge = sum of queues", gauge.jobs_queued, waiting)


def _caches(books: Books, caches: Mapping[str, CacheGauge]) -> Iterator[Finding]:
    """What they say that they hold is what lies there."""
    if caches:
        held = sum(cache.entries for cache in caches.values())
        yield from _same("entries of caches, gauges = books", held, books.cached)


def _connections(
    books: Books, recording: Recording, gauge: PlaneGauge, highest_limit: int
) -> Iterator[Finding]:
    granted, closed = books.connections_granted, books.connections_closed
    used = books.connections_open
    if granted != closed + used:
        yield "connections granted = closed + open", str(granted), f"{closed} + {used}"
    limit = max(gauge.connection_limit, highest_limit)
    if not 0 <= used <= limit:
        yield "0 <= connections used <= limit", str(used), str(limit)
    held = books.connections_held
    yield from _same("connections used, gauge = books", gauge.connections, held)
    refused = int(recording.refused.sum())
    yield from _same("connections refused, gauge = recording", gauge.connections_refused, refused)
    if gauge.connections_peak < used:
        yield "connections peak >= used", str(gauge.connections_peak), str(used)


def _servers(books: Books) -> Iterator[Finding]:
    for server, (busy, capacity) in enumerate(zip(books.busy_s, books.capacity_s, strict=True)):
        if not 0.0 <= busy <= capacity * (1.0 + CPU_TOLERANCE) + CPU_TOLERANCE:
            yield f"server {server}: CPU busy <= cores x time", f"{busy!r} s", f"{capacity!r} s"
    memory = zip(books.memory_counted, books.memory, strict=True)
    for server, (counted, summed) in enumerate(memory):
        name = f"server {server}: memory counted = memory summed over containers"
        yield from _same(name, counted, summed)


def _same(equation: str, left: int, right: int) -> Iterator[Finding]:
    if left != right:
        yield equation, str(left), str(right)


def _by(causes: tuple[str, ...], counts: list[int]) -> str:
    """`(3 refused, 1 oom)`: only what is not zero."""
    parts = [f"{n} {cause}" for cause, n in zip(causes, counts, strict=True) if n]
    return f"({', '.join(parts)})" if parts else "0"
