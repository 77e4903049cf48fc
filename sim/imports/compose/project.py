"""A Compose project: its files put together as `docker compose -f a.yml -f b.yml` does, with
`include`, `extends`, `.env`, `env_file` and profiles. Sources: compose-spec 05-services.md
(extends, depends_on, env_file), 13-merge.md, 14-include.md, 15-profiles.md."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sim.imports.compose.environment import read_env, substitute
from sim.imports.compose.keys import key_issues
from sim.imports.compose.merge import merged, normal
from sim.imports.compose.tree import Tree, as_document, tree_of
from sim.imports.evidence import Notes
from sim.schema.fields import InputError, Issue
from sim.schema.text.document import Document, describe, read_yaml
from sim.schema.text.files import read_text
from sim.schema.text.validation import closest, one_of

_DEEPEST = 20  # includes in includes; Compose refuses a circle, too
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
    "image": ((str,), "the name of an image"),
    "build": ((str, dict), "a folder, or a mapping with context"),
    "volumes": ((list,), "a list of volumes"),
    "profiles": ((list,), "a list of names"),
    "env_file": ((str, list), "a file or a list of files"),
    "labels": ((list, dict), "a mapping of labels"),
    "networks": ((list, dict), "a list of networks"),
    "expose": ((list, str, int), "a list of ports"),
}


@dataclass
class Project:
    """The files as one document, and what `up` would start."""

    document: Document
    bodies: dict[str, dict[str, Any]]  # services that run, by name
    folder: Path
    title: str
    files: dict[str, dict[str, str]]  # variables of env_file by service; those of the file win
    notes: Notes


@dataclass
class _Reading:
    """What is read once for all files."""

    notes: Notes
    unset: dict[str, None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def read_project(documents: Sequence[tuple[Document, Path]], notes: Notes) -> Project:
    """The project of these files, the first of which says where it stands. Raises `InputError`."""
    folder = documents[0][1].parent
    reading = _Reading(notes, variables=read_env(folder / ".env"))
    try:
        top = _combined(documents, reading, ())
    except InputError as error:
        raise InputError(issues=[*error.issues, *_env_to_copy(error, folder)]) from None
    document = as_document(top, documents[0][0].file)
    services = document.data.get("services")
    if not isinstance(services, dict) or not services:
        found = "no services" if "services" not in document.data else "no service in it"
        raise document.error(("services",), found, "services: with at least one service")
    _dependencies_known(document, notes)
    if reading.unset:
        many = len(reading.unset) > 1
        names = f"the variable{'s' * many} {', '.join(reading.unset)} {'are' if many else 'is'}"
        notes.assumed.append(f"{names} not set: empty, as Compose has it")
    beside = [folder / f"{stem}.override.{end}" for stem in _STEMS for end in ("yml", "yaml")]
    given = {path.resolve() for _, path in documents}
    for path in beside:
        if path.is_file() and path.resolve() not in given:
            notes.ignored.append(f"{path.name} stands beside the file and was not given")
    bodies = _running(document, reading.variables, notes)
    files = {
        name: _env_files(document, name, body, folder, reading) for name, body in bodies.items()
    }
    title = str(document.data.get("name") or folder.resolve().name)
    return Project(document, bodies, folder, title, files, notes)


_STEMS = ("compose", "docker-compose")
_EXAMPLES = ("*env*example*", "*env*sample*", "*env*template*", "*env*dist*", ".env.*", "*.env")


def _env_to_copy(error: InputError, folder: Path) -> Iterator[Issue]:
    """Where values are missing and there is no `.env`: the example of one that stands there."""
    if (folder / ".env").exists() or not any(" in .env (" in i.expected for i in error.issues):
        return
    beside = (path for pattern in _EXAMPLES for path in sorted(folder.glob(pattern)))
    example = next((path.name for path in beside if path.is_file()), "")
    if example:
        expected = f"a copy of {example}, which stands beside it, with values of your own"
        yield Issue(str(folder / ".env"), found="no such file", expected=expected)


# --- files into one -------------------------------------------------------------------------------


def _combined(
    documents: Sequence[tuple[Document, Path]], reading: _Reading, trail: tuple[Path, ...]
) -> Tree:
    """The files over each other, then what they include."""
    top: Tree | None = None
    for document, path in documents:
        part = _one_file(document, path, reading)
        top = part if top is None else _over(top, part)
    assert top is not None
    includes = top["include"]
    for entry in includes.value if isinstance(includes.value, list) else []:
        top = _including(top, entry, documents[0][1].parent, reading, trail)
    return top


def _one_file(document: Document, path: Path, reading: _Reading) -> Tree:
    """A file with its variables replaced, its keys known, and each service with what it extends."""
    document, unset = substitute(document, reading.variables)
    reading.unset |= dict.fromkeys(unset)
    top = tree_of(document)
    if "services" not in top and "include" not in top:
        expected = "services: with at least one service"
        raise document.error(("services",), "no services", expected)
    issues = [*key_issues(top), *_shape_issues(top["services"], document)]
    if issues:
        raise InputError(issues=issues)
    services = top["services"]
    if not isinstance(services.value, dict):
        return top
    bodies = {name: _extended(name, top, path, reading, ((path, name),)) for name in services.value}
    return top.of({**top.value, "services": services.of(bodies)})


def _over(base: Tree, part: Tree) -> Tree:
    """A whole file over another: services merge by the rules below a service."""
    body = dict(base.value)
    for section, over in part.value.items():
        if section != "services" or not isinstance(over.value, dict) or section not in body:
            body[section] = merged(body[section], over) if section in body else over
            continue
        services = dict(body[section].value or {})
        for name, service in over.value.items():
            services[name] = merged(services[name], service) if name in services else service
        body[section] = over.of(services)
    return base.of(body)


def _shape_issues(services: Tree, document: Document) -> Iterator[Issue]:
    """What has the wrong shape in a service."""
    for name, service in services.value.items() if isinstance(services.value, dict) else ():
        at = ("services", name)
        if not isinstance(service.value, dict):
            found = describe(service.plain())
            yield document.issue(at, found, "a mapping with image or build", key=True)
            continue
        for key, (kinds, expected) in _SHAPES.items():
            part = service[key]
            if part.value is not None and not isinstance(part.value, kinds):
                yield document.issue((*at, key), describe(part.plain()), expected)


def _extended(
    name: str, top: Tree, path: Path, reading: _Reading, trail: tuple[tuple[Path, str], ...]
) -> Tree:
    """A service over the one that it extends, of this file or of another."""
    services = top["services"]
    body = normal(services.value[name])
    extends = body["extends"]
    base = extends["service"] if isinstance(extends.value, dict) else extends
    if base.value is None:
        return body
    where, base_name = f"services.{name}.extends", str(base.value)
    source, source_path = top, path
    if "file" in extends:
        source_path = path.parent / str(extends["file"].value)
        source = _foreign(source_path, extends["file"], f"{where}.file", reading)
    names = source["services"].value if isinstance(source["services"].value, dict) else {}
    if base_name not in names:
        found, near = f"the unknown service {base_name!r}", closest(base_name, names)
        raise InputError(issues=[base.issue(where, found, one_of(names), near)])
    if (source_path, base_name) in trail:
        circle = " -> ".join([*(step for _, step in trail), base_name])
        raise InputError(issues=[base.issue(where, f"the cycle {circle}", "no cycle")])
    below = _extended(base_name, source, source_path, reading, (*trail, (source_path, base_name)))
    inherited = {key: part for key, part in below.value.items() if key != "extends"}
    # a file's own paths are relative to it
    if source_path != path and "env_file" in inherited:
        inherited["env_file"] = _moved(inherited["env_file"], source_path.parent, path.parent)
    own = {key: part for key, part in body.value.items() if key != "extends"}
    return merged(below.of(inherited), body.of(own))


def _moved(entries: Tree, source: Path, folder: Path) -> Tree:
    """Paths relative to one folder as seen from another."""

    def path(entry: Tree) -> Tree:
        if isinstance(entry.value, dict):
            return entry.of({**entry.value, "path": path(entry["path"])})
        return entry.of(os.path.relpath(source / str(entry.value), folder))

    return entries.of([path(entry) for entry in entries.value])


def _foreign(path: Path, where: Tree, field_: str, reading: _Reading) -> Tree:
    """Another file that this one names."""
    if not path.is_file():
        found = f"no such file {describe(str(where.value))}"
        raise InputError(issues=[where.issue(field_, found, "a Compose file beside this one")])
    shown = os.path.join(os.path.dirname(where.file), str(where.value))
    shown = os.path.normpath(shown)
    document, unset = substitute(read_yaml(read_text(path, shown), shown), reading.variables)
    reading.unset |= dict.fromkeys(unset)
    top = tree_of(document)
    issues = [*key_issues(top), *_shape_issues(top["services"], document)]
    if issues:
        raise InputError(issues=issues)
    return top


def _including(
    top: Tree, entry: Tree, folder: Path, reading: _Reading, trail: tuple[Path, ...]
) -> Tree:
    """The project over one entry of `include:` (compose-go v2.9 loader/include.go: of a name that
    stands in both the project's own wins, key by key; before that it was refused). Variables of the
    folder's own `.env` count where the project's do not say."""
    long = isinstance(entry.value, dict)
    paths = entry["path"] if long else entry
    listed = paths.value if isinstance(paths.value, list) else [paths]
    documents = []
    for part in listed:
        path = folder / str(part.value)
        if path.resolve() in trail or len(trail) > _DEEPEST:
            raise InputError(issues=[part.issue("include", "a circle of includes", "no circle")])
        if not path.is_file():
            if "://" in str(part.value) or str(part.value).startswith("git@"):
                reading.notes.ignored.append(f"include {part.value}: nothing is fetched")
                return top
            found = f"no such file {describe(str(part.value))}"
            raise InputError(issues=[part.issue("include", found, "a Compose file")])
        shown = os.path.normpath(os.path.join(os.path.dirname(part.file), str(part.value)))
        documents.append((read_yaml(read_text(path, shown), shown), path))
    own = folder / str(
        entry["project_directory"].value or documents[0][1].relative_to(folder).parent
    )
    named = entry["env_file"]
    files = named.value if isinstance(named.value, list) else [named] if named.value else []
    variables: dict[str, str] = {} if files else read_env(own / ".env")
    for file in files:
        variables |= read_env(folder / str(file.value))
    inner = replace(reading, variables=variables | reading.variables)
    inside = (*trail, *(path.resolve() for _, path in documents))
    part = _combined(documents, inner, inside)
    whole, own_names = _over(_sections(part), _sections(top)), top["services"].value or {}
    services = {name: whole["services"][name] for name in (*own_names, *whole["services"].value)}
    return whole.of({**whole.value, "services": whole["services"].of(services)})


def _sections(top: Tree) -> Tree:
    """Without what is said once for a project."""
    kept = {key: part for key, part in top.value.items() if key != "include"}
    kept.setdefault("services", top.of({}))
    return top.of(kept)


# --- what runs ------------------------------------------------------------------------------------


def _dependencies_known(document: Document, notes: Notes) -> None:
    """Each dependency exists, or may be absent (`required: false`)."""
    services: dict[str, Any] = document.data["services"]
    issues = []
    for name, body in services.items():
        depends = body.get("depends_on") or {}
        for callee, how in list(depends.items()):
            if callee in services:
                continue
            if isinstance(how, dict) and str(how.get("required")).lower() == "false":
                notes.ignored.append(f"{name}: depends on {callee} if it is there, and it is not")
                continue
            if "stack" in Path(document.file).stem:  # it ignores them (docs.docker.com, version 3)
                notes.ignored.append(f"{name}: depends on {callee}, which is not there")
                continue
            at = ("services", name, "depends_on", callee)
            found, near = f"the unknown service {callee!r}", closest(callee, services)
            issues.append(document.issue(at[:3], found, one_of(services), near))
    if issues:
        raise InputError(issues=issues)


def _running(
    document: Document, variables: dict[str, str], notes: Notes
) -> dict[str, dict[str, Any]]:
    """Services that `up` starts and that stay: those of active profiles, no one-time jobs."""
    bodies: dict[str, dict[str, Any]] = document.data["services"]
    profiles = {part.strip() for part in variables.get("COMPOSE_PROFILES", "").split(",")} - {""}
    active = {
        name
        for name, body in bodies.items()
        # an empty name is asked for always: compose-go v2.4 splits an unset COMPOSE_PROFILES so
        if not body.get("profiles")
        or "*" in profiles
        or (profiles | {""}) & set(map(str, body["profiles"]))
    }
    if active and profiles:
        notes.assumed.append(f"profiles of .env: {', '.join(sorted(profiles))}")
    if not active:  # nothing would start: as if the one called so, else all were asked for
        active = {name for name, body in bodies.items() if "default" in body["profiles"]}
        word = "default is taken" if active else "all are started"
        notes.assumed.append(f"every service has a profile and none is asked for: {word}")
        active = active or set(bodies)
    dependencies = {callee for name in active for callee in bodies[name].get("depends_on") or {}}
    once = {
        callee
        for body in bodies.values()
        for callee, how in (body.get("depends_on") or {}).items()
        if isinstance(how, dict) and how.get("condition") == "service_completed_successfully"
    }
    result = {}
    for name, body in bodies.items():
        if name not in active and name not in dependencies:
            notes.ignored.append(
                f"{name}: only with the profile {', '.join(map(str, body['profiles']))}"
            )
        elif name in once:
            notes.ignored.append(f"{name}: runs once at the start")
        elif (replicas := (body.get("deploy") or {}).get("replicas", body.get("scale"))) in (
            0,
            "0",
        ):
            notes.ignored.append(f"{name}: {replicas} replicas")
        else:
            result[name] = body
    return result


def _env_files(
    document: Document, name: str, body: dict[str, Any], folder: Path, reading: _Reading
) -> dict[str, str]:
    """The variables of a service's `env_file:`, the later files over the earlier."""
    variables: dict[str, str] = {}
    for i, entry in enumerate(body.get("env_file") or []):
        path = entry.get("path") if isinstance(entry, dict) else entry
        if not isinstance(path, str):
            at = ("services", name, "env_file", i)
            raise document.error(at, describe(path), "the path of a file")
        if not (folder / path).is_file():
            needed = not isinstance(entry, dict) or str(entry.get("required")).lower() != "false"
            word = "is not there" if needed else "is not there, and need not be"
            line = f"{name}: its env_file {path} {word}: no variables from it"
            reading.notes.assumed.append(line)
        variables |= read_env(folder / path, reading.variables)
    return variables
