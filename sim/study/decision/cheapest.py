"""The cheapest set-up that holds: candidates in order of what they cost, raced (race.py).

A candidate is a platform and a point of the knobs' space; it holds on a seed if every expectation
holds there in every scenario. Cost is a formula, so that a dear one is never run; two of one price
stand in the order of the knobs, of which the first values are the least. Nothing is left out
because something like it failed, so that the answer is never worse than the grid's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sim.results.expectations import Expectation, expectations
from sim.schema.fields import InputError
from sim.simulation.case import Case
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.batch import Runner as BatchRunner
from sim.study.decision.knobs import Dial, Settings, cases_at, check_size, grid
from sim.study.decision.money import monthly
from sim.study.decision.race import Race, Rule, Runner
from sim.study.plan import Plan, plan

REPLICAS = range(1, 5)  # tried where nobody says otherwise; chosen
SERVERS = range(1, 5)
RESTART = ("no", "always")


class Candidate(NamedTuple):
    """A set-up, what it costs a month, and its case in each scenario."""

    platform: str
    settings: Settings
    usd: float
    cases: tuple[Case, ...]


class Contest(NamedTuple):
    """All that is raced, checked."""

    plans: tuple[Plan, ...]  # a scenario each
    wanted: tuple[Expectation, ...]
    rule: Rule
    candidates: tuple[Candidate, ...]  # in order of cost
    impossible: tuple[tuple[str, Settings, str], ...]  # platform, settings, why


class PriceLadder(NamedTuple):
    """How the race ended."""

    contest: Contest
    runners: tuple[Runner, ...]  # of each candidate
    winner: Runner | None
    interrupted: bool


def prepare(
    asks: Sequence[Ask], slo: Sequence[str], space: Sequence[Dial] = (), rule: Rule | None = None
) -> Contest:
    """Read and check everything; `asks`: a scenario each. Raises `InputError`."""
    plans = tuple(plan(ask) for ask in asks)
    wanted = expectations(slo, plans[0].platforms, "--slo")
    if not wanted:
        raise InputError(field="--slo", found="none", expected="such as 'availability>=99.9'")
    chances = rule or Rule()
    if not 0.0 < chances.chance < 1.0:
        found, expected = f"{chances.chance:g}", "a chance between 0 and 1 such as 0.9"
        raise InputError(field="--chance", found=found, expected=expected)
    candidates: list[Candidate] = []
    impossible: list[tuple[str, Settings, str]] = []
    for case in plans[0].cases:
        name, dials = case.platform, tuple(space) or usual(case)
        check_size(dials, "--over")
        for point in grid(dials):
            try:
                candidates.append(_candidate(plans, name, point))
            except InputError as error:
                impossible.append((name, point, str(error.issues[0])))
    if not candidates:
        raise InputError(field="--over", found=impossible[0][2], expected="a point that can run")
    candidates.sort(key=lambda candidate: candidate.usd)  # stable: else as the knobs turn
    return Contest(plans, wanted, chances, tuple(candidates), tuple(impossible))


def usual(case: Case) -> tuple[Dial, ...]:
    """What is turned where nobody says: replicas of who is asked by users, by an autoscaler's least
    where there is one; servers where somebody schedules, the restart policy where nobody does."""
    entry = next(iter(case.stack.playing("http")), None)
    dials = []
    if case.choices.scheduling is not None:
        dials.append(Dial("stack.servers.count", SERVERS))
    if entry is not None:
        scaled = case.choices.autoscaling is not None and case.stack.services[entry].scaling
        word = "scaling.min" if scaled else "replicas"
        dials.append(Dial(f"stack.services.{entry}.{word}", REPLICAS))
        if case.choices.scheduling is None:
            dials.append(Dial(f"stack.services.{entry}.restart", RESTART))
    return tuple(dials)


def _candidate(plans: Sequence[Plan], name: str, point: Settings) -> Candidate:
    cases = tuple(
        case
        for planned in plans
        for case in cases_at(_alone(planned, name), point, "--over")
    )  # fmt: skip
    return Candidate(name, point, monthly(cases[0]).total, cases)


def _alone(planned: Plan, name: str) -> Plan:
    """The plan on one of its platforms."""
    cases = tuple(case for case in planned.cases if case.platform == name)
    return replace(planned, ask=replace(planned.ask, platforms=[name], ablate=()), cases=cases)


def measure(contest: Contest, run: BatchRunner = Batch.run) -> PriceLadder:
    """Race them. `run`: how a batch is run; on Ctrl-C what was decided, with `interrupted` set."""
    ask = contest.plans[0].ask

    def trials(wanted: Sequence[tuple[int, int]]) -> list[bool | None]:
        cases = [(case, seed) for place, seed in wanted for case in contest.candidates[place].cases]
        batch = Batch(
            tuple(case for case, _ in cases), tuple(seed for _, seed in cases), paired=True,
            engine=ask.engine,
        )  # fmt: skip
        try:
            answers = iter(run(batch).replications)
        except KeyboardInterrupt:
            return [None for _ in wanted]
        held: list[bool | None] = []
        for place, _ in wanted:
            name = contest.candidates[place].platform
            runs = [next(answers) for _ in contest.plans]
            whole = all(done for done in runs)
            fits = all(_holds(contest, name, done[0].figures) for done in runs if done)
            held.append(fits if whole else None)
        return held

    race = Race(len(contest.candidates), contest.rule, ask.seed, trials)
    winner = race.run()
    return PriceLadder(contest, tuple(race.runners), winner, race.interrupted)


def _holds(contest: Contest, name: str, figures: dict[str, object]) -> bool:
    about = [each for each in contest.wanted if each.platform in ("", name)]
    return all(each.holds_in(figures) for each in about)
