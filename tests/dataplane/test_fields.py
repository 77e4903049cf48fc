"""No field is half there: each is drawn by the random worlds, and read by both engines.

A field of profile.py is changed, alone, to another value that the random worlds draw for it. Some
outcome must change in the compiled engine, and the reference must tell the same story of the
world before and after, to the last bit. So a field that one engine does not read, or nobody draws,
fails by its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from sim.dataplane import codes
from sim.dataplane.codes import Does, Kind
from sim.dataplane.kernel import codes as kernel_codes
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import (
    Arrivals,
    BreakerRules,
    CacheRules,
    Client,
    Law,
    PoolRules,
    Profile,
    Routing,
    StoryStep,
    Workload,
)
from sim.dataplane.story import pools as pools_of
from tests.dataplane.random_worlds import SELDOM, ends, make_world
from tests.dataplane.twins import compiled, difference
from tests.dataplane.worlds import Run, World, drive

SEEDS = range(250)
TRIES = 10  # worlds in which the reference may differ for another reason
# records in a record: their fields are looked at
NESTED = (Law, Arrivals, BreakerRules, CacheRules, Client, Routing)


PLAIN: dict[type, Any] = {  # all is default
    Profile: Profile(Kind.PLAIN),
    StoryStep: StoryStep(Does.CPU),
    PoolRules: PoolRules(1),
    Workload: Workload(1, 1.0, Arrivals()),
}


def paths(record: Any) -> list[str]:
    """Its fields, with those of the records in it: `cpu.mean`."""
    names = []
    for field in fields(record):
        value = getattr(record, field.name)
        nested = isinstance(value, NESTED)
        names += [f"{field.name}.{part}" for part in paths(value)] if nested else [field.name]
    return names


# nobody promises a service how soon it is answered; and one world in 300 has a calling step whose
# kept connection falls silent, which users' own fields try in the same code
USERS_ALONE = {"client.slo_s", "client.connection_silence_s", "client.connection_stays"}
NEVER_OFF = {"think.mean"}  # who never thought would ask for ever at one instant
JOBS_ALONE = {"late_deletes"}  # jobs are few and short there: test_definitions.py has long ones
CALLS_ALONE = {"client.inherits_deadline"}  # nobody asked the users
FIELDS = [
    (kind, path)
    for kind, record in PLAIN.items()
    for path in paths(record)
    if path
    not in {StoryStep: USERS_ALONE, Workload: CALLS_ALONE, Profile: JOBS_ALONE}.get(kind, ())
]
NAMES = [f"{record.__name__}.{path}" for record, path in FIELDS]
each_field = pytest.mark.parametrize(("record", "path"), FIELDS, ids=NAMES)


def value_of(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = getattr(record, name)
    return record


def changed(record: Any, path: str, value: Any) -> Any:
    name, _, rest = path.partition(".")
    return replace(record, **{name: changed(getattr(record, name), rest, value) if rest else value})


def hashable(value: Any) -> Any:
    return value.tobytes() if isinstance(value, np.ndarray) else value


@cache
def worlds() -> list[World]:
    """The random worlds, those with the fewest requests first."""
    made = [make_world(seed, lattice) for seed in SEEDS for lattice in (False, True)]
    return sorted(made, key=lambda w: w.workload.horizon_s * len(w.script))


def holders(world: World, record: type) -> list[Any]:
    """Who has the field in this world."""
    if record is StoryStep:
        return [step for profile in world.profiles for step in profile.steps]
    if record is PoolRules:
        return [rules for profile in world.profiles for rules in profile.pools]
    return [*world.profiles] if record is Profile else [world.workload]


def group(holder: Any, path: str) -> Kind | Does | None:
    """A value that is drawn for a database is tried in databases."""
    if isinstance(holder, StoryStep):
        return holder.does if path != "does" else None
    return holder.kind if isinstance(holder, Profile) and path != "kind" else None


@cache
def drawn(record: type, path: str) -> dict[Kind | Does | None, dict[Any, Any]]:
    """All values that are drawn for a field, by the kind of container."""
    pool: dict[Kind | Does | None, dict[Any, Any]] = {}
    for world in worlds():
        for holder in holders(world, record):
            value = value_of(holder, path)
            pool.setdefault(group(holder, path), {})[hashable(value)] = value
    return pool


@each_field
def test_every_field_is_drawn(record: type, path: str) -> None:
    values = {key for kind in drawn(record, path).values() for key in kind}
    default = value_of(PLAIN[record], path)
    wanted = {default} if default in (0, math.inf, None) and path not in NEVER_OFF else set()  # off
    if len(values) == 1 or not wanted <= values:
        pytest.fail(
            f"{record.__name__}.{path} is one of {sorted(values, key=str)[:4]}: let "
            "tests/dataplane/random_worlds.py draw it, on and off"
        )


def variants(record: type, path: str) -> Iterator[tuple[int, World]]:
    """The number of each world, and its twin with other values of those drawn for the field."""
    pool = drawn(record, path)
    for number, world in enumerate(worlds()):
        others = []
        for holder in holders(world, record):
            value = value_of(holder, path)
            choices = [
                other
                for key, other in pool[group(holder, path)].items()
                if key != hashable(value) and alike(value, other)
            ]
            other = choices[number % len(choices)] if choices else value
            twin = changed(holder, path, other)
            if twin.__class__ is StoryStep and Does.PUSH in (twin.does, value) and path == "does":
                twin = replace(twin, share=min(twin.share, SELDOM))  # jobs that make jobs end
            others.append(twin)
        if record is Profile:
            made = [p if ends(p) else q for p, q in zip(others, world.profiles, strict=True)]
            yield number, world._replace(profiles=tuple(made))
        elif record is StoryStep:
            rest = iter(others)
            told = [replace(p, steps=tuple(next(rest) for _ in p.steps)) for p in world.profiles]
            yield number, world._replace(profiles=tuple(map(possible, told, world.profiles)))
        elif record is PoolRules:
            rest = iter(others)
            made = [replace(p, pools=tuple(next(rest) for _ in p.pools)) for p in world.profiles]
            yield number, world._replace(profiles=tuple(map(possible, made, world.profiles)))
        else:
            yield number, world._replace(workload=others[0])


def possible(profile: Profile, before: Profile) -> Profile:
    """The profile, if it makes a story; else the one before."""
    try:
        pools_of(profile)
    except ValueError:
        return before
    return profile


def alike(value: Any, other: Any) -> bool:
    """Pieces of a rate go together: as many starts as rates and slopes."""
    return not isinstance(value, tuple) or len(value) == len(other)


def story(run: Run) -> tuple[Any, ...]:
    """All that can be told of a run."""
    plane: DataPlane = run.plane
    recording = run.recording
    tables = [hashable(getattr(recording, field.name)) for field in fields(recording)]
    samples = [
        hashable(table) for table in (*plane.samples().plane.values(), plane.samples().services)
    ]
    return run.notices, run.answers, plane.gauge(), plane.books(), tables, samples


@cache
def undisturbed(number: int) -> tuple[Any, ...]:
    return story(drive(compiled, worlds()[number]))


@cache
def before(number: int) -> str:
    return difference(worlds()[number])


@each_field
def test_both_engines_read_every_field(record: type, path: str) -> None:
    """Seen in the outcomes: what is read and changes nothing is not read."""
    name = f"{record.__name__}.{path}"
    wrong: list[str] = []
    for number, other in variants(record, path):
        if story(drive(compiled, other)) != undisturbed(number):
            wrong.append(difference(other) or before(number))
            if wrong[-1] == "":
                return
            if len(wrong) == TRIES:
                pytest.fail(f"{name}: the reference engine does not read it alike. {wrong[0]}")
    pytest.fail(f"{name}: whatever its value, the compiled engine does the same")


VERBS = [
    name
    for name, member in vars(DataPlane).items()
    if callable(member) and not name.startswith("_")
]
READINGS = {
    "advance",
    "gauge",
    "stands_until",
    "checks_use",
    "container_gauge",
    "service_gauge",
    "call_gauges",
    "server_memory",
    "database_gauge",
    "queue_gauge",
    "cache_gauge",
    "books",
    "recording",
    "samples",
    "add_profile",
}
# shortcuts of one engine: what they leave out is held by health_checks/test_standing.py
SHORTCUTS = {"stand", "recall", "standing"}


@pytest.mark.parametrize("verb", sorted({*VERBS} - READINGS - SHORTCUTS))
def test_every_verb_is_drawn(verb: str) -> None:
    used = {step.verb for world in worlds() for step in world.script}
    assert verb in used, f"{verb}: let tests/dataplane/random_worlds.py call it"


@pytest.mark.parametrize(
    ("enum", "prefix"),
    [
        (codes.Kind, ""), (codes.LawKind, ""), (codes.Persistence, ""), (codes.Algorithm, ""),
        (codes.Outcome, ""), (codes.JobLoss, ""), (codes.Life, ""), (codes.AttemptPhase, ""),
        (codes.Due, ""), (codes.Note, "NOTE_"), (codes.Stream, "DRAW_"), (codes.Does, "DO_"),
    ],
)  # fmt: skip
def test_the_kernels_numbers_are_those_of_the_enums(enum: Any, prefix: str) -> None:
    for member in enum:
        number = getattr(kernel_codes, prefix + member.name)
        assert type(number) is int
        assert number == member, member
