"""What both engines promise: the tables they read, the verbs they obey, the notices they send.

Everything that acts once per request is data in the records below; whatever decides something
(a controller, an operator) lives in the control plane and speaks to an engine only in these verbs.

Rule for time. An instant is: one timed event -> all that follows at once, first in first out ->
CPU shares settle -> notices -> the next timed event, by (time, kind, id). `advance(until)`
processes all events with t <= until. The control plane acts after the data plane at its instant.

Units: seconds, cores, bytes. Times are absolute simulated seconds from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

UNLIMITED = 2**31 - 1  # a count that never binds


class Kind(IntEnum):
    """What a container does for requests."""

    HTTP = 0  # answers requests
    WORKER = 1  # takes jobs off the queue
    DATABASE = 2  # Postgres: connections and queries
    QUEUE = 3  # Redis: the list of jobs
    PROXY = 4  # a balancer that runs as a container: it must be up for traffic to pass
    PLAIN = 5  # uses memory, nothing else


class Outcome(IntEnum):
    """How a request, or one attempt of it, ended. Codes 2.. are the ledger's causes."""

    IN_FLIGHT = 0
    SUCCEEDED = 1
    REFUSED = 2  # nobody listens: the host answers at once
    NO_BACKEND = 3  # the balancer's list is empty, or its queue timed out
    CONNECT_TIMEOUT = 4  # packets vanish: dead host, or a full listen backlog
    CLIENT_TIMEOUT = 5  # the client's patience ended first
    HTTP_500 = 6  # the application failed, or the database or queue behind it is down
    DB_REFUSED = 7  # SQLSTATE 53300 (or a pooler's 08P01)
    POOL_TIMEOUT = 8  # no pool connection within the checkout timeout
    DROPPED_ON_KILL = 9  # the process died with the request inside
    OOM = 10  # ... because the kernel killed it for memory
    SHED = 11  # 503 on purpose: the queue is full


class JobLoss(IntEnum):
    """Why a job will never be done."""

    REDIS_WIPED = 0  # the queue's process or host died and the job was not on disk
    REDIS_DOWN = 1  # the push failed: nobody answered
    WORKER_KILLED = 2  # popped, not acknowledged, its worker died
    QUEUE_FULL = 3  # maxmemory with noeviction: the push was refused
    EVICTED = 4  # maxmemory with an evicting policy: the key went
    ATTEMPTS_EXHAUSTED = 5  # failed as often as the queue library allows
    STALLED = 6  # its workers died as often as the queue library allows


REQUEST_CAUSES: tuple[str, ...] = tuple(o.name.lower() for o in list(Outcome)[2:])
JOB_CAUSES: tuple[str, ...] = tuple(c.name.lower() for c in JobLoss)


class LawKind(IntEnum):
    CONSTANT = 0
    EXPONENTIAL = 1
    LOGNORMAL = 2
    UNIFORM = 3  # mean +- cv * sqrt(3) * mean


@dataclass(frozen=True, slots=True)
class Law:
    """A non-negative random duration or demand: `mean` in seconds, `cv` = deviation / mean."""

    kind: LawKind = LawKind.CONSTANT
    mean: float = 0.0
    cv: float = 0.0


class Persistence(IntEnum):
    NONE = 0
    RDB = 1
    AOF_EVERYSEC = 2
    AOF_ALWAYS = 3


class Algorithm(IntEnum):
    FIRST = 0  # one published address
    RANDOM = 1  # kube-proxy in iptables mode
    ROUND_ROBIN = 2
    LEAST_CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class Profile:
    """All per-request facts of one version of one service. A deploy makes a new profile."""

    kind: Kind
    # admission (HTTP); for a WORKER `slots` is its job concurrency
    slots: int = 1
    backlog: int = 511  # connections that wait in the listen backlog
    shed: bool = False  # backlog full: answer 503 at once (else the SYN is dropped and resent)
    cancel: bool = False  # an abandoned request is dropped at its next step (else served in vain)
    # CPU
    cpu: Law = Law()  # demand of a request or job, core seconds
    cpu_limit: float = float("inf")  # cores; CFS quota, or the threads of the process
    cpu_weight: float = 1024.0  # cgroup shares
    probe_cpu_s: float = 0.001  # demand of one health probe
    # memory
    memory_base: int = 0
    memory_per_request: int = 0
    memory_limit: int = 0  # 0: none but the server's
    leak_per_request: int = 0  # bytes never given back, per finished request or job
    # failures of the version
    error_rate: float = 0.0  # share of attempts answered 500
    poison_rate: float = 0.0  # share of jobs that end the worker process (exit 1)
    # database client
    query: Law = Law()  # demand per request or job on the database, core seconds; mean 0: none
    pool: int = 0  # connections at most; 0 with a query: one connection per use
    pool_at_start: int = 0  # opened one by one before listening, all or nothing
    checkout_timeout_s: float = 30.0
    # job client (HTTP)
    push_rate: float = 0.0  # share of requests that enqueue a job
    push_timeout_s: float = 2.0  # wait for a silent queue server
    # worker
    reliable: bool = False  # LMOVE with a processing list (else BRPOP: a kill loses the job)
    redelivery_s: float = 30.0  # a dead worker's job returns to the queue after this
    max_stalled: int = 1  # so often; then it is failed when it would be given out again
    job_attempts: int = 1
    job_backoff_s: float = 2.0  # doubles per attempt
    # DATABASE
    connection_slots: int = 97  # max_connections - superuser_reserved - reserved
    connect_cpu_s: float = 0.0038  # cost of a new connection, paid with its first query
    connect_s: float = 0.0038  # time to open one at start
    cost_growth: float = 0.0  # a query costs 1 + cost_growth * (active - 1) times its demand
    keepalive_s: float = 7875.0  # connections of a vanished host stay open that long
    pooler_size: int = 0  # 0: no pooler; else its server connections (transaction pooling)
    pooler_clients: int = 100  # max_client_conn
    pooler_wait_s: float = 120.0  # query_wait_timeout
    # QUEUE
    persistence: Persistence = Persistence.NONE
    queue_bytes: int = 0  # maxmemory for jobs; 0: none
    evict: bool = False  # allkeys-*: the list's key goes (else noeviction: pushes fail)
    job_bytes: int = 1054


RDB_SAVE_POINTS: tuple[tuple[float, int], ...] = ((3600.0, 1), (300.0, 100), (60.0, 10_000))


@dataclass(frozen=True, slots=True)
class Client:
    """The open-loop users. All times in seconds; `budget` is retries per request (Finagle's)."""

    timeout_s: float = 5.0  # per attempt
    connect_timeout_s: float = 3.0  # when the client itself connects (no proxy between)
    retries: int = 0
    backoff_s: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap_s: float = 30.0
    jitter: float = 0.5  # wait = back-off x (1 - jitter x U)
    budget: float = float("inf")  # tokens earned per request; a retry costs one
    slo_s: float = float("inf")  # an answer slower than this is no good answer for the SLO


@dataclass(frozen=True, slots=True)
class Routing:
    """What stands between client and replicas. Data: both engines read it per request."""

    algorithm: Algorithm = Algorithm.FIRST
    proxy: bool = False  # a proxy opens the connection (its timeouts, retries, outliers apply)
    connect_timeout_s: float = 5.0  # the proxy's
    retries: int = 0  # the proxy's, connection failures only
    retry_pause_s: float = 1.0  # before trying the same server again
    redispatch: bool = False  # retry at once on another server instead
    retry_errors: bool = False  # also replay requests lost with their server (idempotent ones)
    maxconn: int = 0  # per server; more wait in the balancer. 0: no limit
    queue_timeout_s: float = 5.0  # ... at most so long (then no_backend)
    outlier_failures: int = 0  # failures in a row of one backend until OUTLIER; 0: never


@dataclass(frozen=True)
class Arrivals:
    """When requests arrive: a piecewise linear rate, or explicit times.

    `start_s[i]`, `rate[i]`, `slope[i]`: from start_s[i] the rate is rate[i] + slope[i] * (t -
    start_s[i]) requests/s. Before the first and from `end_s` on nothing arrives. `times_s`, when
    given, is a sorted array of arrival instants and replaces the rate.
    """

    start_s: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()
    slope: tuple[float, ...] = ()
    end_s: float = float("inf")
    times_s: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Workload:
    """All that is fixed for a run; `routing` is the first (`set_routing` replaces it)."""

    seed: int
    horizon_s: float
    arrivals: Arrivals
    client: Client = Client()
    routing: Routing = Routing()
    bucket_s: float = 1.0  # width of the counters' time buckets
    lattice_s: float = 0.0  # tests only: every drawn duration rounds to a multiple of this


class Note(IntEnum):
    """Kinds of notice: what a data plane tells, and never acts on."""

    LISTENING = 0  # container: open for traffic (its start-up connections are there)
    START_REFUSED = 1  # container: the database refused its start-up connections
    DRAINED = 2  # container: stopped accepting and the last request left
    OOM = 3  # container: above its memory limit
    SERVER_OOM = 4  # server: above its memory
    POISONED = 5  # container: a job ended the process (exit 1)
    PROBE_OK = 6  # probe id: answered
    PROBE_FAILED = 7  # probe id: refused, dropped with its container, or its query failed
    OUTLIER = 8  # container: failed the proxy `Routing.outlier_failures` times in a row


class Notice(NamedTuple):
    t_s: float
    note: Note
    id: int  # container, server or probe id


class ContainerGauge(NamedTuple):
    """One container, now. Reading it changes nothing."""

    inside: int  # requests or jobs being served
    waiting: int  # in the listen backlog
    memory: int  # bytes
    served: int  # answers given so far (any status)
    errors: int  # of which failed
    connections: int  # database connections held
    busy_s: float  # CPU seconds used so far


class PlaneGauge(NamedTuple):
    """The whole plane, now. Counts since the start unless said otherwise."""

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


# columns of Recording.requests; then one per REQUEST_CAUSES
ARRIVED, SUCCEEDED, IN_SLO, FIRST_CAUSE = 0, 1, 2, 3
REQUEST_COLUMNS = FIRST_CAUSE + len(REQUEST_CAUSES)
# columns of Recording.jobs; then one per JOB_CAUSES
ENQUEUED, DONE, DUPLICATED, FIRST_LOSS = 0, 1, 2, 3
JOB_COLUMNS = FIRST_LOSS + len(JOB_CAUSES)

LATENCY_MIN_S = 1e-4  # histogram bin i covers MIN * 1.02**i .. MIN * 1.02**(i + 1)
LATENCY_GROWTH = 1.02
LATENCY_BINS = 1024


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


class Books(NamedTuple):
    """Independent counts of what exists now, found by walking the state, for the ledger's check."""

    open_requests: int  # clients that wait
    jobs_queued: int
    jobs_in_progress: int
    connections_open: int  # summed over pools, pooler and ghosts
    connections_granted: int  # since the start
    connections_closed: int
    busy_s: tuple[float, ...]  # per server
    capacity_s: tuple[float, ...]  # per server: cores x time alive
    memory: tuple[int, ...]  # per server: summed over its living containers
    memory_counted: tuple[int, ...]  # per server: the running total


class DataPlane(Protocol):
    """The seam. Verbs act at `now` and finish all that follows at once before they return."""

    @property
    def now(self) -> float: ...

    @property
    def stirred(self) -> bool:
        """Has a verb acted since the last `advance`? If not, nothing more is due at `now`."""

    def advance(self, until: float) -> tuple[float, list[Notice]]:
        """Run to `until` (inclusive) or to the first instant with notices: (where, notices)."""

    # machines
    def add_server(self, cores: float, memory: int) -> int: ...
    def server_down(self, server: int) -> None:
        """Power loss: its containers stop, packets to it vanish, nobody is told."""

    def server_up(self, server: int) -> None:
        """Booted: its containers are exited, connections to them are refused at once."""

    # containers: one id is one address; it may start again after it exited
    def add_profile(self, profile: Profile) -> int: ...
    def add_container(self, profile: int, server: int) -> int: ...
    def start(self, container: int, profile: int) -> None:
        """The process is up: opens `pool_at_start` connections, then listens (LISTENING)."""

    def drain(self, container: int) -> None:
        """Close the listening socket, drop its backlog, finish what runs, then DRAINED."""

    def exit(self, container: int, oom: bool = False) -> None:
        """The process ends: requests inside are reset, its connections are freed at once."""

    def hang(self, container: int) -> None:
        """Accepts and never answers (a stalled database, a deadlock) until `resume`."""

    def resume(self, container: int) -> None: ...
    def set_cpu_limit(self, container: int, cores: float) -> None: ...
    def lock_out(self, container: int, locked: bool) -> None:
        """The database refuses the password that this container holds (SQLSTATE 28P01): its new
        connections fail, those that are open stay. Holds for its next processes too, until undone.
        """

    def set_extra_memory(self, container: int, extra: int) -> None:
        """Bytes a fault adds to the container (a leak by the clock)."""

    # what the balancer believes
    def publish(self, backends: Sequence[int], via: int = -1) -> None:
        """Route to these containers; `via` is the proxy's own container, -1 if it cannot fail."""

    def set_routing(self, routing: Routing) -> None:
        """Other rules from now on (a balancer goes live); failures in a row count from 0."""

    def probe(self, container: int, deep: bool = False) -> int:
        """Send a health check through the container's own queue; `deep` queries the database.

        The answer comes as PROBE_OK or PROBE_FAILED; from a silent process or host, never."""

    def connects(self, container: int) -> bool | None:
        """A bare TCP connect: True accepted, False refused, None swallowed."""

    # observation
    def gauge(self) -> PlaneGauge: ...
    def container_gauge(self, container: int) -> ContainerGauge: ...
    def books(self) -> Books: ...
    def recording(self) -> Recording: ...
