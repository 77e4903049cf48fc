"""What breaks my stack: each single fault and each pair, at three phases, on each platform.

Ranked by requests that failed. A set breaks the SLO if it does at some phase; the smallest such
sets are named, and pairs of which neither part does it alone. For the worst of them the changes of
causes.yaml are tried: what would have cured it is a run, not an opinion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from sim.library.adaptation import what_lacks
from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.results.counterfactual import Contribution, contribution, ranked
from sim.results.summary import Replication, mean_total
from sim.schema.fields import InputError, Line, Record
from sim.schema.stack import Role
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
    """All that is run, checked; and once it was, the sets of all platforms, the worst first."""

    planned: Plan
    listed: tuple[Fault, ...]
    runs: tuple[tuple[Names, float, Case], ...]  # with the phase
    left_out: tuple[str, ...]
    troubles: tuple[FaultSet, ...] = ()
    cures: Mapping[str, Cure] = {}  # by platform, of its worst smallest breaking set
    interrupted: bool = False

    def of(self, platform: str) -> list[FaultSet]:
        return [trouble for trouble in self.troubles if trouble.platform == platform]

    def smallest(self, platform: str) -> list[FaultSet]:
        return smallest(self.of(platform))

    def together(self, platform: str) -> list[FaultSet]:
        return together(self.of(platform))


def faults(path: Path = FILE) -> tuple[Fault, ...]:
    """Raises `InputError`."""
    return tuple(read_file(FaultList, path, FILE.name if path == FILE else str(path)).faults)


def prepare(ask: Ask, listed: Sequence[Fault]) -> Audit:
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
            left_out.append(f"{fault.name}: {what_lacks(error, planned.stack.name)}")
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
    return Audit(planned, tuple(listed), runs, tuple(left_out))


def _cases(planned: Plan, group: Sequence[Fault], phase: float) -> tuple[Case, ...]:
    return cases_at(planned, {"scenario.events": events(group, phase)}, "--faults")


def events(group: Sequence[Fault], phase: float) -> list[dict[str, Any]]:
    """As a scenario has them: one alone at the phase, of two the second."""
    times = [BEGIN_S, BEGIN_S + phase] if len(group) == 2 else [BEGIN_S + phase]
    return [{"at": f"{at:g}s", **fault.event} for at, fault in zip(times, group, strict=True)]


def measure(audit: Audit, run: Runner = Batch.run) -> Audit:
    """Run all of it, then try what would cure the worst. On Ctrl-C what was finished."""
    planned, cases = audit.planned, tuple(case for _, _, case in audit.runs)
    sample = run(Batch(cases, planned.batch.seeds, engine=planned.ask.engine))
    runs: dict[tuple[str, Names], dict[float, tuple[Replication, ...]]] = {}
    for (names, phase, case), done in zip(audit.runs, sample.replications, strict=True):
        if done:
            runs.setdefault((case.platform, names), {})[phase] = done
    troubles = [FaultSet(names, name, phases) for (name, names), phases in runs.items()]
    troubles.sort(key=lambda trouble: -trouble.failed)
    cures: dict[str, Cure] = {}
    for name in planned.platforms if not sample.interrupted else ():
        breaking = smallest([t for t in troubles if t.platform == name])
        if breaking:
            cures[name] = _cure(audit, breaking[0], run)
    return audit._replace(troubles=tuple(troubles), cures=cures, interrupted=sample.interrupted)


def smallest(troubles: Sequence[FaultSet]) -> list[FaultSet]:
    """Sets that break the SLO of the least size there is, the worst first."""
    breaking = [trouble for trouble in troubles if trouble.breaks]
    least = min((len(trouble.names) for trouble in breaking), default=0)
    return [trouble for trouble in breaking if len(trouble.names) == least]


def together(troubles: Sequence[FaultSet]) -> list[FaultSet]:
    """Pairs that break the SLO though neither part does alone, the worst first."""
    alone = {t.names[0] for t in troubles if len(t.names) == 1 and t.breaks}
    return [t for t in troubles if len(t.names) == 2 and t.breaks and not alone & set(t.names)]


def _cure(audit: Audit, trouble: FaultSet, run: Runner) -> Cure:
    planned, by_name = audit.planned, {fault.name: fault for fault in audit.listed}
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


# ---- in words ----
SHOWN = 15
# what the faults' names call a part -> the role that plays it
PARTS: dict[str, Role] = {
    "API": "http", "worker": "worker", "database": "postgres", "queue": "redis",
}  # fmt: skip


def finding(audit: Audit, platform: str) -> str:
    """The smallest set that breaks the SLO, and what cures it."""
    who, breaking = words.platform(platform), audit.smallest(platform)
    if not breaking:
        return f"{who}: no fault and no pair of faults that was tried breaks the SLO."
    first = breaking[0]
    others = len(breaking) - 1
    more = f" (so do {others} others)" if others > 1 else " (so does 1 other)"
    sentence = (
        f"{who}: {_names(first)} breaks the SLO, {words.count(round(first.failed))} failed requests"
        f"{more if others else ''}"
    )
    cure = audit.cures.get(platform)
    return f"{sentence}. {_cured_by(cure)}" if cure is not None else f"{sentence}."


def _cured_by(cure: Cure) -> str:
    if cure.change is None:
        return "Nothing that was tried helps."
    says = cure.change.change.says
    gain = cure.change.gains["requests.failed"].mean
    verb = "cures it" if cure.cured else "helps most and does not cure it"
    settings = ", ".join(cure.change.change.settings)
    return f"{says[:1].upper()}{says[1:]} {verb}: {words.count(round(gain))} fewer ({settings})."


def _names(trouble: FaultSet) -> str:
    return ", then ".join(trouble.names)


def pairs(audit: Audit, platform: str) -> str:
    """Those of which neither part breaks it alone."""
    together = audit.together(platform)
    if not together:
        return f"{words.platform(platform)}: no pair breaks it whose parts do not."
    first = "; ".join(f"{_names(t)} ({_after(t.worst)})" for t in together[:3])
    more = f" and {len(together) - 3} more" if len(together) > 3 else ""
    return f"{words.platform(platform)}: only together break it: {first}{more}."


def _after(phase: float) -> str:
    return "at once" if phase == 0.0 else f"after {words.duration(phase)}"


def table(audit: Audit, most: int | None = None) -> Cells:
    rows: list[Sequence[str]] = [("faults", "worst", "platform", "failed", "down", "SLO")]
    for each in audit.troubles[:most]:
        down_s = mean_total(each.phases[each.worst], "downtime_s")
        rows.append((
            _names(each), _after(each.worst), words.platform(each.platform),
            words.count(round(each.failed)), words.duration(down_s),
            "broken" if each.breaks else "holds",
        ))  # fmt: skip
    return rows


def _lines(audit: Audit, lay: Lay, most: int | None) -> Iterator[str]:
    for name in audit.planned.platforms:
        yield finding(audit, name)
        yield pairs(audit, name)
        yield ""
    yield from lay(table(audit, most))
    yield ""
    own = {
        word: next(iter(audit.planned.stack.playing(role)), word) for word, role in PARTS.items()
    }
    others = [f"{word} is {name}" for word, name in own.items() if name.lower() != word.lower()]
    if others:
        yield f"In {audit.planned.stack.name} {', '.join(others)}."
    if most is not None and len(audit.troubles) > most:
        yield f"... and {len(audit.troubles) - most} more in audit.md"
    if audit.interrupted:
        yield "Interrupted: this is what was finished."
    yield from (f"Not tried: {line}" for line in audit.left_out)
    runs = sum(len(done) for each in audit.troubles for done in each.phases.values())
    whose = f"{audit.planned.name}'s traffic without its events"
    yield f"{runs} runs of {whose}, the worst first by failed requests."


def rows(audit: Audit) -> list[dict[str, Any]]:
    """A record a set, platform and phase."""
    return [
        {
            "faults": " + ".join(each.names), "platform": each.platform, "phase_s": phase,
            "failed": mean_total(runs, "requests.failed"),
            "downtime_s": mean_total(runs, "downtime_s"),
            "slo_held": sum(r.slo_held for r in runs) / len(runs),
        }
        for each in audit.troubles
        for phase, runs in each.phases.items()
    ]  # fmt: skip


def record(audit: Audit) -> dict[str, Any]:
    return {
        "stack": audit.planned.stack.name,
        "findings": {name: finding(audit, name) for name in audit.planned.platforms},
        "together": {
            name: [list(each.names) for each in audit.together(name)]
            for name in audit.planned.platforms
        },
        "cures": {
            name: {
                "faults": list(cure.trouble.names), "cured": cure.cured,
                "settings": list(cure.change.change.settings) if cure.change else [],
            }
            for name, cure in audit.cures.items()
        },
        "runs": rows(audit),
        "left_out": list(audit.left_out),
    }  # fmt: skip


def _title(audit: Audit) -> str:
    return f"What breaks {audit.planned.stack.name}"


PAGE: StudyPage[Audit] = StudyPage(
    "audit", spoken(_lines, SHOWN), titled(_title, _lines), record, {"audit.csv": rows}
)
