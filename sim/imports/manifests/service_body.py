"""A service in Compose's words, made of something else; and the project of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.imports.compose.project import Project
from sim.imports.compose.values import Node
from sim.imports.evidence import Imported, Notes, Origin, leaves
from sim.schema.stack import ALONE
from sim.schema.text.document import Document, Path_


@dataclass
class ServiceBody:
    """`body`: as below `services:` of a Compose file; `marks`: path below it -> where it stands."""

    origin: Node  # the name of what it is made of
    body: dict[str, Any] = field(default_factory=dict)
    marks: dict[Path_, Node] = field(default_factory=dict)
    patch: dict[str, Any] = field(default_factory=dict)  # of the stack, for the platform it is of
    aliases: list[str] = field(default_factory=list)  # under which others find it

    def put(self, path: tuple[str, ...], value: Any, source: Node) -> None:
        """Say it in Compose's words, and remember where it comes from."""
        source.read.add(source.path)
        place = self.body
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
        for end in range(1, len(path) + 1):
            self.marks.setdefault(path[:end], source)


def project_of(paths: Sequence[Path], services: Mapping[str, ServiceBody], notes: Notes) -> Project:
    """All of them, as Compose's reader takes a project."""
    first = paths[0]
    bodies: dict[str, dict[str, Any]] = {}
    marks: dict[Path_, tuple[int, int]] = {}
    files: dict[Path_, str] = {}
    for name, own in services.items():
        own.marks.setdefault((), own.origin)
        own.body["restart"] = "always"  # whoever runs it starts it again
        aliases = [alias for alias in dict.fromkeys(own.aliases) if alias != name]
        own.body["networks"] = {"default": {"aliases": aliases}}
        bodies[name] = own.body
        for path, source in own.marks.items():
            place = source.document.issue(source.path)
            marks["services", name, *path] = (place.line, place.column)
            files["services", name, *path] = place.file
    document = Document(str(first), {"services": bodies}, marks, files=files)
    title = first.resolve().name if first.is_dir() else first.resolve().parent.name
    variables: dict[str, dict[str, str]] = {name: {} for name in bodies}
    return Project(document, bodies, first.parent, title, variables, notes)


def with_patches(
    imported: Imported, platform: str, services: Mapping[str, ServiceBody], ignored: Sequence[str]
) -> Imported:
    """The stack with what the files say for their platform, in place of what a like stack has."""
    stack, origins = imported.stack, dict(imported.origins)
    on = {name: dict(patch) for name, patch in stack.on.items()}
    own_platform = on.setdefault(platform, {})
    patches = own_platform["services"] = dict(own_platform.get("services", {}))
    for name, own in services.items():
        if stack.services[name].role in ALONE:
            own.patch.pop("replicas", None)
            own.patch.pop("scaling", None)
        patches[name] = own.patch
        place = own.origin.document.issue(own.origin.path)
        for path, _ in leaves(own.patch):
            key = ".".join(map(str, ("on", platform, "services", name, *path)))
            origins[key] = Origin("file", f"{place.file}:{place.line}")
    lines = [line for line in stack.ignored if not line.startswith("networks: ")]
    stack = stack.model_copy(update={"on": on, "ignored": [*lines, *ignored]})
    return Imported(stack, origins, imported.links)
