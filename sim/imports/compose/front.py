"""Where users come in: which of the web services is in front, which others the world reaches, and
what is asked though the file does not say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sim.imports.compose.body import in_front, meet, program_of, published
from sim.imports.compose.links import Mention, stem
from sim.imports.compose.scene import Guess, Scene
from sim.imports.images import repository, word_of


def entry_service(roles: Mapping[str, Guess], scene: Scene, chosen: str = "") -> str:
    """The http service that users' requests go to; "" if there is none. `chosen`: by the user.

    The one in front: a proxy asks it or it publishes a port, no other web service asks it."""
    if chosen and roles[chosen].role == "http":
        return chosen
    web = [name for name, guess in roles.items() if guess.role == "http"]
    proxies = [name for name, guess in roles.items() if guess.role == "proxy"]
    stores = [name for name, guess in roles.items() if guess.role in ("postgres", "redis")]
    databases = [name for name in stores if roles[name].role == "postgres"]
    proxied = {m.callee for m in scene.mentions if m.caller in proxies}
    queue = any(guess.role == "worker" for guess in roles.values())
    behind = stores if queue else databases  # who leaves jobs is as good as who asks a database

    seen = {n for n in web if n in proxied or published(scene.bodies[n])}

    def fronts(name: str) -> set[str]:  # who may stand before it: not another of its program, nor
        own = program_of(scene.bodies[name])  # a lesser part that is called after it: `shop-api`
        others = [other for other in seen or web if other != name and not beside(other)]
        others = [n for n in others if in_front(n) or not n.startswith(f"{name}-")]
        return {other for other in others if program_of(scene.bodies[other]) != own}

    def rank(name: str) -> tuple[bool, ...]:  # later words tell apart what the earlier leave equal
        return (
            roles[name].part in ("page", "tool") or (beside(name) and not faces(name, scene)),
            bool(_SIDE.search(name.lower())),
            name not in seen,
            not (in_front(name) or faces(name, scene)),
            beside(name),
            any(m.callee == name and m.caller in fronts(name) for m in scene.mentions),
            not scene.asks(name, stores),
            not scene.asks(name, behind),
            name not in proxied,
            *after(name),
            "dashboard" not in name,
        )

    return min(web, key=rank, default="")


def public(roles: Mapping[str, Guess], scene: Scene) -> set[str]:
    """Web services that the world may ask: that publish a port, or to which a proxy leads; but for
    those that few look at."""
    web = [n for n, guess in roles.items() if guess.role == "http" and guess.part != "tool"]
    proxies = [name for name, guess in roles.items() if guess.role == "proxy"]
    proxied = {m.callee for m in scene.mentions if m.caller in proxies and m.confidence != "low"}
    return {n for n in web if not beside(n) and (n in proxied or published(scene.bodies[n]))}


_SIDE = re.compile(
    r"socket|streaming|realtime|grpc\b|auth(server|n|z)?\b|identity|importer|consumer"
)
_MADE_TO_FACE = re.compile(r"(^|[-_])(ui|client|front(-?end)?|web-?apps?)([-_](?!service)|$)")
_BEHIND = re.compile(r"api|gateway|backend")
_BESIDE = re.compile(
    r"admin|monitor|canary|payment|docs\b|status|turbine|pebble|airflow|jupyter|notebook|mlflow|tensorboard"
    r"|(^|[-_])(db|database)([-_]|$)"
)


def faces(name: str, scene: Scene) -> bool:
    """What it is made of says that users meet it: `shop-client`, `./shop-ui-admin`."""
    image, folder, dockerfile = program_of(scene.bodies[name])
    made_of = (repository(image).rpartition("/")[2], *re.split("/", f"{folder}/{dockerfile}"))
    return any(_MADE_TO_FACE.search(text.lower()) for text in made_of)


def beside(name: str) -> bool:
    """A way in for few: administration, status."""
    return bool(_BESIDE.search(name.lower()))


def after(name: str) -> tuple[bool, bool, bool]:
    """What its name says of how far it stands behind what users meet first: an order."""
    lower = name.lower()
    front = in_front(name)
    return bool(_SIDE.search(lower)), not front, front and bool(_BEHIND.search(lower))


def reached(candidates: Sequence[str], proxies: Sequence[str], scene: Scene) -> set[str]:
    """Services that the world reaches: by a published port, a proxy, or one of these asks them."""
    ways = {name for name in candidates if published(scene.bodies[name])}
    ways |= {m.callee for m in scene.mentions if m.caller in proxies and m.callee in candidates}
    while (
        more := {m.callee for m in scene.mentions if m.caller in ways and m.callee in candidates}
        - ways
    ):
        ways |= more
    return ways


def unsaid_callers(roles: Mapping[str, Guess], scene: Scene) -> Iterator[Mention]:
    """Many suites name their callees in code alone: a web service that nobody calls is taken to be
    called by the one in front."""
    web = [name for name, guess in roles.items() if guess.role == "http"]
    proxies = [name for name, guess in roles.items() if guess.role == "proxy"]
    seen = reached(web, proxies, scene)
    front = min((name for name in web if name in seen), key=lambda n: not in_front(n), default="")
    for name in web:
        if front and name not in seen and not scene.callers(name):
            yield Mention(front, name, "by its name alone", "low", None, ())


def unsaid_callees(roles: Mapping[str, Guess], scene: Scene, entry: str) -> Iterator[Mention]:
    """A proxy that names nobody asks the entry; a store that nobody names is used by the service of
    its name (`carts-db`, `mongodb-geo`), or if it is the only one by the entry and the workers;
    where networks keep some of them apart from it, by those on its own."""
    for name, guess in roles.items():
        if guess.role == "proxy" and not any(m.caller == name for m in scene.mentions):
            yield Mention(name, entry, "it is the entry", "low", None, ())
    workers = [name for name, guess in roles.items() if guess.role == "worker"]
    for name, guess in roles.items():
        users = [c for c in scene.callers(name) if roles[c].role in ("http", "worker")]
        pooled = any(roles[c].part == "pooler" for c in scene.callers(name))
        queue = guess.role == "redis" and workers
        if not (guess.role == "postgres" or queue) or users or pooled:
            continue
        owner = _owner(name, [n for n, other in roles.items() if other.role in ("http", "worker")])
        if owner:
            yield Mention(owner, name, "its name", "medium", None, ())
        elif sum(other.role == guess.role for other in roles.values()) == 1:
            web = [n for n, other in roles.items() if other.role == "http"]
            near = [n for n in (*web, *workers) if meet(scene.bodies[n], scene.bodies[name])]
            apart = len(near) < len(web) + len(workers)
            for user in near if apart else [entry, *workers]:
                why = "their network" if apart else "it is the only one"
                yield Mention(user, name, why, "medium" if apart else "low", None, ())


def _owner(store: str, services: Sequence[str]) -> str:
    """The service that a store is named after; empty if none is."""
    words = [word for word in re.split(r"[-_.]", store.lower()) if not word_of(word)]
    names = {stem(name): name for name in services if stem(name)}
    return names.get(stem(store)) or names.get("-".join(words), "")
