"""Which Redis or memcached of a Compose file is a cache, and which step of whom asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.constants import facts
from sim.library.stacks import load_stack
from sim.schema.stack import Stack

LRU = "redis-server --maxmemory 64mb --maxmemory-policy allkeys-lru"


def imported(folder: Path, store: str, variable: str, more: str = "") -> Stack:
    path = folder / "compose.yml"
    path.write_text(
        f"""
services:
  web:
    image: shop/web
    command: gunicorn app:app
    ports: ["8000:8000"]
    environment: {{DATABASE_URL: "postgres://db/app", {variable}}}
  db: {{image: "postgres:16"}}
  store: {{{store}}}
{more}"""
    )
    return load_stack(path)


WORKER = """
  jobs:
    image: shop/web
    command: celery -A app worker
    environment: {{BROKER_URL: "redis://{queue}:6379/0"}}
"""
QUEUE = '  queue: {image: "redis:7"}\n'
REDIS, MEMCACHED = 'image: "redis:7"', 'image: "memcached:1.6"'
URL = 'REDIS_URL: "redis://store:6379"'


@pytest.mark.parametrize(
    ("store", "variable", "more", "role"),
    [
        (MEMCACHED, 'MEMCACHED_SERVERS: "store:11211"', "", "cache"),
        (REDIS, 'CACHE_URL: "redis://store:6379/1"', "", "cache"),
        (REDIS, 'DJANGO_CACHE_LOCATION: "redis://store:6379/1"', "", "cache"),
        (REDIS, 'SPRING_CACHE_REDIS_URL: "redis://store:6379"', "", "cache"),
        (f'{REDIS}, command: "{LRU}"', URL, "", "cache"),
        (REDIS, URL, "", "redis"),  # nothing says so
        (
            f'{REDIS}, command: "redis-server --appendonly yes"',
            'CACHE_URL: "redis://store"',
            "",
            "redis",
        ),
        (
            f'{REDIS}, command: "{LRU}"',
            URL,
            WORKER.format(queue="store"),
            "redis",
        ),  # workers use it
        (f'{REDIS}, command: "{LRU}"', URL, WORKER.format(queue="queue") + QUEUE, "cache"),
    ],
)
def test_what_is_a_cache(tmp_path: Path, store: str, variable: str, more: str, role: str) -> None:
    stack = imported(tmp_path, store, variable, more)
    assert stack.services["store"].role == role
    queues = [name for name, service in stack.services.items() if service.role == "redis"]
    assert len(queues) == (role == "redis" or bool(more)), "and jobs have a queue"


def test_who_asks_a_cache_asks_it_before_its_database(tmp_path: Path) -> None:
    stack = imported(tmp_path, MEMCACHED, 'MEMCACHED_SERVERS: "store:11211"')
    cpu, look = stack.services["web"].steps or []
    assert (cpu.kind, look.kind, look.target) == ("cpu", "cache", "store")
    assert [step.query for step in look.on_miss] == ["db"]
    assert look.kept == facts.CACHE_KEPT.value
    assert any("how often does store know the answer for web?" in line for line in stack.questions)


def test_a_cache_before_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "compose.yml"
    path.write_text(
        """
services:
  web: {image: shop/web, command: gunicorn app:app, ports: ["8000:8000"], depends_on: [store]}
  store: {image: memcached}
"""
    )
    stack = load_stack(path)
    assert stack.services["store"].role == "cache"
    assert stack.services["web"].steps is None
