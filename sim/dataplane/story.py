"""What a container does for a request or a job, as a list of steps that both engines run.

A profile without `steps` has a short form: CPU, perhaps an error or a poisoned job, a query, a job.
Draws of a step are for (seed, stream, who): who is the request, whatever is retried; for FAIL, and
for the law of a step `by_try`, the attempt, so that a retry may succeed. Streams are named and not
counted, so that a step that is put between two others changes no draw of theirs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from sim.dataplane import draws
from sim.dataplane.codes import (
    MOST_CACHES,
    MOST_CALLS,
    MOST_DATABASES,
    MOST_ENDPOINTS,
    MOST_KEPT,
    MOST_KEYS,
    MOST_POOLS,
    MOST_QUEUES,
    MOST_SERVICES,
    MOST_WINDOW,
    Does,
    Kind,
    Stream,
)
from sim.dataplane.profile import Law, PoolRules, Profile, StoryStep

MOST_STEPS = 24

LAWS = {Does.CPU: Stream.CPU, Does.QUERY: Stream.QUERY}  # streams of steps without a name
LAWS_OF_JOBS = {Does.CPU: Stream.JOB_CPU, Does.QUERY: Stream.JOB_QUERY}
FILLS = "fill:"  # before the name of the look whose miss it ends
SHARES = {Does.PUSH: Stream.PUSH, Does.FAIL: Stream.ERROR, Does.POISON: Stream.POISON}


@cache
def stories(profile: Profile) -> tuple[tuple[StoryStep, ...], ...]:
    """All steps in order: of what is asked without a name, then of each endpoint. ValueError: names
    that are not unique, more than there may be."""
    written = (
        with_ends(with_fills(profile.steps)) or short_form(profile),
        *(with_ends(with_fills(steps)) for steps in profile.endpoints),
    )
    if len(written) > MOST_ENDPOINTS:
        raise ValueError(f"{len(written)} stories of a service: the engines take {MOST_ENDPOINTS}")
    if not 1 <= profile.keys <= MOST_KEYS:
        raise ValueError(f"a cache of {profile.keys} keys: they are 1 to {MOST_KEYS}")
    told = tuple(possible(with_failures(profile, steps)) for steps in written)
    calls = [step for steps in told for step in steps if step.does == Does.CALL]
    if len(calls) > MOST_CALLS:
        raise ValueError(f"{len(calls)} calls of a service: the engines take {MOST_CALLS}")
    if len({salt(step) for step in calls}) < len(calls):
        raise ValueError("two calls of a service have one name: they would be one caller")
    return told


def callers(profile: Profile) -> list[StoryStep]:
    """Its calling steps, those of each story in order: a process is a client in each of them."""
    return [step for steps in stories(profile) for step in steps if step.does == Does.CALL]


def possible(steps: tuple[StoryStep, ...]) -> tuple[StoryStep, ...]:
    """The story, if both engines can run it."""
    names = [step.name or step.does.name for step in steps if step.does != Does.END]
    if len(set(names)) < len(names):
        again = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two steps of a story are called {again}: they would draw alike")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"a story of {len(steps)} steps: the engines take {MOST_STEPS}")
    for step in steps:
        if step.does != Does.CALL:
            continue
        if not 0 <= step.endpoint < MOST_ENDPOINTS:
            raise ValueError(f"endpoint {step.endpoint}: they are 0 to {MOST_ENDPOINTS - 1}")
        if not 0 <= step.target < MOST_SERVICES:
            raise ValueError(f"a call to service {step.target}: they are 0 to {MOST_SERVICES - 1}")
        if not 0 <= step.client.connections <= MOST_KEPT:
            raise ValueError(f"{step.client.connections} connections: a process keeps {MOST_KEPT}")
        if max(step.client.breaker.window, step.client.breaker.trials) > MOST_WINDOW:
            raise ValueError(f"a breaker that looks back further than at {MOST_WINDOW} tries")
    for step in steps:
        if step.does == Does.PUSH and not 0 <= step.target < MOST_QUEUES:
            raise ValueError(f"a push to queue {step.target}: they are 0 to {MOST_QUEUES - 1}")
        if step.does == Does.CACHE and not 0 <= step.target < MOST_CACHES:
            raise ValueError(f"a look into cache {step.target}: they are 0 to {MOST_CACHES - 1}")
    if any(at + step.covers >= len(steps) for at, step in enumerate(steps)):
        raise ValueError("a step covers more steps than follow it")
    return steps


@cache
def pools(profile: Profile) -> tuple[PoolRules, ...]:
    """All pools of its process: that of database 0 first; last those of databases that a step asks
    without one. ValueError: more than there may be, or two of one database."""
    first = PoolRules(
        0, profile.pool, profile.pool_at_start, profile.checkout_timeout_s, profile.pool_silence_s
    )
    made = [first, *profile.pools]
    known = [rules.database for rules in made]
    for step in (step for steps in stories(profile) for step in steps):
        if step.does == Does.QUERY and step.target not in known:
            known.append(step.target)
            made.append(PoolRules(step.target))
    if len(set(known)) < len(known):
        raise ValueError(f"two pools of one database: {known}")
    if len(made) > MOST_POOLS or not set(known) <= set(range(MOST_DATABASES)):
        most = f"{MOST_POOLS} of 0 to {MOST_DATABASES - 1} a process"
        raise ValueError(f"databases {known}: the engines take {most}")
    return tuple(made)


def short_form(profile: Profile) -> tuple[StoryStep, ...]:
    steps = [StoryStep(Does.CPU, profile.cpu)]
    if profile.query.mean > 0.0:
        steps.append(StoryStep(Does.QUERY, profile.query))
    if profile.kind == Kind.HTTP and profile.push_rate > 0.0:
        steps.append(StoryStep(Does.PUSH, share=profile.push_rate))
    return tuple(steps)


def with_fills(steps: tuple[StoryStep, ...]) -> tuple[StoryStep, ...]:
    """What a miss has found is put into its cache, after the steps that a hit leaves out."""
    made: list[StoryStep] = []
    fills: dict[int, list[StoryStep]] = {}  # the step before which they stand
    for at, step in enumerate(steps):
        made += reversed(fills.pop(at, []))
        end = at + 1 + step.covers
        within = [s for j, s in enumerate(steps[at + 1 : end], at + 1) if j + 1 + s.covers <= end]
        grows = sum(s.does == Does.CACHE for s in within)
        if step.does == Does.CACHE:
            fill = replace(step, does=Does.FILL, covers=0, share=1.0, ignore=False)
            fill = replace(fill, name=FILLS + (step.name or step.does.name))
            fills.setdefault(end, []).append(fill)
            grows += 1
        made.append(replace(step, covers=step.covers + grows) if grows else step)
    for at in sorted(fills):
        made += reversed(fills[at])
    return tuple(made)


def with_ends(steps: tuple[StoryStep, ...]) -> tuple[StoryStep, ...]:
    """Each of the steps side by side, with those that it covers, has an end. ValueError: they are
    none, or side by side in their turn."""
    first: dict[int, int] = {}  # the step before which an end stands: where what it ends begins
    for at, step in enumerate(steps):
        if step.does != Does.TOGETHER:
            continue
        begin, last = at + 1, min(at + step.covers, len(steps) - 1)
        split = any(i + one.covers in range(at, last) for i, one in enumerate(steps[:at]))
        while begin <= last:
            end = begin + 1 + steps[begin].covers
            split = split or any(
                i + 1 + one.covers > end for i, one in enumerate(steps[begin:end], begin)
            )
            first[end], begin = begin, end
        inside = [each.does for each in steps[at + 1 : last + 1]]
        if not inside or Does.TOGETHER in inside or begin != last + 1 or split:
            raise ValueError("side by side stand whole steps, at least one, and none that is so")
    made: list[StoryStep] = []
    for at, step in enumerate(steps):
        if at in first:
            made.append(StoryStep(Does.END))
        grows = sum(at < begin and end <= at + 1 + step.covers for end, begin in first.items())
        made.append(replace(step, covers=step.covers + grows) if grows else step)
    return (*made, StoryStep(Does.END)) if len(steps) in first else tuple(made)


def with_failures(profile: Profile, steps: tuple[StoryStep, ...]) -> tuple[StoryStep, ...]:
    """The version's own failures come after its first CPU."""
    poison = profile.poison_rate if profile.kind == Kind.WORKER else 0.0
    possible = StoryStep(Does.POISON, share=poison), StoryStep(Does.FAIL, share=profile.error_rate)
    faults = [fault for fault in possible if fault.share > 0.0]
    first = next((i + 1 for i, step in enumerate(steps) if step.does == Does.CPU), 0)
    before = [
        replace(step, covers=step.covers + len(faults))
        if step.covers and i + step.covers >= first
        else step
        for i, step in enumerate(steps[:first])
    ]
    return (*before, *faults, *steps[first:])


def starts_at_once(steps: tuple[StoryStep, ...]) -> bool:
    """Does it begin on the cores, so that it needs no turn of its own?"""
    return bool(steps) and steps[0].does == Does.CPU and steps[0].share >= 1.0


def streams(step: StoryStep, kind: Kind) -> tuple[int, int]:
    """Of its share, and of its law; of a FILL those of the look that missed."""
    name = step.name.removeprefix(FILLS)
    if name:
        return draws.stream(f"share:{name}"), draws.stream(f"law:{name}")
    does = step.does
    laws = LAWS_OF_JOBS if kind == Kind.WORKER else LAWS
    share = SHARES[does] if does in SHARES else draws.stream(f"share:{does.name}")
    return share, laws[does] if does in laws else draws.stream(f"law:{does.name}")


def salt(step: StoryStep) -> int:
    """Sets apart what is asked for in this step."""
    return draws.stream(f"asks:{step.name or step.does.name}")


def probed(profile: Profile, deep: bool) -> tuple[StoryStep, ...]:
    """The story of a health check."""
    demand = Law(mean=profile.probe_cpu_s)
    return (StoryStep(Does.CPU, demand), StoryStep(Does.QUERY, demand))[: 1 + deep]
