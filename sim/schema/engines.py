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

EngineName = Literal["postgres", "redis", "rabbitmq"]
# what else a file may call a role
ROLE_NAMES = {"database": "postgres", "queue": "redis"}


@dataclass(frozen=True)
class Engine:
    """`defaults`: of fields of its service, which no platform sets; `unread`: those that it does
    not have; `jobs`: of fields of a worker's `job` that takes from it; `by_connection`: whether
    what a worker has not acknowledged comes back when its connection ends (AMQP 0-9-1)."""

    title: str
    role: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    jobs: Mapping[str, Fact[Any]] = field(default_factory=dict)
    by_connection: bool = False


ENGINES: Mapping[str, Engine] = {
    "postgres": Engine("PostgreSQL", "postgres"),
    "redis": Engine("Redis", "redis"),
    "rabbitmq": Engine(
        "RabbitMQ",
        "redis",
        defaults={"persistence": "durable"},
        unread=("maxmemory", "eviction", "empty_size"),
        jobs={
            "redelivery": facts.RABBITMQ_SILENCE,
            "redelivery_look": facts.RABBITMQ_LOOK,
            "acknowledge": facts.RABBITMQ_ACKNOWLEDGE,
            "max_stalled": facts.RABBITMQ_DELIVERIES,
        },
        by_connection=True,
    ),
}
# how a queue is kept on disk, in the words of the engines that have it
PERSISTENCE = {
    "redis": ("none", "rdb", "aof_everysec", "aof_always"),
    "rabbitmq": ("none", "durable"),
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
