"""What can be read of a data plane: gauges of now, the books, and all that a run leaves.

Units: seconds, bytes, CPU seconds. Reading changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES


class ContainerGauge(NamedTuple):
    """One container, now. The kernel's figures are made from these fields (layout.FIGURES)."""

    inside: int  # requests or jobs being served
    waiting: int  # in the listen backlog
    memory: int  # bytes
    served: int  # answers given so far (any status)
    errors: int  # of which failed
    connections: int  # database connections held
    busy_s: float  # CPU seconds used so far


class PlaneGauge(NamedTuple):
    """The whole plane, now. Counts since the start unless said otherwise. Of several databases
    the sums, peaks too; `exhausted_s` is that of the one that was longest at its limit. Of several
    queues the sums; `backlog_peak` is the peak of their sum."""

    arrived: int
    succeeded: int
    failed: int  # all causes
    in_flight: int  # now: arrived, no outcome yet
    retries: int
    jobs_queued: int  # now, waiting retries and redeliveries included
    jobs_in_progress: int  # now
    connections: int  # now: server slots used
    connection_limit: int  # now: slots for ordinary users
    connection_waits: int  # now: requests and jobs that wait for a connection
    connections_peak: int
    connections_refused: int
    backlog_peak: int
    exhausted_s: float  # seconds at the limit
    busy_s: float = 0.0  # CPU seconds used so far, all containers


class DatabaseGauge(NamedTuple):
    """One database, now; as in PlaneGauge."""

    connections: int
    connection_limit: int
    connection_waits: int
    connections_peak: int
    connections_refused: int
    exhausted_s: float


class QueueGauge(NamedTuple):
    """One queue, now; counts since the start. pushed = done + lost + queued + in_progress."""

    pushed: int
    done: int
    duplicated: int
    lost: int
    queued: int  # now, waiting retries and redeliveries included
    in_progress: int  # now
    backlog_peak: int
    oldest_s: float  # since the first of those that wait now was pushed
    causes: tuple[int, ...]  # of `lost`, in the order of JOB_CAUSES


class CacheGauge(NamedTuple):
    """One cache so far. stored = evicted + expired + lost + those it holds."""

    hits: int = 0
    misses: int = 0
    waits: int = 0  # looks that found somebody else out for the key
    unanswered: int = 0  # nobody there, or silent
    fills: int = 0  # answers that were put in
    stored: int = 0  # ... of keys that it had not; with what it began with
    evicted: int = 0
    expired: int = 0  # found too old
    lost: int = 0  # flushed, or with its process

    @property
    def entries(self) -> int:
        """Keys that it holds now, those included that are too old and not asked for."""
        return self.stored - self.evicted - self.expired - self.lost


class ServiceGauge(NamedTuple):
    """A service as those see it who ask it (of 0 the users, too). Counts since the start: one a
    call, however often it is tried. asked = succeeded + failed + open + forsaken."""

    asked: int
    succeeded: int
    failed: int
    open: int  # now
    forsaken: int  # who asked died first
    retries: int
    causes: tuple[int, ...]  # of `failed`, in the order of REQUEST_CAUSES


class CallGauge(NamedTuple):
    """What was asked in one calling step, so far. The kernel's columns are these fields."""

    calls: int = 0  # however often each was tried
    tries: int = 0
    failed: int = 0
    given_up: int = 0  # of these: who asks had no answer in time


# of a PlaneGauge, what is kept of every sample
SAMPLED = (
    "in_flight", "retries", "jobs_queued", "jobs_in_progress", "connections", "connection_limit",
    "connection_waits", "busy_s",
)  # fmt: skip


class Gauged(Protocol):
    """What has gauges."""

    def gauge(self) -> PlaneGauge: ...
    def service_gauge(self, service: int) -> ServiceGauge: ...


class Samples:
    """What there was to see at each k * bucket_s, once everybody had acted at that instant.

    An engine takes a sample when its time goes on. `plane`: a column of (samples,) for each of
    SAMPLED; `services`: (samples, services, 3), asked, failed and open, where there are several."""

    def __init__(self, horizon_s: float, bucket_s: float, services: int) -> None:
        count, services = int(horizon_s / bucket_s) + 1, services if services > 1 else 0
        self.bucket_s, self.taken = bucket_s, 0
        self.plane = {column: np.zeros(count) for column in SAMPLED}
        self.services = np.zeros((count, services, 3), np.int64)

    @property
    def due_s(self) -> float:
        """When the next one is."""
        return self.taken * self.bucket_s

    def shown(self, plane: Gauged, now_s: float) -> Samples:
        """With the one of now, if it is due; not beyond the horizon."""
        if self.taken < len(self.services) and self.taken * self.bucket_s <= now_s:
            gauge = plane.gauge()
            for column, values in self.plane.items():
                values[self.taken] = getattr(gauge, column)
            for service in range(self.services.shape[1]):
                seen = plane.service_gauge(service)
                self.services[self.taken, service] = seen.asked, seen.failed, seen.open
        return self


# columns of Recording.requests; then one per REQUEST_CAUSES
ARRIVED, SUCCEEDED, IN_SLO, FIRST_CAUSE = 0, 1, 2, 3
REQUEST_COLUMNS = FIRST_CAUSE + len(REQUEST_CAUSES)
# columns of Recording.jobs; then one per JOB_CAUSES
ENQUEUED, DONE, DUPLICATED, FIRST_LOSS = 0, 1, 2, 3
JOB_COLUMNS = FIRST_LOSS + len(JOB_CAUSES)


def column_sums(table: NDArray[np.int64]) -> list[int]:
    """Not by `sum`, which takes ten times as long for so few columns."""
    sums: list[int] = np.einsum("ij->j", table).tolist()
    return sums


@dataclass(frozen=True)
class Recording:
    """All that a run leaves. Shapes: requests (buckets, REQUEST_COLUMNS) by the bucket in which a
    request arrived; jobs (buckets, JOB_COLUMNS) by the bucket in which it happened; refused
    (buckets,) connection refusals; latency (LATENCY_BINS,) of succeeded requests; seconds of
    latency summed per arrival bucket in latency_sum. The arrays are the engine's own: read them
    before the run goes on."""

    bucket_s: float
    requests: NDArray[np.int64]
    jobs: NDArray[np.int64]
    refused: NDArray[np.int64]
    latency: NDArray[np.int64]
    latency_sum: NDArray[np.float64]
    latency_max_s: float
    # of users that ask in a mix: (ways in, REQUEST_COLUMNS) and (ways in, LATENCY_BINS), in sum the
    # same; of others no row
    endpoints: NDArray[np.int64]
    endpoint_latency: NDArray[np.int64]

    def so_far(self, at_s: float) -> Recording:
        """Without the buckets that begin later: nothing has happened in them."""
        begun = int(at_s / self.bucket_s) + 1
        if begun >= len(self.requests):
            return self
        names = ("requests", "jobs", "refused", "latency_sum")
        return replace(self, **{name: getattr(self, name)[:begun] for name in names})

    @cached_property
    def totals(self) -> list[int]:
        """Of each column of `requests`."""
        return column_sums(self.requests)

    @cached_property
    def job_totals(self) -> list[int]:
        """Of each column of `jobs`."""
        return column_sums(self.jobs)

    @cached_property
    def settled(self) -> NDArray[np.int64]:
        """Requests with an outcome, by the bucket of their arrival."""
        causes = [c for c in range(FIRST_CAUSE, REQUEST_COLUMNS) if self.totals[c]]
        ended = self.requests[:, SUCCEEDED].copy()
        for column in causes:
            ended += self.requests[:, column]
        ended.setflags(write=False)
        return ended

    @property
    def failed(self) -> int:
        """Requests without a good answer, all causes."""
        return sum(self.totals[FIRST_CAUSE:])


class Books(NamedTuple):
    """Independent counts of what exists now, found by walking the state, for the ledger's check."""

    open_requests: int  # users that wait
    open_calls: int  # works that wait for another service
    jobs_queued: int
    jobs_in_progress: int
    connections_open: int  # summed over pools, pooler and ghosts
    connections_held: int  # of them: by a database that answers, as clients of another do not know
    connections_granted: int  # since the start
    connections_closed: int
    cached: int  # keys in all caches
    busy_s: tuple[float, ...]  # per server
    capacity_s: tuple[float, ...]  # per server: cores x time alive
    memory: tuple[int, ...]  # per server: summed over its living containers
    memory_counted: tuple[int, ...]  # per server: the running total
