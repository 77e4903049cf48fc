"""A stack: the services of a platform, what they demand, and the machines they run on.

Data, written by people (`sim/stacks/*.yaml`) or read from a Compose file. Units as people write
them (`250ms`, `512Mi`, `500m`); fields below hold seconds, bytes and cores. A value per platform
goes under `on:` (a patch of the stack), so that both platforms otherwise run the same services.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sim.constants import facts
from sim.constants.facts import default, unless_set
from sim.schema import bounds
from sim.schema.databases import (
    Backup,
    CacheContents,
    DatabaseClient,
    DatabasePool,
    Failover,
    Managed,
    Pooler,
    Rented,
    Replica,
    rented,
)
from sim.schema.engines import ENGINES, ROLE_NAMES, Engine, EngineName, filled_in
from sim.schema.fields import (
    MOST,
    Asked,
    Bytes,
    Cores,
    Count,
    Duration,
    Fleet,
    Fraction,
    Interval,
    LawSpec,
    Line,
    Money,
    Name,
    Note,
    Port,
    Positive,
    Priority,
    Ratio,
    Record,
    Span,
)
from sim.schema.jobs import JobPush, JobWork, ScheduledJobs
from sim.schema.operator import Operator
from sim.schema.scaling import Disruption, Scaling
from sim.schema.steps import PlainStep, ServiceStep, placed
from sim.schema.ways import WayIn, entry_of, ways_in

OomScore = Annotated[int, Field(ge=-1000, le=1000)]  # the kernel's range
# the last two are names for postgres and redis, which a record has never
Role = Literal[
    "http", "worker", "postgres", "redis", "proxy", "external", "other", "cache", "database",
    "queue",
]  # fmt: skip
ALONE: tuple[Role, ...] = ("postgres", "redis", "cache")  # of each one container runs


class CpuSpec(Record):
    demand: LawSpec = LawSpec()  # core seconds per request or job
    limit: Cores | None = None  # CFS quota
    request: Cores | None = None  # what the scheduler reserves, what the HPA divides by
    threads: Positive | None = None  # cores the process can use at all (Node: 1)
    shares: Positive = default(facts.SHARES)


class Memory(Record):
    base: Bytes = 0
    per_request: Bytes = 0
    limit: Bytes | None = None
    request: Bytes | None = None
    oom_score_adj: OomScore = default(facts.OOM_SCORE_ADJ)  # Docker; a kubelet writes its own


class ProbeSpec(Record):
    """A Kubernetes probe; defaults are upstream's (kubernetes.md, section 1)."""

    period: Interval = default(facts.PROBE_PERIOD)
    timeout: Span = default(facts.PROBE_TIMEOUT)
    success: Positive = default(facts.PROBE_SUCCESS)
    failure: Positive = default(facts.PROBE_FAILURE)
    initial_delay: Duration = 0.0
    deep: bool = False  # the probe queries the database


class Probes(Record):
    startup: ProbeSpec | None = None
    readiness: ProbeSpec | None = None
    liveness: ProbeSpec | None = None


class Healthcheck(Record):
    """Docker's HEALTHCHECK; it labels, and does nothing else (orchestrators.md 1.4)."""

    interval: Interval = default(facts.HEALTH_INTERVAL)
    timeout: Span = default(facts.HEALTH_TIMEOUT)
    retries: Positive = default(facts.HEALTH_RETRIES)
    start_period: Duration = 0.0
    start_interval: Span | None = None  # between checks inside the start period; null: the Engine's
    deep: bool = False


class Stop(Record):
    """How the process answers SIGTERM."""

    drains: bool = True  # finishes what runs, then exits 0; else it dies at once (exit 143)
    # no handler as PID 1: SIGTERM does nothing, it listens and serves until SIGKILL (whatever
    # `drains` says: what does not hear of its end finishes nothing on purpose)
    ignores: bool = False
    # stop_grace_period / terminationGracePeriodSeconds; null: the platform's default
    grace: Duration | None = unless_set(facts.STOP_GRACE)
    pre_stop: Duration = 0.0  # preStop sleep (Kubernetes), shutdown_delay (Nomad); within grace


class Lookup(Record):
    """How a proxy finds the containers behind a name in Docker's DNS."""

    once: bool = True  # when it starts and when it is reloaded, as nginx does; else after each
    ttl: Interval = default(facts.DOCKER_TTL)  # ... of the answer, or the proxy's own `valid=`
    connect_timeout: Span = default(facts.NGINX_CONNECT)  # proxy_connect_timeout


class Service(Record):
    role: Role
    # which program plays a database or a queue; null: PostgreSQL, Redis
    engine: EngineName | None = None
    port: Port | None = None  # published on the server's address
    replicas: Fleet = 1
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = "no"
    restart_attempts: Count | None = None  # on-failure:N
    concurrency: Positive = 1  # requests or jobs inside at once
    backlog: Count = default(facts.BACKLOG)
    # at_once: an event loop, which queues inside (Node, Go, asyncio, nginx); else a server of
    # threads or processes, which leaves the others in the listen backlog
    accepts: Literal["at_once", "one_by_one"] = "one_by_one"
    # health checks wait among requests, or are answered beside them; null: beside an event loop's
    health: Literal["inside", "beside"] | None = None
    shed: bool = False
    # a request whose client has left; false: is served in vain; hop, or true: is dropped at its
    # next step; tree: ... and what it asked others for is not waited for, who are left in turn
    cancel_abandoned: Literal[False, True, "hop", "tree"] = False
    # closes a connection that nobody has used for so long (keepAliveTimeout: Node 5 s, 6 s in newer
    # releases; uvicorn 5 s; gunicorn 2 s); null: later than any proxy, which keeps it open
    keep_alive: Span | None = None
    keep_alive_closing: Duration = default(facts.KEEP_ALIVE_CLOSING)
    boot: LawSpec = LawSpec()  # process start to listening
    cpu: CpuSpec = CpuSpec()
    memory: Memory = Memory()
    database: DatabaseClient | None = None
    push: JobPush = JobPush()
    # what a request does here, or a job, in order; null: `cpu.demand`, one query (`database`), one
    # job (`push`)
    steps: list[ServiceStep] | None = None
    # what is asked by name has steps of its own; the rest those above (`mix`, a step's `endpoint`)
    # null: as the rest, and counted apart
    endpoints: dict[Name, list[ServiceStep] | None] = {}
    pools: dict[Name, DatabasePool] = {}  # with `steps`: of each database that they query
    job: JobWork = JobWork()
    probes: Probes = Probes()
    healthcheck: Healthcheck | None = None
    stop: Stop = Stop()
    scaling: Scaling | None = None
    disruption: Disruption | None = None
    priority: Priority = 0  # the value of its PriorityClass; Kubernetes alone reads it
    preemption_policy: Literal["preempt_lower_priority", "never"] = "preempt_lower_priority"
    depends_on: list[Name] = []
    waits_for: list[Name] = []  # of these: `condition: service_healthy`, which `up` honours
    image_size: Bytes = default(facts.IMAGE_SIZE)
    # role proxy; null: it hears of every change at once (Traefik reads Docker's events)
    lookup: Lookup | None = None
    # role external: somebody else's; it answers after so long, and some of the time with an error
    latency: LawSpec = LawSpec()
    errors: Fraction = 0.0
    # role postgres
    max_connections: Positive = default(facts.MAX_CONNECTIONS)
    superuser_reserved_connections: Count = default(facts.SUPERUSER_RESERVED)
    reserved_connections: Count = default(facts.RESERVED)
    connect: Duration = default(facts.CONNECT)
    cost_growth: Ratio = default(facts.COST_GROWTH)  # from 1 to 90 active connections
    keepalive: Duration = default(facts.KEEPALIVE)
    recovery: LawSpec = LawSpec()  # WAL replay after a crash, beside `boot`
    pooler: Pooler | None = None
    backup: Backup = Backup()
    follows: Replica | None = None  # another database: who queries this one only reads
    failover: Failover | None = None  # who promotes one of its replicas; null: a person
    managed: Managed | None = None  # null: it runs as a container, on a server
    # role redis
    # durable: RabbitMQ's durable queue, its messages persistent and confirmed
    persistence: Literal["none", "rdb", "aof_everysec", "aof_always", "durable"] = "none"
    maxmemory: Bytes | None = None
    eviction: Literal["noeviction", "allkeys"] = "noeviction"
    job_size: Bytes = default(facts.JOB_SIZE)
    empty_size: Bytes = default(facts.REDIS_EMPTY)
    min_replicas_to_write: Count = default(facts.MIN_REPLICAS)
    min_replicas_max_lag: Span = default(facts.MIN_REPLICAS_LAG)
    # role cache
    holds: CacheContents = CacheContents()

    @cached_property
    def stories(self) -> dict[str, list[ServiceStep]]:
        """The steps of what is asked, by where they are written."""
        own = {} if self.steps is None else {"steps": self.steps}
        named = ((n, steps) for n, steps in self.endpoints.items() if steps is not None)
        return own | {f"endpoints.{name}": steps for name, steps in named}

    @property
    def asked_by_name(self) -> list[str]:
        """Its endpoints in the order of their numbers, from 1: those with steps of their own, then
        those that are served as the rest."""
        return sorted(self.endpoints, key=lambda name: self.endpoints[name] is None)

    @cached_property
    def every_step(self) -> list[PlainStep]:
        """Those of all its stories in order, each look into a cache before those of its misses."""
        return [step for steps in self.stories.values() for _, step in placed(steps)]

    @property
    def program(self) -> Engine | None:
        """Its engine, if it names one."""
        return ENGINES[self.engine] if self.engine else None

    def is_as_its_role(self, field: str) -> bool:
        """May somebody set this field who knows its role alone? Not what its engine has in its own
        way."""
        engine = self.program
        return engine is None or field not in (*engine.unread, *engine.defaults)

    @model_validator(mode="before")
    @classmethod
    def _as_its_engine(cls, value: Any) -> Any:
        return filled_in(value) if isinstance(value, dict) else value


class MachineSpec(Record):
    """A server as rented."""

    cores: Cores = 4.0
    memory: Bytes = 8 * 1024**3
    boot: LawSpec = LawSpec()  # delivery: from the order of a new one to SSH, or to a Ready node
    reboot: LawSpec | None = None  # of one that is there: power-on to SSH; null: as `boot`
    price_per_hour: Money = 0.0

    @property
    def back(self) -> LawSpec:
        """How long one is away that crashed or is rebooted."""
        return self.boot if self.reboot is None else self.reboot


class Servers(Record):
    machine: MachineSpec = MachineSpec()
    count: Annotated[Positive, MOST] | None = None  # null: as many as the platform starts with
    quota: Positive | None = None  # so many the provider lends at once; null: as many as asked for
    # of a region: each server goes to the one with the fewest, the first of equals; []: they have
    # no label, and all fail or stand together
    zones: list[Name] = []
    reserved: MachineSpec = MachineSpec(cores=0.0, memory=0)  # taken by the system and agents


MOST_ZONES = 30  # segments of the data plane's network (dataplane/codes.py), less two


class Network(Record):
    """Round trips, as `ping` shows them: of what one asks another (docs/model.md)."""

    same_server: LawSpec = LawSpec()
    same_zone: LawSpec = LawSpec()  # to another server of the zone, or where there are no zones
    between_zones: LawSpec = LawSpec()
    users: LawSpec = LawSpec()  # to where they come in: a server, or a balancer's gate


class Prices(Record):
    """What money goes into beside servers (sim/results/bill.py)."""

    volume: Bytes = default(facts.VOLUME_SIZE)
    volume_month: Money = default(facts.VOLUME_MONTH)
    managed_month: Money = default(facts.MANAGED_MONTH)  # of the disk of a managed database
    work_hour: Money = default(facts.WORK_HOUR)
    queue_request: Money = default(facts.SQS_REQUEST)  # to a queue without servers


class Stack(Record):
    """What runs and on what: services by name, servers, prices, and the operator.

    Made from plain data by `sim.load_stack({"name": "shop", "services": {...}})`, or taken as
    such by `sim.run(..., stack={...})`; times are seconds, sizes bytes, CPU cores, money US
    dollars. InputError for what cannot be."""

    name: Name
    title: Line = ""
    source: Note = ""
    services: dict[Name, Service]
    # shares of users' requests by what they ask: an endpoint of the entry, a service, or its
    # endpoint (`api/pay`); the rest asks the entry. A scenario's `traffic.mix` takes its place
    mix: dict[Asked, Fraction] = {}
    schedule: dict[Name, ScheduledJobs] = {}
    servers: Servers = Servers()
    network: Network = Network()
    prices: Prices = Prices()
    operator: Operator = Operator()
    on: dict[Name, dict[str, Any]] = {}  # patches per platform, checked when applied
    set: dict[str, Any] = {}  # of platforms, as a scenario's `set:`, over which that one wins
    assumed: list[Note] = Field(default_factory=list)  # said to the user
    ignored: list[Note] = Field(default_factory=list)  # read and not simulated
    questions: list[Note] = Field(default_factory=list)  # what the user's file leaves open

    def playing(self, role: Role) -> list[str]:
        """Names of the services of a role, in file order."""
        return list(self.by_role.get(ROLE_NAMES.get(role, role), ()))

    @cached_property
    def by_role(self) -> dict[str, list[str]]:
        """As `playing`, of each role that somebody plays."""
        roles: dict[str, list[str]] = {}
        for name, service in self.services.items():
            roles.setdefault(service.role, []).append(name)
        return roles

    @property
    def place(self) -> str:
        """The file that it was read from, for messages; of ours, whose source is a sentence, the
        name."""
        return self.name if " " in self.source else self.source or self.name

    @cached_property
    def answering(self) -> dict[str, list[str]]:
        """The endpoints of each service that answers requests, by its name."""
        return {name: self.services[name].asked_by_name for name in self.playing("http")}

    @cached_property
    def entry(self) -> str:
        """The service that users call, the first of several; "" if none answers."""
        return entry_of(self.answering, self.mix)

    @cached_property
    def ways(self) -> tuple[WayIn, ...]:
        """In which ways users ask; () where all ask the entry alike."""
        return ways_in(self.answering, self.mix)

    @cached_property
    def doors(self) -> list[str]:
        """The services that users ask, the entry first."""
        return list(dict.fromkeys([self.entry, *(way.service for way in self.ways)]))

    def calls(self, service: str) -> list[str]:
        """Whom a service asks, each once, in the order of its steps."""
        steps = self.services[service].every_step
        return list(dict.fromkeys(step.call for step in steps if step.call is not None))

    def asked(self) -> list[str]:
        """Services that somebody asks: the entry, then others that are called, in file order."""
        called = {other for name in self.services for other in self.calls(name)}.union(self.doors)
        return [self.entry, *(n for n in self.services if n in called and n != self.entry)]

    def managed(self) -> dict[str, Rented]:
        """What a provider runs, in file order."""
        return {
            name: rented(service.managed, self.engine_of(name).rented)
            for name, service in self.services.items()
            if service.managed is not None
        }

    def number(self, service: str) -> int:
        """Of a service that is asked, a database, a queue, a cache: its place among those."""
        role = self.services[service].role
        fellows = self.playing(role) if role in ALONE else self.asked()
        return fellows.index(service)

    def pools(self, service: str) -> dict[str, DatabasePool]:
        """Its connections to each database that it queries."""
        own, database = self.services[service], self.services[service].database
        queried = dict.fromkeys(step.query for step in own.every_step if step.query is not None)
        pools = {name: own.pools.get(name, DatabasePool()) for name in queried}
        if own.steps is not None or database is None:
            return pools
        pool = DatabasePool(
            size=database.pool,
            at_start=database.at_start,
            checkout_timeout=database.checkout_timeout,
            silence=database.silence,
        )
        return pools | dict.fromkeys(self.playing("postgres")[:1], pool)

    def replicas(self, database: str) -> list[str]:
        """The databases that follow it, in file order."""
        followers = ((name, service.follows) for name, service in self.services.items())
        return [name for name, copy in followers if copy and copy.primary == database]

    def copies(self, database: str) -> list[str]:
        """The other databases that have the same rows: its primary, and those that follow it."""
        own = self.services[database].follows
        primary = own.primary if own is not None else database
        return [name for name in (primary, *self.replicas(primary)) if name != database]

    def queue_of(self, worker: str) -> str:
        """The queue from which it takes its jobs; "" if there is none."""
        return self.services[worker].job.queue or next(iter(self.playing("redis")), "")

    def engine_of(self, store: str) -> Engine:
        """The program that plays a database or a queue."""
        service = self.services[store]
        return service.program or ENGINES[service.role]

    @property
    def full_error(self) -> str:
        """How its databases say that no connection is left."""
        said = (self.engine_of(database).full for database in self.playing("postgres"))
        return " or ".join(dict.fromkeys(said))

    def job_of(self, worker: str) -> JobWork:
        """How it deals with its queue; what its file leaves open is as that queue's engine says.
        Where that hears of no failure, a job's tries are how often it is received."""
        own, queue = self.services[worker].job, self.queue_of(worker)
        jobs, told = self.engine_of(queue).jobs if queue else {}, own.model_fields_set
        unset = jobs.keys() - told
        heard = not queue or self.engine_of(queue).machine
        if not heard and "max_stalled" in unset and ("attempts" in told or not own.dead_letters):
            most = own.attempts - 1 if "attempts" in told else int(bounds.COUNT.most)
            own, unset = own.model_copy(update={"max_stalled": most}), unset - {"max_stalled"}
        return own.model_copy(update={name: jobs[name].value for name in unset})

    def workers_of(self, queue: str) -> list[str]:
        """Who takes from a queue, in file order."""
        return [name for name in self.playing("worker") if self.queue_of(name) == queue]

    def clients(self, database: str) -> list[str]:
        """Services with connections to a database, in file order."""
        return [name for name in self.services if database in self.pools(name)]


Stack.model_rebuild()
