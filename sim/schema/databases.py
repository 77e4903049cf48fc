"""A database of a stack: how it is asked, copied, followed by another one, and pooled."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sim.constants import facts
from sim.constants.facts import Fact, default
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
)


class DatabaseClient(Record):
    demand: LawSpec = LawSpec()  # database core seconds per request or job
    pool: Count = default(facts.POOL)
    at_start: Count = 0  # connections opened before listening, all or nothing (eager = pool)
    checkout_timeout: Duration = default(facts.CHECKOUT_TIMEOUT)


class DatabasePool(Record):
    """Connections that a process keeps to one database."""

    size: Count = default(facts.POOL)  # 0: a connection for each query
    at_start: Count = 0  # as for `database`
    checkout_timeout: Duration = default(facts.CHECKOUT_TIMEOUT)


class Backup(Record):
    """Of a database: how often it is copied elsewhere, and how long it takes to bring it back."""

    every: Span = default(facts.BACKUP_EVERY)
    restore: Duration = default(facts.RESTORE)  # mean; lognormal
    restore_cv: Ratio = default(facts.RESTORE_CV)


class Replica(Record):
    """A database that has what another one has, a moment later (asynchronous streaming)."""

    primary: Name = "postgres"
    # how old its rows are when the primary dies: what is younger is lost with it; 0s: synchronous
    lag: LawSpec = LawSpec(law="lognormal", mean=0.1, cv=1.0)  # chosen: 10 ms to seconds


class Failover(Record):
    """Who notices that a primary is gone, and promotes a replica in its place."""

    by: Literal["patroni", "managed"] = "patroni"
    ttl: Span = default(facts.FAILOVER_TTL)
    loop_wait: Span = default(facts.FAILOVER_LOOP)
    # until connections reach the new primary: from the decision; of a managed one, from the failure
    # (null: as measured, as published: control/self_healing/failover.py)
    takes: LawSpec | None = None
    fails: Fraction = default(facts.FAILOVER_FAILS)  # of failovers; then a person has to do it


class Size(NamedTuple):
    """Of a managed database: cores, bytes, and an hour of one in one zone."""

    cores: float
    memory: int
    price: Fact[float]


# aws.amazon.com/rds/instance-types: db.t4g; that they burst on credits is left out
SIZES = {
    "db.t4g.micro": Size(2.0, 1024**3, facts.RDS_MICRO),
    "db.t4g.small": Size(2.0, 2 * 1024**3, facts.RDS_SMALL),
    "db.t4g.medium": Size(2.0, 4 * 1024**3, facts.RDS_MEDIUM),
}


class Managed(Record):
    """A database that a provider runs, on no server of ours."""

    size: Literal["db.t4g.micro", "db.t4g.small", "db.t4g.medium"] = "db.t4g.small"
    standby: bool = False  # in another zone, with all rows; both are paid for
    # from its failure until it serves; null: with a standby as published, alone as told
    takes: LawSpec | None = None  # (control/self_healing/managed.py)
    # of failovers to the standby; then nothing happens until somebody asks for one
    fails: Fraction = default(facts.FAILOVER_FAILS)
    price_per_hour: Money | None = None  # of one; null: of its size

    @property
    def copies(self) -> int:
        return 2 if self.standby else 1

    @property
    def rent(self) -> float:
        """USD an hour, of all copies."""
        price = SIZES[self.size].price.value if self.price_per_hour is None else self.price_per_hour
        return self.copies * price


class Pooler(Record):
    """PgBouncer in transaction mode, beside the database."""

    size: Positive = default(facts.POOLER_SIZE)
    max_clients: Positive = 1000
    wait: Duration = default(facts.POOLER_WAIT)
    login: Duration = default(facts.POOLER_LOGIN)  # of its one core
    transaction: Duration = default(facts.POOLER_TRANSACTION)
