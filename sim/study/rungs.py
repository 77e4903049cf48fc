"""From one platform to another one change at a time, each run with the same customers.

The order is stated (`RUNGS`): what a file can ask for comes first, then what stands before the
replicas, then what keeps them, and what nobody has named comes last. A change that cannot stand
without a later one (an autoscaler without who keeps replicas) is made together with it.

What comes first takes what two of them could take. So it may be averaged over orders: those that
begin at each change in turn and go round, forwards and backwards, so that each change stands twice
at each place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from sim.control.mechanisms import name_of
from sim.platforms import checked, takes
from sim.platforms.platform import Platform
from sim.results.figures import total
from sim.results.ladder import Ladder, Rung, over_orders
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.schema.text.paths import MISSING, child, with_child
from sim.simulation.case import Case
from sim.simulation.endowment import restart_of
from sim.simulation.simulation import Simulation
from sim.study.batch import Batch, Runner
from sim.study.plan import Plan
from sim.study.result import Result


class Exchange(NamedTuple):
    """Choices of the platform and paths of the stack (`*`: every service) that change together."""

    name: str
    choices: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


POLICY = Exchange("restart policy")
RUNGS = (
    POLICY,
    Exchange("self-healing", ("self_healing",)),
    Exchange("limits", ("resource_limits",), ("services.*.memory", "services.*.cpu")),
    Exchange("checks", ("health_checks",), ("services.*.probes", "services.*.healthcheck")),
    Exchange("balancer", ("load_balancing", "service_discovery")),
    Exchange("replicas", paths=("services.*.replicas",)),
    Exchange("servers and who places replicas", ("scheduling",), ("servers",)),
    Exchange("stop delays", paths=("services.*.stop",)),
    Exchange("rolling updates", ("rolling_updates",)),
    Exchange("rollback", ("rollback",)),
    Exchange("autoscaler", ("autoscaling",), ("services.*.scaling",)),
    Exchange("secrets", ("secrets",)),
    Exchange("the operator", paths=("operator",)),
    Exchange("all else that the manifests ask", paths=("services", "prices")),
)


class Footing(NamedTuple):
    """A platform on the way: what changed last, and the case that runs."""

    name: str
    says: str
    case: Case
    changes: tuple[Exchange, ...] = ()  # since the one before


def climb(planned: Plan, result: Result, run: Runner = Batch.run, averaged: bool = False) -> Result:
    """The result of two platforms with its ladder; `averaged`: also over orders. `run`: how. Raises
    `InputError` for another number of platforms, and for two that cannot be changed into each other
    one step at a time."""
    first, last = two(planned)
    decided = result.decision
    metric = decided.metric if decided is not None else "downtime_s"
    if decided is not None and decided.worse != first.platform:
        first, last = last, first  # from who did worse
    standings = steps(first, last)
    seeds = tuple(done.seed for done in result.replications[first.platform])
    between = [standing.case for standing in standings[:-1]]
    detours = _detours(first, last, standings) if averaged else {}
    sample = run(Batch((*between, *detours.values()), seeds, engine=planned.ask.engine))
    if sample.interrupted or any(len(done) < len(seeds) for done in sample.replications):
        return replace(result, interrupted=True)
    columns = [tuple(total(r.figures, metric) for r in done) for done in sample.replications]
    start, end = (
        tuple(total(r.figures, metric) for r in result.replications[case.platform])
        for case in (first, last)
    )
    after = (*columns[: len(between)], end)
    rungs = tuple(
        Rung(standing.name, standing.says, values)
        for standing, values in zip(standings, after, strict=True)
    )
    ladder = Ladder(metric, first.platform, last.platform, start, rungs)
    if averaged:
        ways = {frozenset(range(k)): values for k, values in enumerate((start, *after))}
        ways |= dict(zip(detours, columns[len(between) :], strict=True))
        ladder = over_orders(ladder, ways, orders(standings))
    word = " --rungs" + (" --orders" if averaged else "")
    return replace(result, ladder=ladder, command=result.command and f"{result.command}{word}")


def orders(standings: Sequence[Footing]) -> list[tuple[int, ...]]:
    """Of the rungs by their number: from each one on and round, forwards and backwards. What all
    else is hangs on what was changed before: it stays the last."""
    fixed = 1 if any("services" in each.paths for each in standings[-1].changes) else 0
    ring = tuple(range(len(standings) - fixed))
    rest = tuple(range(len(ring), len(standings)))
    turns = [(*ring[k:], *ring[:k]) for k in ring]
    return list(dict.fromkeys(way + rest for turn in turns for way in (turn, turn[::-1])))


def _detours(first: Case, last: Case, standings: Sequence[Footing]) -> dict[frozenset[int], Case]:
    """What stands on the way in some order and not in the stated one, by the rungs that are made
    there."""
    stated = {frozenset(range(k)) for k in range(len(standings) + 1)}
    sets = (frozenset(way[:k]) for way in orders(standings) for k in range(len(way)))
    detours = {}
    for made in dict.fromkeys(sets):
        if made not in stated:
            changes = [each for k in sorted(made) for each in standings[k].changes]
            case = changed(first, last, changes)
            if stands(case):
                detours[made] = case
    return detours


def two(planned: Plan) -> tuple[Case, Case]:
    """The two ends. Raises `InputError` if there are not two."""
    if len(planned.cases) != 2:
        found = f"{len(planned.cases)} platforms"
        raise InputError(field="rungs", found=found, expected="two: --platform FROM,TO")
    first, last = planned.cases
    return first, last


def steps(first: Case, last: Case) -> list[Footing]:
    """The rungs from one to the other; the last is the other itself."""
    standings: list[Footing] = []
    end, last = last, _told(last)
    here, waiting = _told(first), list[Exchange]()
    for change in RUNGS:
        there = changed(here, last, [*waiting, change])
        if there.choices == here.choices and there.stack == here.stack:
            continue
        waiting.append(change)
        if not stands(there):
            continue
        name = " and ".join(each.name for each in waiting)
        standings.append(Footing(name, differences(here, there), there, tuple(waiting)))
        here, waiting = there, []
    if not standings or here.choices != last.choices or here.stack != last.stack:
        name = " and ".join(each.name for each in waiting) or "all else"
        standings.append(Footing(name, differences(here, last), last, tuple(waiting)))
    if len(standings) < 2:
        found = f"{first.platform} and {last.platform}, which share nothing"
        expected = "two platforms with a choice or a manifest that can be changed alone"
        raise InputError(field="rungs", found=found, expected=expected)
    standings[-1] = standings[-1]._replace(case=end)
    return standings


def _told(case: Case) -> Case:
    """The same, and its file says what restarts by itself."""
    held = {
        name: service.model_copy(update={"restart": restart_of(case.choices.self_healing, service)})
        for name, service in case.stack.services.items()
    }
    return replace(case, stack=case.stack.model_copy(update={"services": held}))


def changed(here: Case, there: Case, changes: Sequence[Exchange]) -> Case:
    """`here` with what the changes name taken from `there`."""
    choices, stack = here.choices, here.stack
    for change in changes:
        new: dict[str, Any] = {name: getattr(there.choices, name) for name in change.choices}
        choices = replace(choices, **new)
        for path in change.paths:
            stack = _taken(stack, there.stack, path.split("."))
        if change is POLICY:
            stack = _with_policies(here, there)
    return replace(here, stack=stack, own=choices)


def _with_policies(here: Case, there: Case) -> Stack:
    """What a file can ask for of what the other platform does by itself."""
    services = dict(here.stack.services)
    for name, service in here.stack.services.items():
        holds = restart_of(here.choices.self_healing, service)
        wanted = restart_of(there.choices.self_healing, there.stack.services.get(name, service))
        if holds != wanted:
            services[name] = service.model_copy(update={"restart": wanted})
    return here.stack.model_copy(update={"services": services})


def _taken(here: Any, there: Any, steps: Sequence[str]) -> Any:
    """A copy of a record with what stands at a path of another; `*`: of each name that both
    have."""
    if not steps:
        return there
    first, *rest = steps
    names = [name for name in here if name in there] if first == "*" else [first]
    for name in names:
        inner = child(there, name)
        if inner is not MISSING:
            here = with_child(here, name, _taken(child(here, name), inner, rest))
    return here


def stands(case: Case) -> bool:
    """Do its choices go together, and does it boot?"""
    try:
        takes(case.platform, checked(case.platform, case.choices), case.stack)
        Simulation(case, 1, engine="reference").advance(0.0)
    except InputError:
        return False
    return True


def differences(here: Case, there: Case) -> str:
    """What a rung changes: `restart no to always`, `load_balancing: service_balancing`."""
    parts = [
        f"{field.name.replace('_', ' ')}: {_mechanism(getattr(there.choices, field.name))}"
        for field in fields(Platform)
        if getattr(here.choices, field.name) != getattr(there.choices, field.name)
    ]
    parts += _manifests(here.stack, there.stack)
    return "; ".join(dict.fromkeys(parts))


def _mechanism(choice: Any) -> str:
    return "the operator" if choice is None else name_of(type(choice))


def _manifests(here: Stack, there: Stack) -> list[str]:
    """What differs in words: plain values with both, records by their name alone."""
    whose: dict[str, list[str]] = {}
    for name, service in there.services.items():
        old = here.services.get(name)
        for field in type(service).model_fields:
            before, after = getattr(old, field, None), getattr(service, field)
            if before != after:
                plain = isinstance(after, str | int) and isinstance(before, str | int)
                what = f"{field} {before} to {after}" if plain else field.replace("_", " ")
                whose.setdefault(what, []).append(name)
    parts = [f"{what} ({', '.join(names)})" for what, names in whose.items()]
    count, before = there.servers.count or 1, here.servers.count or 1
    if count != before:
        parts.append(f"{count} servers for {before}")
    elif here.servers != there.servers:
        parts.append("sizes and times of servers")
    if here.operator != there.operator:
        parts.append("the operator's alarms and times")
    return parts
