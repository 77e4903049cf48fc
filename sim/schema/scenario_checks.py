"""Whether the parts of a scenario fit together, and fit a stack: what one field cannot know.

Each check yields issues; `sim.library.scenarios` tells all in one InputError. Checks
guard meaning, never reality: a scenario in which everything is down is a legal scenario.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

from pydantic import ValidationError

from sim.schema.fields import InputError, Issue, refuse_all
from sim.schema.scenario import Claim, ConfigPush, Event, Scenario
from sim.schema.settings import split_settings, with_value
from sim.schema.stack import ALONE, Role, Service, Stack
from sim.schema.stack_checks import resolve
from sim.schema.story_checks import closing_issues, mix_issues
from sim.schema.text.document import Document, Key, Path_
from sim.schema.text.validation import Spot, closest, given, in_order, issues_of, one_of
from sim.schema.traffic import Traffic

KEEPS: dict[str, tuple[Role, ...]] = {  # events, and the roles that have what they are about
    "rotate_secret": ("postgres",),
    "data_deleted": ("postgres",),
    "disk_full": ("postgres", "redis"),
    "lock": ("postgres",),
    "failover": ("postgres", "redis", "cache"),
    "cache_flush": ("cache",),
}
# what a process that runs can read anew; the rest it reads when it starts
READ_WHILE_RUNNING = (
    "concurrency", "shed", "cancel_abandoned", "cpu.demand", "database.demand", "database.pool",
    "database.checkout_timeout", "push.share", "push.timeout", "keep_alive",
)  # fmt: skip
NOWHERE = Spot(Document(""))  # of what was checked when it was read

SHORTEST_THOUGHT_S = 0.01  # or who is refused at once would ask for ever at one instant


def scenario_issues(scenario: Scenario, stack: Stack, document: Document) -> Iterator[Issue]:
    """Everything in a scenario that does not fit together or does not fit this stack. Which
    platforms, servers and figures there are is not known here (`sim.library.scenarios`)."""
    root = Spot(document)
    yield from _traffic_issues(scenario.traffic, scenario.horizon, root.down("traffic"))
    yield from mix_issues(scenario.traffic.mix, stack, root.down("traffic", "mix"))
    for i, event in enumerate(scenario.events):
        at = root.down(*in_force(scenario, "events"), i)
        yield from event_issues(event, scenario, stack, at)
    for i, claim in enumerate(scenario.claims):
        yield from _claim_bounds(claim, root.down(*in_force(scenario, "claims"), i))
    if not scenario.platforms:
        yield root.down("platforms").issue("an empty list", "at least one platform")
    yield from in_order(root.down("slo"), scenario.slo, "down_below", "success")


def _traffic_issues(traffic: Traffic, horizon: float, at: Spot) -> Iterator[Issue]:
    ways = ("rate", "points", "trace", "users")
    chosen = [name for name in ways if getattr(traffic, name) not in (None, [])]
    if len(chosen) != 1:
        found = " and ".join(chosen) or "none of rate, points, trace and users"
        yield at.issue(found, "exactly one of rate, points, trace and users")
    yield from closing_issues(traffic.client, at.down("client"))
    think = traffic.think
    for i, point in enumerate(traffic.points):
        if (point.rate is None) == (point.users is None):
            found = "neither" if point.rate is None else "both"
            yield at.down("points", i).issue(found, "exactly one of rate and users")
    kinds = {point.rate is None for point in traffic.points}
    if len(kinds) > 1:
        found = "rates and users"
        yield at.down("points").issue(found, "points of one kind")
    elif (think is None) == (traffic.users is not None or kinds == {True}):
        found = "users without think" if think is None else "think without users"
        yield at.issue(found, "both of users and think, or none of them")
    elif think is not None and think.mean < SHORTEST_THOUGHT_S:
        found, least = f"a mean of {think.mean:g}s", f"{SHORTEST_THOUGHT_S:g}s"
        yield at.down("think").issue(found, f"at least {least} between two requests")
    for i, (point, after) in enumerate(pairwise(traffic.points), start=1):
        if after.at <= point.at:
            found = f"a point at {after.at:g}s after one at {point.at:g}s"
            yield at.down("points", i, "at").issue(found, "points in order of time")
        elif after.at < point.at + point.ramp:
            later_s = after.at - point.at
            found = f"a ramp of {point.ramp:g}s with the next point {later_s:g}s later"
            yield at.down("points", i - 1, "ramp").issue(found, "a shorter ramp")
    for i, point in enumerate(traffic.points):
        if point.at >= horizon:
            found = f"{point.at:g}s with a horizon of {horizon:g}s"
            yield at.down("points", i, "at").issue(found, "a time before the horizon")


def in_force(scenario: Scenario, field: Literal["events", "claims"]) -> Path_:
    """Where its events, or its claims, stand: in the chosen variant, if that has its own."""
    variant = scenario.variant
    if variant and getattr(scenario.variants[variant], field) is not None:
        return ("variants", variant, field)
    return (field,)


def event_issues(event: Event, scenario: Scenario, stack: Stack, at: Spot) -> Iterator[Issue]:
    """What does not fit in one event. How many servers there are at its time a run alone knows."""
    if event.traffic is not None and scenario.traffic.returns:
        found = "another rate for users who come back"
        expected = "it where traffic has a rate: how often these ask is what they meet"
        yield at.down("traffic").issue(found, expected, key=True)
    if event.at >= scenario.horizon:
        found = f"{event.at:g}s with a horizon of {scenario.horizon:g}s"
        yield at.down("at").issue(found, "a time before the horizon")
    kinds = [name for name in Event.model_fields if name != "at"]
    chosen = [kind for kind in kinds if getattr(event, kind) is not None]
    if len(chosen) != 1:
        found = " and ".join(chosen) or "no kind of event"
        yield at.issue(found, f"exactly one of {', '.join(kinds)}")
        return
    settings = split_settings(scenario.set).stack
    added = {path.removeprefix("services.") for path in settings}  # whole services, by name
    for path, name in [p for p in _named_services(event, chosen[0]) if p[1] not in added]:
        yield from _unknown_service(stack, name, at.down(*path))
        yield from _whose(stack, name, event, at.down(*path))
    if event.config is not None and all(
        name in stack.services or stack.playing(name)  # type: ignore[arg-type]
        for name in event.config.services
    ):
        yield from _config_issues(event.config, stack, at.down("config"))
    yield from _zone_issues(event, settings, stack, at)
    if chosen[0] in KEEPS:
        yield from _keeps_nothing(stack, event, chosen[0], at)
    databases = [name for name in stack.playing("postgres") if not stack.services[name].follows]
    if event.failover is not None and all("." in name for name in added):
        yield from _follows_nobody(stack, event.failover.service, at)
    if event.rotate_secret is not None and len(databases) > 1:
        found = f"a rotation on a stack with {len(databases)} databases ({', '.join(databases)})"
        expected = "a stack with one: whose password is whose is not simulated"
        yield at.down("rotate_secret").issue(found, expected)
    change = event.external
    if change and change.state == "up" and change.latency is None and change.errors is None:
        yield at.down("external").issue("no change", "latency, errors, or another state")


def with_config(service: Service, config: Mapping[str, Any], spot: Spot = NOWHERE) -> Service:
    """The service with these fields, by dotted paths. Raises InputError for what cannot be."""
    for path, raw in config.items():
        place = spot.down(path)
        service = with_value(service, Service, path.split("."), raw, place)
    return service


def _config_issues(config: ConfigPush, stack: Stack, at: Spot) -> Iterator[Issue]:
    for path in config.set if not config.latent else ():
        if path not in READ_WHILE_RUNNING:
            expected = f"{one_of(READ_WHILE_RUNNING)}; or `latent: true`: read at the next start"
            yield at.down("set", path).issue(path, expected)
            return
    if config.halts and not config.stage:
        found, expected = "halts without a stage", "`stage`: how long the first replica is watched"
        yield at.down("halts").issue(found, expected)
    if not (config.errors or config.crash or config.set):
        found = "a configuration that changes nothing"
        yield at.issue(found, "one of errors, crash, set")
    for name in config.services:
        try:
            with_config(stack.services[resolve(stack, name)], config.set, at.down("set"))
        except InputError as error:
            yield from error.issues
            return


def server_issues(
    scenario: Scenario, servers: Mapping[str, int], document: Document
) -> Iterator[Issue]:
    """Events on a server that a platform has not. `servers`: how many each has at second 0; those
    that an event rents come to them."""
    for i, event in enumerate(scenario.events):
        number: int | None = getattr(getattr(event, event.kind()), "server", None)
        rented = sum(
            other.rent_servers.servers
            for other in scenario.events
            if other.rent_servers is not None and other.at < event.at
        )
        least = min(servers, key=lambda name: servers[name], default="")
        if number is not None and least and number >= servers[least] + rented:
            count = servers[least] + rented
            place = in_force(scenario, "events")
            at = Spot(document, (*place, i, event.kind(), "server"))
            expected = f"an index below {count}: so many servers {least} has"
            yield at.issue(f"server {number}", expected)


def read_event(data: Any, at_s: float, scenario: Scenario, stack: Stack) -> Event:
    """An event that happens at `at_s` in a run of the scenario: a record, or a mapping in the words
    of a scenario's file, without `at` (numbers without a unit are seconds, bytes, requests per
    second). Raises the InputError that a scenario with it would."""
    root = Spot(Document("event"))
    if not isinstance(data, Event | Mapping):
        expected = "a mapping such as {'operator_kill': {'service': 'http'}}"
        raise root.error(given(data), expected)
    try:
        event = data if isinstance(data, Event) else Event.model_validate({"at": at_s, **data})
    except ValidationError as error:
        raise InputError(issues=issues_of(error, Event, root)) from None
    issues = list(event_issues(event, scenario, stack, root))
    if event.at != at_s:
        found = f"an event for {event.at:g}s, and it is {at_s:g}s"
        issues.append(root.down("at").issue(found, "an event that happens now: without `at`"))
    refuse_all(issues)
    return event


def _named_services(event: Event, kind: str) -> Iterable[tuple[tuple[Key, ...], str]]:
    """Each place in an event that names a service."""
    body = getattr(event, kind)
    for i, name in enumerate(getattr(body, "services", ()) if kind == "config" else ()):
        yield (kind, "services", i), name
    for field in ("service", "hosting"):
        if getattr(body, field, None) is not None:
            yield (kind, field), getattr(body, field)
    if event.scale is not None:
        for name in event.scale.services:
            yield ("scale", "services", name), name


def zone_issue(name: str, zones: Sequence[str]) -> tuple[str, str, str]:
    """Of a zone that no server has: what was found, what is expected, the nearest."""
    there = one_of(zones) if zones else "a zone of the stack's `servers.zones`: there is none"
    return f"{name}, a zone that no server has", there, closest(name, zones)


def _zone_issues(
    event: Event, settings: Mapping[str, Any], stack: Stack, at: Spot
) -> Iterator[Issue]:
    """An event for a zone that no server has."""
    zones = settings.get("servers.zones", stack.servers.zones)
    if not isinstance(zones, list):
        return
    if event.zone_down and event.zone_down.zone not in zones:
        yield at.down("zone_down", "zone").issue(*zone_issue(event.zone_down.zone, zones))
    kind = event.kind()
    between = event.partition or event.packet_loss or event.latency
    sides = {"side": between.side, "other_side": between.other_side} if between else {}
    if event.mend_network:
        sides = {"side": event.mend_network.side}
    for field, names in sides.items():
        for i, name in enumerate(names):
            if issue := side_issue(name, zones, stack, kind):
                yield at.down(kind, field, i).issue(*issue)
    if between and not between.side and (between.other_side or kind != "latency"):
        yield at.down(kind, "side").issue("nobody", "who stands on this side")


def side_issue(
    name: str, zones: Sequence[str], stack: Stack, kind: str
) -> tuple[str, str, str] | None:
    """Of what is no part of a network; how many servers there are a run alone knows."""
    places = ["internet", "control_plane"] if kind != "latency" else ["internet"]
    known = [*zones, *stack.services, *get_args(Role), *places]
    if name in known or re.fullmatch(r"server-[1-9][0-9]*", name):
        return None
    expected = " or ".join(("a zone, a service, `server-2`", *places))
    return name, expected, closest(name, known)


def _keeps_nothing(stack: Stack, event: Event, kind: str, at: Spot) -> Iterator[Issue]:
    """An event for a service that has what it is about: a password, rows, a disk."""
    name, roles = getattr(event, kind).service, KEEPS[kind]
    able = [service for role in roles for service in stack.playing(role)]
    playing = [n for n, s in stack.services.items() if name in (n, s.role)]
    if playing and name not in (*able, *roles):
        found = f"{name}, a service of role {stack.services[playing[0]].role}"
        none = f"a service with role {' or '.join(roles)}; there is none"
        yield at.down(kind, "service").misnamed(found, name, able, none)


def _follows_nobody(stack: Stack, name: str, at: Spot) -> Iterator[Issue]:
    """A failover of a database, a queue or a cache that nobody follows."""
    stores = (name for role in ALONE for name in stack.playing(role))
    able = [each for each in stores if stack.replicas(each)]
    service = name if name in stack.services else next(iter(stack.playing("postgres")), name)
    if service not in able:
        found = f"{service}, which has no replica"
        none = "a database, queue or cache with a replica; there is none"
        yield at.down("failover", "service").misnamed(found, name, able, none)


def _whose(stack: Stack, name: str, event: Event, at: Spot) -> Iterator[Issue]:
    """What happens to our services does not happen to somebody else's, nor the other way round."""
    service, externals = stack.services.get(name), stack.playing("external")
    if service is None or (service.role == "external") == (event.external is not None):
        return
    found = f"{name}, a service of role {service.role}"
    if event.external is not None:
        none = "a service with role external, which is not there"
        yield at.misnamed(found, name, externals, none)
    else:
        expected = "one of ours: what happens to somebody else's is an event `external`"
        yield at.issue(found, expected, closest(name, externals))


def _unknown_service(stack: Stack, name: str, at: Spot) -> Iterator[Issue]:
    try:
        resolve(stack, name)
    except InputError as error:
        own = error.issues[0]
        yield at.issue(own.found, own.expected, own.nearest)


def _claim_bounds(claim: Claim, at: Spot) -> Iterator[Issue]:
    if claim.low is None and claim.high is None:
        yield at.issue("neither low nor high", "at least one bound to check")
    yield from in_order(at, claim, "low", "high")
