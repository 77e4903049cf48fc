"""One service of a Compose file as a `Service`: what it says, and what has to be assumed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.imports.compose.clients import client_of
from sim.imports.compose.processes import event_loop, job_processes, pool_of, web_processes
from sim.imports.compose.scene import Guess
from sim.imports.compose.stores import read_database, read_rabbitmq, read_redis
from sim.imports.compose.story import Around, story_of
from sim.imports.compose.values import Node
from sim.imports.evidence import Notes, Origin
from sim.schema.fields import LawSpec
from sim.schema.stack import ALONE, CpuSpec, Healthcheck, Lookup, Memory, Service, Stop
from sim.schema.text.validation import closest, one_of

OTHER_MEMORY = 100 * 1024**2  # chosen: a container of which nothing is known
PROXY_MEMORY = 32 * 1024**2  # chosen: HAProxy or nginx at rest
_CONDITIONS = ("", "service_started", "service_healthy", "service_completed_successfully")
_PUSHES = re.compile(r"traefik|caddy-docker-proxy|nginx-proxy$|swag", re.IGNORECASE)


@dataclass(frozen=True)
class Own:
    """What is known of one service beside its lines in the file."""

    guess: Guess
    variables: Mapping[str, str]  # of `environment` and `env_file`
    config: str = ""  # the text of its own configuration files, as far as they are there


def read_service(node: Node, own: Own, around: Around) -> Service:
    """The service, with everything that it does not say taken from the like stack's same role."""
    name, notes, guess = around.names[str(node.path[-1])], around.notes, own.guess
    template = _template(guess, around)
    origin = Origin("assumed", f"as in {around.like.name}")
    notes.origins |= {f"services.{name}.{key}": origin for key in ("boot", "cpu", "memory")}
    notes.origins[f"services.{name}.role"] = Origin("assumed", guess.why)
    given: dict[str, Any] = {
        "role": guess.role,
        "port": _port(node, name, guess, notes),
        "replicas": _replicas(node, name, guess.role, notes),
        "boot": template.boot,
        "cpu": _cpu(node, name, template, notes),
        "memory": _memory(node, name, template, notes),
        "healthcheck": _healthcheck(node, name, notes),
        "stop": _stop(node, name, notes),
        "depends_on": [around.names[d] for d in _dependencies(node) if d in around.names],
        "waits_for": [around.names[d] for d in _healthy_first(node) if d in around.names],
    }
    given |= _restart(node, name, notes)
    given |= _of_role(node, name, own, template, around)
    return Service(**given)


def _dependencies(node: Node) -> list[str]:
    """Names in `depends_on` and `links`; the first are those that start before."""
    links = [entry.text().split(":")[0] for entry in node.get("links").items()]
    return list(dict.fromkeys([*(node.value.get("depends_on") or {}), *links]))


def _healthy_first(node: Node) -> list[str]:
    """Dependencies with `condition: service_healthy`."""
    depends = node.get("depends_on")
    healthy = []
    for name in depends.value or {}:
        depends.read.add((*depends.path, name))
        how = depends.get(name)
        if isinstance(how.value, dict) and how.value:
            depends.read.discard((*depends.path, name))
            condition = how.get("condition")
            if condition.text() not in _CONDITIONS:
                near = closest(condition.text(), _CONDITIONS[1:])
                raise condition.wrong(one_of(_CONDITIONS[1:]), near)
            if condition.text() == "service_healthy":
                healthy.append(str(name))
            if "required" in how.value:
                how.get("required").flag()
    return healthy


def _template(guess: Guess, around: Around) -> Service:
    """The like stack's service of the role; a proxy and unknown things have no demands."""
    playing = around.like.playing(guess.role)
    if playing:
        return around.like.services[playing[0]]
    memory = PROXY_MEMORY if guess.role == "proxy" else OTHER_MEMORY
    return Service(role=guess.role, boot=LawSpec(mean=1.0), memory=Memory(base=memory))


# by which jobs come, where the image listens for pages as well (rabbitmq.com, docs/networking)
_MAIN_PORT = {"rabbitmq": "5672"}


def _port(node: Node, name: str, guess: Guess, notes: Notes) -> int | None:
    """The TCP port published on the server: that of a broker's jobs, else the first. Ranges and
    random ports never collide."""
    entries = [(port, entry) for entry in node.get("ports").items() if (port := entry.port())]
    fixed = [(p, entry) for p, entry in entries if p.protocol == "tcp" and p.first == p.last]
    main = _MAIN_PORT.get(str(guess.part), "")
    fixed.sort(key=lambda pair: _target(pair[1]) != main)
    if not fixed and node.value.get("ports"):
        words = ", ".join(_port_word(entry) for entry in node.get("ports").items())
        notes.assumed.append(
            f"{name}: its published ports never collide (a range, random or UDP: {words})"
        )
    if len(entries) > 1:
        first = fixed[0][0].first if fixed else "none"
        others = [p for p, _ in entries if not fixed or p is not fixed[0][0]]
        words = ", ".join(f"{p.first}" if p.protocol == "tcp" else f"{p.first}/udp" for p in others)
        notes.ignored.append(f"{name}: ports beside {first} ({words})")
    if fixed:
        entry = fixed[0][1]
        stated = entry.get("published") if isinstance(entry.value, dict) else entry
        notes.origins[f"services.{name}.port"] = stated.origin
        return fixed[0][0].first
    return None


def _target(entry: Node) -> str:
    """The container's side of a published port."""
    value = entry.value
    text = str(value.get("target") if isinstance(value, dict) else value)
    return text.split("/", maxsplit=1)[0].rpartition(":")[2]


def _port_word(entry: Node) -> str:
    value = entry.value
    return (
        str(value.get("published") or value.get("target"))
        if isinstance(value, dict)
        else str(value)
    )


def _replicas(node: Node, name: str, role: str, notes: Notes) -> int:
    stated = node.get("deploy", "replicas")
    count = stated.count()
    if count is None:
        stated = node.get("scale")
        count = stated.count()
    if count is not None and count > 1 and node.value.get("container_name"):
        found = f"container_name with {count} replicas"
        path = (*node.path, "container_name")
        raise node.document.error(path, found, "no container_name (Compose refuses to scale it)")
    if count is not None:
        notes.origins[f"services.{name}.replicas"] = stated.origin
    if count is not None and count > 1 and role in ALONE:
        notes.ignored.append(f"{name}: {count} replicas of a service with role {role} (one runs)")
        return 1
    return 1 if count is None else count


def _restart(node: Node, name: str, notes: Notes) -> dict[str, Any]:
    """`restart`, over which `deploy.restart_policy` wins (orchestrators.md, section 2)."""
    stated = node.get("restart")
    policy, attempts = stated.restart()
    rule = node.get("deploy", "restart_policy")
    if rule.value is not None:
        if stated.value is not None:
            notes.ignored.append(f"{name}: restart {stated.value}: deploy.restart_policy wins")
        stated = rule.get("condition")
        condition = stated.text() or "any"
        words = {"none": "no", "on-failure": "on-failure", "any": "always"}
        if condition not in words:
            raise stated.wrong("one of none, on-failure, any")
        policy, attempts = words[condition], rule.get("max_attempts").count()
        skipped = [key for key in ("delay", "window") if rule.value.get(key) is not None]
        for key in skipped:
            rule.get(key).seconds()
        if skipped:
            said = " and ".join(f"{key} {rule.value[key]}" for key in skipped)
            notes.ignored.append(f"{name}: deploy.restart_policy {said} (Compose ignores it)")
    if stated.value is not None:
        notes.origins[f"services.{name}.restart"] = stated.origin
    result: dict[str, Any] = {"restart": policy}
    if attempts and policy == "on-failure":
        result["restart_attempts"] = attempts
    return result


def _cpu(node: Node, name: str, template: Service, notes: Notes) -> CpuSpec:
    resources = node.get("deploy", "resources")
    limit_of = resources.get("limits", "cpus")
    limit = limit_of.number()
    if limit is None:
        limit_of = node.get("cpus")
        limit = limit_of.number()
    quota, period = node.get("cpu_quota").number(), node.get("cpu_period").number()
    if limit is None and quota is not None:
        limit_of, limit = node.get("cpu_quota"), quota / (period or 100_000.0)
    update: dict[str, Any] = {"limit": limit}
    if limit is not None:
        notes.origins[f"services.{name}.cpu.limit"] = limit_of.origin
    request = resources.get("reservations", "cpus").number()
    if request is not None:
        update["request"] = request if limit is None else min(request, limit)
        notes.origins[f"services.{name}.cpu.request"] = resources.get("reservations", "cpus").origin
    shares = node.get("cpu_shares").count()
    if shares:
        update["shares"] = shares
        notes.origins[f"services.{name}.cpu.shares"] = node.get("cpu_shares").origin
    return template.cpu.model_copy(update=update)


def _memory(node: Node, name: str, template: Service, notes: Notes) -> Memory:
    resources = node.get("deploy", "resources")
    bounds = {}
    for key, section, old in (
        ("limit", "limits", "mem_limit"),
        ("request", "reservations", "mem_reservation"),
    ):
        stated = resources.get(section, "memory")
        size = stated.size()
        if size is None:
            stated = node.get(old)
            size = stated.size()
        if size is not None:
            notes.origins[f"services.{name}.memory.{key}"] = stated.origin
        bounds[key] = size
    limit, request = bounds["limit"], bounds["request"]
    base = template.memory.base
    if limit is not None and base > limit // 2:
        base = limit // 2
        notes.assumed.append(f"{name}: {base // 2**20} MiB of memory at rest, half of its limit")
    if limit is not None and request is not None:
        request = min(request, limit)
    update = {"base": base, "limit": limit, "request": request}
    return template.memory.model_copy(update=update)


def _healthcheck(node: Node, name: str, notes: Notes) -> Healthcheck | None:
    check = node.get("healthcheck")
    if check.value is None or check.get("disable").flag():
        return None
    test = check.get("test")
    words = test.value if isinstance(test.value, list) else test.words()
    if words[:1] == ["NONE"]:
        test.read.add(test.path)
        return None
    if isinstance(test.value, list) and words[:1] not in (["CMD"], ["CMD-SHELL"]):
        raise test.wrong("a list that begins with NONE, CMD or CMD-SHELL")
    test.read.add(test.path)
    notes.assumed.append(f"{name}: healthy while it answers (it checks: {_short(words)})")
    fields = {
        "interval": check.get("interval").seconds() or None,  # 0: Docker's default
        "timeout": check.get("timeout").seconds() or None,
        "retries": check.get("retries").count() or None,
        "start_period": check.get("start_period").seconds(),
        "start_interval": check.get("start_interval").seconds() or None,
    }
    said = {key: value for key, value in fields.items() if value is not None}
    for key in said:
        notes.origins[f"services.{name}.healthcheck.{key}"] = check.get(key).origin
    return Healthcheck.model_validate(said)


def _short(words: list[Any]) -> str:
    text = " ".join(str(word) for word in words if word not in ("CMD", "CMD-SHELL"))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _stop(node: Node, name: str, notes: Notes) -> Stop:
    grace = node.get("stop_grace_period").seconds()
    if grace is not None:
        notes.origins[f"services.{name}.stop.grace"] = node.get("stop_grace_period").origin
    signal = node.get("stop_signal").text().upper()
    killed = signal in ("SIGKILL", "KILL", "9")
    if signal and not killed:
        notes.assumed.append(f"{name}: finishes what runs at {signal}, as at SIGTERM")
    return Stop(grace=grace, drains=not killed)


# --- by role --------------------------------------------------------------------------------------


def _of_role(node: Node, name: str, own: Own, template: Service, around: Around) -> dict[str, Any]:
    role = own.guess.role
    if role == "postgres":
        engine = own.guess.part or "postgres"
        return read_database(node, name, engine, template, own.variables, own.config, around.notes)
    if role == "redis" and own.guess.part == "rabbitmq":
        return read_rabbitmq(name, template, around.notes)
    if role == "redis":
        return read_redis(node, name, template, own.variables, own.config, around.notes)
    if role == "proxy":
        return _proxy(node, name, own, around.notes)
    if role in ("http", "worker"):
        return _client(node, name, own, template, around)
    return {}


def _proxy(node: Node, name: str, own: Own, notes: Notes) -> dict[str, Any]:
    """How it looks names up: nginx, HAProxy and Envoy's static addresses when they start (nginx
    with a `resolver` and a variable again and again); Traefik and others that read Docker's events
    hear of every change; Caddy dials a name at each new connection."""
    image = str(node.value.get("image") or "")
    text = f"{image} {name} {own.guess.why}"
    result: dict[str, Any] = {"concurrency": 4096}  # chosen: does not bind before its servers'
    if _PUSHES.search(text):
        notes.assumed.append(f"{name}: hears of every change of a container (Docker's events)")
        return result
    again = re.search(r"(?m)^\s*resolver\s+(?:[^;]*?valid=(\d+)(s|m)?)?[^;]*;", own.config)
    variable = re.search(r"proxy_pass\s+https?://\$|resolvers\s+\w+|resolve\b", own.config)
    if re.search(r"caddy", text, re.IGNORECASE):
        result["lookup"] = Lookup(once=False, ttl=1.0)
        notes.assumed.append(f"{name}: looks a name up again for new connections (Caddy)")
    elif again and variable:
        ttl = float(again[1]) * (60.0 if again[2] == "m" else 1.0) if again[1] else None
        result["lookup"] = Lookup(once=False, **({"ttl": ttl} if ttl else {}))
        notes.assumed.append(f"{name}: looks names up again, by the resolver of its configuration")
    else:
        result["lookup"] = Lookup()
        notes.assumed.append(
            f"{name}: looks names up when it starts and never again, as nginx does"
        )
    return result


def _client(node: Node, name: str, own: Own, template: Service, around: Around) -> dict[str, Any]:
    """An http service or a worker: demands, pool and pushes as the like stack's."""
    notes, role = around.notes, own.guess.role
    words = [*node.get("entrypoint").words(), *node.get("command").words()]
    count = (web_processes if role == "http" else job_processes)(words, own.variables)
    result: dict[str, Any] = {"concurrency": count.concurrency or template.concurrency}
    if count.concurrency:
        sources = ", ".join(count.variables)
        notes.assumed.append(f"{name}: {count.concurrency} at once, from {sources}")
        notes.origins[f"services.{name}.concurrency"] = _spot(node, count.variables)
        if count.processes:  # each runs on a core of its own
            cpu = _cpu(node, name, template, notes)
            result["cpu"] = cpu.model_copy(update={"threads": count.processes.value})
    pool = pool_of(words, own.variables, count)
    client = client_of(node.value, own.variables)
    story = story_of(str(node.path[-1]), template, pool.size if pool else None, client, around)
    demand = story.fields.pop("demand", LawSpec())
    cpu = result.get("cpu") or _cpu(node, name, template, notes)
    result |= {"cpu": cpu.model_copy(update={"demand": demand}), **story.fields}
    if pool and story.pools:
        notes.assumed.append(f"{name}: pool of {pool.words}")
        spot = _spot(node, pool.variables)
        notes.origins |= {f"services.{name}.{path}": spot for path in story.pools}
    if role == "http":
        result["backlog"] = template.backlog
        loop = event_loop(node.value)
        result["accepts"] = "at_once" if loop else template.accepts
        if loop:
            notes.assumed.append(f"{name}: accepts at once and queues inside, by {loop}")
    else:
        queue = around.queue_of(name)
        takes = {} if queue in around.queues[:1] else {"queue": around.names[queue]}
        result["job"] = template.job.model_copy(update=takes)
    for place, why in story.origins.items():
        notes.origins[f"services.{name}.{place}"] = Origin("assumed", why)
    unit = "request" if role == "http" else "job"
    notes.assumed.append(f"{name}: {', '.join(story.said)} per {unit}, as in {around.like.name}")
    return result


def _spot(node: Node, sources: list[str] | tuple[str, ...]) -> Origin:
    """Where the first of these variables or options stands."""
    origin = None
    for source in sources:
        path = (*node.path, "environment", source)
        known = source in (node.value.get("environment") or {})
        spot = node.at(path, "") if known else node.get("command")
        origin = origin or spot.origin
        node.read.add(path)
    return origin or node.get("command").origin
