"""What an import says of who is what: roles and their questions, what has nothing to do, who asks
whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from sim.imports.compose.calls import Calls
from sim.imports.compose.front import public
from sim.imports.compose.links import Mention, Outside
from sim.imports.compose.scene import Guess, Scene
from sim.imports.evidence import Confidence, Link, Notes
from sim.schema.stack import Role

_SPELLED = 8  # names for which a question spells out the answer; chosen


def tell_roles(
    roles: Mapping[str, Guess], doors: Sequence[str], scene: Scene, notes: Notes
) -> None:
    entry = doors[0]
    lines = [f"{name}: role {guess.role} ({guess.why})" for name, guess in roles.items()]
    notes.assumed[:0] = [*lines, f"users' requests go to {' and '.join(doors)}"]
    if roles[entry].part == "proxy":
        notes.questions.append(
            f"what answers behind {entry}? It is a proxy with no service of the file behind it: "
            f"taken for a web server (--role NAME=http, --link {entry}->NAME)"
        )
    guessed: dict[Role, list[str]] = {}
    for name, guess in roles.items():
        if guess.role == "postgres" and guess.part is None:
            notes.questions.append(f"which engine is {name}? Nothing says so: taken for PostgreSQL")
        elif guess.confidence == "low" and guess.role not in ("other", "postgres"):
            guessed.setdefault(guess.role, []).append(name)
    for role, names in guessed.items():  # one line, since of a suite it is most of them
        verb = "is" if len(names) == 1 else "are"
        notes.questions.append(f"{verb} {', '.join(names)} {role}? A guess (--role NAME=ROLE)")


def tell_unasked(
    roles: Mapping[str, Guess], entry: str, calls: Calls, scene: Scene, notes: Notes
) -> None:
    """What has nothing to do in a run: services that get no request, stores that nobody asks,
    workers without a queue."""
    rest = [n for n, guess in roles.items() if guess.role == "http" and not calls.visits.get(n)]
    unasked = []
    for name in rest:
        if entry in calls.of(name):
            why = f"the part of a request before {entry}, which it calls"
        else:
            why = "requests to it (no port of it is published for users, no sure call leads there)"
            unasked.append(name)
        notes.ignored.append(f"{name}: {why}")
    askers = {n for n, guess in roles.items() if guess.role in ("http", "worker")}
    askers |= {name for name, guess in roles.items() if guess.part == "pooler"}
    stores = [name for name, guess in roles.items() if guess.role in ("postgres", "redis", "cache")]
    unused = [name for name in stores if not askers.intersection(scene.callers(name))]
    told = entry in public(roles, scene)
    front = "" if told else "; no port or proxy says who is in front: --role NAME=entry"
    for verb, names in (("asks", unasked), ("uses", unused)):
        if names:  # one line, since of many services a file says so of most
            links = " ".join(f"--link '{entry}->{name}'" for name in names)
            if len(names) > _SPELLED:
                links = f"--link '{entry}->NAME' for each"
            them = "it" if len(names) == 1 else "them"
            notes.questions.append(
                f"who {verb} {', '.join(names)}? ({links} if {entry} {verb} {them}{front})"
            )
    idle = [
        name for name, guess in roles.items() if (guess.role, guess.part) == ("other", "worker")
    ]
    if idle and not any(guess.part == "broker" for guess in roles.values()):
        notes.questions.append(
            f"where do the jobs of {', '.join(idle)} come from? No queue is in the file: without "
            "one nothing is done there (--role NAME=http if it answers requests)"
        )


def tell_links(
    scene: Scene,
    roles: Mapping[str, Guess],
    outside: Sequence[Outside],
    names: Mapping[str, str],
    notes: Notes,
) -> None:
    """Each pair once, with all that says so."""
    pairs: dict[tuple[str, str], list[Mention]] = {}
    for mention in scene.mentions:
        pairs.setdefault((mention.caller, mention.callee), []).append(mention)
    lines: dict[str, list[str]] = {}
    guessed: dict[str, list[str]] = {}
    for (caller, callee), found in pairs.items():
        evidence = ", ".join(dict.fromkeys(mention.evidence for mention in found))
        said = {mention.confidence for mention in found}
        confidence = next(level for level in get_args(Confidence) if level in said)
        notes.links.append(Link(names[caller], names[callee], evidence, confidence))
        if confidence == "low":
            guessed.setdefault(caller, []).append(callee)
        lines.setdefault(caller, []).append(f"{callee} ({evidence})")
    notes.assumed += [f"{caller} uses {', '.join(parts)}" for caller, parts in lines.items()]
    for caller, callees in guessed.items():
        listed = ", ".join(callees)
        notes.questions.append(f"does {caller} use {listed}? Nothing says who does (--link A->B)")
    for caller, host, variable, part in outside:
        notes.ignored.append(f"{caller}: {part} at {host} ({variable}), which is not in the file")
        if part != "redis":
            notes.questions.append(f"which limits has the {part} at {host}? It is not in the file")
