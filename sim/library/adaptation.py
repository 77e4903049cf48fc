"""A scenario on a stack that lacks some of its roles: what falls away, each with one line, and what
it cannot do without. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from sim.schema.databases import DatabaseClient
from sim.schema.fields import InputError
from sim.schema.scenario import Event, Scenario
from sim.schema.settings import short_form
from sim.schema.stack import Role, Service, Stack
from sim.schema.text.document import Document
from sim.schema.text.validation import Spot

ROLES: tuple[str, ...] = get_args(Role)
# a field of a service -> the role that must be there to read it
_READ_BY = {"database": "postgres", "push": "redis"}


# a short form -> the step of a service with steps that it stands for
_DOES = {
    "cpu.demand": "cpu", "push.share": "push",
    **dict.fromkeys((f"database.{n}" for n in DatabaseClient.model_fields), "query"),
}  # fmt: skip


class Adaptation(NamedTuple):
    """Settings that the stack can take, under its own names; and a line for each that fell away."""

    settings: dict[str, Any]
    lines: tuple[str, ...]
    names: dict[str, str]  # a service that the scenario brings -> the stack's own in its place


def adapted_settings(
    settings: Mapping[str, Any], stack: Stack, names: Mapping[str, str] = {}
) -> Adaptation:
    """Settings of a scenario or a variant (`stack.services.worker.replicas` ...) for a stack.
    `names`: of an earlier adaptation."""
    fitting: dict[str, Any] = {}
    lines: list[str] = []
    fallen: dict[str, list[str]] = {}  # why -> paths
    own = dict(names)
    for path, raw in settings.items():
        parts = path.split(".")
        if parts[:2] != ["stack", "services"] or len(parts) < 3:
            fitting[path] = raw
            continue
        name = parts[2]
        brings_proxy = len(parts) == 3 and isinstance(raw, dict) and raw.get("role") == "proxy"
        if brings_proxy and stack.playing("proxy") and name not in stack.services:
            own[name] = stack.playing("proxy")[0]
            lines.append(f"{own[name]}, the proxy of {stack.name}, stands in the place of {name}")
            continue
        parts[2] = own.get(name, name)
        why = _cannot(parts, stack)
        if why:
            fallen.setdefault(why, []).append(".".join([name, *parts[3:]]))
            continue
        most = _most(parts, stack)
        above = isinstance(raw, int) and most is not None and raw > most
        fitting[".".join(parts)] = most if above else raw
        if above:
            lines.append(f"{'.'.join(parts[2:])} is {most}, not {raw}: your file scales to no more")
    lines += [f"{why}: {', '.join(paths)} falls away" for why, paths in fallen.items()]
    return Adaptation(fitting, tuple(lines), own)


def _most(parts: list[str], stack: Stack) -> int | None:
    """The least `max` that the file gives to whom a `scaling.min` is for; None if it gives none."""
    meant = [n for n, service in stack.services.items() if parts[2] in (n, service.role)]
    patches = [patch.get("services", {}).get(n, {}) for patch in stack.on.values() for n in meant]
    bounds = [(patch.get("scaling") or {}).get("max") for patch in patches]
    said = [bound for bound in bounds if isinstance(bound, int)]
    return min(said, default=None) if parts[3:] == ["scaling", "min"] else None


def check_told_of(scenario: Scenario, stack: Stack) -> None:
    """Raise `InputError` for a scenario that sets up a service, by its name, of the stack that it
    is told of, and that this one has not."""
    for path in scenario.set:
        parts = path.split(".")
        named = parts[2] if parts[:2] == ["stack", "services"] and len(parts) > 3 else ""
        if named and not _plays(named, stack) and _of_its_own(named, scenario):
            expected = f"one: {scenario.name} is told of the stack {scenario.stack}"
            raise _services(stack).error(f"no {named}", expected)


def _services(stack: Stack) -> Spot:
    return Spot(Document(stack.place), ("services",))


def stand_ins(scenario: Scenario, stack: Stack) -> dict[str, str]:
    """Who is meant by `http` in a scenario about the database, where the service that users call
    asks none itself: the first one that does."""
    asking = [n for n in stack.playing("http") if stack.pools(n)]
    if "postgres" not in scenario.needs or not asking or stack.pools(stack.entry):
        return {}
    return {"http": asking[0]}


def with_own_primaries(settings: Mapping[str, Any], stack: Stack) -> dict[str, Any]:
    """A replica that follows a role follows the stack's first of it: `{primary: postgres}`."""
    return {path: _of_own_primary(raw, stack) for path, raw in settings.items()}


def _of_own_primary(raw: Any, stack: Stack) -> Any:
    follows = raw.get("follows") if isinstance(raw, dict) else None
    primary = follows.get("primary") if isinstance(follows, dict) else None
    if follows is None or primary in stack.services or primary not in ROLES:
        return raw
    own = (n for n, s in stack.services.items() if s.role == primary and s.follows is None)
    return raw | {"follows": follows | {"primary": next(own, primary)}}


def _cannot(parts: list[str], stack: Stack) -> str:
    """Why the stack has no such field; empty if it has."""
    name = parts[2]
    service = _service(name, stack)
    if service is None and name in ROLES:
        return f"{stack.name} has no {name}"
    engine = service and service.program
    if engine and service and parts[3:] and not service.is_as_its_role(parts[3]):
        return f"{name} is {engine.title} in {stack.name}"
    if service is not None and service.steps is None and parts[3:4] in (["steps"], ["pools"]):
        return f"{name} has no steps in {stack.name}"
    if service is not None and service.steps is not None and parts[3:4] and parts[4:]:
        asked = ".".join(parts[3:5])
        if asked in _DOES and not short_form(service, parts[3:]):
            return f"{name} has no step `{_DOES[asked]}:` in {stack.name}"
    role = _READ_BY.get(parts[3]) if len(parts) > 3 else None
    if service is None or role is None:
        return ""
    if not _plays(role, stack):
        return f"{stack.name} has no {role}"
    if role == "postgres" and service.steps is None and service.database is None:
        return f"{name} uses no database in {stack.name}"
    return ""


def _service(name: str, stack: Stack) -> Service | None:
    """The service of that name, or the first that plays that role."""
    known = stack.services.get(name)
    return known or next((s for s in stack.services.values() if s.role == name), None)


def what_lacks(error: InputError, stack: str) -> str:
    """`sspp has no external`, where a role is all that lacks; else what is wrong."""
    absent = re.fullmatch(r"(?:no|the unknown service) '?(\w+)'?", error.issues[0].found)
    if absent is None or absent[1] not in ROLES:
        return str(error.issues[0])
    return f"{stack or 'the stack'} has no {absent[1]} (--role NAME={absent[1]} if there is one)"


def adapted(scenario: Scenario, stack: Stack, names: Mapping[str, str] = {}) -> Scenario:
    """The scenario with events that the stack can take, and a line for each that changes. Raises
    `InputError` that names the role and the stack's file for what it cannot do without."""
    lines: list[str] = []
    missing: list[str] = [
        role for role in scenario.needs if role != "calls" and not _plays(role, stack)
    ]
    events = []
    for event in scenario.events:
        events.append(_changed(event, scenario, stack, names, lines, missing))
    services, about_it = _services(stack), f"one: {scenario.name} is about it"
    if missing:
        expected = f"{about_it} (--role NAME={missing[0]} if there is one)"
        told_of = f"one: {scenario.name} is told of the stack {scenario.stack}"
        raise services.error(f"no {missing[0]}", expected if missing[0] in ROLES else told_of)
    if "calls" in scenario.needs and not any(map(stack.calls, stack.services)):
        expected = f"{about_it} (a step `call:` in a stack of your own)"
        raise services.error("no service that asks another", expected)
    if "postgres" in scenario.needs and not any(map(stack.pools, stack.services)):
        expected = f"{about_it} (--link NAME->DATABASE if there is one)"
        raise services.error("no service that uses the database", expected)
    told = [*scenario.assumed, *lines]
    return scenario.model_copy(update={"events": events, "assumed": told})


def _changed(
    event: Event, scenario: Scenario, stack: Stack, names: Mapping[str, str], lines: list[str],
    missing: list[str],
) -> Event:  # fmt: skip
    """One event under the stack's names; its roles that are not there come to those `missing`."""
    kind = next((name for name, body in event if name != "at" and body is not None), "at")
    body = getattr(event, kind)
    update: dict[str, Any] = {}
    service = getattr(body, "service", None)
    if isinstance(service, str):
        if service in names:
            update["service"] = names[service]
        elif not _plays(service, stack) and (service in ROLES or _of_its_own(service, scenario)):
            missing.append(service)
    hosting = getattr(body, "hosting", None)
    if isinstance(hosting, str) and hosting in ROLES and not _plays(hosting, stack):
        update["hosting"] = "http"
        lines.append(
            f"{kind}: the server of {stack.playing('http')[0]}: {stack.name} has no {hosting}"
        )
    services = getattr(body, "services", None)
    if isinstance(services, dict | list):
        absent = [n for n in services if n in ROLES and not _plays(n, stack)]
        present = [n for n in services if n not in absent]
        if absent and not present:
            missing += absent
        elif absent:
            rest = {n: services[n] for n in present} if isinstance(services, dict) else present
            update["services"] = rest
            lines.append(f"{kind}: not for {', '.join(absent)}, which {stack.name} has not")
    return event.model_copy(update={kind: body.model_copy(update=update)}) if update else event


def _of_its_own(service: str, scenario: Scenario) -> bool:
    """A service of the stack of which the scenario is told, and not one that it brings."""
    brought = f"stack.services.{service}" in scenario.set
    return scenario.stack != Scenario.model_fields["stack"].default and not brought


def _plays(name: str, stack: Stack) -> bool:
    return _service(name, stack) is not None
