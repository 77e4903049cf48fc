"""Databases, poolers and Redis of a Compose file: limits and persistence by options, by variables
that their images read, and by configuration files that stand beside the Compose file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sim.constants import facts
from sim.imports.compose.values import Node, option, server_option
from sim.imports.evidence import Notes, Origin
from sim.imports.images import Part
from sim.schema.databases import Pooler
from sim.schema.engines import ENGINES
from sim.schema.stack import Service

_SLOTS: dict[Part, Any] = {
    "postgres": facts.MAX_CONNECTIONS,
    "mysql": facts.MYSQL_MAX_CONNECTIONS,
    "mariadb": facts.MYSQL_MAX_CONNECTIONS,
    "mongodb": facts.MONGODB_MAX_CONNECTIONS,
    "sqlserver": facts.SQLSERVER_MAX_CONNECTIONS,
}
_MOST = 10**6  # more connections are no limit
_LIMITS = {"mongodb": "maxConns"}
# of Bitnami's images (their README files, section Environment variables)
_POSTGRES_VARIABLES = (
    "POSTGRESQL_MAX_CONNECTIONS",
    "POSTGRES_MAX_CONNECTIONS",
    "PG_MAX_CONNECTIONS",
)
_EXTRA_FLAGS = (
    "MYSQL_EXTRA_FLAGS", "MARIADB_EXTRA_FLAGS", "MONGODB_EXTRA_FLAGS", "REDIS_EXTRA_FLAGS",
    "POSTGRES_INITDB_ARGS",
)  # fmt: skip
_AOF_VARIABLE = "REDIS_AOF_ENABLED"
_POOLER_SIZES = (
    "DEFAULT_POOL_SIZE",
    "PGBOUNCER_DEFAULT_POOL_SIZE",
    "POOL_SIZE",
    "PGBOUNCER_POOL_SIZE",
)
_POOLER_CLIENTS = ("MAX_CLIENT_CONN", "PGBOUNCER_MAX_CLIENT_CONN")
_POOLER_MODES = ("POOL_MODE", "PGBOUNCER_POOL_MODE")


def read_database(
    node: Node, name: str, engine: Part, template: Service, variables: Mapping[str, str],
    config: str, notes: Notes,
) -> dict[str, Any]:  # fmt: skip
    """A database of any engine: its own limit, and costs as those of the like stack's."""
    words = _words(node, variables)
    own = ("connect",) if engine == "postgres" else ()
    spec = {key: getattr(template, key) for key in (*own, "cost_growth", "recovery")}
    slots = _SLOTS[engine]
    spec["max_connections"] = slots.value
    notes.origins[f"services.{name}.max_connections"] = Origin("image", slots.source)
    if engine != "postgres":
        spec["engine"], spec["superuser_reserved_connections"] = engine, 0
        notes.assumed.append(
            f"{name}: {ENGINES[engine].title}, {slots.value} connections; what a query costs is "
            f"PostgreSQL's"
        )
    for key in ("max_connections", "superuser_reserved_connections", "reserved_connections"):
        text = server_option(words, _LIMITS.get(engine, key) if key == "max_connections" else key)
        if key == "max_connections" and text is None and engine == "postgres":
            text = option(words, "-N") or _first(variables, _POSTGRES_VARIABLES, node)
        if text is None:
            match = re.search(rf"(?m)^\s*{key}\s*=\s*'?(\d+)", config)
            text = match[1] if match else None
        if text is not None and _is_count(text):
            spec[key] = int(text)
            notes.origins[f"services.{name}.{key}"] = node.get("command").origin
    if any("config_file" in word for word in words) and not config:
        notes.assumed.append(f"{name}: max_connections {slots.value} (its config file is not read)")
    reserved = spec.get("superuser_reserved_connections", 3) + spec.get("reserved_connections", 0)
    if engine == "postgres" and reserved >= spec["max_connections"]:
        raise node.get("command").wrong(f"max_connections above the {reserved} reserved")
    return spec


def read_redis(
    node: Node, name: str, template: Service, variables: Mapping[str, str], config: str,
    notes: Notes,
) -> dict[str, Any]:  # fmt: skip
    """Without options Redis saves snapshots (RDB, dataplane.md section 2)."""
    words = _words(node, variables)

    def said(key: str) -> str | None:
        match = re.search(rf"(?m)^\s*{key}\s+(.*?)\s*$", config)
        return option(words, f"--{key}") or (match[1].strip("\"'") if match else None)

    spec: dict[str, Any] = {"persistence": "rdb", "job_size": template.job_size}
    notes.origins[f"services.{name}.persistence"] = Origin("image", "Redis: redis.conf, save")
    if option(words, "--save") in ("", "''", '""') or re.search(r'(?m)^\s*save\s+""', config):
        spec["persistence"] = "none"
    bitnami = "bitnami" in str(node.value.get("image") or "")
    variable = _first(variables, (_AOF_VARIABLE,), node)
    appends = said("appendonly") or variable or ("yes" if bitnami else "no")
    if appends.lower() in ("yes", "true"):
        spec["persistence"] = "aof_always" if said("appendfsync") == "always" else "aof_everysec"
    memory = said("maxmemory")
    if memory is not None:
        spec["maxmemory"] = _redis_size(node.at((*node.path, "command"), memory))
        notes.origins[f"services.{name}.maxmemory"] = node.get("command").origin
    if (said("maxmemory-policy") or "").startswith("allkeys"):
        spec["eviction"] = "allkeys"
    if any(word.endswith(".conf") for word in words) and not config:
        notes.assumed.append(f"{name}: persistence {spec['persistence']} (its file is not read)")
    return spec


def read_rabbitmq(name: str, template: Service, notes: Notes) -> dict[str, Any]:
    """What the broker's file does not say, its clients do: Celery's and most others' defaults."""
    notes.assumed.append(
        f"{name}: RabbitMQ, a durable queue whose messages are persistent and confirmed; workers "
        f"are sent {facts.CELERY_PREFETCH.value} jobs for each that they do at once (job.prefetch)"
    )
    return {"engine": "rabbitmq", "persistence": "durable", "job_size": template.job_size}


def read_pooler(node: Node, name: str, variables: Mapping[str, str], notes: Notes) -> Pooler:
    """PgBouncer before the database."""
    spec = {
        "size": _first(variables, _POOLER_SIZES, node),
        "max_clients": _first(variables, _POOLER_CLIENTS, node) or "100",  # its default
    }
    mode = _first(variables, _POOLER_MODES, node) or "session"
    if mode != "transaction":
        notes.assumed.append(f"{name}: pools transactions, where the file says pool_mode {mode}")
    numbers = {key: int(v) for key, v in spec.items() if v and _is_count(v)}
    return Pooler(**numbers)


def _is_count(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < _MOST


def _words(node: Node, variables: Mapping[str, str]) -> list[str]:
    """Words of entry point and command, and the flags that an image takes from a variable."""
    words = [*node.get("entrypoint").words(), *node.get("command").words()]
    for key in _EXTRA_FLAGS:
        words += (_first(variables, (key,), node) or "").split()
    return words


def _first(variables: Mapping[str, str], names: tuple[str, ...], node: Node) -> str | None:
    for name in names:
        if variables.get(name):
            node.read.add((*node.path, "environment", name))
            return variables[name]
    return None


def _redis_size(node: Node) -> int | None:
    """Redis counts `100mb` in 1024s and `100m` in 1000s (the head of its redis.conf)."""
    text = node.text().lower()
    powers = {"k": 1, "m": 2, "g": 3}
    if text[-1:] in powers and text[:-1].isdecimal():
        return int(text[:-1]) * 1000 ** powers[text[-1]] or None
    return node.size()
