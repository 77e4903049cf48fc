"""What programs play a database or a queue, and what each has of its own: data.

`engine:` of a service fills in what its file leaves open, and what the engine does not have is
refused. Of a queue also how it deals with the workers that take from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sim.constants import facts
from sim.constants.facts import Fact

EngineName = Literal[
    "postgres", "mysql", "mariadb", "mongodb", "sqlserver", "redis", "rabbitmq", "sqs"
]  # fmt: skip
# what else a file may call a role
ROLE_NAMES = {"database": "postgres", "queue": "redis"}


@dataclass(frozen=True)
class Engine:
    """`defaults`: of fields of its service, which no platform sets; `unread`: those that it does
    not have; `jobs`: of fields of a worker's `job` that takes from it; `by_connection`: whether
    what a worker has not acknowledged comes back when its connection ends (AMQP 0-9-1); `full`:
    how a database says that it has no connection left; `rented`: of a managed one the size of which
    nothing is said; `machine`: whether it is one at all, which may fail, or has to be replaced; a
    service of a region has none. Such a one is asked over HTTP, hears nothing of a try that fails,
    and is paid for by `requests`, so many a job."""

    title: str
    role: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    jobs: Mapping[str, Fact[Any]] = field(default_factory=dict)
    by_connection: bool = False
    full: str = ""
    rented: str = "db.t4g.small"  # the size of a managed one
    machine: bool = True
    requests: int = 0


def _database(title: str, slots: Fact[int], connect: Fact[float], full: str) -> Engine:
    """One that keeps no slot for an administrator out of its limit, and that Patroni does not
    know."""
    defaults = {
        "max_connections": slots.value,
        "superuser_reserved_connections": 0,
        "connect": connect.written,
    }
    return Engine(title, "postgres", defaults, ("failover",), full=full)


REDIS_ALONE = (
    "maxmemory", "eviction", "empty_size", "follows", "failover",
    "min_replicas_to_write", "min_replicas_max_lag",
)  # fmt: skip
ENGINES: Mapping[str, Engine] = {
    "postgres": Engine("PostgreSQL", "postgres", full="SQLSTATE 53300"),
    # one connection more than its limit is for an administrator (8.4 refman, too-many-connections)
    "mysql": _database(
        "MySQL", facts.MYSQL_MAX_CONNECTIONS, facts.MYSQL_CONNECT, "error 1040 (08004)"
    ),
    "mariadb": _database(
        "MariaDB", facts.MYSQL_MAX_CONNECTIONS, facts.MYSQL_CONNECT, "error 1040 (08004)"
    ),
    # mongo/mongo src/mongo/transport/session_manager_common.cpp
    "mongodb": _database(
        "MongoDB", facts.MONGODB_MAX_CONNECTIONS, facts.MONGODB_CONNECT, "too many open connections"
    ),
    # learn.microsoft.com sql: database engine events and errors
    "sqlserver": _database(
        "SQL Server", facts.SQLSERVER_MAX_CONNECTIONS, facts.SQLSERVER_CONNECT, "error 17809"
    ),
    "redis": Engine("Redis", "redis", unread=("latency",), rented="cache.t4g.small"),
    "rabbitmq": Engine(
        "RabbitMQ",
        "redis",
        defaults={"persistence": "durable"},
        unread=(*REDIS_ALONE, "latency"),
        jobs={
            "redelivery": facts.RABBITMQ_SILENCE,
            "redelivery_look": facts.RABBITMQ_LOOK,
            "acknowledge": facts.RABBITMQ_ACKNOWLEDGE,
            "max_stalled": facts.RABBITMQ_DELIVERIES,
        },
        by_connection=True,
        rented="mq.m5.large",
    ),
    # Amazon, July 2012, in Borhan Uddin, He, Sion: Cloud Performance Benchmark Series, SQS, 0.6: 16
    # ms to send 1 KB (its spread is chosen). Sent, received, deleted by a request each: no batches
    "sqs": Engine(
        "Amazon SQS",
        "redis",
        defaults={
            "persistence": "durable",
            "managed": {},
            "latency": {"lognormal": {"mean": "16ms", "cv": 1}},
        },
        unread=REDIS_ALONE,
        jobs={
            "delivery": facts.SQS_DELIVERY,
            "redelivery_from": facts.SQS_FROM,
            "redelivery": facts.SQS_VISIBILITY,
            "late_acknowledgement": facts.SQS_LATE,
            "max_stalled": facts.SQS_RECEIVES,
        },
        rented="sqs",
        machine=False,
        requests=3,
    ),
}
# how a queue is kept on disk, in the words of the engines that have it
PERSISTENCE = {
    "redis": ("none", "rdb", "aof_everysec", "aof_always"),
    "rabbitmq": ("none", "durable"),
    "sqs": ("durable",),
}


def filled_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """A service as it is written, with its role by the first name of it, and with what its engine
    says where the file says nothing."""
    role = data.get("role")
    named = {**data, "role": ROLE_NAMES.get(role, role)} if isinstance(role, str) else dict(data)
    engine = ENGINES.get(str(data.get("engine")))
    if engine is None or named.get("role") != engine.role:
        return named
    return {**engine.defaults, **named}
