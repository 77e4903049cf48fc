"""Which part a Compose service plays, guessed from its image, program, name, volumes and ports, and
from what the others take it for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.imports.compose.body import (
    checked_over_http,
    maker_of,
    plays,
    ports_of,
    program_of,
    serves,
    word_of_build,
)
from sim.imports.compose.links import command_text, hosts_of, stem
from sim.imports.compose.merge import target_of
from sim.imports.compose.scene import (
    Guess,
    Scene,
    alone_ends,
    asks_a_database,
    asks_the_published,
    has_its_own,
    in_background,
    is_asked,
    keeps_files,
    of_a_suite,
    ranked_stores,
    reached,
    runs_once,
    told_by_a_variable,
    twins,
)
from sim.imports.images import (
    ENGINES,
    OTHERS,
    ROLES,
    UNSURE,
    Part,
    Word,
    engine_of_settings,
    engine_of_volume,
    named_after_its_store,
    repository,
    word_of,
    word_of_command,
    word_of_image,
)
from sim.schema.stack import Role
from sim.schema.story_checks import MOST_CACHES, MOST_DATABASES, MOST_QUEUES

_REGISTERS = ("EUREKA_", "SPRING_CLOUD_CONSUL_", "SPRING_CLOUD_NACOS_", "CONSUL_HTTP_", "NACOS_")
_SUITE = 2  # of more web services one is in front
_QUEUES = ("redis", "rabbitmq", "broker")
_SURE = (
    "rabbitmq",
    "postgres",
    "mysql",
    "mariadb",
    "mongodb",
    "sqlserver",
    "redis",
    "store",
    "broker",
    "pooler",
)


def guess_roles(scene: Scene, corrected: Mapping[str, Role]) -> dict[str, Guess]:
    """A role for each service (by Compose name), from all of them together."""
    guesses: dict[str, Guess] = {}
    for name, body in scene.bodies.items():
        if name in corrected:
            guesses[name] = Guess(
                corrected[name], "as you say", _part_of(corrected[name], name, body, scene)
            )
        elif name in scene.outside:
            store = scene.outside[name]
            why = f"asked as {store.part} at {store.host}, not in the file"
            guesses[name] = Guess(ROLES[store.part], why, store.part, "medium")
        else:
            word = _said(name, body, scene)
            guesses[name] = _guess(*word) if word else Guess("other", "", None, "low")
    redis = [name for name, guess in guesses.items() if guess.role == "redis"]
    told = any(guess.role == "http" for guess in guesses.values())
    for name in [name for name, guess in guesses.items() if not guess.why]:
        guesses[name] = _by_neighbours(name, redis, guesses, scene, told)
    return _settled(guesses, scene, corrected)


def _part_of(role: Role, name: str, body: Mapping[str, Any], scene: Scene) -> Part | None:
    """Which program plays a database or a queue that somebody names."""
    word = word_of_image(str(body.get("image") or ""))
    if role == "redis" and word and ROLES.get(word.part) == role:
        return word.part
    return _engine_by_evidence(name, body, scene) if role == "postgres" else None


def _guess(word: Word, why: str) -> Guess:
    role = ROLES.get(word.part, "other")
    if word.part == "cache" and not word.product:  # a name alone: which program, nobody knows
        role = "other"
    if word.part == "database":
        return Guess("postgres", f"{why}; its engine is assumed", None, "low")
    if role == "other":
        why = f"{why}: {OTHERS.get(word.part, 'a tool')}"
    return Guess(role, why, word.part, "high" if word.product else "medium")


def _said(name: str, body: Mapping[str, Any], scene: Scene) -> tuple[Word, str] | None:
    """The strongest word about a service, and where it stands."""
    named, image = _names(name, body, scene)
    program = word_of_command(command_text(body))
    base, built = word_of_image(scene.bases.get(name, "")), word_of_build(body)
    task = _task(name, program, named, (image, base, built), scene)
    if task:
        return task
    sure = image is not None and image.part in _SURE
    if image and sure and not (program and program.part == "once"):
        return image, f"image {image.word}"
    if program and program.part == "proxy" and _serves_its_pages(body, named, built):
        return Word("http", program.word, True), f"an image of its own that runs {program.word}"
    if program and (sure or program.part not in ("http", "once")):
        return program, f"runs {program.word}"
    if base and program is None and (name in scene.plain or _is_its_base(named, base)):
        return base, f"built on {base.word}"
    if named and named.word in _METERS:  # of whatever its image is made
        return named, f"name {named.word}"
    told = told_by_a_variable(scene.variables[name])
    if told and program is None:
        return told
    if program is None and in_background(name, body, scene):
        image = built = None
        if body.get("expose") == [] and named and named.part == "http":
            named = None
    words = ((named, "name"), (image, "image"), (built, "built from"))
    for word, where in (words[1], words[2], words[0]):
        if word and word.product and not (where != "image" and _contradicted(word, body, scene)):
            return word, f"{where} {word.word}"
    return _supposed(name, body, scene, program, [pair for pair in words if pair[0]])


def _names(name: str, body: Mapping[str, Any], scene: Scene) -> tuple[Word | None, Word | None]:
    """What its name and its image's say, unless these are words of the application's own."""
    named, image = word_of(name), word_of_image(str(body.get("image") or ""))
    if image and image.word in _EVERYDAY and of_a_suite(body, scene):
        return None, None
    last = repository(str(body.get("image") or ".")).rpartition("/")[2].lower()
    if named and named.part == "store" and name.lower()[: -1 - len(named.word)] == last:
        named = word_of(last)  # `fulltext_cockroach`, of the image `fulltext`: one of several
    if image and _named_after_its_store(name, named, image, scene):
        return None if named and named.part == image.part != "http" else named, None
    return named, image


def _task(
    name: str,
    program: Word | None,
    named: Word | None,
    made_of: Sequence[Word | None],
    scene: Scene,
) -> tuple[Word, str] | None:
    """What ends, by how it is started again, also where it has a database's image: a backup runs
    that database's programs."""
    body, built = scene.bodies[name], made_of[-1]
    if (program is None or program.part == "once") and runs_once(body, scene):
        return Word("once", "", False), "has a command of its own, and is not started again"
    engine = any(word and word.part in ENGINES for word in made_of)
    if engine and named and named.part == "once" and asks_a_database(name, scene):
        return named, f"name {named.word}"
    if built and built.part == "once" and alone_ends(body, scene):
        return built, f"built from {built.word}, and is not started again"
    return None


def _supposed(
    name: str,
    body: Mapping[str, Any],
    scene: Scene,
    program: Word | None,
    words: Sequence[tuple[Word | None, str]],
) -> tuple[Word, str] | None:
    """What weaker signs say: data and callers, then words that name a part and no product."""
    named = next((word for word, where in words if where == "name"), None)
    if named and named.word == "gateway" and keeps_files(name, scene):
        return Word("proxy", named.word, False), f"name {named.word}, keeps certificates or pages"
    engine = _engine_by_evidence(name, body, scene)
    may_be = named is None or named.part in ("database", "http")
    if engine and may_be and not serves(body) and not (program and program.part == "once"):
        return Word(engine, engine, True), f"keeps data of {engine}, or is asked as {engine}"
    if program:
        return program, f"runs {program.word}"
    taken = [m.part for m in scene.mentions if m.callee == name and m.part in _QUEUES]
    if taken and taken[0] and not serves(body) and (named is None or named.part == "cache"):
        return Word(taken[0], name, True), f"others ask it as {taken[0]}"
    for word, where in words:
        if word and not _denied(word, where, name, body, scene):
            works = word.word != "bot" and _queued(name, scene)  # a bot's jobs come from outside
            alone: Part = "worker" if works else "tool"
            part = alone if word.part == "background" else word.part
            return word._replace(part=part), f"{where} {word.word}"
    if serves(body):
        return Word("http", "", False), "publishes a port"
    return None


def _denied(word: Word, where: str, name: str, body: Mapping[str, Any], scene: Scene) -> bool:
    """Is a word for a part belied by whether, and of what program, the service is reached?"""
    if word.part == "http":
        return not reached(name, body, scene)
    over_http = any(m.part == "http" for m in scene.mentions if m.callee == name)
    if word.part == "database":
        return over_http or asks_a_database(name, scene)
    if word.word in UNSURE and serves(body):
        return True
    if word.part == "background":
        return over_http or serves(body) or bool(body.get("expose")) or checked_over_http(body)
    if word.part == "tool" and where != "image" and body.get("build") and serves(body):
        stores = [n for n, other in scene.bodies.items() if plays(other, ENGINES)]
        own = bool(_ANSWERS.search(name.lower())) and word.word not in _DIRECTORIES
        return over_http or own or scene.asks(name, stores)  # built with the others, keeps data
    if word.part == "tool" and not (where == "image" and body.get("ports")):
        return over_http
    queued = _queued(name, scene)
    asked = over_http or (word.word not in _WORKS and checked_over_http(body))
    if word.part == "worker" and not queued and (asked or has_its_own(name, scene)):
        return True
    if word.part == "once" and _ANSWERS.search(name.lower()):
        return serves(body) or bool(body.get("expose")) or checked_over_http(body)
    if not serves(body):
        return False
    if word.part == "once":
        return where == "image"
    if word.part != "worker" or word.word in ("queue", "queues"):
        return False
    parts = ("redis", "broker") if word.word in _WORKS else ("redis",)
    there = any(plays(other, parts) for other in scene.bodies.values())
    return not there or bool(twins(name, scene) and not (queued and word.word in _WORKS))


def _queued(name: str, scene: Scene) -> bool:
    """It asks a queue, by that one's image."""
    return scene.asks(name, [n for n, body in scene.bodies.items() if plays(body, _QUEUES)])


def _is_its_base(named: Word | None, base: Word) -> bool:
    """Is a service what its image is built on? Many pages are served by an nginx of their own: that
    one is a proxy if it is called a gateway."""
    if base.part == "proxy":
        return named is not None and "gateway" in named.word
    return base.part in _SURE and (named is None or named.part in ("database", "http", base.part))


_METERS = ("exporter", "metrics")
_DIRECTORIES = ("registry", "discovery", "configserver", "serviceregistry")
_ANSWERS = re.compile(r"(service|server|svc|api)$")
# names of tools that anybody gives to a part of an application
_EVERYDAY = ("collector", "connect", "connectors", "bot", "vector", "tunnel", "beats")
# what says that it works jobs, of a broker too; `dispatch` may be anything
_WORKS = ("worker", "workers", "consumer", "consumers")


def _serves_its_pages(body: Mapping[str, Any], named: Word | None, built: Word | None) -> bool:
    """Is a proxy's program in an image of one's own there for the pages in it? Neither its name nor
    the folder that it is built from says proxy."""
    plain = all(word is None or word.part != "proxy" for word in (named, built))
    image = word_of_image(str(body.get("image") or ""))
    return plain and bool(body.get("build") or (image and image.part == "http"))


def _named_after_its_store(name: str, named: Word | None, image: Word, scene: Scene) -> bool:
    """An application's image that says what it uses: `hello-app-redis`; a `shop-nginx` is one."""
    body = scene.bodies[name]
    if image.part not in (*_SURE, "cache"):
        return False
    engines = [n for n, b in scene.bodies.items() if plays(b, ENGINES) and n != name]
    last = repository(str(body.get("image") or "")).rpartition("/")[2]
    if image.part in ENGINES and not last.startswith(image.word) and scene.asks(name, engines):
        return True  # `pdns-mysql`, which asks a MySQL
    if named_after_its_store(str(body.get("image") or ""), image, ports_of(body)):
        return True
    word = word_of(last.rpartition("-")[0])
    return bool(named and word and named.part == word.part == "http")


def _contradicted(word: Word, body: Mapping[str, Any], scene: Scene) -> bool:
    """A folder or name of a product whose container is plainly something else."""
    image = word_of_image(str(body.get("image") or ""))
    return image is not None and image.product and image.part != word.part


def _engine_by_evidence(name: str, body: Mapping[str, Any], scene: Scene) -> Part | None:
    """The engine by volumes, by the variables of its image's first start, by how others ask it."""
    word = word_of_image(str(body.get("image") or "")) or word_of_build(body)
    if word and word.part in ENGINES:
        return word.part
    for volume in body.get("volumes") or []:
        engine = engine_of_volume(target_of(volume))
        if engine:
            return engine
    taken = [m.part for m in scene.mentions if m.callee == name and m.part in ENGINES]
    return (taken[0] if taken else None) or (
        None if asks_a_database(name, scene) else engine_of_settings(set(scene.variables[name]))
    )


def _by_neighbours(
    name: str, redis: Sequence[str], guesses: Mapping[str, Guess], scene: Scene, told: bool
) -> Guess:
    """Nothing about itself says more: what the others make of it. Who runs the image of a web
    service and asks the queue works its jobs. `told`: another is known to answer users."""
    body = scene.bodies[name]
    pages = [n for n, guess in guesses.items() if guess.role == "http"]
    web = [scene.bodies[n] for n in pages]
    if body.get("ports") and not serves(body):
        return Guess("other", "publishes ports by which no pages come", None, "low")
    queued = scene.asks(name, redis) and not scene.callers(name)
    if queued and program_of(body) in map(program_of, web):
        return Guess("worker", "the image of a web service, and it uses the queue", "worker", "low")
    if in_background(name, body, scene):
        if redis and body.get("expose") == []:  # its callee stands in code, as everybody's may
            return Guess("worker", "listens on no port, and there is a queue", "worker", "low")
        return Guess("other", "runs beside a service of its program, unasked", None, "low")
    if any(m.part == "http" for m in scene.mentions if m.callee == name):
        return Guess("http", "others ask it over HTTP", "http", "medium")
    sure = any(m.confidence == "high" for m in scene.mentions if m.callee == name)
    ends = command_text(body) and not serves(body) and alone_ends(body, scene)
    if ends and not sure:
        return Guess("other", "has a command of its own, and is not started again", "once", "low")
    if sure:
        return Guess("http", "others ask it", "http", "medium")
    if scene.callers(name):
        return Guess("http", "others depend on it", "http", "low")
    if asks_the_published(name, pages, scene):
        return Guess("other", "asks what is published, and is asked by nobody", None, "low")
    if maker_of(body) in {maker_of(other) for other in web} - {"", "."}:
        return Guess("http", "made by the same people as the others", "http", "low")
    if queued and len(web) <= _SUITE and (told or not body.get("expose")):
        return Guess("worker", "uses the queue, publishes no port", "worker", "low")
    why = _listens(name, body, scene)
    if not why and body.get("build") and any(other.get("build") for other in web):
        why = "built here as the others"
    if why:
        return Guess("http", why, "http", "low")
    return Guess("other", "neither port, image nor name says more", None, "low")


def _listens(name: str, body: Mapping[str, Any], scene: Scene) -> str:
    """What it says itself of answering requests; "" if nothing."""
    variables = scene.variables[name]
    if body.get("expose"):
        return "listens on a port"
    if checked_over_http(body):
        return "is checked over HTTP"
    if any(key.startswith(_REGISTERS) for key in variables):
        return "registers where others find it"
    named = {
        host for value in variables.values() for host, part in hosts_of(value) if part == "http"
    }
    return "names itself over HTTP" if name in named else ""


def _settled(
    guesses: dict[str, Guess], scene: Scene, corrected: Mapping[str, Role]
) -> dict[str, Guess]:
    """The first queue and those that have workers of their own, as many databases as there is room
    for, workers only with a queue, proxies only before something."""
    settled = dict(guesses)
    whys = {n: _keeps_a_cache(n, guesses, scene) for n in guesses if n not in corrected}
    queues = [n for n, guess in guesses.items() if guess.role == "redis" and not whys.get(n)]
    if queues or not any(guess.role == "worker" for guess in guesses.values()):
        for name, why in whys.items():
            if why:
                settled[name] = Guess("cache", f"{guesses[name].why}, {why}", "redis", "medium")
    databases = ranked_stores("postgres", settled, scene, corrected)
    queues = ranked_stores("redis", settled, scene, corrected)
    worked = _worked(queues, settled, scene)
    kept = [n for n in queues if n == queues[0] or n in corrected or n in worked][:MOST_QUEUES]
    more = {n: f"one more database beside {MOST_DATABASES}" for n in databases[MOST_DATABASES:]}
    more |= {n: f"one more queue beside {queues[0]}" for n in queues if n not in kept}
    caches = [name for name, guess in settled.items() if guess.role == "cache"]
    more |= {n: f"one more cache beside {MOST_CACHES}" for n in caches[MOST_CACHES:]}
    for name, why in more.items():
        settled[name] = Guess("other", why, settled[name].part, settled[name].confidence)
    brokers = [name for name, guess in settled.items() if guess.part == "broker"]
    jobs = [name for name, guess in settled.items() if guess.role == "redis"]
    makers = {maker_of(scene.bodies[n]) for n, guess in settled.items() if guess.role == "http"}
    for name, guess in settled.items():
        told = scene.bodies if guess.confidence == "high" else jobs
        if guess.role == "worker" and brokers and not scene.asks(name, told):
            why = f"{guess.why}: takes its jobs from {brokers[0]}, a broker"
            settled[name] = Guess("other", why, "worker", guess.confidence)
        if name not in corrected and _of_the_application(name, guess, makers, settled, scene):
            settled[name] = Guess("http", f"{guess.why}, made by those of the others", "http")
    for name, guess in settled.items():
        own = [queue for queue in jobs if queue not in scene.outside or scene.asks(name, (queue,))]
        if guess.role == "worker" and not own:
            why = f"{guess.why}: a worker, and no queue that it could take jobs from"
            settled[name] = Guess("other", why, "worker", guess.confidence)
    return _answering(settled, scene, corrected)


def _answering(
    settled: dict[str, Guess], scene: Scene, corrected: Mapping[str, Role]
) -> dict[str, Guess]:
    """Somebody answers users: pages that are reached where no web service is, else a stand-in."""
    web = [name for name, guess in settled.items() if guess.role == "http"]
    pages = [n for n, guess in settled.items() if guess.part == "page" and n not in corrected]
    proxies = [name for name, guess in settled.items() if guess.role == "proxy"]
    asked = {m.callee for m in scene.mentions if m.caller in proxies}
    served = [name for name in pages if serves(scene.bodies[name]) or name in asked]
    reached = web and (proxies or any(is_asked(name, scene) for name in web))
    if served and not reached:
        why = f"{settled[served[0]].why}, and nothing else is reached"
        settled[served[0]] = Guess("http", why, "http", "low")
    if web or served:
        return settled
    for name in asked:
        if settled[name].part in ("store", "tool") and name not in corrected:
            why = f"{settled[name].why}, and a proxy leads to nothing else"
            settled[name] = Guess("http", why, "http", "low")
            web.append(name)
    if web:
        return settled
    for name in _stand_ins(settled, scene, corrected):
        behind_none = [n for n in proxies if not scene.asks(n, scene.bodies)]
        for each in behind_none if name in behind_none else [name]:  # each serves pages of its own
            why = f"{settled[each].why}, and nothing else answers users"
            settled[each] = Guess("http", why, settled[each].part, "low")
        break
    return settled


def _of_the_application(
    name: str, guess: Guess, makers: set[str], guesses: Mapping[str, Guess], scene: Scene
) -> bool:
    """An exporter (of documents) that those made who made the web services; a service of settings
    that has a database."""
    own = maker_of(scene.bodies[name])
    if guess.part != "tool" or own not in makers - {"", "."}:
        return False
    if "config" in guess.why:
        return stem(name) in {stem(n) for n, other in guesses.items() if other.role == "postgres"}
    asked = any(guesses[caller].role == "http" for caller in scene.callers(name))
    return asked and "exporter" in guess.why


def _worked(queues: Sequence[str], guesses: Mapping[str, Guess], scene: Scene) -> set[str]:
    """The queues of which workers are known to ask, each of them for the first that it asks."""
    sure = {(m.caller, m.callee) for m in scene.mentions if m.confidence == "high"}
    workers = [name for name, guess in guesses.items() if guess.role == "worker"]
    asked = ([queue for queue in queues if (worker, queue) in sure] for worker in workers)
    return {each[0] for each in asked if each}


_CACHES = re.compile(r"CACHES?([_-]|$)", re.IGNORECASE)


def _keeps_a_cache(name: str, guesses: Mapping[str, Guess], scene: Scene) -> str:
    """What says that a Redis is a cache and no queue, "" if nothing: it throws away what nobody
    asks for, or is called so, by itself or in a variable of who asks it. What workers use is a
    queue, and so is what writes each change to its disk."""
    text = " ".join([command_text(scene.bodies[name]), *scene.variables[name].values()])
    workers = [other for other, guess in guesses.items() if guess.role == "worker"]
    queues = [n for n, guess in guesses.items() if guess.role == "redis" and not _CACHES.search(n)]
    used = any(scene.asks(worker, (name,)) for worker in workers)
    if _CACHES.search(name) and name not in queues and queues:
        used = not all(scene.asks(worker, queues) for worker in workers)
    if guesses[name].part != "redis" or used or _WRITES.search(text):
        return ""
    evicts = re.search(r"maxmemory-policy[\s=]+(all\w+-\w+)", text)
    if evicts:
        return f"which evicts ({evicts[1]})"
    asked = [m.evidence for m in scene.mentions if m.callee == name and _CACHES.search(m.evidence)]
    if asked:
        return f"asked by {asked[0]}"
    return "by its name" if _CACHES.search(name) else ""


_WRITES = re.compile(r"appendonly[\s=]+[\"']?yes")


def _stand_ins(
    guesses: Mapping[str, Guess], scene: Scene, corrected: Mapping[str, Role]
) -> Iterator[str]:
    """Who may answer users where no service of the file is one: a proxy's own pages, a tool with
    pages, whatever publishes a port."""
    free = [name for name in guesses if name not in corrected]
    for wanted in ("page", "proxy"):
        yield from (name for name in free if guesses[name].part == wanted)
    served = [n for n in free if guesses[n].role == "other" and serves(scene.bodies[n])]
    yield from (n for n in served if guesses[n].part not in ("broker", "pooler"))
    yield from (n for n in free if guesses[n].part in (None, "tool") and guesses[n].role == "other")
    yield from (n for n in free if guesses[n].part == "worker")
