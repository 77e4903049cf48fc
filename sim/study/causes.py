"""Causes by counterfactual: a study again with the same customers and one thing changed.

The changes are data (counterfactuals.yaml). One is tried where its platform has the mechanism, the
setting is not so already, and the run has shown the trouble that it is about; a change that does
not apply is never named. The runs share the processors as those of a study do; interrupted, what
was finished is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.control.mechanisms import name_of
from sim.dataplane import engines
from sim.platforms import configure, configured, layers, taken_away
from sim.platforms.platform import Platform
from sim.results.counterfactual import Counterfactual, harmed
from sim.results.figures import Figures, total
from sim.results.summary import Replication
from sim.schema.fields import InputError, Name, Record
from sim.schema.layers import stack_on
from sim.schema.scenario import Scenario
from sim.schema.settings import apply_settings, split_settings
from sim.schema.stack import Stack
from sim.schema.text.document import read_text, read_yaml
from sim.schema.text.paths import MISSING, matches, value_at
from sim.schema.text.validation import read_record
from sim.study.result import Result
from sim.study.study import Plan, plan, requests_of
from sim.study.workers import Task, Tick, Watch, run_tasks

CHANGES = Path(__file__).with_name("causes.yaml")
KEEP_NONE = -1  # no seed is this: whole runs stay in their process, figures alone come back


class When(Record):
    """Where a change is worth a try; what each part means is at the top of the YAML file."""

    where: dict[Name, list[Name]] = {}
    given: dict[str, Any] = {}
    events: list[Name] = []
    only: bool = False
    seen: dict[str, float] = {}


class Change(Record):
    name: Name
    says: str
    set: dict[str, Any]
    when: When = When()
    trigger: bool = False


class Changes(Record):
    changes: list[Change]


class Situation(NamedTuple):
    """What ran: the scenario, and stack and choices as they were on this platform."""

    platform: str
    scenario: Scenario
    stack: Stack
    choices: Platform


@cache
def changes() -> tuple[Change, ...]:
    """All there are, in the file's order. Raises `InputError`."""
    return tuple(
        read_record(Changes, read_yaml(read_text(CHANGES, CHANGES.name), CHANGES.name)).changes
    )


# ---- which changes apply ----
def applies(when: When, situation: Situation, figures: Figures) -> bool:
    """Does everything hold that the change asks for?"""
    kinds = {event.kind() for event in situation.scenario.events}
    return (
        all(_filled(situation.choices, one, names) for one, names in when.where.items())
        and all(_given(situation, path, asked) for path, asked in when.given.items())
        and (not when.events or bool(kinds & set(when.events)))
        and (not when.only or kinds <= set(when.events))
        and (not when.seen or any(total(figures, p) > above for p, above in when.seen.items()))
    )


def _filled(choices: Platform, capability: str, names: Sequence[str]) -> bool:
    choice = getattr(choices, capability)
    kind = "nobody" if choice is None else name_of(type(choice))
    return kind in names or ("somebody" in names and choice is not None)


def _given(situation: Situation, path: str, asked: Any) -> bool:
    return any(holds(standing_at(situation, one), asked) for one in expanded(situation, path))


def holds(value: Any, asked: Any) -> bool:
    """Is the value what a condition asks for: equal, above, below, or there at all?"""
    if value is MISSING:
        return False
    if isinstance(asked, dict):
        return all(_test(word, value, bound) for word, bound in asked.items())
    return bool(value == asked and isinstance(value, bool) == isinstance(asked, bool))


def _test(word: str, value: Any, bound: Any) -> bool:
    if word == "present":
        return bool((value is not None) == bound)
    return value is not None and bool(value > bound if word == "above" else value < bound)


# ---- what they set ----
def settings_for(change: Change, situation: Situation) -> dict[str, Any]:
    """The settings of a change on this platform, without those that are so already."""
    found: dict[str, Any] = {}
    for path, raw in change.set.items():
        for one in expanded(situation, path):
            value = _number(raw, standing_at(situation, one), situation.scenario)
            if value is not MISSING and differs(situation, one, value):
                found[one] = value
    return found


def expanded(situation: Situation, path: str) -> Iterator[str]:
    """The paths that a pattern means here, of which every record on the way exists."""
    root, *pattern = path.split(".")
    is_choice = root == "platform"
    record = situation.choices if is_choice else getattr(situation, root)
    name = taken_away(situation.platform)[0] if is_choice else root
    for steps in matches(record, pattern):
        yield ".".join([name, *steps])


def standing_at(situation: Situation, path: str) -> Any:
    """What stands at an expanded path now."""
    root, *steps = path.split(".")
    known = root in ("scenario", "stack")
    return value_at(getattr(situation, root) if known else situation.choices, steps)


def _number(raw: Any, now: Any, scenario: Scenario) -> Any:
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
    if word in ("at_most", "at_least"):
        return by if now is None else min(now, by) if word == "at_most" else max(now, by)
    if word in ("plus", "plus_event"):
        return MISSING if now is None else now + by
    if word == "also":
        return _also(scenario, **by)
    if word == "times":
        return MISSING if now is None else now * by
    return raw


def _also(scenario: Scenario, kind: str, about: str, after: float) -> list[dict[str, Any]]:
    """The scenario's events, as a file has them, and so many seconds after each of the kind `about`
    one more of `kind` on the same server."""
    found = []
    for event in scenario.events:
        given = getattr(event, event.kind()).model_dump(exclude_unset=True)
        found.append({"at": f"{event.at:g}s", event.kind(): given})
        if event.kind() == about:
            where = {key: given[key] for key in ("server", "hosting") if key in given}
            found.append({"at": f"{event.at + after:g}s", kind: where})
    return found


def _of_event(scenario: Scenario, path: str) -> Any:
    """A field of the scenario's first event of a kind: `rent_servers.servers`."""
    kind, _, field = path.partition(".")
    first = next((e for e in scenario.events if e.kind() == kind), None)
    return MISSING if first is None else getattr(getattr(first, kind), field)


def differs(situation: Situation, path: str, value: Any) -> bool:
    """Would the setting change anything? What cannot be set here changes nothing."""
    root, _, rest = path.partition(".")
    try:
        if root == "scenario":
            return apply_settings(situation.scenario, {rest: value}) != situation.scenario
        if root == "stack":
            return apply_settings(situation.stack, {rest: value}) != situation.stack
        return configure(situation.choices, {rest: value}) != situation.choices
    except InputError:
        return False


# ---- running ----
class Try(NamedTuple):
    """A change on a platform, ready to run."""

    change: Change
    platform: str
    settings: dict[str, Any]
    plan: Plan


def tries(planned: Plan, result: Result) -> list[Try]:
    """All changes that apply, platform by platform; none where nothing was lost."""
    found = []
    own = split_settings(planned.scenario.set).platforms
    for name, figures in result.platforms.items():
        if not harmed(figures):
            continue
        situation = Situation(
            name,
            planned.scenario,
            stack_on(planned.stack, layers(name), planned.scenario),
            configured(name, own),
        )
        for change in changes():
            settings = (
                settings_for(change, situation) if applies(change.when, situation, figures) else {}
            )
            changed = _plan(planned, name, settings) if settings else None
            if changed is not None:
                found.append(Try(change, name, settings, changed))
    return found


def _plan(planned: Plan, platform: str, settings: Mapping[str, Any]) -> Plan | None:
    """The study with the settings; None where the platform or the stack does not take them."""
    try:
        changed = plan(
            planned.scenario, [platform], planned.seed, planned.reps, planned.stack, settings,
            planned.engine,
        )  # fmt: skip
    except InputError:
        return None
    return replace(changed, seed=KEEP_NONE)


def _quiet(tick: Tick) -> None:
    """Watches nothing."""


def investigate(
    planned: Plan,
    result: Result,
    watching: Callable[[int], AbstractContextManager[Watch]] = lambda runs: nullcontext(_quiet),
    workers: int | None = None,
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Result:
    """The result with what each change would have done, for each of the seeds that it has.

    `watching(runs)` gives the watch for so many runs. On Ctrl-C returns what was finished, with
    `interrupted` set.
    """
    wanted = tries(planned, result)
    command = f"{result.command} --postmortem" if result.command else ""
    result = replace(result, command=command, counterfactuals={})
    tasks = [
        Task(one.plan, one.platform, base.seed)
        for one in wanted
        for base in result.replications[one.platform]
    ]
    if not tasks:
        return result
    engine = engines.ready(planned.engine, requests_of(planned) * len(tasks), compiling)
    tasks = [task._replace(plan=replace(task.plan, engine=engine)) for task in tasks]
    if workers is None:
        requests, horizon = requests_of(planned), planned.scenario.horizon
        workers = engines.processes(engine, len(tasks), requests, horizon, os.cpu_count() or 1)
    finished: dict[int, Replication] = {}
    interrupted = False
    try:
        with watching(len(tasks)) as watch:
            run_tasks(tasks, watch, min(len(tasks), workers), finished)
    except KeyboardInterrupt:
        interrupted = True
    return replace(
        result,
        counterfactuals=_collected(wanted, result, finished),
        interrupted=result.interrupted or interrupted,
    )


def _collected(
    wanted: Sequence[Try], result: Result, finished: Mapping[int, Replication]
) -> dict[str, tuple[Counterfactual, ...]]:
    """By platform, in the order of the file; a change of which a seed is missing is left out."""
    found: dict[str, list[Counterfactual]] = {}
    index = 0
    for one in wanted:
        seeds = len(result.replications[one.platform])
        runs = tuple(finished[i] for i in range(index, index + seeds) if i in finished)
        index += seeds
        if len(runs) == seeds:
            found.setdefault(one.platform, []).append(
                Counterfactual(
                    one.change.name, one.platform, one.change.says, written(one.settings),
                    one.change.trigger, runs,
                )
            )  # fmt: skip
    return {name: tuple(these) for name, these in found.items()}


def written(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """As `--set` takes them: `stack.operator.detect=0s`."""
    return tuple(
        f"{path}={value if isinstance(value, str) else json.dumps(value)}"
        for path, value in settings.items()
    )
