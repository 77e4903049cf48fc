"""What an engine reads once per request: versions of services, clients, routing, arrivals.

Each field is declared here and nowhere else: the kernel's columns are made from these records
(kernel/layout.py), and tests/dataplane/test_fields.py fails by name for a field that one of the
engines does not read, or that no random world draws.

Units: seconds, cores, bytes. Times are absolute simulated seconds from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import BUDGET_CAP, Algorithm, Cancel, Does, Kind, LawKind, Persistence


@dataclass(frozen=True, slots=True)
class Law:
    """A non-negative random duration or demand: `mean` in seconds, `cv` = deviation / mean."""

    kind: LawKind = LawKind.CONSTANT
    mean: float = 0.0
    cv: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a circuit breaker (reference/breaker.py) turns all tries away, and for how long."""

    window: int = 0  # of its last so many tries; 0: there is no breaker
    least: int = 1  # ... as soon as there are so many
    share: float = 1.0  # ... this share has failed: it opens
    open_s: float = 60.0  # then so long nobody may try
    trials: int = 1  # then so many are let through, and decide by the same rule
    late: bool = False  # answers count to tries that began in another of its states


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever asks: the users, who come when they come, or a step that calls a service. All times
    in seconds; `budget` is retries per request (Finagle's). That of users begins empty; each
    process has one for each of its calling steps, which begins full."""

    timeout_s: float = 5.0  # per attempt
    deadline_s: float = inf  # ... of all together, with the pauses between them
    inherits_deadline: bool = False  # a calling step: nor longer than who asked it waits for it
    connect_timeout_s: float = 3.0  # when the client itself connects (no proxy between)
    retries: int = 0
    backoff_s: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap_s: float = 30.0
    jitter: float = 0.5  # wait = back-off x (1 - jitter x U)
    budget: float = inf  # tokens earned per request; a retry costs one
    at_most: int = 0  # tries at once (a bulkhead); one more is turned away. 0: no limit
    breaker: BreakerRules = BreakerRules()  # ... as all are while it is open
    # kept alive, and shared by requests (HTTP/2), each pinned to who answered where it was opened,
    # unless a balancer looks at each request; 0: each try opens one of its own
    connections: int = 0
    # ... or of one request at a time (HTTP/1.1): the last used is taken first, who finds none that
    # is idle opens another, and so many at most are kept when they are idle
    connection_exclusive: bool = False
    connections_open: int = 0  # ... at most at once: more wait for one of them. 0: no limit
    connection_age_s: float = inf  # an older one is not used again
    connection_idle_s: float = inf  # ... nor one that nobody has used for so long
    # its other end closes it then: who asks within so long after that has not heard of it
    connection_closing_s: float = 0.0
    connection_silence_s: float = 924.6  # ... nor one whose host has acknowledged nothing so long
    connection_stays: bool = False  # open after a time-out (HTTP/2); else its client closes it
    slo_s: float = inf  # users: an answer slower than this is no good answer for the SLO

    @property
    def most_tokens(self) -> float:
        """Retries that the budget can save up."""
        return BUDGET_CAP if self.budget < inf else inf


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How a step asks a cache, and what it makes of no answer."""

    hit: float = 1.0  # share of what is asked for that a cache can keep at all
    timeout_s: float = 1.0  # wait for a silent one
    fails: bool = False  # without an answer the request fails; else it goes on as after a miss
    # > 0: who misses is for so long the only one that asks for its key, and the others look again
    # after `retry_s` ("leases": Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013)
    lease_s: float = 0.0
    retry_s: float = 0.05


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step of what a container does for a request or a job. See story.py for its draws."""

    does: Does
    law: Law = Law()  # CPU, QUERY: the demand, core seconds; WAIT: seconds
    target: int = 0  # CALL: the service; QUERY: the database; PUSH: the queue; CACHE: the cache
    client: Client = Client()  # CALL: how it asks
    cache: CacheRules = CacheRules()  # CACHE: how it asks
    share: float = 1.0  # of requests and jobs that take it; of tries, for FAIL
    covers: int = 0  # so many steps after it are left out with it: a cache and its misses
    ignore: bool = False  # goes on when it fails
    name: str = ""  # of its draws; "": those that the first of its kind always had
    by_try: bool = False  # its law is drawn anew for each try (else a heavy request stays heavy)
    endpoint: int = 0  # CALL: which story of that service it asks for


@dataclass(frozen=True, slots=True)
class PoolRules:
    """The connections of one process to one database."""

    database: int
    size: int = 0  # connections at most; 0: one connection per use
    at_start: int = 0  # opened one by one before listening, all or nothing
    checkout_timeout_s: float = 30.0
    silence_s: float = 924.6  # a query over a stranded connection is given up after it


@dataclass(frozen=True, slots=True)
class Profile:
    """All per-request facts of one version of one service. A deploy makes a new profile."""

    kind: Kind
    # admission (HTTP); for a WORKER `slots` is its job concurrency
    slots: int = 1
    backlog: int = 511  # connections that wait in the listen backlog, or before it sheds
    at_once: bool = False  # accepts at once and queues inside, without a bound unless it sheds
    probe_beside: bool = False  # health checks are answered beside the queue, without a slot
    shed: bool = False  # backlog full: answer 503 at once (else the SYN is dropped and resent)
    cancel: Cancel = Cancel.NO  # what becomes of an abandoned request
    # its story, if there is more to it than CPU, a query and a job (story.py)
    steps: tuple[StoryStep, ...] = ()
    # CPU
    cpu: Law = Law()  # demand of a request or job, core seconds
    cpu_limit: float = inf  # cores; CFS quota, or the threads of the process
    cpu_weight: float = 1024.0  # cgroup shares
    probe_cpu_s: float = 0.001  # demand of one health probe
    # memory
    memory_base: int = 0
    memory_per_request: int = 0
    memory_limit: int = 0  # 0: none but the server's
    leak_per_request: int = 0  # bytes never given back, per finished request or job
    # a connection to it that was idle for so long it closes, of which a proxy has not heard so long
    keep_alive_s: float = inf
    closing_s: float = 0.0
    # failures of the version
    error_rate: float = 0.0  # share of attempts answered 500; of a WORKER: of tries that fail
    poison_rate: float = 0.0  # share of jobs that end the worker process (exit 1)
    # database client: of database 0, then of others
    query: Law = Law()  # demand per request or job on the database, core seconds; mean 0: none
    pool: int = 0  # connections at most; 0 with a query: one connection per use
    pool_at_start: int = 0  # opened one by one before listening, all or nothing
    checkout_timeout_s: float = 30.0
    pool_silence_s: float = 924.6  # a query over a stranded connection is given up after it
    pools: tuple[PoolRules, ...] = ()
    # job client (HTTP)
    push_rate: float = 0.0  # share of requests that enqueue a job
    push_timeout_s: float = 2.0  # wait for a silent queue server
    # worker
    reliable: bool = False  # LMOVE with a processing list (else BRPOP: a kill loses the job)
    redelivery_s: float = 30.0  # a silent (or dead) worker's job returns to the queue after this
    acknowledge_s: float = inf  # ... any job that is not acknowledged so long after delivery
    redelivery_look_s: float = 0.0  # overdue jobs are looked for so often; 0: at once
    by_connection: bool = False  # ... all of a worker at once, when its connection ends; in place
    # a try that fails is told to the queue; else it is a job that nobody acknowledges (SQS)
    failures_told: bool = True
    # who finishes a job that was given out again meanwhile deletes it, if it still waits (SQS)
    late_deletes: bool = False
    prefetch: int = 0  # jobs that it holds beside those it does: not acknowledged either
    max_stalled: int = 1  # so often; then it is failed when it would be given out again
    reconnects: bool = True  # else it takes nothing after the queue was away, until it is restarted
    job_attempts: int = 1
    job_backoff_s: float = 2.0  # doubles per attempt
    dead_letters: int = -1  # the queue that gets what is given up, as a new job; -1: none does
    # which database, queue or cache it is; of a WORKER: which queue it takes from
    number: int = 0
    # DATABASE: it is no primary, and ends all connections; QUEUE: it gives and takes nothing
    read_only: bool = False
    # DATABASE
    connection_slots: int = 97  # max_connections - superuser_reserved - reserved
    connect_cpu_s: float = 0.0038  # cost of a new connection, paid with its first query
    connect_s: float = 0.0038  # time to open one at start
    cost_growth: float = 0.0  # a query costs 1 + cost_growth * (active - 1) times its demand
    locked_share: float = 0.0  # of queries, which wait with their connection until less is locked
    keepalive_s: float = 7875.0  # connections of a vanished host stay open that long
    pooler_size: int = 0  # 0: no pooler; else its server connections (transaction pooling)
    pooler_clients: int = 100  # max_client_conn
    pooler_wait_s: float = 120.0  # query_wait_timeout
    pooler_login_s: float = 0.0  # of its one core, which it shares with nobody: a client connects
    pooler_transaction_s: float = 0.0  # ... a query passes
    # QUEUE
    persistence: Persistence = Persistence.NONE
    queue_bytes: int = 0  # maxmemory less what an empty server takes; 0: no limit
    evict: bool = False  # allkeys-*: the list's key goes (else noeviction: pushes fail)
    job_bytes: int = 1054
    unsent_s: float = 0.0  # what it did for so long its replica may lack; 0: it has none
    # CACHE
    keys: int = 1  # that are asked for
    skew: float = 0.0  # the n-th is asked for as n ** -skew (Zipf)
    ttl_s: float = inf  # from when it was filled
    keys_held: int = 0  # at most; then the one that was not asked for longest goes. 0: no limit
    warm: bool = False  # the first process of a run begins with all that it can hold
    # stories 1, 2, ... of its endpoints; 0 is that of `steps`, and of what it does not know
    endpoints: tuple[tuple[StoryStep, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """What stands between who asks and the replicas of a service: a row for each of them."""

    algorithm: Algorithm = Algorithm.FIRST
    proxy: bool = False  # a proxy opens the connection (its timeouts, retries, outliers apply)
    per_request: bool = False  # balances requests, as every proxy; else connections, as kube-proxy
    connect_timeout_s: float = 5.0  # the proxy's; 0: that of who asks
    retries: int = 0  # the proxy's, connection failures only
    retry_pause_s: float = 1.0  # before trying the same server again
    redispatch: bool = False  # retry at once on another server instead
    retry_errors: bool = False  # also replay requests lost with their server (idempotent ones)
    maxconn: int = 0  # per server; more wait in the balancer. 0: no limit
    queue_timeout_s: float = 5.0  # ... at most so long (then no_backend)
    holds: bool = False  # ... and with a maxconn also while the list of backends is empty
    outlier_failures: int = 0  # failures in a row of one backend until OUTLIER; 0: never
    keeps: int = 0  # idle connections that a proxy keeps to each server, the last used first
    keeps_s: float = inf  # ... for so long

    @property
    def in_effect(self) -> Routing:
        """The rules that hold: a proxy's own only where a proxy opens the connection. Who asks
        waits for a connection as long as it does itself where this says 0."""
        if self.proxy:
            return self
        keeps = self.keeps if self.per_request else 0
        return replace(self, connect_timeout_s=0.0, retries=0, outlier_failures=0, keeps=keeps)


@dataclass(frozen=True)
class Arrivals:
    """When requests arrive: a piecewise linear rate, or explicit times.

    `start_s[i]`, `rate[i]`, `slope[i]`: from start_s[i] the rate is rate[i] + slope[i] * (t -
    start_s[i]) requests/s. Before the first and from `end_s` on nothing arrives. `times_s`, when
    given, is a sorted array of arrival instants and replaces the rate.

    Request n comes when the integrated rate has grown by a unit exponential since request n - 1;
    it is drawn for (seed, n) alone.
    """

    start_s: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()
    slope: tuple[float, ...] = ()
    end_s: float = inf
    times_s: NDArray[np.float64] | None = None

    def after(self, now: float) -> Arrivals:
        """Without the instants that are past."""
        if self.times_s is None:
            return self
        return replace(self, times_s=self.times_s[np.searchsorted(self.times_s, now, "right") :])


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: the share of users' requests that ask this endpoint of this service."""

    share: float
    service: int = 0
    endpoint: int = 0


@dataclass(frozen=True, slots=True)
class Stay:
    """A user who comes back, from when to when: it thinks first, and asks nothing more from `end_s`
    on, but waits for what it has asked."""

    begin_s: float = 0.0
    end_s: float = inf


@dataclass(frozen=True)
class Workload:
    """What a run begins with; `set_arrivals` and `set_routing` replace two of these later.

    `lattice_s` is for tests alone: every drawn duration is rounded to a multiple of it, so that
    hundreds of events share an instant, and an engine that orders them in its own way is found."""

    seed: int
    horizon_s: float
    arrivals: Arrivals
    client: Client = Client()
    routing: Routing = Routing()
    bucket_s: float = 1.0  # width of the counters' time buckets, and from sample to sample
    services: int = 1  # that are asked; of several, each is sampled
    lattice_s: float = 0.0  # 0: durations as they are drawn
    mix: tuple[Way, ...] = ()  # whom users ask, drawn by request; (): all ask service 0 alike
    users: tuple[Stay, ...] = ()  # each thinks, asks, waits for the end of it, thinks again
    think: Law = Law()  # ... drawn for a user and how often it has asked

    @property
    def doors(self) -> tuple[int, ...]:
        """The services that users ask, each once."""
        return tuple(dict.fromkeys(way.service for way in self.mix)) or (0,)
