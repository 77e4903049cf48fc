"""Whether the stories of a stack fit together: who is asked for what, and what a step may say.

Each check yields issues; `stack_checks.py` adds them to those of the whole stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import fsum

from sim.schema.client import ClientSpec
from sim.schema.fields import Issue, LawSpec
from sim.schema.stack import Role, Service, Stack
from sim.schema.steps import STEP_KINDS, Breaker, PlainStep, ServiceStep, placed
from sim.schema.text.document import Document
from sim.schema.text.validation import Spot, closest, in_order, no_more, one_of
from sim.schema.ways import ROUNDING, known_ways

MOST_STEPS = 22  # of one story; both engines have room for so many (dataplane.profile)
MOST_CALLS, MOST_ENDPOINTS, MOST_ASKED = 16, 15, 64  # of one service; of one stack
MOST_WAYS = 64  # in which users ask
MOST_POOLS, MOST_DATABASES, MOST_QUEUES, MOST_CACHES = 4, 64, 64, 16
MOST_PLAYING: dict[Role, int] = {
    "redis": MOST_QUEUES, "cache": MOST_CACHES, "postgres": MOST_DATABASES,
}  # fmt: skip
MOST_KEPT = 256  # connections of one process to a service that it asks
OWN_FIELDS = {"role", "latency", "errors"}  # of what is somebody else's
# what a step of a kind may ask, and in which words that is told
TARGETS: dict[str, tuple[tuple[Role, ...], str]] = {
    "query": (("postgres",), "a database: a service with role postgres"),
    "call": (("http", "external"), "a service that answers: with role http or external"),
    "push": (("redis",), "a queue: a service with role redis"),
    "cache": (("cache",), "a cache: a service with role cache"),
}


def story_issues(stack: Stack, document: Document) -> Iterator[Issue]:
    """Everything in the stories of a stack that does not fit together."""
    root = Spot(document)
    for name, service in stack.services.items():
        at = root.down("services", name)
        if service.role == "external":
            yield from _somebody_elses(service, at)
        if service.steps is not None:
            yield from _short_form_issues(service, at)
        for place, steps in service.stories.items():
            yield from _steps_issues(name, steps, stack, at.down(*place.split(".")))
        yield from _size_issues(service, at)
        yield from _pool_issues(service, stack, at)
        for field in ("queue", "dead_letters") if service.role == "worker" else ():
            named = getattr(service.job, field)
            yield from _queue_issue(named, stack, at.down("job", field))
    yield from mix_issues(stack.mix, stack, root.down("mix"))
    for name, jobs in stack.schedule.items():
        yield from _queue_issue(jobs.push, stack, root.down("schedule", name, "push"))
    services = root.down("services")
    for role, most in MOST_PLAYING.items():
        yield from no_more(services, len(stack.playing(role)), f"services with role {role}", most)
    yield from no_more(services, len(stack.asked()), "services that are asked", MOST_ASKED)


def _queue_issue(named: str | None, stack: Stack, at: Spot) -> Iterator[Issue]:
    queues = [n for n in stack.playing("redis") if stack.services[n].follows is None]
    if named is not None and named not in queues:
        possible = f" ({one_of(queues)})" if queues else "; there is none"
        expected = f"{TARGETS['push'][1]}{possible}"
        yield at.issue(f"{named!r}", expected, closest(named, queues))


def _somebody_elses(service: Service, at: Spot) -> Iterator[Issue]:
    plain = Service(role="external")
    for field in sorted(service.model_fields_set - OWN_FIELDS):
        if getattr(service, field) != getattr(plain, field):
            found = f"{field} on a service with role external"
            expected = "latency and errors: all that can be said of what somebody else runs"
            yield at.down(field).issue(found, expected, key=True)


def _short_form_issues(service: Service, at: Spot) -> Iterator[Issue]:
    """What the steps would leave unread."""
    for path, written, instead in (
        (("cpu", "demand"), service.cpu.demand != LawSpec(), "a step `cpu:`"),
        (("database",), service.database is not None, "a step `query:`, its pool under `pools:`"),
        (("push",), service.push.share > 0, "a step `push:`"),
    ):
        if written:
            found = f"{'.'.join(path)} beside steps, which say all that is done"
            yield at.down(*path).issue(found, instead, key=True)


def mix_issues(mix: Mapping[str, float], stack: Stack, at: Spot) -> Iterator[Issue]:
    """What users ask is there, and nobody asks twice."""
    stack = stack.model_copy(update={"mix": mix})
    services, entry = stack.answering, stack.entry
    known = known_ways(services, entry)
    for name in mix:
        if name not in known:
            found = f"no endpoint {name!r} of {entry}, and no service that answers requests"
            yield at.down(name).misnamed(found, name, known, key=True)
        elif name in services and known[name] != (name, None):
            found = f"{name!r}, an endpoint of {entry} and a service"
            expected = f"{entry}/{name} for the endpoint, or another name for one of the two"
            yield at.down(name).issue(found, expected, key=True)
    yield from no_more(at, len(stack.doors), "services that users ask", MOST_CALLS)
    in_all = "ways in, with all endpoints of the entry"
    yield from no_more(at, len(stack.ways), in_all, MOST_WAYS)
    if fsum(mix.values()) > 1.0 + ROUNDING:
        found = f"shares of {100.0 * fsum(mix.values()):g} % in sum"
        yield at.issue(found, "at most 100 %: the rest asks no endpoint by name")


def _size_issues(service: Service, at: Spot) -> Iterator[Issue]:
    """Of all its stories together."""
    yield from no_more(at.down("endpoints"), len(service.endpoints), "endpoints", MOST_ENDPOINTS)
    calls = sum(step.call is not None for step in service.every_step)
    if calls > MOST_CALLS:
        place = "endpoints" if service.endpoints else "steps"
        yield at.down(place).issue(f"{calls} calls", f"at most {MOST_CALLS} in one service")


def _steps_issues(name: str, steps: list[ServiceStep], stack: Stack, at: Spot) -> Iterator[Issue]:
    story = [(at.down(*path), step) for path, step in placed(steps)]
    # a cache is filled, and what goes side by side has an end: steps, too
    ends = sum(len(step.together or ()) for step in steps)
    taken = len(story) + sum(step.kind == "cache" for _, step in story) + ends
    if not steps or taken > MOST_STEPS:
        found = f"{taken} steps" if steps else "no step"
        yield at.issue(found, f"from 1 to {MOST_STEPS}")
    for place, step in story:
        if len(step.kinds) != 1:
            found = " and ".join(step.kinds) or "a step of no kind"
            kinds = [kind for kind in STEP_KINDS if kind in type(step).model_fields]
            yield place.issue(found, f"exactly one of {', '.join(kinds)}")
            continue
        if isinstance(step, ServiceStep) and step.together is not None and len(step.together) < 2:
            found = f"{len(step.together)} of them"
            yield place.down("together").issue(found, "two steps or more, side by side")
        yield from _field_issues(step, place)
        kept = "connections of each process"
        yield from no_more(place.down("connections"), step.connections, kept, MOST_KEPT)
        yield from closing_issues(step, place)
        if step.breaker is not None:
            yield from _breaker_issues(step.breaker, place.down("breaker"))
        if step.kind in TARGETS:
            yield from _target_issues(name, step, stack, place)


_OF_CALLS = ("at_most", "breaker", "endpoint", "inherit_deadline")
READ_IN = {  # fields that only steps of some kinds read
    **dict.fromkeys((*ClientSpec.model_fields, *_OF_CALLS), ("call",)),
    **dict.fromkeys(("on_miss", "kept", "down", "coalesce", "look_again"), ("cache",)),
    "timeout": ("call", "cache"),
    "demand": ("query",),
    "on_failure": ("query", "call", "push", "together"),
    "fresh": ("cpu", "wait", "query"),
}


def _field_issues(step: PlainStep, at: Spot) -> Iterator[Issue]:
    """Fields that a step of this kind does not read."""
    for field in sorted(step.model_fields_set & READ_IN.keys()):
        unread = step.kind not in READ_IN[field]
        if unread and getattr(step, field) != type(step).model_fields[field].default:
            found = f"{field} in a step `{step.kind}:`"
            expected = "it only in a step " + " or ".join(f"`{kind}:`" for kind in READ_IN[field])
            yield at.down(field).issue(found, expected, key=True)


def closing_issues(client: ClientSpec, at: Spot) -> Iterator[Issue]:
    """A connection that never ends idle is never on its way to it; one of many requests has no use
    for what one of a single request has, and the other way round."""
    if client.connection_closing and client.connection_idle is None:
        expected = "connection_idle beside it: after how long the other end closes"
        yield at.down("connection_closing").issue("no connection_idle", expected, key=True)
    alone = client.connection_use == "exclusive"
    if client.connections_open is not None and not alone:
        expected = "connection_use: exclusive beside it: one of HTTP/2 takes all requests"
        yield at.down("connections_open").issue("shared connections", expected, key=True)
    if client.connection_on_timeout == "keep" and alone:
        expected = "close: of HTTP/1.1 none can be used after a time-out"
        yield at.down("connection_on_timeout").issue("keep, of exclusive connections", expected)


def _breaker_issues(breaker: Breaker, at: Spot) -> Iterator[Issue]:
    if (breaker.failures is None) == (breaker.share is None):
        found = "failures and share" if breaker.share is not None else "neither of them"
        yield at.issue(found, "exactly one of failures (in a row) and share (of tries)")
    elif breaker.share is None:
        for field in sorted({"window", "least", "trials"} & breaker.model_fields_set):
            found, expected = f"{field} beside failures (in a row)", "it only beside share"
            yield at.down(field).issue(found, expected, key=True)


def _target_issues(name: str, step: PlainStep, stack: Stack, at: Spot) -> Iterator[Issue]:
    roles, expected = TARGETS[step.kind]
    possible = [
        n
        for n, s in stack.services.items()
        if s.role in roles and n != name and not (step.kind in ("push", "cache") and s.follows)
    ]
    if step.target in possible:
        known = list(stack.services[step.target].endpoints)
        if step.endpoint is not None and step.endpoint not in known:
            found = f"no endpoint {step.endpoint!r} of {step.target}"
            none = f"none: {step.target} has no endpoints"
            yield at.down("endpoint").misnamed(found, step.endpoint, known, none)
        return
    target = stack.services.get(step.target)
    if step.target == name:
        found = f"{name!r}, which would ask itself"
    elif target is None:
        found = f"the unknown service {step.target!r}"
    else:
        found = f"{step.target!r}, a service of role {target.role}"
    expected = f"{expected} ({one_of(possible)})" if possible else f"{expected}; there is none"
    yield at.down(step.kind).issue(found, expected, closest(step.target, possible))


def _pool_issues(service: Service, stack: Stack, at: Spot) -> Iterator[Issue]:
    queried = list(dict.fromkeys(step.query for step in service.every_step if step.query))
    if service.pools and not service.stories:
        found, expected = "pools without steps", "`database.pool`, or steps that query"
        yield at.down("pools").issue(found, expected, key=True)
        return
    yield from no_more(at.down("steps"), len(queried), "databases asked by one service", MOST_POOLS)
    misled = not set(queried) <= set(stack.playing("postgres"))  # told where the step stands
    for name, pool in service.pools.items():
        if name not in queried and not misled:
            found = f"a pool for {name!r}, which no step queries"
            yield at.down("pools", name).misnamed(found, name, queried, "nothing")
        yield from in_order(at.down("pools", name), pool, "at_start", "size")
