"""What breaks my stack: each single fault and each pair, at three phases, on each platform.

Ranked by requests that failed. A set breaks the SLO if it does at some phase; the smallest such
sets are named, and pairs of which neither part does it alone. For the worst of them the changes of
causes.yaml are tried: what would have cured it is a run, not an opinion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from sim.results.counterfactual import Contribution, contribution, ranked
from sim.results.summary import Replication, mean_total
from sim.schema.fields import InputError, Line, Record
from sim.schema.text.validation import read_file
from sim.simulation.case import Case
from sim.study.ask import Ask
from sim.study.batch import Batch, Runner
from sim.study.causes import investigate
from sim.study.comparison import replay
from sim.study.decision.knobs import cases_at
from sim.study.plan import Plan, plan

FILE = Path(__file__).with_name("faults.yaml")
BEGIN_S = 300.0  # of the first fault
PHASES = (0.0, 60.0, 300.0)  # s: of the second after it, and of one alone after BEGIN_S; chosen


class Fault(Record):
    """A row of the file."""

    name: Line
    event: dict[str, Any]


class FaultList(Record):
    faults: list[Fault]


Names = tuple[str, ...]  # of one fault, or of two: the first comes first


class FaultSet(NamedTuple):
    """A set of faults on a platform: its runs at each phase, seeds after one another."""

    names: Names
    platform: str
    phases: Mapping[float, tuple[Replication, ...]]

    @property
    def failed(self) -> float:
        """Requests of one run, at the phase that is worst."""
        return max(mean_total(runs, "requests.failed") for runs in self.phases.values())

    @property
    def worst(self) -> float:
        """The phase at which it hurts most."""
        return max(self.phases, key=lambda phase: mean_total(self.phases[phase], "requests.failed"))

    @property
    def breaks(self) -> bool:
        """Does it break the SLO at some phase, on most seeds?"""
        return any(
            2 * sum(not done.slo_held for done in runs) > len(runs) for runs in self.phases.values()
        )


class Cure(NamedTuple):
    """The change that helps a set most, and whether the SLO holds with it."""

    trouble: FaultSet
    change: Contribution | None
    cured: bool


class Audit(NamedTuple):
    """All sets of all platforms, the worst first."""

    planned: Plan
    troubles: tuple[FaultSet, ...]
    cures: Mapping[str, Cure]  # by platform, of its worst smallest breaking set
    left_out: tuple[str, ...]
    interrupted: bool

    def of(self, platform: str) -> list[FaultSet]:
        return [trouble for trouble in self.troubles if trouble.platform == platform]

    def smallest(self, platform: str) -> list[FaultSet]:
        return smallest(self.of(platform))

    def together(self, platform: str) -> list[FaultSet]:
        return together(self.of(platform))


class AuditRuns(NamedTuple):
    """All that is run, checked."""

    planned: Plan
    runs: tuple[tuple[Names, float, Case], ...]
    left_out: tuple[str, ...]
    batch: Batch


def faults(path: Path = FILE) -> tuple[Fault, ...]:
    """Raises `InputError`."""
    return tuple(read_file(FaultList, path, FILE.name if path == FILE else str(path)).faults)


def prepare(ask: Ask, listed: Sequence[Fault]) -> AuditRuns:
    """Everything read and checked. Raises `InputError`."""
    planned = plan(ask)
    latest = BEGIN_S + max(PHASES)
    if planned.scenario.horizon <= latest:
        found = f"{planned.scenario.horizon:g} s"
        expected = f"more than {latest:g} s, by which faults have come"
        raise InputError(field="scenario.horizon", found=found, expected=expected)
    left_out, usable = [], []
    for fault in listed:
        try:
            _cases(planned, (fault,), 0.0)
            usable.append(fault)
        except InputError as error:
            left_out.append(f"{fault.name}: {error.issues[0]}")
    if not usable:
        raise InputError(
            field="--faults", found=left_out[0], expected="one that the stack can have"
        )
    sets = [*((fault,) for fault in usable), *combinations(usable, 2)]
    runs = tuple(
        (tuple(fault.name for fault in group), phase, case)
        for group in sets
        for phase in PHASES
        for case in _cases(planned, group, phase)
    )
    cases = tuple(case for _, _, case in runs)
    return AuditRuns(
        planned, runs, tuple(left_out),
        Batch(cases, planned.batch.seeds, engine=planned.ask.engine),
    )  # fmt: skip


def _cases(planned: Plan, group: Sequence[Fault], phase: float) -> tuple[Case, ...]:
    return cases_at(planned, {"scenario.events": events(group, phase)}, "--faults")


def events(group: Sequence[Fault], phase: float) -> list[dict[str, Any]]:
    """As a scenario has them: one alone at the phase, of two the second."""
    times = [BEGIN_S, BEGIN_S + phase] if len(group) == 2 else [BEGIN_S + phase]
    return [{"at": f"{at:g}s", **fault.event} for at, fault in zip(times, group, strict=True)]


def measure(runs: AuditRuns, listed: Sequence[Fault], run: Runner = Batch.run) -> Audit:
    """Run all of it, then try what would cure the worst. On Ctrl-C what was finished."""
    sample = run(runs.batch)
    found: dict[tuple[str, Names], dict[float, tuple[Replication, ...]]] = {}
    for (names, phase, case), done in zip(runs.runs, sample.replications, strict=True):
        if done:
            found.setdefault((case.platform, names), {})[phase] = done
    troubles = [FaultSet(names, name, phases) for (name, names), phases in found.items()]
    troubles.sort(key=lambda trouble: -trouble.failed)
    cures: dict[str, Cure] = {}
    for name in runs.planned.platforms if not sample.interrupted else ():
        breaking = smallest([t for t in troubles if t.platform == name])
        if breaking:
            cures[name] = _cure(runs.planned, listed, breaking[0], run)
    return Audit(runs.planned, tuple(troubles), cures, runs.left_out, sample.interrupted)


def smallest(troubles: Sequence[FaultSet]) -> list[FaultSet]:
    """Sets that break the SLO of the least size there is, the worst first."""
    breaking = [trouble for trouble in troubles if trouble.breaks]
    least = min((len(trouble.names) for trouble in breaking), default=0)
    return [trouble for trouble in breaking if len(trouble.names) == least]


def together(troubles: Sequence[FaultSet]) -> list[FaultSet]:
    """Pairs that break the SLO though neither part does alone, the worst first."""
    alone = {t.names[0] for t in troubles if len(t.names) == 1 and t.breaks}
    return [t for t in troubles if len(t.names) == 2 and t.breaks and not alone & set(t.names)]


def _cure(planned: Plan, listed: Sequence[Fault], trouble: FaultSet, run: Runner) -> Cure:
    by_name = {fault.name: fault for fault in listed}
    group = [by_name[name] for name in trouble.names]
    settings = {**planned.ask.pairs, "scenario.events": events(group, trouble.worst)}
    ask = replace(planned.ask, platforms=[trouble.platform], settings=settings)
    worst = plan(ask)
    result = investigate(worst, replay(worst, run), run)
    base = result.replications[trouble.platform]
    tried = (result.counterfactuals or {}).get(trouble.platform, ())
    # not those that undo the fault: they are no change of the stack
    weighed = [contribution(base, change) for change in tried if not change.trigger]
    helps = ranked([each for each in weighed if each is not None])
    if not helps:
        return Cure(trouble, None, False)
    runs = helps[0].change.replications
    return Cure(trouble, helps[0], 2 * sum(done.slo_held for done in runs) > len(runs))
