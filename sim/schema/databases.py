"""What keeps data in a stack: a database, how it is asked, copied, followed by another one, pooled;
a queue that a provider runs; a cache."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from sim.constants import facts
from sim.constants.facts import Fact, default
from sim.schema import bounds
from sim.schema.fields import (
    Count,
    Duration,
    Fraction,
    LawSpec,
    Money,
    Name,
    Positive,
    Ratio,
    Record,
    Span,
    at_most,
)


class DatabaseClient(Record):
    demand: LawSpec = LawSpec()  # database core seconds per request or job
    pool: Count = default(facts.POOL)
    at_start: Count = 0  # connections opened before listening, all or nothing (eager = pool)
    checkout_timeout: Duration = default(facts.CHECKOUT_TIMEOUT)
    silence: Span | None = None  # as of a pool


class DatabasePool(Record):
    """Connections that a process keeps to one database."""

    size: Count = default(facts.POOL)  # 0: a connection for each query
    at_start: Count = 0  # as for `database`
    checkout_timeout: Duration = default(facts.CHECKOUT_TIMEOUT)
    # a query over a connection to a primary that is gone, which nobody has closed, fails after so
    # long (libpq's tcp_user_timeout, JDBC's socketTimeout); null: when TCP gives up
    silence: Span | None = None


class Backup(Record):
    """Of a database: how often it is copied elsewhere, and how long it takes to bring it back."""

    every: Span = default(facts.BACKUP_EVERY)
    restore: Duration = default(facts.RESTORE)  # mean; lognormal
    restore_cv: Ratio = default(facts.RESTORE_CV)


class Replica(Record):
    """A database, a queue or a cache (Redis) that has what another one has, a moment later:
    asynchronous replication."""

    primary: Name = "postgres"
    # how old what it has is when the primary dies: what is younger is lost with it; 0s: synchronous
    lag: LawSpec = LawSpec(law="lognormal", mean=0.1, cv=1.0)  # chosen: 10 ms to seconds


class Failover(Record):
    """Who notices that a primary is gone, and promotes a replica in its place."""

    by: Literal["patroni", "managed", "sentinel"] = "patroni"  # sentinel: of Redis, nobody else
    ttl: Span = default(facts.FAILOVER_TTL)  # Sentinel: down-after-milliseconds, 30000 too
    loop_wait: Span = default(facts.FAILOVER_LOOP)
    # Patroni: then a primary that cannot renew its key steps down. ttl >= loop_wait + 2 of these
    retry_timeout: Span = default(facts.FAILOVER_RETRY)
    # until connections reach the new primary: from the decision; of a managed one, from the failure
    # (null: as measured, as published: control/self_healing/failover.py)
    takes: LawSpec | None = None
    fails: Fraction = default(facts.FAILOVER_FAILS)  # of failovers; then a person has to do it
    # whoever leads clients to the primary closes what leads to one that is given up: HAProxy's
    # `on-marked-down shutdown-sessions`, as Patroni's haproxy.cfg has it. Without it, and behind a
    # name alone, what is open to a server that is gone stays open, and silent
    shutdown_sessions: bool = True
    # Patroni's, from 3.0 on: a primary that cannot renew its key goes on while all its replicas
    # answer it
    failsafe_mode: bool = False
    # Sentinel, of which three stand on the first servers, one after the other
    quorum: Annotated[Positive, at_most(bounds.SENTINELS)] = default(facts.SENTINEL_QUORUM)
    timeout: Span = default(facts.SENTINEL_TIMEOUT)


class Size(NamedTuple):
    """Of a managed database or queue: cores, bytes, an hour of one in one zone, and how many there
    are if the loss of a zone must not matter."""

    cores: float
    memory: int
    price: Fact[float]
    copies: int = 2


# aws.amazon.com/rds/instance-types: db.t4g; that they burst on credits is left out
SIZES = {
    "db.t4g.micro": Size(2.0, 1024**3, facts.RDS_MICRO),
    "db.t4g.small": Size(2.0, 2 * 1024**3, facts.RDS_SMALL),
    "db.t4g.medium": Size(2.0, 4 * 1024**3, facts.RDS_MEDIUM),
    # ElastiCache User Guide, supported node types; Amazon MQ: a cluster of RabbitMQ is of three
    "cache.t4g.micro": Size(2.0, 512 * 1024**2, facts.CACHE_MICRO),
    "cache.t4g.small": Size(2.0, 1403 * 1024**2, facts.CACHE_SMALL),
    "cache.t4g.medium": Size(2.0, 3164 * 1024**2, facts.CACHE_MEDIUM),
    "sqs": Size(1.0, 1024**3, facts.SQS_IDLE, 1),  # of which nobody can say how large it is
    "mq.m5.large": Size(2.0, 8 * 1024**3, facts.BROKER, 3),
}


SizeName = Literal[
    "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "cache.t4g.micro", "cache.t4g.small",
    "cache.t4g.medium", "mq.m5.large",
]  # fmt: skip


class Managed(Record):
    """A database or a queue that a provider runs, on no server of ours."""

    # null: db.t4g.small, of Redis cache.t4g.small, of RabbitMQ mq.m5.large
    size: SizeName | None = None
    standby: bool = False  # in another zone, with all that it has; all copies are paid for
    # from its failure until it serves; null: with a standby as published, alone as told
    takes: LawSpec | None = None  # (control/self_healing/managed.py)
    # of failovers to the standby; then nothing happens until somebody asks for one
    fails: Fraction = default(facts.FAILOVER_FAILS)
    price_per_hour: Money | None = None  # of one; null: of its size


class Rented(NamedTuple):
    """What a provider is paid for."""

    size: Size
    copies: int
    rent: float  # USD an hour, of all copies


def rented(rules: Managed, usual: str) -> Rented:
    """`usual`: the size of a program of which nothing is said."""
    size = SIZES[rules.size or usual]
    copies = size.copies if rules.standby else 1
    price = size.price.value if rules.price_per_hour is None else rules.price_per_hour
    return Rented(size, copies, copies * price)


class Pooler(Record):
    """PgBouncer in transaction mode, beside the database."""

    size: Positive = default(facts.POOLER_SIZE)
    max_clients: Positive = 1000
    wait: Duration = default(facts.POOLER_WAIT)
    login: Duration = default(facts.POOLER_LOGIN)  # of its one core
    transaction: Duration = default(facts.POOLER_TRANSACTION)


class CacheContents(Record):
    """The share of hits is not set: it follows from what a cache holds. It begins with nothing
    (after each start and flush), and is filled by what is served."""

    keys: Annotated[Positive, at_most(bounds.KEYS)] = default(facts.CACHE_KEYS)  # asked for
    skew: Ratio = default(facts.CACHE_SKEW)  # the n-th is asked for as n ** -skew (Zipf); 0: alike
    entries: Count | None = None  # at most; then the least recently used goes. null: all fit
    ttl: Span | None = None  # from when it was filled; null: never too old
    warm: bool = True  # at second 0 it holds all that it can
