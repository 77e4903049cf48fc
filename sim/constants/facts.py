"""Constants that stand for a real system's behaviour, each with its source.

A module that needs one defines it at module level, `HPA_SYNC = Fact("hpa.sync_period", 15.0, "s",
"the HPA looks once per period", "kubernetes/kubernetes pkg/controller/podautoscaler")`, and makes
it the default of a field: `sync_s: float = constant(HPA_SYNC)`. So `--set` changes it, and
`sim explain` finds both the fact and its path: there is no registry to keep. What nobody can change
says why (`fixed`). The facts below are the defaults of the records in `sim/schema`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pydantic import BaseModel, Field

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One constant: dotted `name`, `value` in `unit`, what it `says`, and where that is written.

    `fixed`: why no setting changes it; empty for the default of some record's field."""

    name: str
    value: T
    unit: str
    says: str
    source: str
    fixed: str = ""

    @property
    def written(self) -> Any:
        """The value as a file or `--set` writes it: with a unit where one is needed."""
        return f"{self.value:g}s" if self.unit == "s" else self.value


class Setting(NamedTuple):
    """Where a constant stands: the `--set` path that changes it (empty: none does), the value that
    holds there, and an assignment that has to come before."""

    fact: Fact[Any]
    path: str = ""
    value: Any = None
    first: str = ""


class Held(NamedTuple):
    """A constant as it holds in a study: its value there, and the paths of all places where it has
    this value (none: nobody can change it)."""

    fact: Fact[Any]
    value: Any
    paths: tuple[str, ...] = ()


def constant(fact: Fact[T], above_zero: bool = False) -> T:
    """The default of a dataclass' field; the field remembers the fact. `above_zero`: a period, or
    something that is divided by."""
    known = {"fact": fact, "above_zero": above_zero}
    return dataclasses.field(default=fact.value, metadata=known)


def default(fact: Fact[T]) -> T:
    """The same for a pydantic record."""
    return cast(T, _remembering(fact.value, fact))


def unless_set(fact: Fact[T]) -> T | None:
    """The same for a field that is empty by default: then the fact holds."""
    return cast("T | None", _remembering(None, fact))


def _remembering(value: object, fact: Fact[Any]) -> Any:
    return Field(default=value, json_schema_extra=cast(Any, {"fact": fact}))


def fact_of(record: type, field: str) -> Fact[Any] | None:
    """The fact behind a field of a record; None if its value is nobody's constant."""
    if issubclass(record, BaseModel):
        extra = record.model_fields[field].json_schema_extra
        return cast(dict[str, Any], extra).get("fact") if isinstance(extra, dict) else None
    found: Fact[Any] | None = record.__dataclass_fields__[field].metadata.get("fact")  # type: ignore[attr-defined]
    return found


def must_be_above_zero(record: type, field: str) -> bool:
    """May this field of a dataclass not be 0?"""
    fields = getattr(record, "__dataclass_fields__", {})
    return field in fields and bool(fields[field].metadata.get("above_zero"))


def facts_of(module: ModuleType) -> list[Fact[Any]]:
    """All facts that a module defines or imports at module level, in the order of their lines."""
    return [value for value in vars(module).values() if isinstance(value, Fact)]


# --- defaults of the stack's fields ---------------------------------------------------------------

_PG = "PostgreSQL 15 and 16, measured"
_REDIS = "Redis 7.0, measured"
_PROBE = "kubernetes/api core/v1 types.go Probe @10b39a39 (0.37 beta); SetDefaults_Probe"
_DOCKER = "moby/moby daemon/health.go @b985e231"
_BOUNCER = "PgBouncer's documentation, config"

MAX_CONNECTIONS = Fact("postgres.max_connections", 100, "slots", "the server's default", _PG)
_ENGINE = "a stack says its own: stack.services.postgres.max_connections"
MYSQL_MAX_CONNECTIONS = Fact(
    "mysql.max_connections", 151, "slots", "the default, one more for an admin",
    "dev.mysql.com 8.4 refman server-system-variables; mariadb.com/kb server-system-variables",
    _ENGINE,
)  # fmt: skip
MONGODB_MAX_CONNECTIONS = Fact(
    "mongodb.max_connections", 65536, "slots", "net.maxIncomingConnections",
    "mongodb.com/docs/manual reference/configuration-options, 7.0", _ENGINE,
)  # fmt: skip
SQLSERVER_MAX_CONNECTIONS = Fact(
    "sqlserver.max_connections", 32767, "slots", "user connections: 0 means so many",
    "learn.microsoft.com sql: Server configuration: user connections", _ENGINE,
)  # fmt: skip
_IMPORTED = "an imported stack says it at each call: its timeout, its connect_timeout"
_CONNECTS = "a stack says its own: stack.services.postgres.connect"
MYSQL_CONNECT = Fact(
    "mysql.connect", 0.001, "s", "opening a connection: a thread, no process",
    "chosen, between 0.3 and 3 ms; prayagupa/rdb db/mysql README: a request costs 1 ms more with a "
    "connection of its own", _CONNECTS,
)  # fmt: skip
MONGODB_CONNECT = Fact(
    "mongodb.connect", 0.002, "s", "opening a connection: a thread, and a SCRAM handshake",
    "chosen, between 1 and 10 ms", _CONNECTS,
)  # fmt: skip
SQLSERVER_CONNECT = Fact(
    "sqlserver.connect", 0.002, "s", "opening a connection: a worker thread, and a login",
    "chosen, between 1 and 10 ms", _CONNECTS,
)  # fmt: skip
_NO_LIMIT = (
    "clients that set no limit: Go net/http Client.Timeout, Python requests (quickstart, "
    "Timeouts), axios (README, timeout), gRPC (guides, deadlines)"
)
CALL_TIMEOUT = Fact(
    "call.timeout", 924.6, "s", "a call without a time-out: until TCP gives up a silent peer",
    f"Linux ip-sysctl, tcp_retries2 15; {_NO_LIMIT}", _IMPORTED,
)  # fmt: skip
CALL_CONNECT = Fact(
    "call.connect_timeout", 127.0, "s", "... until TCP gives up one that never answered",
    f"Linux man 7 tcp, tcp_syn_retries 6; {_NO_LIMIT}", _IMPORTED,
)  # fmt: skip
# how long who calls waits who sets nothing, by the client of his language; the others wait as
# long as TCP (sim/imports/compose/clients.py names them)
GO_CONNECT = Fact(
    "client.go.connect_timeout", 30.0, "s", "the dialer of DefaultTransport; no time-out besides",
    "golang/go src/net/http/transport.go @a925402b; client.go: zero means none", _IMPORTED,
)  # fmt: skip
DOTNET_TIMEOUT = Fact(
    "client.dotnet.timeout", 100.0, "s", "HttpClient.Timeout, of the whole answer",
    "dotnet/runtime System/Net/Http/HttpClient.cs @f3ebd6a0, s_defaultTimeout", _IMPORTED,
)  # fmt: skip
RUBY_TIMEOUT = Fact(
    "client.ruby.timeout", 60.0, "s", "Net::HTTP read_timeout, of a silence",
    "ruby/net-http lib/net/http.rb @28a4bf92", _IMPORTED,
)  # fmt: skip
RUBY_CONNECT = Fact(
    "client.ruby.connect_timeout", 60.0, "s", "Net::HTTP open_timeout",
    "ruby/net-http lib/net/http.rb @28a4bf92", _IMPORTED,
)  # fmt: skip
PHP_TIMEOUT = Fact(
    "client.php.timeout", 60.0, "s", "default_socket_timeout of streams, to connect and of a "
    "silence; cURL has none",
    "php.net manual, filesystem configuration, PHP 8", _IMPORTED,
)  # fmt: skip
GRPC_CONNECT = Fact(
    "client.grpc.connect_timeout", 20.0, "s", "MIN_CONNECT_TIMEOUT; calls have no deadline unless "
    "one is set",
    "grpc/grpc doc/connection-backoff.md; grpc/grpc-go clientconn.go minConnectTimeout", _IMPORTED,
)  # fmt: skip
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
RETRANSMISSION = Fact(
    "tcp.retries2", 924.6, "s", "an open connection whose other host says nothing is given up",
    "Linux ip-sysctl: tcp_retries2 15, its hypothetical time-out at the least RTO",
    fixed="the kernel's own; `connection_silence` of who asks, `silence` of a pool say what holds "
    "instead",
)  # fmt: skip
POOLER_SIZE = Fact("pgbouncer.default_pool_size", 20, "connections", "to the server", _BOUNCER)
POOLER_WAIT = Fact(
    "pgbouncer.query_wait_timeout", 120.0, "s", "a client waits for a connection", _BOUNCER
)
POOLER_LOGIN = Fact(
    "pgbouncer.login", 0.0035, "s", "of its one core: a client's login, with its first query",
    "PgBouncer 1.18, measured: 200 at once take 0.70 s",
)  # fmt: skip
POOLER_TRANSACTION = Fact(
    "pgbouncer.transaction", 2e-5, "s", "of its one core: 45 to 60 thousand transactions a second",
    "benchmarks of one process that several people published; not measured by us",
)  # fmt: skip
FAILOVER_TTL = Fact(
    "failover.ttl", 30.0, "s", "a primary that has not been heard of for so long is given up",
    "patroni.readthedocs.io dynamic configuration: ttl; Patroni 3.0.2, measured",
)  # fmt: skip
FAILOVER_LOOP = Fact(
    "failover.loop_wait", 10.0, "s", "each looks, and the primary says that it lives, so often",
    "patroni.readthedocs.io dynamic configuration: loop_wait; Patroni 3.0.2, measured",
)  # fmt: skip
FAILOVER_RETRY = Fact(
    "failover.retry_timeout", 10.0, "s", "a primary that cannot renew its key tries so long, "
    "then steps down",
    "patroni.readthedocs.io dynamic configuration: retry_timeout; patroni 3.0 ha.py, "
    "_handle_dcs_error",
)  # fmt: skip
SENTINEL_QUORUM = Fact(
    "failover.quorum", 2, "Sentinels", "so many of three must miss a primary to promote another",
    "redis.io/docs, High availability with Redis Sentinel, examples 2 and 3: three boxes, quorum 2",
)  # fmt: skip
SENTINEL_TIMEOUT = Fact(
    "failover.timeout", 180.0, "s", "a failover that fails is tried again after twice as long",
    "redis 7.4 src/sentinel.c: sentinel_default_failover_timeout, sentinelStartFailoverIfNeeded",
)  # fmt: skip
MIN_REPLICAS = Fact(
    "redis.min_replicas_to_write", 0, "replicas", "with fewer a primary takes no writes",
    "redis 7.4 redis.conf: min-replicas-to-write, which is off",
)  # fmt: skip
MIN_REPLICAS_LAG = Fact(
    "redis.min_replicas_max_lag", 10.0, "s", "... that have acknowledged within so long",
    "redis 7.4 redis.conf: min-replicas-max-lag",
)  # fmt: skip
FAILOVER_FAILS = Fact(
    "failover.fails", 0.02, "ratio", "of failovers do not end with a primary",
    "chosen, between 0 and 0.1: post-mortems tell of them, nobody counts those that went well",
)  # fmt: skip
KEEP_ALIVE_CLOSING = Fact(
    "service.keep_alive_closing", 0.002, "s",
    "from when it closes an idle connection until its proxy has heard, and what its timer is late",
    "chosen, between 0.2 and 20 ms: a round trip within a zone (0.4 ms, pings of 2014) and a tick "
    "of an event loop (Node's timers: 1 ms); a busy loop is later",
)  # fmt: skip
POOL = Fact("database.pool", 10, "connections", "of one process at most", "node-postgres Pool, max")
CHECKOUT_TIMEOUT = Fact(
    "database.checkout_timeout", 30.0, "s", "a request waits for a connection of its pool",
    "SQLAlchemy QueuePool, timeout",
)  # fmt: skip
REDELIVERY = Fact(
    "job.redelivery", 30.0, "s", "a taken job whose worker is silent is given out again", "chosen"
)
REDELIVERY_LOOK = Fact(
    "job.redelivery_look", 0.0, "s", "between two looks for overdue jobs; 0: none, as with SQS",
    "docs.aws.amazon.com SQS visibility timeout; Celery 5.7 on Redis looks each 100 s "
    "(kombu transport/redis.py QoS.restore_visible: one in ten calls, 10 s apart), measured",
)  # fmt: skip
MAX_STALLED = Fact(
    "job.max_stalled", 1, "times", "a job whose worker is silent is given out again so often",
    "OptimalBits/bull and taskforcesh/bullmq: maxStalledCount; moveStalledJobsToWait",
)  # fmt: skip
_QUEUE = "a stack says its own: stack.services.worker.job."
RABBITMQ_SILENCE = Fact(
    "rabbitmq.silence", 120.0, "s", "two heartbeats missed: its connection is closed",
    "rabbitmq.com docs heartbeats, 4.2: 60 s, unreachable after two missed; measured on 3.10: "
    "some two and a half heartbeats", _QUEUE + "redelivery",
)  # fmt: skip
RABBITMQ_LOOK = Fact(
    "rabbitmq.look", 60.0, "s", "between two looks for heartbeats, and for acknowledgements",
    "rabbitmq.com docs heartbeats and consumers (delivery acknowledgement timeout: evaluated at "
    "one minute intervals), 4.2", _QUEUE + "redelivery_look",
)  # fmt: skip
RABBITMQ_ACKNOWLEDGE = Fact(
    "rabbitmq.acknowledge", 1800.0, "s", "consumer_timeout: then the channel is closed",
    "rabbitmq.com docs consumers, 3.8.17 to 4.2 (15 min in 3.8.15; from 4.3 of quorum queues only)",
    _QUEUE + "acknowledge",
)  # fmt: skip
RABBITMQ_DELIVERIES = Fact(
    "rabbitmq.deliveries", 10**6, "times", "a classic queue gives a job out again without limit",
    "rabbitmq.com docs quorum-queues, 4.2: a delivery limit (20) is theirs alone",
    _QUEUE + "max_stalled",
)  # fmt: skip
_SQS = "docs.aws.amazon.com SQS developer guide (2026): "
SQS_DELIVERY = Fact(
    "sqs.delivery", "reliable", "", "a message is there until its consumer deletes it",
    _SQS + "basic architecture, message lifecycle", _QUEUE + "delivery",
)  # fmt: skip
SQS_FROM = Fact(
    "sqs.redelivery_from", "delivery", "", "the visibility time-out begins when it is received",
    _SQS + "visibility timeout", _QUEUE + "redelivery_from",
)  # fmt: skip
SQS_VISIBILITY = Fact(
    "sqs.visibility", 30.0, "s", "then who has not deleted a message has it no more",
    _SQS + "visibility timeout: default 30 seconds", _QUEUE + "redelivery",
)  # fmt: skip
SQS_LATE = Fact(
    "sqs.late_acknowledgement", "deletes", "", "until it is received again, its last receipt holds",
    "docs.aws.amazon.com SQS API, DeleteMessage: the most recently received ReceiptHandle. Of Bull "
    "(moveToFinished: no lock), Celery on Redis (kombu QoS.ack: what was restored stays) and AMQP "
    "(its channel has ended) a late one is ignored", _QUEUE + "late_acknowledgement",
)  # fmt: skip
SQS_RECEIVES = Fact(
    "sqs.receives", 9, "times", "received once more often (maxReceiveCount) it is a dead letter",
    "chosen: a maxReceiveCount of 10, between 3 and 1000; only with a dead-letter queue",
    _QUEUE + "max_stalled",
)  # fmt: skip
CELERY_PREFETCH = Fact(
    "celery.prefetch", 4, "jobs", "delivered and not acknowledged, for each that is done at once",
    "docs.celeryq.dev 5.5 configuration: worker_prefetch_multiplier; RabbitMQ's own default is "
    "without limit (docs consumer-prefetch)", _QUEUE + "prefetch",
)  # fmt: skip
CPU_TARGET = Fact(
    "scaling.cpu", 0.7, "ratio", "target utilisation, where a stack scales without one", "chosen"
)
_HPA = "kubernetes/kubernetes pkg/apis/autoscaling/v2/defaults.go"
HPA_UP_WINDOW = Fact("hpa.up_window", 0.0, "s", "with `behavior`: no wait before growing", _HPA)
IMAGE_SIZE = Fact(
    "image.size", 200 * 1024**2, "bytes", "of a service, where none is said", "chosen"
)
JOB_SIZE = Fact("redis.job_size", 1054, "bytes", "a job of 1000 bytes in a list", _REDIS)
REDIS_EMPTY = Fact(
    "redis.empty_size", 960_000, "bytes", "used_memory of an empty server: maxmemory counts it",
    _REDIS,
)  # fmt: skip
CACHE_KEYS = Fact("cache.keys", 10_000, "keys", "that are asked for, where none is said", "chosen")
CACHE_KEPT = Fact(
    "cache.kept", 0.8, "share", "of what an imported service asks a cache for can be kept at all",
    "chosen: 50 to 95 %", _IMPORTED,
)  # fmt: skip
CACHE_SKEW = Fact(
    "cache.skew", 0.99, "exponent", "the n-th most popular key is asked for as n ** -skew",
    "YCSB 0.17 core ZipfianGenerator.ZIPFIAN_CONSTANT",
)  # fmt: skip
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
STOP_GRACE = Fact(
    "docker.stop_grace", 10.0, "s", "SIGTERM, this wait, then SIGKILL",
    "moby daemon/config/config_linux.go @b985e231; compose-spec 05-services.md @170098ba",
)  # fmt: skip
OOM_SCORE_ADJ = Fact(
    "docker.oom_score_adj", 0, "points", "of a container, unless it says otherwise",
    "docker run reference; a kubelet writes its own by QoS class",
)  # fmt: skip
NGINX_CONNECT = Fact(
    "nginx.proxy_connect_timeout", 60.0, "s", "a vanished host costs so long a try",
    "nginx/nginx @3f6f7824 src/http/modules/ngx_http_proxy_module.c, ngx_http_upstream.c",
)  # fmt: skip
LEAK_TICK = Fact("fault.leak_tick", 1.0, "s", "a leak grows in steps of this", "chosen")

_EBS = "aws.amazon.com/ebs/pricing, us-east-1, as quoted in June 2026"
VOLUME_SIZE = Fact("price.volume_size", 20 * 1024**3, "bytes", "of each volume", "chosen")
VOLUME_MONTH = Fact("price.volume_month", 0.08, "USD", "a GiB of a gp3 volume in a month", _EBS)
_RDS = "infratally.com, AWS RDS pricing explained (2026), us-east-1, Single-AZ, on demand"
_RENT = "managed.price_per_hour says another"
RDS_MICRO = Fact("price.db_t4g_micro", 0.016, "USD", "an hour of a db.t4g.micro", _RDS, _RENT)
RDS_SMALL = Fact("price.db_t4g_small", 0.032, "USD", "an hour of a db.t4g.small", _RDS, _RENT)
RDS_MEDIUM = Fact("price.db_t4g_medium", 0.065, "USD", "an hour of a db.t4g.medium", _RDS, _RENT)
_CACHE = "chosen: an hour of the db.t4g of this size, to be read again at elasticache/pricing"
CACHE_MICRO = Fact(
    "price.cache_t4g_micro", 0.016, "USD", "an hour of a cache.t4g.micro", _CACHE, _RENT
)
CACHE_SMALL = Fact(
    "price.cache_t4g_small", 0.032, "USD", "an hour of a cache.t4g.small", _CACHE, _RENT
)
CACHE_MEDIUM = Fact(
    "price.cache_t4g_medium", 0.065, "USD", "an hour of a cache.t4g.medium", _CACHE, _RENT
)
BROKER = Fact(
    "price.mq_m5_large", 0.288, "USD", "an hour of an mq.m5.large",
    "chosen: three times an m5.large of EC2, to be read again at amazon-mq/pricing", _RENT,
)  # fmt: skip
SQS_IDLE = Fact(
    "price.sqs", 0.0, "USD", "an hour of a queue that nobody asks",
    "aws.amazon.com/sqs/pricing: by requests alone", _RENT,
)  # fmt: skip
SQS_REQUEST = Fact(
    "price.sqs_request", 0.4e-6, "USD", "a request to a standard queue, up to 64 KiB",
    "aws.amazon.com/sqs/pricing, us-east-1: 0.40 a million; the first million a month is free",
)  # fmt: skip
MANAGED_MONTH = Fact(
    "price.managed_month", 0.115, "USD", "a GiB of a managed database's gp3 in a month",
    "usage.ai, RDS pricing calculator (June 2026), us-east-1",
)  # fmt: skip
WORK_HOUR = Fact(
    "price.work_hour", 50.0, "USD", "an hour of whoever runs it, with all that an employer pays",
    "chosen: 30 to 150 by country and kind of contract",
)  # fmt: skip

# --- people ---------------------------------------------------------------------------------------

_CHOSEN = "chosen: no source gives it; monitoring set-ups and people differ"

ALARM_LOOK = Fact("monitoring.look", 10.0, "s", "monitoring looks at users' success", _CHOSEN)
ALARM_WINDOW = Fact("monitoring.window", 60.0, "s", "the time over which it counts", _CHOSEN)
ALARM_CONFIRM = Fact("monitoring.confirm", 30.0, "s", "bad until now, or nobody is paged", _CHOSEN)
ALARM_SHARE = Fact("monitoring.alarm_share", 0.05, "ratio", "of failures that alarms", _CHOSEN)
ALARM_FAILED = Fact("monitoring.alarm_failed", 3, "requests", "fewer never alarm", _CHOSEN)
ALARM_JOBS = Fact("monitoring.alarm_jobs", 200, "jobs", "waiting for a whole window", _CHOSEN)
RECHECK = Fact("operator.recheck", 10.0, "s", "she looks again in an open incident", _CHOSEN)
IDLE_LOOK = Fact(
    "operator.idle_look", 300.0, "s", "she looks again when nothing was left to do", _CHOSEN
)
PATIENCE = Fact(
    "operator.patience", 3, "windows", "she waits so long for users to be served, then looks again",
    _CHOSEN,
)  # fmt: skip
SSH_RETRY = Fact("operator.ssh_retry", 10.0, "s", "SSH is tried again", _CHOSEN)
BACKUP_EVERY = Fact(
    "backup.every", 86_400.0, "s", "a database is copied elsewhere",
    "GitLab.com, post-mortem of 31 January 2017: snapshots and dumps once in 24 hours (a snapshot "
    "made by chance, six hours old, was restored); daily is what providers offer first",
)  # fmt: skip
RESTORE = Fact(
    "backup.restore", 7200.0, "s", "mean time to find the newest backup, load it and look at it",
    "chosen, for a small shop's; GitLab.com 2017: from 23:27 to 18:14 the next day",
)  # fmt: skip
RESTORE_CV = Fact("backup.restore_cv", 0.5, "ratio", "deviation / mean of that time", "chosen")
BLAMES = Fact(
    "operator.blames", 3600.0, "s", "a deploy within this time is under suspicion",
    "chosen, between a quarter of an hour and a day: on-call guides ask first what changed last",
)  # fmt: skip
MISLED = Fact(
    "operator.misled", 0.2, "ratio", "of causes that must be inferred are guessed wrong at first",
    "chosen, between 0.1 and 0.5: no source counts wrong guesses; post-mortems often tell of one",
)  # fmt: skip
WRITES_OFF = Fact(
    "operator.writes_off", 300.0, "s", "a silent server that holds back a disk is written off",
    "chosen, between 2 and 15 min; kubernetes.io/docs node-shutdown: after making sure it is off",
)  # fmt: skip
HOT = Fact(
    "operator.hot", 0.85, "ratio", "of the CPU that a process or a server can give: it is full",
    "chosen, between 0.7, the autoscalers' target, and 1",
    fixed="what people call full: she acts on a picture, not on a number",
)  # fmt: skip
GIVES_UP = Fact(
    "operator.gives_up", 900.0, "s", "a server that stays away so long is replaced", _CHOSEN
)
DEPLOY_WATCH = Fact(
    "operator.deploy_watch", 300.0, "s", "who deploys watches the new version so long", _CHOSEN
)
LEAKS = Fact(
    "operator.leaks", 3.0, "x", "a new version that has grown so much is to blame for an OOM kill",
    _CHOSEN,
)  # fmt: skip
REPLACED_OFTEN = Fact(
    "operator.replaced_often", 2, "exits", "of a new version make it a bad one", _CHOSEN
)
FAILING_SHARE = Fact(
    "operator.failing_share", 0.1, "ratio", "of errors in what a new version served: it is bad",
    _CHOSEN,
)  # fmt: skip
DRAIN_LOOK = Fact(
    "operator.drain_look", 1.0, "s", "she, or kubectl, looks whether a drained server is empty",
    "kubernetes/kubectl pkg/drain/drain.go waitForDelete, poll interval 1 s",
)  # fmt: skip
CONFIRM_LOOK = Fact(
    "operator.confirm_look", 10.0, "s", "she looks again whether all have a new password", _CHOSEN
)
ROTATION_WATCH = Fact(
    "operator.rotation_watch", 900.0, "s", "she watches a rotation for so long at most", _CHOSEN
)
