"""Stores that the files ask and have no service for: a provider's, or another project's. Each is a
service of its own that a provider runs (`managed`), found under the host that the variables name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.imports.compose.links import Outside, mentions
from sim.imports.compose.project import Project
from sim.imports.compose.roles import guess_roles
from sim.imports.compose.scene import Guess, Scene
from sim.imports.evidence import Notes, Origin
from sim.schema.databases import Managed
from sim.schema.stack import Service

_ITSELF = re.compile(r"127\.|0\.0\.0\.0$|::1$")
_NUMBERED = re.compile(r"[\d.]+$|host\.docker|gateway\.docker")  # a host that is called nothing


def take_in(project: Project, variables: dict[str, dict[str, str]]) -> dict[str, Outside]:
    """Add to the project the databases and queues that its web services and workers ask outside of
    it, by name. The others stay lines of what is left out: caches, a host that is asked as several
    programs, what only tools ask."""
    links, outside = mentions(project.bodies, variables)
    if not outside:
        return {}
    first = guess_roles(Scene(project.bodies, variables, links), {})
    asked = {link.callee for link in links}
    idle = {guess.part for name, guess in first.items() if name not in asked}
    hosts: dict[str, list[Outside]] = {}
    for store in outside:  # unless one of the files' own is asked by nobody: it is that one
        here = _ITSELF.match(store.host) or store.part in idle
        if _asks(first[store.caller]) and not here:
            hosts.setdefault(store.host.lower(), []).append(store)
    taken: dict[str, Outside] = {}
    for host, stores in hosts.items():
        part = stores[0].part
        if any(store.part != part for store in stores):
            continue
        label = part if _NUMBERED.match(host) else re.sub(r"[^a-z0-9-]+", "-", host.split(".")[0])
        name = str(label).strip("-") or str(part)
        while name in project.bodies:
            name = f"{name}-outside"
        taken[name] = stores[0]
        project.bodies[name] = {"hostname": host}
        project.files[name] = variables[name] = {}
    links, _ = mentions(project.bodies, variables)
    roles = guess_roles(Scene(project.bodies, variables, links, outside=taken), {})
    for name in [name for name in taken if roles[name].role not in ("postgres", "redis")]:
        del taken[name], project.bodies[name], project.files[name], variables[name]
    return taken


def _asks(guess: Guess) -> bool:
    return guess.role in ("http", "worker") or guess.part == "worker"


def rented(
    services: Mapping[str, Service], taken: Mapping[str, Outside], names: Mapping[str, str],
    notes: Notes,
) -> dict[str, Service]:  # fmt: skip
    """The services, those that were taken in on no server of ours."""
    result = dict(services)
    for name, store in taken.items():
        own = names[name]
        if services[own].role not in ("postgres", "redis"):
            continue  # as somebody says
        result[own] = services[own].model_copy(update={"managed": Managed()})
        where = f"at {store.host} ({store.variable} of {store.caller})"
        notes.origins[f"services.{own}.managed"] = Origin("assumed", f"{where}, not in the file")
        asked = ", and which limits has it" if store.part != "redis" else ""
        notes.questions.append(
            f"is {name} a provider's{asked}? {store.part} {where} is not in the file: taken for one"
        )
    return result
