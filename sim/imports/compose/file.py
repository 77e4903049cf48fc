"""A docker-compose file as a stack: a tolerant reader, and an honest one.

What the simulator does not simulate is listed in `Stack.ignored`, what it has to assume in
`Stack.assumed`, one line each. What Compose itself would refuse (an unknown dependency, a cycle, a
port twice, a missing variable) is an InputError with file, line and field. Not read: `extends`
from other files, `include`, override files, variables of the shell, the images themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from sim.imports.compose.environment import read_env, substitute
from sim.imports.compose.roles import Guess, dependencies, entry_service, guess_roles
from sim.imports.compose.service import Around, Notes, read_service
from sim.imports.compose.values import Node
from sim.schema.fields import InputError, Issue
from sim.schema.stack import Service, Stack
from sim.schema.text.document import Document, describe
from sim.schema.text.validation import closest, one_of

_SHAPES: dict[str, tuple[tuple[type, ...], str]] = {
    "depends_on": ((list, dict), "a list of services"),
    "links": ((list,), "a list of services"),
    "ports": ((list,), "a list of ports"),
    "command": ((str, list), "text or a list of words"),
    "entrypoint": ((str, list), "text or a list of words"),
    "environment": ((list, dict), "a mapping of variables"),
    "extends": ((str, dict), "service: and the name of a service"),
    "deploy": ((dict,), "a mapping"),
    "healthcheck": ((dict,), "a mapping"),
}
_TOP = ("services", "version", "name", "networks", "volumes", "configs", "secrets", "include")


def read_compose(document: Document, path: Path, like: Stack) -> Stack:
    """The stack that a Compose file describes; missing numbers are those of `like`."""
    document, unset = substitute(document, read_env(path.parent / ".env"))
    notes = Notes()
    notes.assumed += [f"the variable {name} is not set: empty, as Compose has it" for name in unset]
    bodies = _bodies(document)
    _check_ports(document, bodies)
    bodies = _running(bodies, notes)
    roles = guess_roles(bodies)
    entry = entry_service(roles, bodies)
    notes.assumed[:0] = _said_roles(roles, entry)
    around = Around(
        like,
        next((name for name, guess in roles.items() if guess.role == "postgres"), ""),
        next((name for name, guess in roles.items() if guess.role == "redis"), ""),
        any(guess.role == "worker" for guess in roles.values()),
        _names(document, bodies),
        notes,
    )
    services: dict[str, Service] = {}
    issues: list[Issue] = []
    for name in sorted(bodies, key=lambda name: name != entry):  # the entry first, then the file's
        try:
            node = Node(document, ("services", name), bodies[name])
            services[around.names[name]] = read_service(node, roles[name], around)
        except InputError as error:
            issues += error.issues
    if issues:
        raise InputError(issues=issues)
    services = {name: _waiting(name, services, notes) for name in services}
    return _stack(document, path, like, services, notes)


def _waiting(name: str, services: dict[str, Service], notes: Notes) -> Service:
    """The service, waiting for those only whose health somebody checks."""
    service = services[name]
    checked = [d for d in service.waits_for if services[d].healthcheck is not None]
    for other in [d for d in service.waits_for if d not in checked]:
        notes.assumed.append(f"{name}: does not wait for {other}, which has no healthcheck here")
    return service.model_copy(update={"waits_for": checked})


def _stack(
    document: Document, path: Path, like: Stack, services: dict[str, Service], notes: Notes
) -> Stack:
    for key in document.data:
        if key not in ("services", "version", "name") and not key.startswith("x-"):
            notes.ignored.append(f"{key}: the top-level section")
    for key, users in notes.unread.items():
        notes.ignored.append(f"{key}: {', '.join(users)}")
    servers = like.servers
    machine = servers.machine
    notes.assumed += [
        f"{servers.count or 1} server of {machine.cores:g} cores and "
        f"{machine.memory / 2**30:g} GiB, the operator, "
        f"start-up times and memory as in {like.name}",
        f"on other platforms: replicas, requests, probes and scaling as in {like.name}",
    ]
    title = str(document.data.get("name") or path.resolve().parent.name)
    return Stack(
        name=re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-_") or "compose",
        title=f"{path.name} of {title}",
        source=document.file,
        services=services,
        servers=servers,
        operator=like.operator,
        on={platform: _patch(patch, like, services) for platform, patch in like.on.items()},
        assumed=notes.assumed,
        ignored=notes.ignored,
    )


def _patch(patch: dict[str, Any], like: Stack, services: dict[str, Service]) -> dict[str, Any]:
    """The like stack's patch for a platform, moved to the services of the same roles."""
    result = {key: deepcopy(value) for key, value in patch.items() if key != "services"}
    of_role = {like.services[name].role: part for name, part in patch.get("services", {}).items()}
    result["services"] = {}
    for name, service in services.items():
        part = deepcopy(of_role.get(service.role))
        if part is None:
            continue
        # the file's own limits hold everywhere; a limit without a request is the request too
        if service.memory.limit or service.memory.request:
            part["memory"] = {"request": service.memory.request or service.memory.limit}
        if service.cpu.limit or service.cpu.request:
            part["cpu"] = {"request": service.cpu.request or service.cpu.limit}
        if service.stop.grace is not None:
            part.get("stop", {}).pop("grace", None)
        if "replicas" in part:
            part["replicas"] = max(int(part["replicas"]), service.replicas)
        if "scaling" in part:
            for bound in ("min", "max"):
                part["scaling"][bound] = max(int(part["scaling"][bound]), service.replicas)
        result["services"][name] = part
    return result


# --- reading the file's services ------------------------------------------------------------------


def _bodies(document: Document) -> dict[str, dict[str, Any]]:
    """All services as mappings, `extends` within the file applied, dependencies known."""
    services = document.data.get("services")
    if not isinstance(services, dict) or not services:
        found = "no services" if "services" not in document.data else "no service in it"
        raise document.error(("services",), found, "services: with at least one service")
    issues = []
    for key in document.data:
        if key not in _TOP and not key.startswith("x-"):
            near = closest(key, _TOP)
            issues += [document.issue((key,), f"the unknown key {key!r}", one_of(_TOP), near)]
    for name, body in services.items():
        issues += _shape_issues(name, body, services, document)
    if issues:
        raise InputError(issues=issues)
    return {name: _extended(name, services, document, ()) for name in services}


def _shape_issues(
    name: str, body: Any, services: dict[str, Any], document: Document
) -> Iterator[Issue]:
    """What has the wrong shape in a service, and dependencies that do not exist."""
    at = ("services", name)
    if not isinstance(body, dict):
        yield document.issue(at, describe(body), "a mapping with image or build", key=True)
        return
    for key, (kinds, expected) in _SHAPES.items():
        value = body.get(key)
        if value is not None and not isinstance(value, kinds):
            yield document.issue((*at, key), describe(value), expected)
    depends = body.get("depends_on")
    for other in depends if isinstance(depends, list | dict) else []:
        if str(other) not in services:
            found, near = f"the unknown service {str(other)!r}", closest(str(other), services)
            yield document.issue((*at, "depends_on"), found, one_of(services), near)


def _extended(
    name: str, services: dict[str, Any], document: Document, trail: tuple[str, ...]
) -> dict[str, Any]:
    """A service over the one of the same file that it extends."""
    body: dict[str, Any] = services[name]
    extends = body.get("extends")
    base = extends.get("service") if isinstance(extends, dict) else extends
    if base is None or (isinstance(extends, dict) and extends.get("file")):
        return body
    path = ("services", name, "extends")
    if str(base) not in services:
        found = f"the unknown service {str(base)!r}"
        raise document.error(path, found, one_of(services), closest(str(base), services))
    if name in trail:
        raise document.error(path, f"the cycle {' -> '.join([*trail, name])}", "no cycle")
    return {**_extended(str(base), services, document, (*trail, name)), **body}


def _running(bodies: dict[str, dict[str, Any]], notes: Notes) -> dict[str, dict[str, Any]]:
    """Services that `up` starts and that stay: no unasked profiles, no one-time jobs."""
    wanted = {
        other
        for body in bodies.values()
        if not body.get("profiles")
        for other in dependencies(body)
    }
    once = {
        other
        for body in bodies.values()
        if isinstance(body.get("depends_on"), dict)
        for other, how in body["depends_on"].items()
        if isinstance(how, dict) and how.get("condition") == "service_completed_successfully"
    }
    result = {}
    for name, body in bodies.items():
        if body.get("profiles") and name not in wanted:
            said = body["profiles"] if isinstance(body["profiles"], list) else [body["profiles"]]
            notes.ignored.append(f"{name}: only with the profile {', '.join(map(str, said))}")
        elif name in once:
            notes.ignored.append(f"{name}: runs once at the start")
        else:
            result[name] = body
    return result


def _check_ports(document: Document, bodies: dict[str, dict[str, Any]]) -> None:
    """A published port that two services want: the second of them would not start."""
    owner: dict[tuple[int, str], str] = {}
    for name, body in bodies.items():
        if body.get("profiles"):
            continue
        for entry in Node(document, ("services", name), body).get("ports").items():
            port = entry.port()
            if port is None or port.first != port.last:
                continue
            first = owner.setdefault((port.first, port.protocol), name)
            if first != name:
                found = f"port {port.first}, which {first} publishes already"
                raise document.error(entry.path, found, "another port")


def _names(document: Document, bodies: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Compose names as ours: lower case, no dots. Two that become one are refused."""
    names: dict[str, str] = {}
    for name in bodies:
        own = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_") or "service"
        if own in names.values():
            found = f"a second service called {own!r} (dots and capitals do not count)"
            raise document.error(("services", name), found, "another name")
        names[name] = own
    return names


def _said_roles(roles: dict[str, Guess], entry: str) -> list[str]:
    lines = [f"{name}: role {guess.role} ({guess.why})" for name, guess in roles.items()]
    others = [name for name, guess in roles.items() if guess.role == "http" and name != entry]
    if entry:
        lines.append(f"users' requests go to {entry}")
    if others:
        lines.append(f"no requests to {', '.join(others)}: one service is the entry")
    return lines
