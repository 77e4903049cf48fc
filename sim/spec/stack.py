"""A stack: the services of a platform, what they demand, and the machines they run on.

Data, written by people (`sim/stacks/*.yaml`) or read from a Compose file. Units as people write
them (`250ms`, `512Mi`, `500m`); fields below hold seconds, bytes and cores. A value per platform
goes under `on:` (a patch of the stack), so that both platforms otherwise run the same services.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sim.spec import facts
from sim.spec.fields import (
    Amount,
    Bytes,
    Cores,
    Count,
    Duration,
    Fraction,
    LawSpec,
    Money,
    Name,
    Port,
    Positive,
    Priority,
    Ratio,
    Record,
    Span,
)

Role = Literal["http", "worker", "postgres", "redis", "proxy", "other"]


class Cpu(Record):
    demand: LawSpec = LawSpec()  # core seconds per request or job
    limit: Cores | None = None  # CFS quota
    request: Cores | None = None  # what the scheduler reserves, what the HPA divides by
    threads: Positive | None = None  # cores the process can use at all (Node: 1)
    shares: Positive = facts.SHARES.value


class Memory(Record):
    base: Bytes = 0
    per_request: Bytes = 0
    limit: Bytes | None = None
    request: Bytes | None = None


class DatabaseClient(Record):
    demand: LawSpec = LawSpec()  # database core seconds per request or job
    pool: Count = 10
    at_start: Count = 0  # connections opened before listening, all or nothing (eager = pool)
    checkout_timeout: Duration = 30.0


class JobPush(Record):
    share: Fraction = 0.0  # of requests
    timeout: Duration = 2.0


class JobWork(Record):
    delivery: Literal["plain", "reliable"] = "plain"
    redelivery: Duration = 30.0
    attempts: Positive = 1
    backoff: Duration = 2.0
    poison: Fraction = 0.0


class Probe(Record):
    """A Kubernetes probe; defaults are upstream's (kubernetes.md, section 1)."""

    period: Span = facts.PROBE_PERIOD.value
    timeout: Span = facts.PROBE_TIMEOUT.value
    success: Positive = facts.PROBE_SUCCESS.value
    failure: Positive = facts.PROBE_FAILURE.value
    initial_delay: Duration = 0.0
    deep: bool = False  # the probe queries the database


class Probes(Record):
    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None


class Healthcheck(Record):
    """Docker's HEALTHCHECK; it labels, and does nothing else (orchestrators.md 1.4)."""

    interval: Span = facts.HEALTH_INTERVAL.value
    timeout: Span = facts.HEALTH_TIMEOUT.value
    retries: Positive = facts.HEALTH_RETRIES.value
    start_period: Duration = 0.0
    deep: bool = False


class Stop(Record):
    """How the process answers SIGTERM."""

    drains: bool = True  # finishes what runs, then exits 0; else it dies at once (exit 143)
    ignores: bool = False  # no handler as PID 1: SIGTERM does nothing until SIGKILL
    grace: Duration | None = None  # stop_grace_period / terminationGracePeriodSeconds
    pre_stop: Duration = 0.0  # preStop sleep (Kubernetes)


class Lookup(Record):
    """How a proxy finds the containers behind a name in Docker's DNS."""

    once: bool = True  # when it starts and when it is reloaded, as nginx does; else after each
    ttl: Span = facts.DOCKER_TTL.value  # ... of the answer, or the proxy's own `valid=`


class Scaling(Record):
    """What the service asks of a horizontal autoscaler."""

    min: Count = 1  # 0: only KEDA goes there and back; the HPA's own minimum is 1
    max: Positive = 10
    cpu: Ratio = 0.7  # target utilisation of the CPU request
    queue: Positive | None = None  # jobs per replica (KEDA redis-lists)


class Disruption(Record):
    """A PodDisruptionBudget: how many replicas a drain may take away. One of the two bounds."""

    min_available: Amount | None = None
    max_unavailable: Amount | None = None
    unhealthy: Literal["if_healthy_budget", "always_allow"] = "if_healthy_budget"


class Service(Record):
    role: Role
    port: Port | None = None  # published on the server's address
    replicas: Count = 1
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = "no"
    restart_attempts: Count | None = None  # on-failure:N
    concurrency: Positive = 1  # requests or jobs inside at once
    backlog: Count = facts.BACKLOG.value
    shed: bool = False
    cancel_abandoned: bool = False
    boot: LawSpec = LawSpec()  # process start to listening
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    database: DatabaseClient | None = None
    push: JobPush = JobPush()
    job: JobWork = JobWork()
    probes: Probes = Probes()
    healthcheck: Healthcheck | None = None
    stop: Stop = Stop()
    scaling: Scaling | None = None
    disruption: Disruption | None = None
    priority: Priority = 0  # the value of its PriorityClass; Kubernetes alone reads it
    preemption_policy: Literal["preempt_lower_priority", "never"] = "preempt_lower_priority"
    depends_on: list[Name] = []
    image_size: Bytes = 200 * 1024**2
    # role proxy; null: it hears of every change at once (Traefik reads Docker's events)
    lookup: Lookup | None = None
    # role postgres
    max_connections: Positive = facts.MAX_CONNECTIONS.value
    superuser_reserved_connections: Count = facts.SUPERUSER_RESERVED.value
    reserved_connections: Count = facts.RESERVED.value
    connect: Duration = facts.CONNECT.value
    cost_growth: Ratio = facts.COST_GROWTH.value  # from 1 to 90 active connections
    keepalive: Duration = facts.KEEPALIVE.value
    recovery: LawSpec = LawSpec()  # WAL replay after a crash, beside `boot`
    pooler: Pooler | None = None
    # role redis
    persistence: Literal["none", "rdb", "aof_everysec", "aof_always"] = "none"
    maxmemory: Bytes | None = None
    eviction: Literal["noeviction", "allkeys"] = "noeviction"
    job_size: Bytes = facts.JOB_SIZE.value


class Pooler(Record):
    """PgBouncer in transaction mode, beside the database."""

    size: Positive = facts.POOLER_SIZE.value
    max_clients: Positive = 1000
    wait: Duration = facts.POOLER_WAIT.value


class Machine(Record):
    """A server as rented."""

    cores: Cores = 4.0
    memory: Bytes = 8 * 1024**3
    boot: LawSpec = LawSpec()  # power-on to SSH, or to a Ready node
    price_per_hour: Money = 0.0


class Servers(Record):
    machine: Machine = Machine()
    count: Positive = 1
    reserved: Machine = Machine(cores=0.0, memory=0)  # taken by the system and agents


class Step(Record):
    """One step of a runbook: what the operator does and how long it takes."""

    do: str
    takes: LawSpec


class Night(Record):
    """What is different when the operator sleeps; a time of day is hours from midnight (`22h`)."""

    begins: Duration = 22 * 3600.0
    ends: Duration = 7 * 3600.0
    acknowledge: LawSpec = LawSpec()
    missed_page: Fraction = 0.0
    mistake: Fraction = 0.0


class Operator(Record):
    """The human. Distributions and their sources: `sim explain operator`."""

    monitoring: bool = True  # False: users complain, which takes `complaint`
    detect: LawSpec = LawSpec()  # fault seen by users -> page sent
    complaint: LawSpec = LawSpec()
    acknowledge: LawSpec = LawSpec()  # page -> a human looks
    missed_page: Fraction = 0.0  # silent phone, wrong setting: the fat tail
    missed_page_costs: LawSpec = LawSpec()
    login: LawSpec = LawSpec()  # SSH and find the right directory
    diagnose: LawSpec = LawSpec()
    command: LawSpec = LawSpec()  # type one command
    mistake: Fraction = 0.0  # per step; the step is done again, or leaves a flaw
    night: Night | None = None  # None: as by day
    runbooks: dict[Name, list[Step]] = {}


class Stack(Record):
    name: Name
    title: str = ""
    source: str = ""
    services: dict[Name, Service]
    servers: Servers = Servers()
    operator: Operator = Operator()
    on: dict[Name, dict[str, Any]] = {}  # patches per platform, checked when applied
    assumed: list[str] = Field(default_factory=list)  # said to the user
    ignored: list[str] = Field(default_factory=list)  # read and not simulated

    def playing(self, role: Role) -> list[str]:
        """Names of the services of a role, in file order."""
        return [name for name, service in self.services.items() if service.role == role]


Service.model_rebuild()
Stack.model_rebuild()
