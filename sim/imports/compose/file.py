"""A Compose file as a stack: a tolerant reader, and an honest one.

What the simulator does not simulate is listed in `Stack.ignored`, what it has to assume in
`Stack.assumed`, what only the user knows in `Stack.questions`: each value of the file is read, or
stands in one of these lines, or is refused. What Compose itself would refuse (an unknown key or
dependency, a cycle, a port twice, a missing variable) is an InputError with file, line and field.
Not read: variables of the shell, the images themselves. `x-sim:` of a service corrects it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sim.imports.compose.calls import Calls, calls_of
from sim.imports.compose.front import entry_service, public, unsaid_callees, unsaid_callers
from sim.imports.compose.leftovers import leftover_lines
from sim.imports.compose.links import (
    Mention,
    Outside,
    base_image,
    config_text,
    configured,
    environment_of,
    host_names,
    mentions,
    routed,
)
from sim.imports.compose.outside import rented, take_in
from sim.imports.compose.project import Project, read_project
from sim.imports.compose.questions import tell_links, tell_roles, tell_unasked
from sim.imports.compose.roles import guess_roles
from sim.imports.compose.scene import Guess, Scene, ranked_stores
from sim.imports.compose.service import Own, read_service
from sim.imports.compose.stores import read_pooler
from sim.imports.compose.story import Around
from sim.imports.compose.values import Node, Published
from sim.imports.evidence import (
    ENTRY,
    Corrections,
    Imported,
    Notes,
    Origin,
    role_of,
)
from sim.schema.fields import InputError, Issue
from sim.schema.settings import merged
from sim.schema.stack import Role, Service, Stack
from sim.schema.text.document import Document, Path_, describe
from sim.schema.text.validation import Spot, closest, one_of

OWN = "x-sim"  # what a user writes below a service of the file to correct how it is read
_WORDS = ("role", "calls")  # of it; anything else is a field of the stack's service


@dataclass
class _Import:
    """One import on its way: what the file says, and what is made of it."""

    project: Project
    like: Stack
    corrections: Corrections
    variables: dict[str, dict[str, str]]
    taken: Mapping[str, Outside]  # stores outside the files that are services all the same
    read: set[Path_] = field(default_factory=set)

    @property
    def notes(self) -> Notes:
        return self.project.notes

    def node(self, name: str) -> Node:
        body = self.project.bodies[name]
        return Node(self.project.document, ("services", name), body, self.read)


def import_compose(
    documents: Sequence[tuple[Document, Path]], like: Stack, corrections: Corrections
) -> Imported:
    """What these Compose files describe, the later over the earlier; missing numbers are those of
    `like`. Raises `InputError`."""
    return import_project(read_project(documents, Notes()), like, corrections)


def import_project(project: Project, like: Stack, corrections: Corrections) -> Imported:
    """The same of a project that was put together from these or from other files. Raises
    `InputError`."""
    notes = project.notes
    variables = {
        name: environment_of(body, project.files[name]) for name, body in project.bodies.items()
    }
    taken = take_in(project, variables)
    task = _Import(project, like, _corrected(project, corrections), variables, taken)
    task.read |= {("services", name, "hostname") for name in taken}
    _check_ports(task)
    scene, configs, outside = _scene(task)
    task.read |= {
        ("services", mention.caller, *mention.path)
        for mention in scene.mentions
        if mention.path[:1] == ("environment",)
    }
    roles = guess_roles(scene, task.corrections.roles)
    scene = scene.with_mentions(unsaid_callers(roles, scene))
    entry = entry_service(roles, scene, task.corrections.entry)
    if not entry:
        found = "no service that answers users: no service with role http"
        expected = "one that users send requests to (--role NAME=http if one of them does)"
        raise project.document.error(("services",), found, expected)
    scene = scene.with_mentions(unsaid_callees(roles, scene, entry))
    names = _names(project)
    reached = public(roles, scene)
    calls = calls_of(roles, scene, entry, reached, notes)
    tell_roles(roles, calls.doors, scene, notes)
    tell_unasked(roles, entry, calls, scene, notes)
    also = [
        name
        for name in roles
        if name in reached and name not in calls.doors and calls.visits.get(name)
    ]
    if also:
        notes.questions.append(
            f"do users ask {', '.join(also)} beside the services that do? (mix:)"
        )
    tell_links(scene, roles, outside, names, notes)
    if visits := round(sum(calls.visits.values()) - 1, 3):
        notes.assumed.append(
            f"calls that a user's request leads to: {visits:g}, each always made; it costs in all "
            f"what one costs in {like.name}, in equal parts"
        )
    services = _services(task, roles, entry, scene, configs, names, calls)
    stack = _stack(task, services, _swarm(task.node(entry), notes))
    stack = stack.model_copy(update={"mix": _mix([names[door] for door in calls.doors], notes)})
    notes.ignored += leftover_lines(project, task.read, variables)
    return notes.imported(stack)


# --- who is what ----------------------------------------------------------------------------------


def _corrected(project: Project, corrections: Corrections) -> Corrections:
    """With what `x-sim:` says in the file, over which the command line wins."""
    corrections.check(project.bodies)
    roles: dict[str, Role] = {}
    links, entry = [], ""
    for name, body in project.bodies.items():
        own, at = body.get(OWN), ("services", name, OWN)
        if own is None:
            continue
        if isinstance(own, str):
            own = {"role": own}
        if not isinstance(own, dict):
            raise project.document.error(
                at, describe(own), "a role, or a mapping with role: and calls:"
            )
        if own.get("role") is not None:
            roles[name] = role_of(str(own["role"]), f"{project.document.place((*at, 'role'))}")
            entry = name if own["role"] == ENTRY else entry
        calls = own.get("calls") or []
        for callee in calls if isinstance(calls, list) else [calls]:
            if callee not in project.bodies:
                found, near = (
                    f"the unknown service {describe(callee)}",
                    closest(str(callee), project.bodies),
                )
                raise project.document.error((*at, "calls"), found, one_of(project.bodies), near)
            links.append((name, callee))
    return Corrections(
        {**roles, **corrections.roles}, (*links, *corrections.links), corrections.entry or entry
    )


def _scene(task: _Import) -> tuple[Scene, dict[str, str], list[Outside]]:
    """All services and what they say of each other; the text of configuration files by service."""
    bodies, corrections = task.project.bodies, task.corrections
    links, outside = mentions(bodies, task.variables)
    links += [Mention(a, b, "as you say", "high", None, ()) for a, b in corrections.links]
    folder, hosts = task.project.folder, host_names(bodies)
    made_of = {name: base_image(body, folder) for name, body in bodies.items()}
    bases = {name: base for name, (base, _) in made_of.items() if base}
    plain = {name for name, (_, configured_alone) in made_of.items() if configured_alone}
    scene = Scene(bodies, task.variables, links, bases, task.taken, plain)
    first = guess_roles(scene, corrections.roles)
    proxies = [name for name, guess in first.items() if guess.part == "proxy"]
    links += routed(proxies, bodies)
    servers = [
        name for name, guess in first.items() if guess.role in ("postgres", "redis", "proxy")
    ]
    configs = {name: config_text(bodies[name], folder) for name in {*proxies, *servers}}
    for name in proxies:
        links += configured(name, configs[name], hosts)
    return replace(scene, mentions=links), configs, outside


def _mix(doors: Sequence[str], notes: Notes) -> dict[str, float]:
    """Users ask each of these as often: what is not said here asks the first."""
    share = round(1.0 / len(doors), 4)
    mix = dict.fromkeys(doors[1:], share)
    notes.origins |= {f"mix.{name}": Origin("assumed", "equal shares") for name in mix}
    if mix:
        notes.questions.append(
            f"how many of users' requests go to each of {', '.join(doors)}? All publish a port: "
            "taken for as many (mix:)"
        )
    return mix


# --- the services ---------------------------------------------------------------------------------


def _services(
    task: _Import,
    roles: Mapping[str, Guess],
    entry: str,
    scene: Scene,
    configs: Mapping[str, str],
    names: dict[str, str],
    calls: Calls,
) -> dict[str, Service]:
    """Each service, the entry first, then in the file's order, then the lesser databases and
    queues."""
    databases = ranked_stores("postgres", roles, scene, task.corrections.roles)
    queues = ranked_stores("redis", roles, scene, task.corrections.roles)
    database, lesser = next(iter(databases), ""), {*databases[1:], *queues[1:]}
    poolers = [name for name, guess in roles.items() if guess.part == "pooler"]
    around = Around(
        task.like,
        databases,
        queues,
        names,
        {name: roles[name].role for name in roles},
        _asked(scene, poolers, database),
        calls,
        task.notes,
    )
    services: dict[str, Service] = {}
    issues: list[Issue] = []
    for name in sorted(roles, key=lambda name: (name != entry, name in lesser)):
        node = task.node(name)
        own = Own(roles[name], task.variables[name], configs.get(name, ""))
        try:
            service = read_service(node, own, around)
            services[names[name]] = _by_hand(node, service)
        except InputError as error:
            issues += error.issues
    if issues:
        raise InputError(issues=issues)
    if around.untold:
        task.notes.questions.append(
            f"calls of {', '.join(around.untold)}: how long do they wait? (`timeout` of a "
            "step; nothing tells their language: without end, as most clients)"
        )
    if poolers and database:
        pooler = read_pooler(
            task.node(poolers[0]), poolers[0], task.variables[poolers[0]], task.notes
        )
        pooled = services[names[database]].model_copy(update={"pooler": pooler})
        services[names[database]] = pooled
        task.notes.assumed.append(f"{poolers[0]}: {pooler.size} connections to {database} for all")
    services = rented(_own_addresses(services, task.notes), task.taken, names, task.notes)
    return {name: _waiting(name, services, task.notes) for name in services}


def _own_addresses(services: dict[str, Service], notes: Notes) -> dict[str, Service]:
    """One port on two addresses of a server does not collide (compose-spec ports, HOST_IP)."""
    owners: dict[int, str] = {}
    result = dict(services)
    for name, service in services.items():
        first = owners.setdefault(service.port, name) if service.port else name
        if first != name:
            result[name] = service.model_copy(update={"port": None})
            notes.assumed.append(
                f"{name}: port {service.port} of another address than {first}'s never collides"
            )
    return result


def _asked(scene: Scene, poolers: Sequence[str], database: str) -> dict[str, set[str]]:
    """Whom each service asks; who asks the pooler asks the database behind it."""
    targets: dict[str, set[str]] = {}
    for mention in scene.mentions:
        targets.setdefault(mention.caller, set()).add(mention.callee)
    for others in targets.values():
        if others & set(poolers) and database:
            others.add(database)
    return targets


def _by_hand(node: Node, service: Service) -> Service:
    """The service with the fields that `x-sim:` sets, as a stack's file would."""
    own = node.value.get(OWN)
    node.read.add((*node.path, OWN))
    if not isinstance(own, dict):
        return service
    fields = {key: value for key, value in own.items() if key not in _WORDS}
    spot = Spot(node.document, (*node.path, OWN))
    changed: Service = merged(service, Service, fields, spot) if fields else service
    return changed


def _waiting(name: str, services: dict[str, Service], notes: Notes) -> Service:
    """The service, waiting for those only whose health somebody checks."""
    service = services[name]
    checked = [d for d in service.waits_for if services[d].healthcheck is not None]
    for other in [d for d in service.waits_for if d not in checked]:
        notes.assumed.append(f"{name}: does not wait for {other}, which has no healthcheck here")
    return service.model_copy(update={"waits_for": checked})


def _swarm(node: Node, notes: Notes) -> dict[str, Any]:
    """What the entry's `deploy:` says of updates and restarts under Swarm, where they are read
    (compose-spec deploy.md); Compose reads neither."""
    update, restart = node.get("deploy", "update_config"), node.get("deploy", "restart_policy")
    words = {
        "rolling_updates.parallelism": update.get("parallelism").count(),
        "rolling_updates.delay_s": update.get("delay").seconds(),
        "rolling_updates.monitor_s": update.get("monitor").seconds(),
        "rolling_updates.max_failure_ratio": update.get("max_failure_ratio").number(),
        "rolling_updates.order": update.get("order").text() or None,
        "rolling_updates.failure_action": update.get("failure_action").text() or None,
        "self_healing.delay_s": restart.get("delay").seconds(),
    }
    found = {f"swarm.{path}": value for path, value in words.items() if value is not None}
    if found:
        notes.assumed.append(f"on Swarm: updates and restarts of all as of {node.path[-1]}")
    return {path: f"{v:g}s" if path.endswith("_s") else v for path, v in found.items()}


def _stack(task: _Import, services: dict[str, Service], settings: dict[str, Any]) -> Stack:
    like, notes, project = task.like, task.notes, task.project
    servers = like.servers
    machine = servers.machine
    notes.assumed += [
        f"{servers.count or 1} server of {machine.cores:g} cores and "
        f"{machine.memory / 2**30:g} GiB, the operator, "
        f"start-up times and memory as in {like.name}",
        f"on other platforms: replicas, requests, probes and scaling as in {like.name}",
    ]
    files = [Path(project.document.file).name, *sorted({*project.document.files.values()})]
    title = ", ".join(dict.fromkeys(Path(name).name for name in files))
    return Stack(
        name=re.sub(r"[^a-z0-9_-]+", "-", project.title.lower()).strip("-_") or "compose",
        title=f"{title} of {project.title}",
        source=project.document.file,
        services=services,
        servers=servers,
        operator=like.operator,
        set=settings,
        on={
            platform: _patch(platform, patch, like, services, notes)
            for platform, patch in like.on.items()
        },
    )


def _patch(
    platform: str, patch: dict[str, Any], like: Stack, services: dict[str, Service], notes: Notes
) -> dict[str, Any]:
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


def _check_ports(task: _Import) -> None:
    """A published port that two services want: the second of them would not start."""
    taken: list[tuple[Published, str]] = []
    for name in task.project.bodies:
        for entry in task.node(name).get("ports").items():
            port = entry.port()
            if port is None:
                continue
            first = next((n for other, n in taken if n != name and port.collides(other)), "")
            if first:
                found = f"port {port.first}, which {first} publishes already"
                raise task.project.document.error(entry.path, found, "another port")
            taken.append((port, name))


def _names(project: Project) -> dict[str, str]:
    """Compose names as ours: lower case, no dots. Two that become one are refused."""
    names: dict[str, str] = {}
    for name in project.bodies:
        own = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_") or "service"
        if own in names.values():
            found = f"a second service called {own!r} (dots and capitals do not count)"
            raise project.document.error(("services", name), found, "another name")
        names[name] = own
    return names
