"""Do we need it? My stack, the incidents of a year, and set-ups from "as it is" upwards.

Each kind of incident (sim/study/quarter/rates.yaml, or mine) is replayed under each set-up at hours
spread over the day, with the same customers; year.py makes years of them. The same again in worlds
where people and demands are at half and at double. What remains, what an hour of work and a lost
request cost, is arithmetic (worth.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.library.adaptation import what_lacks
from sim.results.bill import MonthlyCost
from sim.results.counterfactual import harmed
from sim.results.figures import total
from sim.results.summary import Replication
from sim.schema.fields import Duration, InputError, Line, Name, Record
from sim.schema.stack import Stack
from sim.schema.text.validation import read_file
from sim.simulation.case import Case
from sim.study.ask import Ask
from sim.study.batch import Batch, Runner
from sim.study.causes import Alteration, altered, alters, changed, wished
from sim.study.decision.money import monthly
from sim.study.decision.sensitivity import scaled
from sim.study.decision.year import Harms, Recurrence
from sim.study.plan import Plan, plan
from sim.study.quarter.draw import at_hour, follows_up, time_of
from sim.study.quarter.rates import IncidentKind, Rates
from sim.study.quarter.tally import Incident

FILE = Path(__file__).with_name("setups.yaml")
WEEKS = 365.25 / 7.0  # of a year
FEW = 1  # seeds in the other worlds, compared with the same of the world as assumed
# not `detect`, which is an alarm's: a quicker one calls for what heals by itself
PEOPLE = tuple(f"stack.operator.{step}" for step in ("acknowledge", "login", "diagnose", "command"))
# of requests and jobs in the short form, and of every step of a story
DEMANDS = (
    "stack.services.*.cpu.demand",
    "stack.services.*.database.demand",
    *(
        f"stack.services.*.{story}.{within}{law}"
        for story in ("steps", "endpoints.*")
        for within in ("", "cache.on_miss.", "together.together.")
        for law in ("cpu.cpu", "query.demand")
    ),
)
AS_ASSUMED = "as assumed"
WORLDS: Mapping[str, tuple[tuple[str, ...], float]] = {
    AS_ASSUMED: ((), 1.0),
    "people twice as fast": (PEOPLE, 0.5),
    "people half as fast": (PEOPLE, 2.0),
    "requests half as heavy": (DEMANDS, 0.5),
    "requests twice as heavy": (DEMANDS, 2.0),
}


class Setup(Record):
    """One way to run it."""

    name: Line
    platform: Name
    says: Line
    set: dict[str, Any] = {}
    work: Duration = 0.0
    upkeep: Duration = 0.0
    orchestrator: bool = False


class Setups(Record):
    setups: list[Setup]


@cache
def setups() -> tuple[Setup, ...]:
    """All there are, the first as it is. Raises `InputError`."""
    return tuple(read_file(Setups, FILE, FILE.name).setups)


class Prospect(NamedTuple):
    """A set-up: a year of it in each world, its money a month without people."""

    setup: Setup
    month: MonthlyCost
    worlds: Mapping[str, tuple[Recurrence, ...]]


class Rehearsal(NamedTuple):
    """One incident of a kind under a set-up in a world, ready to run."""

    setup: int
    kind: IncidentKind
    world: str
    case: Case
    seed: int
    night: bool
    settings: Mapping[str, Any] = {}  # of the set-up, the world and the hour: it runs again so


class Prospects(NamedTuple):
    """All that is run, checked; once run also what was found."""

    stack: Stack
    rates: Rates
    seed: int
    outcomes: tuple[Prospect, ...] = ()
    left_out: tuple[str, ...] = ()  # a line for what cannot be replayed here
    setups: tuple[tuple[Setup, Case], ...] = ()  # with a case of each, for its money
    replays: tuple[Rehearsal, ...] = ()
    rates_file: str = ""  # the reader's own; empty: ours
    same: Mapping[str, tuple[str, ...]] = {}  # by a set-up's name: of those that it has already
    ask: Ask | None = None
    incidents: tuple[tuple[Rehearsal, Harms], ...] = ()  # once run: what each did


def prepare(
    ask: Ask, rates: Rates, now: str = "compose", deploys: float | None = None
) -> Prospects:
    """Everything read and checked; `ask`: stack, traffic, settings, seed and reps (its scenario is
    the kinds'); `now`: the platform that it runs on; `deploys`: a week, instead of those of
    `rates`. Raises `InputError`."""
    ways = (setups()[0].model_copy(update={"platform": now}), *setups()[1:])
    names = tuple(dict.fromkeys(way.platform for way in ways))
    left_out: list[str] = []
    refusals: list[InputError] = []
    plans: dict[str, Plan] = {}
    for kind in rates.kinds:
        try:
            plans[kind.name] = plan(replace(ask, scenario=kind.scenario, platforms=names))
        except InputError as error:
            left_out.append(f"{kind.name}: {what_lacks(error, error.issues[0].file)}")
            refusals.append(error)
    if not plans and len({str(error) for error in refusals}) == 1:
        raise refusals[0]  # the file itself
    if not plans:
        raise InputError(field="--stack", found=left_out[0], expected="one that an incident fits")
    if deploys is not None:
        rates = _deploying(rates, {name for name, own in plans.items() if _deploys(own)}, deploys)
    replays: list[Rehearsal] = []
    known: list[tuple[Setup, dict[str, Case]]] = []
    same: dict[str, tuple[str, ...]] = {}
    for number, way in enumerate(ways):
        try:
            given = {name: _settings(planned, way) for name, planned in plans.items()}
            mine = {name: _case(planned, way, given[name]) for name, planned in plans.items()}
        except InputError as error:
            left_out.append(f"the set-up {way.name!r}: {error.issues[0]}")
            continue
        twin = next((other.name for other, its in known if its == mine), None)
        if twin is not None:
            same[twin] = (*same.get(twin, ()), way.name)
            continue
        known.append((way, mine))
        for kind in rates.kinds:
            if kind.name in mine:
                here = plans[kind.name], mine[kind.name]
                replays += _replays(number, kind, *here, given[kind.name], ask, rates)
    return Prospects(
        next(iter(plans.values())).stack, rates, ask.seed, left_out=tuple(left_out),
        setups=tuple((way, next(iter(mine.values()))) for way, mine in known),
        replays=tuple(replays), same=same, ask=ask,
    )  # fmt: skip


def _deploys(planned: Plan | Case) -> bool:
    return any(event.deploy is not None for event in planned.scenario.events)


def _deploying(rates: Rates, kinds: set[str], a_week: float) -> Rates:
    """With the kinds as often, all together, in the shares that they have."""
    now = sum(kind.rate for kind in rates.kinds if kind.name in kinds) / rates.weeks
    if not now:
        found = f"{a_week:g}, of rates without a deploy"
        raise InputError(field="--deploys", found=found, expected="rates with a kind that deploys")
    scaled = (
        kind.model_copy(update={"rate": kind.rate * a_week / now}) if kind.name in kinds else kind
        for kind in rates.kinds
    )
    return rates.model_copy(update={"kinds": list(scaled)})


def deploys_a_week(decision: Prospects) -> float:
    year = decision.outcomes[0].worlds[AS_ASSUMED]
    return sum(stream.rate for stream in year if stream.deploys) / WEEKS


def _settings(planned: Plan, way: Setup) -> dict[str, Any]:
    """What a set-up changes. Raises `InputError` for what it cannot set."""
    case = _on(planned, way)
    change = Alteration(name="setup", says=way.says, set=way.set)
    wanted = wished(change, case).items()
    return {path: value for path, value in wanted if alters(case, path, value)}


def _case(planned: Plan, way: Setup, settings: Mapping[str, Any]) -> Case:
    """The kind's case under a set-up. Raises `InputError`."""
    case = _on(planned, way)
    return altered(planned, case, settings) if settings else case


def _on(planned: Plan, way: Setup) -> Case:
    return next(case for case in planned.cases if case.platform == way.platform)


def _replays(
    number: int, kind: IncidentKind, planned: Plan, case: Case, given: Mapping[str, Any], ask: Ask,
    rates: Rates,
) -> Iterator[Rehearsal]:  # fmt: skip
    reps = ask.reps or FEW
    for world, (patterns, factor) in WORLDS.items():
        settings = scaled(case, patterns, factor)
        there = changed(planned, case, settings) if settings else case
        if there is None:
            continue
        seeds = reps if world == AS_ASSUMED else min(FEW, reps)
        for k in range(seeds):
            share = (k + 0.5) / reps  # hours, days and servers spread evenly over the seeds
            at_s = time_of(kind.planned, rates.weeks, share, (k * 0.618034 + 0.25) % 1.0)
            incident = Incident(kind.name, kind.scenario, at_s, ask.seed + k, share)
            night = case.stack.operator.night_at(at_s) is not None
            then = at_hour(there, incident)
            told = {**given, **settings, **_when(then)}
            yield Rehearsal(number, kind, world, then, ask.seed + k, night, told)


def _when(case: Case) -> dict[str, Any]:
    """The hour, and the server that is struck, as settings."""
    struck = {
        f"scenario.events.{i}.server_crash.server": event.server_crash.server
        for i, event in enumerate(case.scenario.events)
        if event.server_crash is not None
    }
    return {"scenario.starts_at": f"{case.scenario.starts_at:.9g}s", **struck}


def measure(decision: Prospects, run: Runner = Batch.run) -> Prospects:
    """Run all of it: first as assumed, then what may differ in the other worlds. Raises
    KeyboardInterrupt on Ctrl-C: half a year would mislead (a store keeps what was finished)."""
    assumed = [each for each in decision.replays if each.world == AS_ASSUMED]
    done = _run(assumed, run)
    quiet = {_incident(each): r for each, r in zip(assumed, done, strict=True) if _is_quiet(r)}
    same: list[Rehearsal] = []
    rest: list[Rehearsal] = []
    for each in decision.replays:
        if each.world != AS_ASSUMED:
            spared = WORLDS[each.world][0] is PEOPLE and _incident(each) in quiet
            (same if spared else rest).append(each)
    pairs = (
        *zip(assumed, done, strict=True),
        *((each, quiet[_incident(each)]) for each in same),
        *zip(rest, _run(rest, run), strict=True),
    )
    samples: dict[tuple[str, str, str], list[Harms]] = {}
    ways = setups()
    incidents = tuple((each, _harms(each, done, decision.rates)) for each, done in pairs)
    for each, harms in incidents:
        key = (ways[each.setup].name, each.world, each.kind.name)
        samples.setdefault(key, []).append(harms)
    outcomes = []
    rates = decision.rates
    deploying = {each.kind.name for each in decision.replays if _deploys(each.case)}
    for way, case in decision.setups:
        servers = case.stack.servers.count or 1
        worlds = {
            world: tuple(
                Recurrence(
                    kind.name, _rate(kind, rates, servers), tuple(found), kind.name in deploying
                )
                for kind in rates.kinds
                if (found := samples.get((way.name, world, kind.name)))
            )
            for world in WORLDS
        }
        outcomes.append(Prospect(way, monthly(case), worlds))
    return decision._replace(outcomes=tuple(outcomes), incidents=incidents)


def followed(decision: Prospects) -> list[dict[str, Any]]:
    """A row a run: how often such an incident comes, what it did, and what to type to see it."""
    ways, rows = setups(), []
    for each, harms in decision.incidents:
        servers = each.case.stack.servers.count or 1
        rows.append({
            "setup": ways[each.setup].name, "platform": each.case.platform,
            "kind": each.kind.name, "world": each.world, "seed": each.seed,
            "a_year": _rate(each.kind, decision.rates, servers), **harms._asdict(),
            "command": _command(each, decision.ask) if decision.ask else "",
        })  # fmt: skip
    return rows


def _command(each: Rehearsal, ask: Ask) -> str:
    alone = replace(
        ask, scenario=each.kind.scenario, platforms=[each.case.platform], seed=each.seed, reps=1,
        settings={**ask.pairs, **each.settings},
    )  # fmt: skip
    return alone.command([each.case.platform])


def _run(replays: Sequence[Rehearsal], run: Runner) -> list[Replication]:
    if not replays:
        return []
    cases, seeds = tuple(each.case for each in replays), tuple(each.seed for each in replays)
    return [done for (done,) in run(Batch(cases, seeds, paired=True)).whole()]


def _incident(each: Rehearsal) -> tuple[int, str, int]:
    """The same in every world."""
    return each.setup, each.kind.name, each.seed


def _is_quiet(done: Replication) -> bool:
    """Was nothing lost, and nobody called or at work? Then it does not matter how fast she is."""
    return not harmed(done.figures) and not total(done.figures, "operator.pages")


def _rate(kind: IncidentKind, rates: Rates, servers: int) -> float:
    """A year."""
    return kind.rate * WEEKS / rates.weeks * (servers if kind.per_server else 1)


def _harms(each: Rehearsal, done: Replication, rates: Rates) -> Harms:
    figures = done.figures
    down_s, lost = total(figures, "downtime_s"), total(figures, "jobs.lost")
    worst_s = max(down_s, total(figures, "degraded_s"))
    pages = total(figures, "operator.pages")
    after = follows_up(each.kind.announced, int(pages), worst_s, int(lost), rates.follow_up_from)
    hands_on = total(figures, "operator.minutes") / 60.0
    return Harms(
        down_s / 3600.0,
        total(figures, "requests.failed"),
        total(figures, "jobs.never_done"),
        0.0 if each.night else hands_on,
        hands_on if each.night else 0.0,
        # of the hours that an incident takes in all, the repair among them, what is left
        max(0.0, rates.follow_up / 3600.0 - hands_on) if after else 0.0,
    )
