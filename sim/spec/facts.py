"""Constants that stand for a real system's behaviour, each with its source.

A module that needs one defines it at module level, `HPA_SYNC = Fact("hpa.sync_period", 15.0, "s",
"the HPA looks once per period", "kubernetes/kubernetes pkg/controller/podautoscaler")`, and uses
`HPA_SYNC.value`. `facts_of(module)` finds them, so there is no registry to keep. The facts below
are the defaults of `sim/spec/stack.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One constant: dotted `name`, `value` in `unit`, what it `says`, and where that is written."""

    name: str
    value: T
    unit: str
    says: str
    source: str


def facts_of(module: ModuleType) -> list[Fact[Any]]:
    """All facts that a module defines or imports at module level, in the order of their lines."""
    return [value for value in vars(module).values() if isinstance(value, Fact)]


# --- defaults of the stack's fields ---------------------------------------------------------------

_PG = "PostgreSQL 15 and 16, measured"
_REDIS = "Redis 7.0, measured"
_PROBE = "kubernetes/api core/v1 types.go Probe; SetDefaults_Probe"
_DOCKER = "moby/moby daemon/health.go"
_BOUNCER = "PgBouncer's documentation, config"

MAX_CONNECTIONS = Fact("postgres.max_connections", 100, "slots", "the server's default", _PG)
SUPERUSER_RESERVED = Fact(
    "postgres.superuser_reserved_connections", 3, "slots", "so ordinary users have 97", _PG
)
RESERVED = Fact("postgres.reserved_connections", 0, "slots", "a second reserve, since 16", _PG)
CONNECT = Fact("postgres.connect", 0.0038, "s", "opening a connection (2.3 to 7.1 ms)", _PG)
COST_GROWTH = Fact(
    "postgres.cost_growth", 0.12, "ratio", "more CPU per query at 90 active ones than at 1", _PG
)
KEEPALIVE = Fact(
    "tcp.keepalive", 7875.0, "s", "a vanished host's connections stay: 7200 s + 9 x 75 s",
    "Linux ip-sysctl: tcp_keepalive_time, _probes, _intvl",
)  # fmt: skip
POOLER_SIZE = Fact("pgbouncer.default_pool_size", 20, "connections", "to the server", _BOUNCER)
POOLER_WAIT = Fact(
    "pgbouncer.query_wait_timeout", 120.0, "s", "a client waits for a connection", _BOUNCER
)
JOB_SIZE = Fact("redis.job_size", 1054, "bytes", "a job of 1000 bytes in a list", _REDIS)
BACKLOG = Fact("node.backlog", 511, "connections", "listen() without a number", "Node.js net")
SHARES = Fact("docker.cpu_shares", 1024, "shares", "a container's weight", "docker run reference")
PROBE_PERIOD = Fact("probe.period", 10.0, "s", "between two probes", _PROBE)
PROBE_TIMEOUT = Fact("probe.timeout", 1.0, "s", "an answer later than this is a failure", _PROBE)
PROBE_SUCCESS = Fact("probe.success", 1, "results", "in a row, to pass", _PROBE)
PROBE_FAILURE = Fact("probe.failure", 3, "results", "in a row, to fail", _PROBE)
HEALTH_INTERVAL = Fact("healthcheck.interval", 30.0, "s", "also before the first", _DOCKER)
HEALTH_TIMEOUT = Fact("healthcheck.timeout", 30.0, "s", "per check", _DOCKER)
HEALTH_RETRIES = Fact("healthcheck.retries", 3, "failures", "in a row: unhealthy", _DOCKER)
DOCKER_TTL = Fact(
    "docker.dns_ttl", 600.0, "s", "an answer of Docker's DNS may be kept so long",
    "moby/moby @b985e231 daemon/libnetwork/resolver.go respTTL",
)  # fmt: skip
