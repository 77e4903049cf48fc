"""How Compose puts files over each other: compose-spec 13-merge.md.

Mappings merge key by key, sequences are appended, commands replace; ports, volumes, secrets and
configs have keys of their own; `!reset` takes away, `!override` replaces. What may be written as a
list or as a mapping (environment, depends_on, networks ...) is a mapping afterwards, so that both
ways mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sim.imports.compose.tree import Tree

_PAIRS = ("environment", "labels", "annotations", "sysctls", "extra_hosts")  # KEY=VALUE
_NAMES = ("depends_on", "networks")
_REPLACED = (("command",), ("entrypoint",), ("healthcheck", "test"))
_STARTED = "service_started"


def normal(service: Tree) -> Tree:
    """A service whose pairs and names are mappings, and whose other lists are lists."""
    if not isinstance(service.value, dict):
        return service
    body = dict(service.value)
    for name in _PAIRS:
        if name in body and isinstance(body[name].value, list):
            body[name] = body[name].of(dict(_pair(entry) for entry in body[name].value))
    for name in _NAMES:
        if name in body and isinstance(body[name].value, list):
            names = {str(entry.value): entry.of({}) for entry in body[name].value}
            body[name] = body[name].of(names)
    if "build" in body and isinstance(body["build"].value, str):
        body["build"] = body["build"].of({"context": body["build"]})
    for name in ("env_file", "profiles", "expose", "dns"):
        if name in body and isinstance(body[name].value, str | int):
            body[name] = body[name].of([body[name]])
    return Tree(body, service.file, service.mark, service.key, service.tag)


def _pair(entry: Tree) -> tuple[str, Tree]:
    """`KEY=VALUE`; a mapping or another value in the list is its own name, and is refused later."""
    text = str(entry.plain())
    name, equals, value = text.partition("=")
    return name.strip(), entry.of(value if equals else None)


def merged(base: Tree, over: Tree, at: tuple[str, ...] = ()) -> Tree:
    """One value over another. `at`: where they stand below a service."""
    if over.tag == "!reset":
        return over.of(None)
    if over.tag == "!override" or at in _REPLACED or base.value is None:
        return over
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        body = dict(base.value)
        for name, part in over.value.items():
            if part.tag == "!reset":
                body.pop(name, None)
            else:
                body[name] = merged(body[name], part, (*at, name)) if name in body else part
        return over.of(body)
    if isinstance(base.value, list) and isinstance(over.value, list):
        return over.of(_appended(base.value, over.value, _UNIQUE.get(at, repr)))
    return base if over.value is None else over


def _appended(base: list[Tree], over: list[Tree], key: Callable[[object], object]) -> list[Tree]:
    """Entries of the first that the second does not replace, then those of the second."""
    result = {key(entry.plain()): entry for entry in base}
    result |= {key(entry.plain()): entry for entry in over}
    return list(result.values())


def _port(entry: object) -> object:
    if isinstance(entry, dict):
        keys = ("host_ip", "target", "published", "protocol")
        found = [str(entry.get(key, "")) for key in keys]
        return (*found[:3], found[3] or "tcp")
    ip, host, target, protocol = split_port(str(entry))
    return ip, target, host, protocol or "tcp"


def split_port(text: str) -> tuple[str, str, str, str]:
    """`127.0.0.1:8080:80/tcp` -> address, published, target, protocol; empty where not said."""
    body, _, protocol = text.strip().partition("/")
    head, _, target = body.rpartition(":")
    match = re.fullmatch(r"(?:(?P<ip>.*):)?(?P<host>[^:]*)", head)
    ip, host = (match["ip"] or "", match["host"]) if match else ("", head)
    return ip, host, target, protocol


def source_of(entry: object) -> str:
    """The volume or the path of the host of one entry of `volumes:`."""
    source = entry.get("source") if isinstance(entry, dict) else str(entry).split(":")[0]
    return str(source or "")


def target_of(entry: object) -> str:
    """The path in the container of one entry of `volumes:`."""
    if isinstance(entry, dict):
        return str(entry.get("target") or entry.get("source") or "")
    parts = re.sub(r"^[A-Za-z]:[\\/]", "", str(entry)).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


_UNIQUE: dict[tuple[str, ...], Callable[[object], object]] = {
    ("ports",): _port,
    ("volumes",): target_of,
    ("secrets",): target_of,
    ("configs",): target_of,
}
