"""Causes by counterfactual: a study again with the same customers and one thing changed.

The changes are data (causes.yaml). One is tried where its platform has the mechanism, the
setting is not so already, and the run has shown the trouble that it is about; a change that does
not apply is never named. The runs share the processors as those of a study do; interrupted, what
was finished is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import fsum
from pathlib import Path
from typing import Any, NamedTuple

from sim.control.mechanisms import name_of
from sim.platforms import configure, taken_away
from sim.platforms.platform import Platform
from sim.results.counterfactual import Counterfactual, harmed
from sim.results.figures import Figures, total
from sim.results.summary import Replication
from sim.schema.fields import InputError, Name, Record
from sim.schema.scenario import NATURES, Scenario
from sim.schema.settings import apply_settings
from sim.schema.stack import Stack
from sim.schema.text.paths import MISSING, matches, value_at
from sim.schema.text.validation import read_file
from sim.simulation.case import Case
from sim.study.ask import setting_text
from sim.study.batch import Batch, BatchSample, Runner
from sim.study.plan import Plan, plan
from sim.study.precision import seeds_for_a_range
from sim.study.result import Result

CHANGES = Path(__file__).with_name("causes.yaml")
FEW = 3  # seeds of each change at most: a dozen changes times ten seeds is a coffee, no answer


class When(Record):
    """Where a change is worth a try; what each part means is at the top of the YAML file."""

    where: dict[Name, list[Name]] = {}
    given: dict[str, Any] = {}
    events: list[Name] = []
    only: bool = False
    trouble: bool = False
    seen: dict[str, float] = {}


class Alteration(Record):
    name: Name
    says: str
    set: dict[str, Any]
    when: When = When()
    trigger: bool = False


class Alterations(Record):
    changes: list[Alteration]


@cache
def changes() -> tuple[Alteration, ...]:
    """All there are, in the file's order. Raises `InputError`."""
    return tuple(read_file(Alterations, CHANGES, CHANGES.name).changes)


# ---- which changes apply ----
def applies(when: When, case: Case, figures: Figures) -> bool:
    """Does everything hold that the change asks for?"""
    kinds = {event.kind() for event in case.scenario.events}
    return (
        all(_filled(case.choices, capability, names) for capability, names in when.where.items())
        and all(_given(case, path, condition) for path, condition in when.given.items())
        and (not when.events or bool(kinds & set(when.events)))
        and (not when.only or kinds <= set(when.events))
        and (not when.trouble or any(NATURES[kind] == "trouble" for kind in kinds))
        and (not when.seen or any(total(figures, p) > above for p, above in when.seen.items()))
    )


def _filled(choices: Platform, capability: str, names: Sequence[str]) -> bool:
    choice = getattr(choices, capability)
    kind = "nobody" if choice is None else name_of(type(choice))
    return kind in names or ("somebody" in names and choice is not None)


def _given(case: Case, path: str, condition: Any) -> bool:
    return any(holds(standing_at(case, spot), condition) for spot in expanded(case, path))


def holds(value: Any, condition: Any) -> bool:
    """Is the value what a condition asks for: equal, above, below, or there at all?"""
    if value is MISSING:
        return False
    if isinstance(condition, dict):
        return all(_test(word, value, bound) for word, bound in condition.items())
    return bool(value == condition and isinstance(value, bool) == isinstance(condition, bool))


def _test(word: str, value: Any, bound: Any) -> bool:
    if word == "present":
        return bool((value is not None) == bound)
    return value is not None and bool(value > bound if word == "above" else value < bound)


# ---- what they set ----
def settings_for(change: Alteration, case: Case) -> dict[str, Any]:
    """The settings of a change on this platform, without those that are so already."""
    wanted = wished(change, case)
    return {spot: value for spot, value in wanted.items() if differs(case, spot, value)}


def wished(change: Alteration, case: Case) -> dict[str, Any]:
    """All that a change would set on this platform."""
    return {
        spot: value
        for path, raw in change.set.items()
        for spot in expanded(case, path)
        if (value := number(raw, standing_at(case, spot), case.scenario)) is not MISSING
    }


def expanded(case: Case, path: str) -> Iterator[str]:
    """The paths that a pattern means here, of which every record on the way exists."""
    root, *pattern = path.split(".")
    is_choice = root == "platform"
    record = case.choices if is_choice else getattr(case, root)
    name = taken_away(case.platform)[0] if is_choice else root
    theirs = "external" in pattern[:-1] and root == "stack"
    for steps in matches(record, ["call" if theirs and p == "external" else p for p in pattern]):
        if not theirs or _asks_somebody_else(case.stack, steps[:-1]):
            yield ".".join([name, *steps])


def _asks_somebody_else(stack: Stack, place: Sequence[str]) -> bool:
    """Does the step at this place call a service that is not ours?"""
    return stack.services[value_at(stack, place).target].role == "external"


def standing_at(case: Case, path: str) -> Any:
    """What stands at an expanded path now."""
    root, *steps = path.split(".")
    known = root in ("scenario", "stack")
    return value_at(getattr(case, root) if known else case.choices, steps)


def number(raw: Any, now: Any, scenario: Scenario) -> Any:
    """The value of a relative setting (`{plus: 1}`); any other as it is. MISSING: there is none."""
    if not isinstance(raw, dict) or len(raw) != 1:
        return raw
    (word, by), *_ = raw.items()
    if word in ("event", "plus_event"):
        by = _of_event(scenario, by)
        if by is MISSING:
            return MISSING
    if word == "event":
        return by
    if word == "instead_of":
        return by.get("null" if now is None else now, MISSING)  # a key is a text
    if word in ("at_most", "at_least"):
        return by if now is None else min(now, by) if word == "at_most" else max(now, by)
    if word in ("plus", "plus_event"):
        return MISSING if now is None else now + by
    if word == "also":
        return _also(scenario, **by)
    if word == "with":
        return [*now, *(value for value in by if value not in now)]
    if word == "times":
        return MISSING if now is None else now * by
    return raw


def _also(scenario: Scenario, kind: str, about: str, after: float) -> list[dict[str, Any]]:
    """The scenario's events, as a file has them, and so many seconds after each of the kind `about`
    one more of `kind` on the same server."""
    events = []
    for event in scenario.events:
        given = getattr(event, event.kind()).model_dump(exclude_unset=True)
        events.append({"at": f"{event.at:g}s", event.kind(): given})
        if event.kind() == about:
            where = {key: given[key] for key in ("server", "hosting") if key in given}
            events.append({"at": f"{event.at + after:g}s", kind: where})
    return events


def _of_event(scenario: Scenario, path: str) -> Any:
    """A field of the scenario's first event of a kind: `rent_servers.servers`."""
    kind, _, field = path.partition(".")
    first = next((e for e in scenario.events if e.kind() == kind), None)
    return MISSING if first is None else getattr(getattr(first, kind), field)


def differs(case: Case, path: str, value: Any) -> bool:
    """Would the setting change anything? What cannot be set here changes nothing."""
    try:
        return alters(case, path, value)
    except InputError:
        return False


def alters(case: Case, path: str, value: Any) -> bool:
    """The same. Raises `InputError` for what cannot be set here."""
    root, _, rest = path.partition(".")
    if root == "scenario":
        return apply_settings(case.scenario, {rest: value}) != case.scenario
    if root == "stack":
        return apply_settings(case.stack, {rest: value}) != case.stack
    return configure(case.choices, {rest: value}) != case.choices


# ---- running ----
class Trial(NamedTuple):
    """A change on a platform, ready to run."""

    change: Alteration
    settings: dict[str, Any]
    case: Case

    @property
    def platform(self) -> str:
        return self.case.platform


def trials(planned: Plan, result: Result) -> list[Trial]:
    """All changes that apply, platform by platform; none where nothing was lost."""
    candidates = []
    for case in planned.cases:
        figures = result.platforms.get(case.platform)
        if figures is None or not harmed(figures):
            continue
        for change in changes():
            settings = settings_for(change, case) if applies(change.when, case, figures) else {}
            altered = changed(planned, case, settings) if settings else None
            if altered is not None:
                candidates.append(Trial(change, settings, altered))
    return candidates


def changed(planned: Plan, case: Case, settings: Mapping[str, Any]) -> Case | None:
    """The case with the settings; None where the platform or the stack does not take them."""
    try:
        return altered(planned, case, settings)
    except InputError:
        return None


def altered(planned: Plan, case: Case, settings: Mapping[str, Any]) -> Case:
    """The case with the settings. Raises `InputError`."""
    ask = replace(
        planned.ask, scenario=case.scenario, platforms=[case.platform], stack=planned.stack,
        settings=settings, traffic=None, ablate=(),
    )  # fmt: skip
    return plan(ask, case).cases[0]


def investigate(planned: Plan, result: Result, run: Runner = Batch.run) -> Result:
    """The result with what each change would have done, for each of the seeds that it has. Where
    nobody said how many: for the one whose story is told, and a few more where they are short.
    `run`: how. On Ctrl-C returns what was finished, with
    `interrupted` set.
    """
    candidates = trials(planned, result)
    command = f"{result.command} --postmortem" if result.command else ""
    result = replace(result, command=command, counterfactuals={})
    if not candidates:
        return result
    each_s = fsum(candidate.case.cpu_s for candidate in candidates)
    most = min(FEW, seeds_for_a_range(each_s)) if planned.ranged else None
    tried = {name: _seeds(some)[:most] for name, some in result.replications.items()}
    tasks = [(each.case, seed) for each in candidates for seed in tried[each.platform]]
    cases, seeds = zip(*tasks, strict=True)
    try:
        sample = run(Batch(cases, seeds, paired=True, engine=planned.ask.engine))
    except KeyboardInterrupt:  # nothing of it was finished
        return replace(result, interrupted=True)
    return replace(
        result,
        counterfactuals=_collected(candidates, tried, sample),
        interrupted=result.interrupted or sample.interrupted,
    )


def _seeds(replications: Sequence[Replication]) -> tuple[int, ...]:
    """That of the run which is told comes first."""
    order = sorted(replications, key=lambda done: (done.run is None, done.seed))
    return tuple(done.seed for done in order)


def _collected(
    candidates: Sequence[Trial], tried: Mapping[str, Sequence[int]], sample: BatchSample
) -> dict[str, tuple[Counterfactual, ...]]:
    """By platform, in the order of the file; a change of which a seed is missing is left out."""
    counterfactuals: dict[str, list[Counterfactual]] = {}
    rest = iter(sample.replications)
    for candidate in candidates:
        seeds = len(tried[candidate.platform])
        runs = tuple(done for _ in range(seeds) for done in next(rest))
        if len(runs) == seeds:
            change, texts = candidate.change, written(candidate.settings)
            counterfactuals.setdefault(candidate.platform, []).append(
                Counterfactual(
                    change.name, candidate.platform, change.says, texts, change.trigger, runs
                )
            )
    return {name: tuple(changes) for name, changes in counterfactuals.items()}


def written(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """As `--set` takes them: `stack.operator.detect=0s`."""
    return tuple(setting_text(path, value) for path, value in settings.items())
