"""One service of a Compose file as a `Service`: what it says, and what has to be assumed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.imports.compose.roles import Guess, command_text, dependencies, event_loop
from sim.imports.compose.values import Node, option, postgres_option
from sim.schema.fields import LawSpec
from sim.schema.stack import (
    CpuSpec,
    DatabaseClient,
    Healthcheck,
    JobPush,
    Memory,
    Role,
    Service,
    Stack,
    Stop,
)
from sim.schema.stack_checks import ALONE

OTHER_MEMORY = 100 * 1024**2  # chosen: a container of which nothing is known
PROXY_MEMORY = 32 * 1024**2  # chosen: HAProxy or nginx at rest
_READ = (
    "image build command entrypoint container_name depends_on deploy restart healthcheck ports "
    "scale mem_limit mem_reservation cpus cpu_shares cpu_quota cpu_period stop_grace_period "
    "stop_signal profiles extends expose links environment"
)
_SIMULATED = frozenset(_READ.split())
_CONCURRENCY = ("QUEUE_CONCURRENCY", "WORKER_CONCURRENCY", "CELERY_CONCURRENCY")
_POOL = ("DB_POOL", "DB_POOL_SIZE", "DB_POOL_MAX", "DATABASE_POOL_SIZE", "PGPOOL_MAX")


@dataclass
class Notes:
    """What the user is told."""

    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)  # key -> services that have it


@dataclass(frozen=True)
class Around:
    """What a service's reading depends on besides its own lines."""

    like: Stack  # where missing numbers come from
    postgres: str  # Compose names; "" if there is none
    redis: str
    has_worker: bool
    names: dict[str, str]  # Compose name -> ours, of the services that run
    notes: Notes


def read_service(node: Node, guess: Guess, around: Around) -> Service:
    """The service, with everything that it does not say taken from the like stack's same role."""
    name, notes = around.names[str(node.path[-1])], around.notes
    for key in node.value:
        if key not in _SIMULATED and not key.startswith("x-"):
            notes.unread.setdefault(key, []).append(name)
    template = _template(guess, around)
    given: dict[str, Any] = {
        "role": guess.role,
        "port": _port(node, name, notes),
        "replicas": _replicas(node, name, guess.role, notes),
        "boot": template.boot,
        "cpu": _cpu(node, template),
        "memory": _memory(node, name, template, notes),
        "healthcheck": _healthcheck(node),
        "stop": _stop(node),
        "depends_on": [around.names[d] for d in dependencies(node.value) if d in around.names],
        "waits_for": [around.names[d] for d in _healthy_first(node.value) if d in around.names],
    }
    given |= _restart(node, name, notes)
    given |= _of_role(node, name, guess, template, around)
    return Service(**given)


def _healthy_first(body: Mapping[str, Any]) -> list[str]:
    """Dependencies with `condition: service_healthy`."""
    depends = body.get("depends_on")
    return [
        str(name)
        for name, how in (depends.items() if isinstance(depends, dict) else ())
        if isinstance(how, dict) and how.get("condition") == "service_healthy"
    ]


def _template(guess: Guess, around: Around) -> Service:
    """The like stack's service of the role; a proxy and unknown things have no demands."""
    playing = around.like.playing(guess.role)
    if playing:
        return around.like.services[playing[0]]
    memory = PROXY_MEMORY if guess.role == "proxy" else OTHER_MEMORY
    return Service(role=guess.role, boot=LawSpec(mean=1.0), memory=Memory(base=memory))


def _port(node: Node, name: str, notes: Notes) -> int | None:
    """The first TCP port published on the server. Ranges and random ports never collide."""
    ports = [port for entry in node.get("ports").items() if (port := entry.port())]
    fixed = [port for port in ports if port.protocol == "tcp" and port.first == port.last]
    if not fixed and node.value.get("ports"):
        notes.assumed.append(f"{name}: its published ports never collide (a range, random or UDP)")
    if len(fixed) > 1:
        others = ", ".join(str(port.first) for port in fixed[1:])
        notes.ignored.append(f"{name}: ports beside {fixed[0].first} ({others})")
    return fixed[0].first if fixed else None


def _replicas(node: Node, name: str, role: Role, notes: Notes) -> int:
    deploy = node.get("deploy")
    replicas = deploy.get("replicas").count()
    scale = node.get("scale").count()
    count = scale if replicas is None else replicas
    if count is not None and count > 1 and node.value.get("container_name"):
        found = f"container_name with {count} replicas"
        path = (*node.path, "container_name")
        raise node.document.error(path, found, "no container_name (Compose refuses to scale it)")
    if count is not None and count > 1 and role in ALONE:
        notes.ignored.append(f"{name}: {count} replicas of a service with role {role} (one runs)")
        return 1
    return 1 if count is None else count


def _restart(node: Node, name: str, notes: Notes) -> dict[str, Any]:
    """`restart`, over which `deploy.restart_policy` wins (orchestrators.md, section 2)."""
    policy, attempts = node.get("restart").restart()
    rule = node.get("deploy", "restart_policy")
    if rule.value is not None:
        condition = rule.get("condition").text() or "any"
        words = {"none": "no", "on-failure": "on-failure", "any": "always"}
        if condition not in words:
            raise rule.get("condition").wrong("one of none, on-failure, any")
        policy, attempts = words[condition], rule.get("max_attempts").count()
        skipped = [key for key in ("delay", "window") if rule.value.get(key) is not None]
        if skipped:
            said = " and ".join(skipped)
            notes.ignored.append(f"{name}: deploy.restart_policy {said} (Compose ignores it)")
    result: dict[str, Any] = {"restart": policy}
    if attempts and policy == "on-failure":
        result["restart_attempts"] = attempts
    return result


def _cpu(node: Node, template: Service) -> CpuSpec:
    resources = node.get("deploy", "resources")
    limit = resources.get("limits", "cpus").number() or node.get("cpus").number()
    quota, period = node.get("cpu_quota").number(), node.get("cpu_period").number()
    if limit is None and quota is not None:
        limit = quota / (period or 100_000.0)
    update: dict[str, Any] = {"limit": limit}
    request = resources.get("reservations", "cpus").number()
    if request is not None:
        update["request"] = request if limit is None else min(request, limit)
    shares = node.get("cpu_shares").count()
    if shares:
        update["shares"] = shares
    return template.cpu.model_copy(update=update)


def _memory(node: Node, name: str, template: Service, notes: Notes) -> Memory:
    resources = node.get("deploy", "resources")
    limit = resources.get("limits", "memory").size() or node.get("mem_limit").size()
    request = resources.get("reservations", "memory").size() or node.get("mem_reservation").size()
    base = template.memory.base
    if limit is not None and base > limit // 2:
        base = limit // 2
        notes.assumed.append(f"{name}: {base // 2**20} MiB of memory at rest, half of its limit")
    if limit is not None and request is not None:
        request = min(request, limit)
    update = {"base": base, "limit": limit, "request": request}
    return template.memory.model_copy(update=update)


def _healthcheck(node: Node) -> Healthcheck | None:
    check = node.get("healthcheck")
    if check.value is None or check.get("disable").flag():
        return None
    test = check.get("test").words()
    if test[:1] == ["NONE"]:
        return None
    if isinstance(check.get("test").value, list) and test[:1] not in (["CMD"], ["CMD-SHELL"]):
        raise check.get("test").wrong("a list that begins with NONE, CMD or CMD-SHELL")
    given = {
        "interval": check.get("interval").seconds() or None,  # 0: Docker's default
        "timeout": check.get("timeout").seconds() or None,
        "retries": check.get("retries").count() or None,
        "start_period": check.get("start_period").seconds(),
    }
    said = {key: value for key, value in given.items() if value is not None}
    return Healthcheck.model_validate(said)


def _stop(node: Node) -> Stop:
    grace = node.get("stop_grace_period").seconds()
    killed = node.get("stop_signal").text().upper() in ("SIGKILL", "KILL", "9")
    return Stop(grace=grace, drains=not killed)


# --- by role --------------------------------------------------------------------------------------


def _of_role(
    node: Node, name: str, guess: Guess, template: Service, around: Around
) -> dict[str, Any]:
    if guess.role == "postgres":
        return _postgres(node, name, template, around.notes)
    if guess.role == "redis":
        return _redis(node, name, template, around.notes)
    if guess.role == "proxy":
        return {"concurrency": 4096}  # chosen: a proxy's slots do not bind before its servers'
    if guess.role in ("http", "worker"):
        return _client(node, name, guess, template, around)
    return {}


def _postgres(node: Node, name: str, template: Service, notes: Notes) -> dict[str, Any]:
    words = node.get("command").words()
    given = {key: getattr(template, key) for key in ("connect", "cost_growth", "recovery")}
    for key in ("max_connections", "superuser_reserved_connections", "reserved_connections"):
        said = postgres_option(words, key)
        if key == "max_connections" and said is None:
            said = option(words, "-N")
        if said is not None and said.isdigit():
            given[key] = int(said)
    if "config_file" in command_text(node.value):
        notes.assumed.append(f"{name}: max_connections 100 (its config file is not read)")
    return given


def _redis(node: Node, name: str, template: Service, notes: Notes) -> dict[str, Any]:
    """Without options Redis saves snapshots (RDB, dataplane.md section 2)."""
    words = node.get("command").words()
    given: dict[str, Any] = {"persistence": "rdb", "job_size": template.job_size}
    if option(words, "--save") in ("", "''", '""'):
        given["persistence"] = "none"
    if (option(words, "--appendonly") or "no").lower() == "yes":
        always = option(words, "--appendfsync") == "always"
        given["persistence"] = "aof_always" if always else "aof_everysec"
    memory = option(words, "--maxmemory")
    if memory is not None:
        given["maxmemory"] = _redis_size(Node(node.document, (*node.path, "command"), memory))
    if (option(words, "--maxmemory-policy") or "").startswith("allkeys"):
        given["eviction"] = "allkeys"
    if any(word.endswith(".conf") for word in words):
        notes.assumed.append(f"{name}: persistence {given['persistence']} (its file is not read)")
    return given


def _redis_size(node: Node) -> int | None:
    """Redis counts `100mb` in 1024s and `100m` in 1000s (the head of its redis.conf)."""
    text = node.text().lower()
    powers = {"k": 1, "m": 2, "g": 3}
    if text[-1:] in powers and text[:-1].isdigit():
        return int(text[:-1]) * 1000 ** powers[text[-1]] or None
    return node.size()


def _client(
    node: Node, name: str, guess: Guess, template: Service, around: Around
) -> dict[str, Any]:
    """An http service or a worker: demands, pool and pushes as the like stack's."""
    environment = _environment(node)
    notes, given = around.notes, {"concurrency": template.concurrency}
    result: dict[str, Any] = given
    said = [f"CPU demand {template.cpu.demand.mean * 1000:g} ms"]
    concurrency = _setting(environment, _CONCURRENCY) if guess.role == "worker" else None
    if concurrency:
        result["concurrency"] = concurrency[1]
        notes.assumed.append(f"{name}: concurrency {concurrency[1]}, from {concurrency[0]}")
    if template.database and around.postgres and _uses(node, around.postgres, environment, around):
        database = template.database
        pool = _setting(environment, _POOL)
        if pool:
            database = DatabaseClient(**{**database.model_dump(), "pool": pool[1]})
            notes.assumed.append(f"{name}: pool of {pool[1]}, from {pool[0]}")
        result["database"] = database
        said.append(f"{database.demand.mean * 1000:g} ms in {around.names[around.postgres]}")
    if guess.role == "http":
        result["backlog"] = template.backlog
        loop = event_loop(node.value)
        result["accepts"] = "at_once" if loop else template.accepts
        if loop:
            notes.assumed.append(f"{name}: accepts at once and queues inside, by {loop}")
        if around.redis and around.has_worker and _uses(node, around.redis, environment, around):
            result["push"] = JobPush(**template.push.model_dump())
            said.append(f"a job from {template.push.share:.0%} of requests")
    else:
        result["job"] = template.job
    unit = "request" if guess.role == "http" else "job"
    notes.assumed.append(f"{name}: {', '.join(said)} per {unit}, as in {around.like.name}")
    return result


def _environment(node: Node) -> dict[str, str]:
    value = node.value.get("environment")
    if isinstance(value, dict):
        return {key: "" if part is None else str(part) for key, part in value.items()}
    pairs = (entry.text().partition("=") for entry in node.get("environment").items())
    return {key: part for key, _, part in pairs}


def _setting(environment: dict[str, str], names: tuple[str, ...]) -> tuple[str, int] | None:
    for name in names:
        value = environment.get(name, "")
        if value.isdigit() and 0 < int(value) < 10_000:
            return name, int(value)
    return None


def _uses(node: Node, store: str, environment: dict[str, str], around: Around) -> bool:
    """Whether a service uses a store: it says so, or it says nothing at all of what it needs."""
    wanted = dependencies(node.value)
    word = re.compile(rf"(?<![\w-]){re.escape(store)}(?![\w-])")
    named = any(word.search(value) for value in environment.values())
    stores = {around.postgres, around.redis}
    silent = not stores & set(wanted) and not environment
    return store in wanted or named or silent
