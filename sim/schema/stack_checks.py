"""Whether the parts of a stack fit together: what one field cannot know.

Each check yields issues; `layers.py` tells all of them in one InputError.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import get_args

from sim.schema.databases import SIZES
from sim.schema.engines import ENGINES, PERSISTENCE, ROLE_NAMES
from sim.schema.fields import InputError, Issue
from sim.schema.stack import ALONE, MOST_ZONES, Role, Service, Stack
from sim.schema.steps import placed
from sim.schema.story_checks import story_issues
from sim.schema.text.document import Document
from sim.schema.text.validation import Spot, closest, in_order, no_more, one_of

# fields that only some roles read; on any other they would be accepted and ignored
FIELD_ROLES: dict[str, tuple[str, ...]] = {
    "concurrency": ("http", "worker", "proxy"),
    "database": ("http", "worker"),
    **dict.fromkeys(
        ("accepts", "backlog", "cancel_abandoned", "health", "keep_alive", "keep_alive_closing",
         "push", "shed"),
        ("http",),
    ),
    **dict.fromkeys(("pools", "steps"), ("http", "worker")),
    "endpoints": ("http",),
    "errors": ("external",),
    "latency": ("external", "redis"),  # of a queue without servers
    "engine": ("postgres", "redis"),
    "job": ("worker",),
    **dict.fromkeys(
        ("max_connections", "superuser_reserved_connections", "reserved_connections", "connect",
         "cost_growth", "keepalive", "recovery", "pooler"),
        ("postgres",),
    ),
    **dict.fromkeys(("follows", "failover"), ("postgres", "redis", "cache")),
    "managed": ("postgres", "redis"),
    **dict.fromkeys(
        ("persistence", "maxmemory", "eviction", "job_size", "empty_size", "min_replicas_to_write",
         "min_replicas_max_lag"),
        ("redis",),
    ),
    "holds": ("cache",),
}  # fmt: skip


# of a part of a service: a field that is at most another one
ORDERED = (
    ("memory", "base", "limit"), ("cpu", "request", "limit"), ("database", "at_start", "pool"),
    ("scaling", "min", "max"),
)  # fmt: skip
FAILOVERS = {"postgres": ("patroni", "managed"), "redis": ("sentinel",), "cache": ("sentinel",)}


def resolve(stack: Stack, name_or_role: str) -> str:
    """The service of that name, or the first that plays that role (`http`, `postgres`, ...)."""
    if name_or_role in stack.services:
        return name_or_role
    role = ROLE_NAMES.get(name_or_role, name_or_role)
    for name, service in stack.services.items():
        if service.role == role:
            return name
    names = [*stack.services, *get_args(Role)]
    raise InputError(
        stack.name,
        found=f"the unknown service {name_or_role!r}",
        expected=f"a service of the stack ({', '.join(stack.services)}) or a role it plays",
        nearest=closest(name_or_role, names) if name_or_role not in get_args(Role) else "",
    )


def stack_issues(
    stack: Stack, document: Document, scales: bool = True, sized: bool = False
) -> Iterator[Issue]:
    """Everything in a stack that does not fit together; its `on:` patches are not looked at.
    `scales`: false where nothing reads `scaling`, so that half of one may stand there. `sized`:
    true where a memory request is a machine's size, which a container's limit may stay below (the
    API server and Docker refuse that; Amazon ECS developer guide, task definition parameters:
    a task's `memory` is at least the sum of its containers')."""
    if not scales:
        bare = {n: s.model_copy(update={"scaling": None}) for n, s in stack.services.items()}
        stack = stack.model_copy(update={"services": bare})
    services, servers = Spot(document, ("services",)), Spot(document, ("servers",))
    if not stack.playing("http"):
        yield services.issue("no service with role http", "one that users send requests to")
    for name, service in stack.services.items():
        at = services.down(name)
        yield from _service_issues(name, service, stack, at)
        if not sized:
            yield from in_order(at.down("memory"), service.memory, "request", "limit")
    yield from story_issues(stack, document)
    yield from _port_issues(stack, services)
    yield from _cycle_issues(stack, services)
    yield from server_issues(stack, document)
    machine, reserved = stack.servers.machine, stack.servers.reserved
    for size, taken, field in (
        (machine.cores, reserved.cores, "cores"),
        (machine.memory, reserved.memory, "memory"),
    ):
        if taken >= size:
            part = servers.down("reserved" if taken else "machine", field)
            yield part.issue(f"{taken:g} of {size:g}", f"{field} left for containers")


def server_issues(stack: Stack, document: Document) -> Iterator[Issue]:
    """More servers from the beginning than the provider lends; a zone twice."""
    count, quota, zones = stack.servers.count, stack.servers.quota, stack.servers.zones
    at = Spot(document, ("servers",))
    for i, zone in enumerate(zones):
        if zone in zones[:i]:
            yield at.down("zones", i).issue(f"{zone} a second time", "each zone once")
    yield from no_more(at.down("zones", MOST_ZONES), len(zones), "zones", MOST_ZONES)
    if count is not None and quota is not None and quota < count:
        found = f"{quota}, and {count} servers from the beginning"
        yield at.down("quota").issue(found, "quota >= count")


def _service_issues(name: str, service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    for other in service.depends_on:
        if other not in stack.services:
            found = f"the unknown service {other!r}"
            yield at.down("depends_on").misnamed(found, other, stack.services)
    for needed in service.waits_for:
        if needed not in service.depends_on:
            found = f"{needed!r}, which is not under depends_on"
            yield at.down("waits_for").misnamed(found, needed, service.depends_on, "nothing")
        elif needed in stack.services and stack.services[needed].healthcheck is None:
            found = f"{needed!r}, which has no healthcheck"
            yield at.down("waits_for").issue(found, "a service whose health is checked")
    for field, roles in FIELD_ROLES.items():
        if service.role not in roles and field in service.model_fields_set:
            found = f"{field} on a service with role {service.role}"
            expected = f"it only with role {' or '.join(roles)}"
            yield at.down(field).issue(found, expected, key=True)
    if service.replicas > 1 and service.role in ALONE:
        found = f"{service.replicas} replicas of a service with role {service.role}"
        expected = "1 (of a database, a replica is another service, with `follows: {primary: ...}`)"
        yield at.down("replicas").issue(found, expected)
    yield from _engine_issues(name, service, stack, at)
    yield from _untold_issues(name, service, stack, at)
    yield from _needs(name, service, stack, at)
    yield from _replica_issues(name, service, stack, at)
    for part, low, high in ORDERED:
        record = getattr(service, part)
        yield from in_order(at.down(part), record, low, high) if record is not None else ()
    yield from _behavior_issues(service, at.down("scaling", "behavior"))
    bounds = service.disruption
    if bounds and (bounds.min_available is None) == (bounds.max_unavailable is None):
        found = "neither bound" if bounds.min_available is None else "both bounds"
        expected = "exactly one of min_available and max_unavailable"
        yield at.down("disruption").issue(found, expected)
    reserved = service.superuser_reserved_connections + service.reserved_connections
    if service.role == "postgres" and reserved >= service.max_connections:
        found = f"{reserved} reserved of max_connections {service.max_connections}"
        yield at.down("max_connections").issue(found, "connections left for applications")
    if service.restart_attempts is not None and service.restart != "on-failure":
        found = f"restart_attempts with restart {service.restart}"
        yield at.down("restart_attempts").issue(found, "it only with restart on-failure")


def _engine_issues(name: str, service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    """What a database's or queue's program does not have."""
    if service.role not in ("postgres", "redis"):
        return
    engine = stack.engine_of(name)
    if service.engine is not None and engine.role != service.role:
        found = f"{engine.title} in a service of role {service.role}"
        fitting = [other for other, known in ENGINES.items() if known.role == service.role]
        yield at.down("engine").issue(found, one_of(fitting))
        return
    size, usual = service.managed and service.managed.size, engine.rented
    if not engine.machine and (service.managed is None or service.managed.model_fields_set):
        found = f"what is said of a machine of {engine.title}"
        yield at.down("managed").issue(found, "nothing here: it has none", key=True)
    elif size and size.partition(".")[0] != usual.partition(".")[0]:
        fitting = [other for other in SIZES if other.startswith(usual.partition(".")[0])]
        found = f"{size} for {engine.title}"
        yield at.down("managed", "size").issue(found, one_of(fitting))
    for field in engine.unread:
        if field in service.model_fields_set:
            found = f"{field}, which {engine.title} does not have"
            yield at.down(field).issue(found, "nothing here", key=True)
    words = PERSISTENCE.get(service.engine or service.role, ())
    if words and service.persistence not in words:
        found = f"{service.persistence!r} of {engine.title}"
        yield at.down("persistence").issue(found, one_of(words))


def _untold_issues(name: str, service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    """What a worker cannot have whose queue hears of no try that fails."""
    queue = stack.queue_of(name) if service.role == "worker" else ""
    if queue not in stack.playing("redis") or stack.engine_of(queue).machine:
        return
    title, job = stack.engine_of(queue).title, service.job
    for field in sorted(job.model_fields_set.intersection(("backoff", "redelivery_look"))):
        expected = "`redelivery` alone: its visibility time-out"
        yield at.down("job", field).issue(f"{field} of {title}", expected, key=True)
    if job.redelivery_from == "silence" and "redelivery_from" in job.model_fields_set:
        yield at.down("job", "redelivery_from").issue(f"silence of {title}", "delivery")


def _behavior_issues(service: Service, at: Spot) -> Iterator[Issue]:
    """What the API server turns down: kubernetes pkg/apis/autoscaling/validation/validation.go."""
    behavior = service.scaling and service.scaling.behavior
    for way in ("up", "down") if behavior else ():
        policies = getattr(behavior, way).policies
        if policies == []:
            yield at.down(way, "policies").issue("no policy", "at least one, or null")
        for number, policy in enumerate(policies or ()):
            if (policy.pods is None) == (policy.percent is None):
                found = "neither pods nor percent" if policy.pods is None else "pods and percent"
                place = at.down(way, "policies", number)
                yield place.issue(found, "exactly one of pods and percent")


def _needs(name: str, service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    """Services that a service cannot do without."""
    needs = (
        ("postgres", "database", service.database is not None),
        ("redis", "push", service.push.share > 0),
        ("redis", "role", service.role == "worker"),
    )
    for role, field, needed in needs:
        if needed and not any(other.role == role for other in stack.services.values()):
            found = f"no service with role {role}"
            yield at.down(field).issue(found, f"one, because {name} needs it")


def _replica_issues(name: str, service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    primaries = [n for n in stack.playing(service.role) if stack.services[n].follows is None]
    if service.follows is not None and service.follows.primary not in primaries:
        found, expected = repr(service.follows.primary), f"a primary ({one_of(primaries)})"
        near = closest(service.follows.primary, primaries)
        yield at.down("follows", "primary").issue(found, expected, near)
    copies, least = len(stack.copies(name)), service.min_replicas_to_write
    if least > copies:
        found = f"{least}, and {name} has {copies or 'no'} replica{'s' * (copies > 1)}"
        yield at.down("min_replicas_to_write").issue(found, f"{copies} at most")
    rules, own = service.failover, at.down("failover")
    if rules is None or service.role not in FAILOVERS:
        return
    if service.managed is not None:
        kind = "database" if service.role == "postgres" else "queue"
        found, expected = f"failover of a managed {kind}", "its provider's, `managed.takes`"
        yield own.issue(found, expected, key=True)
    elif not stack.replicas(name):
        found = f"failover of {name}, which has no replica"
        expected = f"a service with role {service.role} and `follows: {{primary: {name}}}`"
        yield own.issue(found, expected, key=True)
    if rules.by not in FAILOVERS[service.role]:
        able = FAILOVERS[service.role]
        title = "a cache" if service.role == "cache" else stack.engine_of(name).title
        yield own.down("by").issue(f"{rules.by} of {title}", one_of(able))
        return
    unread = {
        "patroni": ("quorum", "timeout"),
        "sentinel": ("loop_wait", "retry_timeout", "shutdown_sessions", "failsafe_mode"),
    }.get(rules.by, ("quorum", "timeout", "retry_timeout", "failsafe_mode"))
    for field in sorted(rules.model_fields_set.intersection(unread)):
        found = f"{field}, which a failover by {rules.by} does not have"
        yield own.down(field).issue(found, "nothing here", key=True)


def _port_issues(stack: Stack, services: Spot) -> Iterator[Issue]:
    owner: dict[int, str] = {}
    for name, service in stack.services.items():
        if service.port is None:
            continue
        first = owner.setdefault(service.port, name)
        if first != name:
            found = f"{service.port}, which {first} publishes already"
            yield services.down(name, "port").issue(found, "another port")


def _cycle_issues(stack: Stack, services: Spot) -> Iterator[Issue]:
    cycle = find_cycle({name: service.depends_on for name, service in stack.services.items()})
    if cycle:
        found = f"the cycle {' -> '.join(cycle)}"
        yield services.down(cycle[0], "depends_on").issue(found, "an order without a cycle")
    letters: dict[str, list[str]] = {}  # queue -> where its workers leave what they give up
    for name, service in stack.services.items():
        if service.role == "worker" and service.job.dead_letters is not None:
            letters.setdefault(stack.queue_of(name), []).append(service.job.dead_letters)
    circle = find_cycle(letters)
    if circle:
        found = f"dead letters that come back: {' -> '.join(circle)}"
        worker = next(
            name
            for name, service in stack.services.items()
            if service.role == "worker" and service.job.dead_letters == circle[1]
        )
        at = services.down(worker, "job", "dead_letters")
        yield at.issue(found, "a queue from which no worker leads back")
    called = find_cycle({name: stack.calls(name) for name in stack.services})
    if len(set(called)) > 1:  # what asks itself is told where it does
        found = f"services that ask each other: {' -> '.join(called)}"
        closing = next(
            (*place.split("."), *path, "call")
            for place, steps in stack.services[called[-2]].stories.items()
            for path, step in placed(steps)
            if step.call == called[-1]
        )
        yield services.down(called[-2], *closing).issue(found, "calls without a cycle")


def find_cycle(edges: dict[str, list[str]]) -> list[str]:
    """One cycle of a directed graph, its first name repeated at the end; empty if there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))  # it follows the edges backwards
    return []
