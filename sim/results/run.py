"""One finished run, as experiment.py hands it over: the only input of every metric and plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.tables import (
    CacheGauge,
    CallGauge,
    DatabaseGauge,
    PlaneGauge,
    QueueGauge,
    Recording,
    ServiceGauge,
)
from sim.results.bill import MonthlyCost
from sim.schema.scenario import Slo


class Sampled(NamedTuple):
    """A column of the one-second samples: what it says, and whether it counts all so far."""

    help: str
    so_far: bool = False


# in the order of series.csv
SERIES = {
    "in_flight": Sampled("Requests without an outcome."),
    "retries": Sampled("Attempts beyond the first.", so_far=True),
    "jobs_queued": Sampled("Jobs that wait."),
    "jobs_in_progress": Sampled("Jobs that a worker has."),
    "connections": Sampled("Database slots in use."),
    "connection_limit": Sampled("Database slots there are."),
    "connection_waits": Sampled("Requests and jobs that wait for a connection."),
    "replicas": Sampled("Containers of the entry service that run."),
    "ready": Sampled("Containers of the entry service that get traffic."),
    "servers": Sampled("Servers that are rented and alive."),
    "missing": Sampled("Replicas, of all services, that were ready, are wanted and are not ready."),
    "cpu_busy": Sampled("Cores in use."),  # over the last second, all servers
}


@dataclass(frozen=True)
class TimelineRow:
    """One line of the post-mortem: when, what kind (the scenario's own words), who, what."""

    t_s: float
    event: str  # operator_kill, page, restart, rollout, ...
    subject: str  # api-1, server-2, operator
    text: str  # a sentence a person can read


class LostRows(NamedTuple):
    """What a database lost: with its disk, all that was committed since its newest backup; with its
    primary, what the replica that took its place did not have yet."""

    since_s: float  # when the copy was made; below 0: before the run
    until_s: float  # when the disk, or the primary, was lost
    requests: bool  # does a request write rows there?
    jobs: bool  # ... and a job?
    restored_s: float | None = None  # when the copy was in use
    lag: bool = False  # the copy is a replica


class Span(NamedTuple):
    """A stretch of time in which one thing was in one state; at most one a thing at a time.

    kind, then state:
      container: created, starting, ready, not_ready, hung, stopping, exited, back_off, and away or
        evicting while its server is lost (sim.control.core.recorder)
      server: up, not_ready, away
      pending: pending (a wanted replica that no server has room for)
      operator: acknowledge, hands_on (`service` then says at what)
    """

    kind: str
    name: str
    state: str
    start_s: float
    end_s: float
    service: str = ""
    server: str = ""


class Glance(NamedTuple):
    """A look at a run while it goes on: counts so far, and what happened since the last look."""

    succeeded: int = 0
    failed: int = 0
    jobs_queued: int = 0
    rows: tuple[TimelineRow, ...] = ()


class Tick(NamedTuple):
    """How far one run is; `done` once, at its end."""

    platform: str
    seed: int
    now_s: float
    arrived: int
    done: bool = False
    glance: Glance = Glance()


@dataclass(frozen=True)
class OperatorFigures:
    pages: int = 0
    minutes: float = 0.0  # hands on
    mistakes: int = 0


@dataclass(frozen=True)
class Means:
    """What a platform had at second 0, which stands beside its ends in every report: who has three
    replicas on three servers and loses less than who has one has not shown that it is better.
    Means are what was paid, and what somebody wrote. By service: those that users or jobs meet."""

    replicas: dict[str, int]
    most_replicas: dict[str, int]  # up to which an autoscaler may go; the same where none is
    servers: int
    cores: float
    memory: int  # bytes, all servers
    restart: str  # the policy that is heeded, of the entry service; "by itself": the platform's
    limits: dict[str, int | None]  # bytes of memory
    people: int  # on call
    watched: bool  # by monitoring; else users complain

    def record(self) -> dict[str, Any]:
        """As in summary.json."""
        return asdict(self)


@dataclass(frozen=True)
class Run:
    """scenario x stack x platform x seed -> all that happened."""

    scenario: str  # name, with `:variant` if one was chosen
    stack: str
    platform: str
    seed: int
    engine: str  # compiled or reference
    horizon_s: float
    slo: Slo
    recording: Recording
    gauge: PlaneGauge  # at the horizon
    series: dict[str, NDArray[np.float64]]  # "t_s" and each of SERIES, one value a second
    timeline: tuple[TimelineRow, ...]
    fault_s: float | None  # the first event of the scenario
    detected_s: float | None  # the first action, by a controller or a human, on that fault
    containers_refused: int  # start-ups the database refused
    operator: OperatorFigures = field(default_factory=OperatorFigures)
    lost_rows: tuple[LostRows, ...] = ()
    jobs_wanted: int = 0  # requests that would have left a job, whatever became of them
    server_seconds: float = 0.0
    usd: float = 0.0
    # of what runs at second 0, without people
    month: MonthlyCost = field(default_factory=MonthlyCost)
    means: Means | None = None  # None in a run that was made by hand
    spans: tuple[Span, ...] = ()  # what was where in which state, by start
    # of a stack whose services call each other, in the order of their numbers; else empty
    services: Mapping[str, ServiceGauge] = field(default_factory=dict)  # at the end
    databases: Mapping[str, DatabaseGauge] = field(default_factory=dict)
    queues: Mapping[str, QueueGauge] = field(default_factory=dict)  # of any stack that has one
    caches: Mapping[str, CacheGauge] = field(default_factory=dict)  # likewise
    endpoints: tuple[str, ...] = ()  # that users ask in a mix, as in `recording.endpoints`
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # whom each asks
    # ... and how: by caller, callee, and the endpoint that is named; "": no endpoint
    callers: Mapping[str, Mapping[str, Mapping[str, CallGauge]]] = field(default_factory=dict)
    # beside "t_s": asked, failed, open; shape (samples, 3)
    answers: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    # verdicts of metrics.py on its buckets: every plot and table asks for them again
    verdicts: dict[str, NDArray[np.bool_]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )


TIMELINE_COLUMNS = ("platform", "seed", "t_s", "event", "subject", "text")


def timeline_rows(runs: Iterable[Run]) -> Iterator[tuple[str, int, float, str, str, str]]:
    """Rows of TIMELINE_COLUMNS, run by run, in order of time."""
    for run in runs:
        for row in run.timeline:
            yield run.platform, run.seed, row.t_s, row.event, row.subject, row.text
