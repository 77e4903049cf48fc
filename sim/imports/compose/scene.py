"""All services of a file together: what each says of the others, and what can be told of one from
that: what answers, what ends, what runs beside another of its program."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sim.imports.compose.body import (
    in_front,
    maker_of,
    plays,
    ports_of,
    program_of,
    published,
    restart_policy,
    serves,
    target_of_build,
)
from sim.imports.compose.links import (
    Bodies,
    Mention,
    Outside,
    command_text,
    host_names,
    hosts_of,
    stem,
)
from sim.imports.compose.merge import source_of
from sim.imports.evidence import Confidence
from sim.imports.images import ENGINES, Part, Word, word_of, word_of_image
from sim.schema.stack import Role


class Guess(NamedTuple):
    """A role and why. `part` says more: the engine of a database, what an `other` is."""

    role: Role
    why: str
    part: Part | None = None
    confidence: Confidence = "high"


@dataclass(frozen=True)
class Scene:
    """All services with what they say of each other."""

    bodies: Bodies
    variables: Mapping[str, Mapping[str, str]]
    mentions: Sequence[Mention]
    bases: Mapping[str, str] = field(default_factory=dict)  # what an image is built on, if known
    outside: Mapping[str, Outside] = field(default_factory=dict)  # that are none of the files'
    plain: Collection[str] = ()  # built of another image and configuration alone

    def callers(self, name: str) -> list[str]:
        return [m.caller for m in self.mentions if m.callee == name]

    def with_mentions(self, more: Iterable[Mention]) -> Scene:
        return replace(self, mentions=[*self.mentions, *more])

    def asks(self, name: str, others: Collection[str]) -> bool:
        return any(m.caller == name and m.callee in others for m in self.mentions)


# what tells copies of one image apart: `CONTAINER_ROLE=queue`, `APP_PROCESS: worker`
_TELLS = re.compile(
    r"(.*_)?(ROLE|PROCESS(_TYPE)?|(CONTAINER|SERVICE|APP|NODE|RUN|START)_(TYPE|MODE))"
)


def told_by_a_variable(variables: Mapping[str, str]) -> tuple[Word, str] | None:
    """That it works jobs, or gives them out at their times."""
    for key, value in variables.items():
        word = word_of(value) if _TELLS.fullmatch(key) else None
        if word and word.part in ("worker", "scheduler"):
            return word, f"{key} {value}"
    return None


def runs_once(body: Mapping[str, Any], scene: Scene) -> bool:
    """It alone is never started again after its end, and does something of its own."""
    if serves(body) or not command_text(body) or body.get("healthcheck"):
        return False
    policies = [restart_policy(other) for other in scene.bodies.values() if other is not body]
    return restart_policy(body) == "no" and any(policy not in ("", "no") for policy in policies)


def alone_ends(body: Mapping[str, Any], scene: Scene) -> bool:
    """It is not started again after its end, and half of the others are."""
    others = [restart_policy(other) not in ("", "no") for other in scene.bodies.values()]
    return restart_policy(body) in ("", "no") and 2 * sum(others) > len(others)


def in_background(name: str, body: Mapping[str, Any], scene: Scene) -> bool:
    """The program of another service started in another way, and nobody reaches it. In manifests:
    it listens on no port."""
    if serves(body) or scene.callers(name):
        return False
    if body.get("expose") == []:
        return True
    others = [scene.bodies[twin] for twin in twins(name, scene)]
    plain = [twin for twin in others if not command_text(twin)]
    own = command_text(body) or {target_of_build(twin) for twin in plain} - {target_of_build(body)}
    return bool(plain and own and not body.get("expose"))


def twins(name: str, scene: Scene) -> list[str]:
    """Others of the same program that are reached."""
    own = program_of(scene.bodies[name])
    alike = [other for other, body in scene.bodies.items() if program_of(body) == own]
    return [n for n in alike if n != name and (serves(scene.bodies[n]) or scene.callers(n))]


def asks_a_database(name: str, scene: Scene) -> bool:
    """Its variables name one that is not itself: those of a first start are then its client's."""
    own = scene.variables[name]
    images = {n: word_of_image(str(b.get("image") or "")) for n, b in scene.bodies.items()}
    stores = [n for n, word in images.items() if word and word.part in ENGINES and n != name]
    if any(key.endswith("HOST") for key in own) or scene.asks(name, stores):
        return True
    known = host_names(scene.bodies)
    asked = [host for value in own.values() for host, part in hosts_of(value) if part in ENGINES]
    return any(known.get(host.lower(), host) != name for host in asked)


def keeps_files(name: str, scene: Scene) -> bool:
    """Certificates, or on the port of pages a volume that another fills, or both ports of pages."""
    body = scene.bodies[name]
    volumes = {
        owner: {source_of(volume) for volume in other.get("volumes") or []}
        for owner, other in scene.bodies.items()
    }
    own = volumes.pop(name)
    named = {v for v in own.intersection(*[set().union(*volumes.values())]) if v[:1] not in "./~$"}
    ports = ports_of(body)
    return "letsencrypt" in str(own) or ("80" in ports and bool(named or "443" in ports))


def asks_the_published(name: str, web: Collection[str], scene: Scene) -> bool:
    """It is a client of the file's own: it asks a web service over HTTP that the world reaches, and
    no store, and says of nothing that it listens."""
    body = scene.bodies[name]
    asked = [m for m in scene.mentions if m.caller == name]
    over_http = [m.callee for m in asked if m.part == "http" and m.callee in web]
    way_in = any(published(scene.bodies[callee]) for callee in over_http)
    plain = not (in_front(name) or body.get("expose") or body.get("healthcheck"))
    stores = any(plays(scene.bodies[m.callee], (*ENGINES, "redis")) for m in asked)
    return way_in and plain and not stores and not scene.callers(name)


def is_asked(name: str, scene: Scene) -> bool:
    body = scene.bodies[name]
    return bool(published(body) or body.get("expose") or scene.callers(name))


def reached(name: str, body: Mapping[str, Any], scene: Scene) -> bool:
    """Something asks it, it says which port it listens on, or it uses another of the file."""
    return bool(
        published(body)
        or body.get("expose")
        or scene.callers(name)
        or any(m.caller == name for m in scene.mentions)
        or len(scene.bodies) <= 3
        or any(re.match(r"PORT$|.*_PORT$|VIRTUAL_HOST", key) for key in scene.variables[name])
        or word_of(name)
    )


def has_its_own(name: str, scene: Scene) -> bool:
    """A database that is called after it: who works jobs shares that of who leaves them."""
    stores = [n for n, body in scene.bodies.items() if n != name and plays(body, ENGINES)]
    return bool(stem(name)) and stem(name) in map(stem, stores)


def of_a_suite(body: Mapping[str, Any], scene: Scene) -> bool:
    """Is its image made by those of two others, at least, which are called after no product?"""
    own = maker_of(body)
    plain = [b for b in scene.bodies.values() if b is not body and maker_of(b) == own != ""]
    words = [word_of_image(str(other.get("image") or "")) for other in plain]
    return sum(word is None or not word.product for word in words) >= 2


def ranked_stores(
    role: Role, guesses: Mapping[str, Guess], scene: Scene, corrected: Mapping[str, Role]
) -> list[str]:
    """The databases, or the queues: first the one that the application is about."""
    names = [name for name, guess in guesses.items() if guess.role == role]
    return sorted(names, key=lambda name: _store_rank(name, guesses, scene, corrected))


def _store_rank(
    name: str, guesses: Mapping[str, Guess], scene: Scene, corrected: Mapping[str, Role]
) -> tuple[bool, bool, bool, bool, bool, bool, bool, int, int, bool]:
    """Of several stores: the one that was corrected, that workers, web services and most use."""
    callers = set(scene.callers(name))
    roles = {guesses[caller].role for caller in callers if caller in guesses}
    named = {m.caller for m in scene.mentions if m.callee == name and m.confidence == "high"}
    sure = {guesses[caller].role for caller in named if caller in guesses}
    workers = [n for n, guess in guesses.items() if guess.role == "worker"]
    needed = "worker" if guesses[name].role == "redis" else "http"
    jobs = any("QUEUE" in m.evidence.upper() for m in scene.mentions if m.callee == name)
    cache = bool(re.search(r"cache|session", name.lower()))
    part = guesses[name].part
    beside = guesses[name].role == "redis" and part != "rabbitmq" and not jobs  # it is a cache
    own = set(re.split(r"[-_.]", name.lower()))
    shared = len(own & {word for n in workers for word in re.split(r"[-_.]", n.lower())})
    return (name not in corrected, needed not in sure, name in scene.outside, beside,
            needed not in roles, cache, part is None, -shared, -len(callers),
            part != "postgres")  # fmt: skip
