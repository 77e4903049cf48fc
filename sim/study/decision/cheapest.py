"""The cheapest set-up that holds: candidates in order of what they cost, raced (race.py).

A candidate is a platform and a point of the knobs' space; it holds on a seed if every expectation
holds there in every scenario. Cost is a formula, so that a dear one is never run; of one price what
changes least of the set-up that is there stands first, then the order of the knobs.
Nothing is left out because something like it failed, so that the answer is never worse than the
grid's.

Of a larger space than anybody walks through an optimiser may propose some (proposals.py). Their
cost is then what the first seed says, where an autoscaler rents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from statistics import fmean
from typing import Any, NamedTuple

from sim.results.bill import HOURS
from sim.results.expectations import Expectation, Judgement, expectations, measured
from sim.results.services import table_paths
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.simulation.case import Case
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.batch import Runner as BatchRunner
from sim.study.causes import differs
from sim.study.decision.knobs import (
    Dial,
    Settings,
    cases_at,
    check_size,
    grid,
    one_at_a_time,
    usual,
)
from sim.study.decision.money import monthly
from sim.study.decision.proposals import Proposal, Tried, optimiser, propose
from sim.study.decision.race import Race, Rule, Runner
from sim.study.plan import Plan, plan

NEVER, LEAST = 1e6, 1e-9  # beyond a bound: of a figure that is not there; of one that is at it


class Candidate(NamedTuple):
    """A set-up, what it costs a month, and its case in each scenario."""

    platform: str
    settings: Settings
    changed: Settings  # those that say something else than what is there
    usd: float
    cases: tuple[Case, ...]


class Contest(NamedTuple):
    """All that is raced, checked."""

    plans: tuple[Plan, ...]  # a scenario each
    wanted: tuple[Expectation, ...]
    rule: Rule
    candidates: tuple[Candidate, ...]  # in order of cost
    impossible: tuple[tuple[str, Settings, str], ...]  # platform, settings, why
    spaces: Mapping[str, tuple[Dial, ...]] = {}  # of each platform
    propose: int = 0  # so many of them, while it is measured; 0: all are candidates

    @property
    def size(self) -> int:
        return sum(prod(len(dial.values) for dial in dials) for dials in self.spaces.values())


class PriceLadder(NamedTuple):
    """How the race ended."""

    contest: Contest
    runners: tuple[Runner, ...]  # of each candidate
    winner: Runner | None
    interrupted: bool
    missed: Mapping[tuple[str, str], int] = {}  # of an expectation and a scenario: runs without it


def prepare(
    asks: Sequence[Ask], slo: Sequence[str], space: Sequence[Dial] = (), rule: Rule | None = None,
    most: int = 0,
) -> Contest:  # fmt: skip
    """Read and check everything; `asks`: a scenario each; `most`: so many set-ups are proposed,
    unless there are no more than that. Raises `InputError`."""
    plans = tuple(plan(ask) for ask in asks)
    wanted = expectations(slo, plans[0].platforms, "--slo", table_paths(plans[0].cases[0].stack))
    if not wanted:
        raise InputError(field="--slo", found="none", expected="such as 'availability>=99.9'")
    chances = rule or Rule()
    if not 0.0 < chances.chance < 1.0:
        found, expected = f"{chances.chance:g}", "a chance between 0 and 1 such as 0.9"
        raise InputError(field="--chance", found=found, expected=expected)
    spaces = {case.platform: tuple(space) or usual(case) for case in plans[0].cases}
    contest = Contest(plans, wanted, chances, (), (), spaces, most)
    if contest.size > most > 0:
        optimiser()
        return contest
    for dials in spaces.values():
        check_size(dials, "--over", "; or --propose 200")
    points = [
        Proposal(name, point)
        for name, dials in spaces.items()
        for point in grid(dials)
        if space or one_at_a_time(dials, point)
    ]
    return _entered(contest._replace(propose=0), points)


def _entered(contest: Contest, points: Sequence[Proposal], usd: Sequence[float] = ()) -> Contest:
    """With these as candidates, in order of cost; `usd`: what they cost, where a run says so."""
    candidates: list[Candidate] = []
    impossible: list[tuple[str, Settings, str]] = []
    enter = _entrance(contest)
    for place, point in enumerate(points):
        try:
            entry = enter(point)
            candidates.append(entry._replace(usd=usd[place]) if usd else entry)
        except InputError as error:
            impossible.append((*point, str(error.issues[0])))
    if not candidates:
        raise InputError(field="--over", found=impossible[0][2], expected="a point that can run")
    candidates.sort(
        key=lambda each: (each.usd, len(each.changed))
    )  # stable: else as the knobs turn
    return contest._replace(candidates=tuple(candidates), impossible=tuple(impossible))


def _entrance(contest: Contest) -> Callable[[Proposal], Candidate]:
    """Makes a candidate of a point. What stands there already is asked once for each value of a
    dial, not for each point. It raises `InputError` for what cannot be."""
    alone = {name: [_alone(each, name) for each in contest.plans] for name in contest.spaces}
    says: dict[tuple[str, str, str], bool] = {}

    def is_new(name: str, path: str, value: Any) -> bool:
        key = (name, path, repr(value))
        if key not in says:
            says[key] = differs(alone[name][0].cases[0], path, value)
        return says[key]

    def enter(point: Proposal) -> Candidate:
        name, settings = point
        cases = tuple(case for each in alone[name] for case in cases_at(each, settings, "--over"))
        changed = {path: value for path, value in settings.items() if is_new(name, path, value)}
        return Candidate(name, settings, changed, monthly(cases[0]).total, cases)

    return enter


def _alone(planned: Plan, name: str) -> Plan:
    """The plan on one of its platforms."""
    cases = tuple(case for case in planned.cases if case.platform == name)
    return replace(planned, ask=replace(planned.ask, platforms=[name], ablate=()), cases=cases)


def measure(contest: Contest, run: BatchRunner = Batch.run) -> PriceLadder:
    """Race them. `run`: how a batch is run; on Ctrl-C what was decided, with `interrupted` set."""
    seed = contest.plans[0].ask.seed
    if contest.propose:
        contest = _proposed(contest, run)

    missed: Counter[tuple[str, str]] = Counter()

    def trials(wanted: Sequence[tuple[int, int]]) -> list[bool | None]:
        entries = [(contest.candidates[place], seed) for place, seed in wanted]
        answers: list[bool | None] = []
        for (entry, _), done in zip(entries, _runs(contest, entries, run), strict=True):
            broken = _broken(contest, entry.platform, done)
            missed.update(broken)
            answers.append(not broken if done else None)
        return answers

    race = Race(len(contest.candidates), contest.rule, seed, trials)
    winner = race.run()
    return PriceLadder(contest, tuple(race.runners), winner, race.interrupted, missed)


def _runs(
    contest: Contest, wanted: Sequence[tuple[Candidate, int]], run: BatchRunner
) -> list[list[Replication]]:
    """Of each candidate and seed its run in each scenario; empty where it was interrupted."""
    cases = [(case, seed) for candidate, seed in wanted for case in candidate.cases]
    batch = Batch(
        tuple(case for case, _ in cases), tuple(seed for _, seed in cases), paired=True,
        engine=contest.plans[0].ask.engine,
    )  # fmt: skip
    try:
        answers = iter(run(batch).replications)
    except KeyboardInterrupt:
        return [[] for _ in wanted]
    each = [[next(answers) for _ in contest.plans] for _ in wanted]
    return [[done[0] for done in runs] if all(runs) else [] for runs in each]


def _broken(contest: Contest, name: str, done: Sequence[Replication]) -> list[tuple[str, str]]:
    """What does not hold of a candidate's runs, one of each scenario, and in which."""
    about = [each for each in contest.wanted if each.platform in ("", name)]
    return [
        (each.text, planned.name)
        for planned, run in zip(contest.plans, done, strict=False)
        for each in about
        if not each.holds_in(run.figures)
    ]


# ---- where an optimiser proposes ----
def _proposed(contest: Contest, run: BatchRunner) -> Contest:
    """The contest of those that it proposes. Raises KeyboardInterrupt."""
    seed, enter = contest.plans[0].ask.seed, _entrance(contest)

    def trial(points: Sequence[Proposal]) -> list[Tried | None]:
        entries: list[Candidate | None] = []
        for point in points:
            try:
                entries.append(enter(point))
            except InputError:
                entries.append(None)
        able = [entry for entry in entries if entry is not None]
        done = iter(_runs(contest, [(entry, seed) for entry in able], run))
        return [None if entry is None else _tried(contest, entry, next(done)) for entry in entries]

    proposed = propose(contest.spaces, contest.propose, seed, trial)
    found = sorted(proposed, key=lambda each: _place(contest, each[0]))  # as the knobs turn
    usd = [float("inf") if tried is None else tried.usd for _, tried in found]
    return _entered(contest, [point for point, _ in found], usd)


def _place(contest: Contest, point: Proposal) -> tuple[int, ...]:
    dials = contest.spaces[point.platform]
    values = (dial.values.index(point.settings[dial.path]) for dial in dials)
    return (list(contest.spaces).index(point.platform), *values)


def _tried(contest: Contest, candidate: Candidate, done: Sequence[Replication]) -> Tried:
    if not done:
        raise KeyboardInterrupt
    usd = fmean(_rented(case, each) for case, each in zip(candidate.cases, done, strict=True))
    ours = ("", candidate.platform)
    return Tried(usd, tuple(
        _beyond(each, run) if each.platform in ours else 0.0
        for each in contest.wanted for run in done
    ))  # fmt: skip


def _rented(case: Case, done: Replication) -> float:
    """US dollars a month: as a run says where an autoscaler rents servers, else by the formula."""
    month = monthly(case)
    if case.choices.autoscaling is None:
        return month.total
    hours = case.scenario.horizon / 3600.0
    rented = float(done.figures["cost"]["usd"])
    return month.total - month.servers + rented / hours * HOURS


def _beyond(wanted: Expectation, done: Replication) -> float:
    """How far from its bound, relative to it: 0 or less where it holds."""
    judged = Judgement(wanted, wanted.platform, measured(done.figures, wanted.metric))
    margin, scale = judged.margin, abs(wanted.bound) or 1.0
    if margin is None:
        return NEVER
    return min(0.0, -margin / scale) if judged.holds else max(-margin / scale, LEAST)
