"""What one service of a file says of itself: whether the world may reach it, what program it is,
what it is built from, whether it is started again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sim.imports.images import ROLES, Word, repository, word_of, word_of_image

_MADE_OF = ("context", "dockerfile")


# ports by which no HTTP comes (IANA's registry of service names and port numbers): databases,
# caches, queues, mail, directories, names, shells, files, logs, screens, calls and streams
_NO_PAGES = frozenset(
    {5432, 3306, 33060, 6379, 27017, 1433, 1521, 9042, 7687, 11211, 5672, 5671, 9092, 2181, 4222}
    | {61616, 1883, 8883, 25, 465, 587, 110, 143, 993, 995, 389, 636, 53, 123, 20, 21, 22, 23, 445}
    | {161, 162, 514, 1514, 3389, 5900, 3478, 554, 1935}
)


def serves(body: Mapping[str, Any]) -> bool:
    """It publishes a TCP port that pages may come by."""
    ports = _targets(body.get("ports"))
    return any(not (port.isdecimal() and int(port) in _NO_PAGES) for port in ports)


def ports_of(body: Mapping[str, Any]) -> set[str]:
    """Those that it says it listens on."""
    told = body.get("expose") or []
    return {*_targets(body.get("ports")), *_targets(told if isinstance(told, list) else [told])}


def _targets(ports: Any) -> Iterator[str]:
    """Inside the container; of TCP alone."""
    for entry in ports or []:
        text = str(entry.get("target") if isinstance(entry, dict) else entry)
        udp = text.endswith("/udp") or (isinstance(entry, dict) and entry.get("protocol") == "udp")
        if not udp:
            yield text.split("/", maxsplit=1)[0].rsplit(":", 1)[-1]


def in_front(name: str) -> bool:
    """Its name says that users meet it first."""
    words = (
        r"^app$|front|web(?!-?hook|-?socket)|ui\b|client|gateway|portal|store|nginx|vote|page"
        r"|\b(vue|react|angular)"
    )
    return bool(re.search(words, name.lower()))


_OWN_URL = re.compile(r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])")


def checked_over_http(body: Mapping[str, Any]) -> bool:
    """Its healthcheck asks a page of its own."""
    check = body.get("healthcheck")
    return bool(isinstance(check, Mapping) and _OWN_URL.search(str(check.get("test") or "")))


def published(body: Mapping[str, Any]) -> bool:
    """The world may reach it: it publishes a port, or its ports are those of its server."""
    return serves(body) or body.get("network_mode") == "host"


def meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Have they a network together? Who names none is on the default one."""
    if one.get("network_mode") or other.get("network_mode"):
        return True
    own, others = (set(body.get("networks") or ("default",)) for body in (one, other))
    return not own.isdisjoint(others)


def restart_policy(body: Mapping[str, Any]) -> str:
    """What is said of starting again: `no` (or `none` of a stack), another word, or nothing."""
    swarm: Any = body
    for key in ("deploy", "restart_policy", "condition"):
        swarm = swarm.get(key) if isinstance(swarm, Mapping) else None
    said = body.get("restart", swarm)
    return "no" if said in (False, "none") else str(said or "")


def program_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes two services the same program."""
    build = body.get("build") or {}
    return tuple(str(x or "") for x in (body.get("image"), *map(build.get, _MADE_OF)))


def maker_of(body: Mapping[str, Any]) -> str:
    """Whose image it is; of those that are built here, the project's."""
    owner = repository(str(body.get("image") or "")).rpartition("/")[0]
    return owner or ("." if body.get("build") else "")


def target_of_build(body: Mapping[str, Any]) -> str:
    """The stage of a Dockerfile that makes its image."""
    return str((body.get("build") or {}).get("target") or "")


def word_of_build(body: Mapping[str, Any]) -> Word | None:
    """What the folder or the Dockerfile is called that an image is built from."""
    build = body.get("build") or {}
    dockerfile = str(build.get("dockerfile") or "")
    stem = re.sub(r"(?i)\.?dockerfile\.?", "-", dockerfile.rsplit("/", 1)[-1]).strip("-")
    folder = dockerfile.rpartition("/")[0].rsplit("/", 1)[-1]
    context = str(build.get("context") or "").rstrip("/").rsplit("/", 1)[-1].strip(".")
    words = [word_of(text) for text in (stem, folder, context) if text]
    return next((word for word in words if word and word.product), next(filter(None, words), None))


def plays(body: Mapping[str, Any], parts: Collection[str]) -> bool:
    """Does its image say that it is one of these, by part or role?"""
    word = word_of_image(str(body.get("image") or ""))
    return word is not None and bool({word.part, ROLES.get(word.part)} & {*parts})
