"""What a database or a queue has of its own by the program that plays it."""

from __future__ import annotations

import pytest

from sim.control.resource_limits.profiles import profile_in
from sim.library.stacks import load_stack
from sim.schema.scenario import Version
from sim.schema.stack import Service, Stack
from tests.control.outage import replay, rows


@pytest.mark.parametrize(
    ("engine", "slots", "connect_s"),
    [
        (None, 100 - 3, 0.0038),
        ("postgres", 100 - 3, 0.0038),
        ("mysql", 151, 0.001),
        ("mariadb", 151, 0.001),
        ("mongodb", 65536, 0.002),
        ("sqlserver", 32767, 0.002),
    ],
)
def test_connections_of_each_database(engine, slots, connect_s):
    services = {"api": {"role": "http"}, "db": {"role": "database", "engine": engine}}
    stack = Stack.model_validate({"name": "small", "services": services})
    profile = profile_in(stack, "db", Version(name="v1"))
    assert (profile.connection_slots, profile.connect_cpu_s) == (slots, connect_s)


def test_what_a_file_says_wins():
    own = Service(role="database", engine="mysql", max_connections=40, connect=0.5)  # type: ignore[arg-type]
    assert (own.role, own.max_connections, own.connect) == ("postgres", 40, 0.5)
    assert own.superuser_reserved_connections == 0


def test_each_says_in_its_own_words_that_it_is_full():
    """Two workers want fifty each of 60; what refuses them is told as the engine tells it."""
    settings = {
        "stack.services.postgres.engine": "mysql",
        "stack.services.postgres.max_connections": 30,
        "stack.services.api.database.at_start": 20,
        "stack.services.api.database.pool": 20,
    }
    scale = {"at": 10, "scale": {"services": {"api": 4}}}
    run = replay(scale, settings=settings, platform="kubernetes", horizon_s=120.0)
    texts = [row.text for row in rows(run, "exit")]
    assert any("connections: error 1040 (08004)" in text for text in texts)
    assert not any("53300" in row.text for row in run.timeline)


@pytest.mark.parametrize(
    ("job", "prefetch", "acknowledge_s"),
    [
        ({}, 4 * 5 - 5, 1800.0),  # Celery's, of which five are begun
        ({"prefetch": 1}, 1 - 5, 1800.0),  # one at a time
        ({"prefetch": 0, "acknowledge": 60.0}, 2**31 - 1, 60.0),  # RabbitMQ's own default
        ({"delivery": "plain"}, 4 * 5, 1800.0),  # what is begun is acknowledged
    ],
)
def test_what_a_worker_of_rabbitmq_holds(job, prefetch, acknowledge_s):
    worker = {"role": "worker", "concurrency": 5, "job": {"delivery": "reliable", **job}}
    services = {
        "api": {"role": "http"}, "jobs": worker, "q": {"role": "queue", "engine": "rabbitmq"},
    }  # fmt: skip
    stack = Stack.model_validate({"name": "small", "services": services})
    profile = profile_in(stack, "jobs", Version(name="v1"))
    assert (profile.prefetch, profile.acknowledge_s) == (prefetch, acknowledge_s)
    assert (profile.by_connection, profile.redelivery_s) == (True, 120.0)
    redis = {**services, "q": {"role": "queue"}}
    plain = profile_in(
        Stack.model_validate({"name": "small", "services": redis}), "jobs", Version(name="v1")
    )
    assert not plain.by_connection
    assert plain.redelivery_s == 30.0


def test_a_platform_sets_of_a_role_what_its_engine_has_in_the_same_way():
    """The hardened Compose file turns Redis' append-only file on, and leaves RabbitMQ alone."""
    stack = load_stack("sspp").model_copy(deep=True)
    queue = stack.services["redis"].model_dump(exclude_unset=True)
    rabbit = Service.model_validate(
        {k: v for k, v in queue.items() if k not in ("persistence", "maxmemory", "eviction")}
        | {"engine": "rabbitmq"}
    )
    own = stack.model_copy(update={"services": {**stack.services, "redis": rabbit}})
    run = replay(stack=own, platform="compose_hardened", horizon_s=30.0)
    assert run.queues["redis"].pushed == run.queues["redis"].done
