"""Studies: the same scenario under several platforms and with several seeds, side by side.

Replication k runs with `seed + k` on every platform, so that platforms meet the very same
customers (common random numbers) and their paired differences need few replications. Several runs
share the processors in spawned processes; one run stays in this one. Interrupted, a study keeps
what was finished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from sim.constants.names import command_of
from sim.dataplane import engines
from sim.dataplane.engines import ENGINES, processes
from sim.imports.trace import arrivals
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import ablated, capabilities, configured, layers, load, named, refresh, takes
from sim.platforms import names as list_platforms
from sim.results.summary import Replication
from sim.schema.fields import InputError, Issue
from sim.schema.layers import stack_on
from sim.schema.scenario import Scenario
from sim.schema.settings import apply_settings, parse_setting, split_settings
from sim.schema.stack import Stack
from sim.schema.text.validation import closest, one_of
from sim.study import ask as asked
from sim.study.result import Result
from sim.study.versions import versions
from sim.study.workers import Task, Tick, Watch, run_tasks

__all__ = ["Plan", "Tick", "compare", "list_platforms", "plan", "run", "study"]

DEFAULT_SEED = 1
ALL = ("all",)  # every platform there is, the scenario's own first
SEEDS = 2**63  # one 64-bit word in the draws


@dataclass(frozen=True)
class Plan:
    """All that decides a study, checked."""

    scenario: Scenario
    stack: Stack
    platforms: tuple[str, ...]
    seed: int = DEFAULT_SEED
    reps: int = 1
    engine: str = "auto"
    command: str = ""  # the command line that asks for the same; empty for records of a program
    told: tuple[str, ...] = ()  # `path=value` of the settings that were given beside the scenario
    notes: tuple[str, ...] = ()  # what the user should know before it runs

    @property
    def name(self) -> str:
        """The scenario's name, `:variant` included."""
        variant = self.scenario.variant
        return self.scenario.name + (f":{variant}" if variant else "")


def run(
    scenario: str | Scenario,
    platform: str = "kubernetes",
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
    postmortem: bool = False,
) -> Result:
    """Replay a scenario under one platform: `sim.run("container_crash", platform="kubernetes")`.

    `scenario`: a name, `name:variant`, a path to a YAML file, or a record. `seed` of the first
    replication, `reps` replications. `stack`: a name or a path (also of a docker-compose file).
    `settings`: dotted paths, `{"stack.services.api.replicas": 3}` or `["path=value"]`. `engine`:
    auto, compiled or reference. `traffic`: a CSV file of arrivals that replaces the scenario's.
    `postmortem`: run it again with one thing changed at a time (sim.study.causes).
    Raises `InputError` for anything that is not usable.
    """
    return compare(scenario, [platform], seed, reps, stack, settings, engine, traffic, postmortem)


def compare(
    scenario: str | Scenario,
    platforms: Iterable[str] | None = None,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
    postmortem: bool = False,
) -> Result:
    """Replay a scenario under several platforms (default: the scenario's own) with equal seeds.

    The other parameters are those of `run`. Means, 95 % intervals and paired differences are in
    the `Result` when `reps` is at least 2.
    """
    planned = plan(scenario, platforms, seed, reps, stack, settings, engine, traffic)
    result = study(planned)
    if not postmortem or result.interrupted:
        return result
    from sim.study.causes import investigate  # noqa: PLC0415 - it plans studies, too

    return investigate(planned, result)


def plan(
    scenario: str | Scenario,
    platforms: Iterable[str] | None = None,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
    ablate: Sequence[str] = (),
) -> Plan:
    """Read and check everything that a study needs; all that can fail by bad input fails here.

    `ablate`: capabilities that each platform also runs without, side by side with the whole one."""
    if isinstance(platforms, Iterable) and not isinstance(platforms, str):
        platforms = tuple(platforms)
    issues = [
        *asked.kinds(scenario, platforms, stack, settings, traffic),
        *asked.whole("seed", seed, 0, SEEDS - 1),
        *asked.whole("reps", reps, 1, 1_000_000),
        *asked.named("engine", engine, ENGINES),
    ]
    if issues:
        raise InputError(issues=issues)
    refresh()
    scenario, stack, traffic = (asked.path(one) for one in (scenario, stack, traffic))
    wanted = None if platforms is None else named(platforms)
    if wanted == ():
        issues.append(Issue(field="platform", found="none", expected=one_of(list_platforms())))
    for name in wanted or () if wanted != ALL else ():
        issues += _platform(name)
    if issues:
        raise InputError(issues=issues)
    own = load_stack(stack) if isinstance(stack, str) else stack
    told = _settings(settings)
    read = _scenario(scenario, own, told, None if wanted == ALL else wanted)
    if traffic is not None:
        read = _with_trace(read, traffic)
    own = own or load_stack(read.stack)
    if wanted == ALL:
        wanted = tuple(dict.fromkeys((*read.platforms, *list_platforms())))
    chosen = wanted or tuple(read.platforms)
    _check_settings(read, own, chosen)
    chosen, notes = _with_ablations(read, chosen, capabilities(ablate))
    return Plan(
        scenario=read,
        stack=own,
        platforms=chosen,
        seed=seed,
        reps=reps,
        engine=engine,
        command=command_of(scenario, chosen, seed, reps, stack, settings, engine, traffic),
        told=tuple(f"{path}={_written(value)}" for path, value in told.items()),
        notes=notes,
    )


def _written(value: Any) -> str:
    """A setting's value as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _with_ablations(
    scenario: Scenario, platforms: Sequence[str], without: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Each platform, and after it the same without those capabilities that it has."""
    chosen: list[str] = []
    notes: list[str] = []
    settings = split_settings(scenario.set).platforms
    for name in platforms:
        chosen.append(name)
        has = [one for one in without if getattr(configured(name, settings), one) is not None]
        missing = [one.replace("_", " ") for one in without if one not in has]
        if missing:
            notes.append(f"{name} has no {' and no '.join(missing)} to take away")
        if has:
            chosen.append(ablated(name, has))
    return tuple(dict.fromkeys(chosen)), tuple(notes)


def study(
    planned: Plan,
    watch: Watch = lambda tick: None,
    workers: int | None = None,
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Result:
    """Run a plan. `watch` hears about once a simulated minute of each run, in this process;
    `compiling` is held while the kernel compiles (the very first use only).

    `workers`: processes at most; default: as many as there are processors, or only this one where
    that is sooner. On Ctrl-C returns what was finished, with `interrupted` set; raises
    KeyboardInterrupt if that is nothing. Raises `BrokenRunError` for a run whose ledger does not
    balance.
    """
    planned = with_engine(planned, compiling)
    tasks = [
        Task(planned, platform, planned.seed + k)
        for k in range(planned.reps)
        for platform in planned.platforms
    ]
    finished: dict[int, Replication] = {}
    interrupted = False
    if workers is None:
        requests, horizon = requests_of(planned), planned.scenario.horizon
        workers = processes(planned.engine, len(tasks), requests, horizon, os.cpu_count() or 1)
    workers = min(len(tasks), workers)
    try:
        run_tasks(tasks, watch, workers, finished)
    except KeyboardInterrupt:
        if not finished:
            raise
        interrupted = True
    return result_of(planned, [finished[index] for index in sorted(finished)], interrupted)


def with_engine(planned: Plan, compiling: Callable[[], AbstractContextManager[object]]) -> Plan:
    """The plan with its engine chosen, and compiled: once, before any process is spawned."""
    each = requests_of(planned)
    if each > engines.MOST_REQUESTS:
        raise InputError(
            field="scenario.traffic",
            found=f"{each:.3g} requests over {planned.scenario.horizon:g} s",
            expected=f"at most {engines.MOST_REQUESTS:.3g}: a lower rate or a shorter horizon",
        )
    requests = each * planned.reps * len(planned.platforms)
    return replace(planned, engine=engines.ready(planned.engine, requests, compiling))


def requests_of(planned: Plan) -> float:
    """How many requests are expected in one run."""
    come = arrivals(planned.scenario.traffic)
    return engines.expected_requests(come, planned.scenario.horizon)


# --- checks ---------------------------------------------------------------------------------------


def _platform(name: str) -> Iterable[Issue]:
    """A platform's name, or one with `-capability`."""
    try:
        load(name)
    except InputError as error:
        yield from error.issues


def _settings(settings: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    if isinstance(settings, Mapping):
        return dict(settings)
    return dict(parse_setting(text) for text in settings)


def _scenario(
    scenario: str | Scenario,
    stack: Stack | None,
    settings: dict[str, Any],
    run_on: Sequence[str] | None,
) -> Scenario:
    known = list_platforms()
    for path in settings:
        root = path.partition(".")[0]
        if root not in ("scenario", "stack", *known):
            roots = ("scenario", "stack", *known)
            raise InputError(
                field=f"--set {path}",
                found=f"the unknown root {root!r}",
                expected=f"a path below {', '.join(roots)}",
                nearest=closest(root, roots) or _path_of(path),
            )
    if isinstance(scenario, Scenario):
        changed = apply_settings(scenario, split_settings(settings).scenario, root="scenario")
        rest = {path: raw for path, raw in settings.items() if not path.startswith("scenario.")}
        return changed.model_copy(update={"set": {**scenario.set, **rest}})
    return load_scenario(scenario, stack=stack, settings=settings, run_on=run_on)


def _path_of(name: str) -> str:
    """Somebody typed a constant's name (`hpa.tolerance`) for the path that changes it."""
    from sim.constants.catalogue import everywhere  # noqa: PLC0415 - loads all mechanisms

    return next((one.path for one in everywhere().get(name, ()) if one.path), "")


def _check_settings(scenario: Scenario, stack: Stack, platforms: Iterable[str]) -> None:
    """Settings of each platform that is named, run or not, and the stack on each that runs."""
    settings = split_settings(scenario.set).platforms
    for name in dict.fromkeys([*settings, *platforms]):
        configured(name, settings)
    for name in platforms:
        own = stack_on(stack, layers(name), scenario)
        takes(name, configured(name, settings), own)


def _with_trace(scenario: Scenario, path: str) -> Scenario:
    """The scenario with a trace in place of its own arrivals; its clients and scale stay."""
    given: dict[str, Any] = {"trace": path, "rate": None, "points": []}
    traffic = scenario.traffic.model_copy(update=given)
    arrivals(traffic)  # read once now, so that a bad file is told before anything runs
    return scenario.model_copy(update={"traffic": traffic})


# --- running --------------------------------------------------------------------------------------


def result_of(planned: Plan, found: list[Replication], interrupted: bool) -> Result:
    from sim.constants.catalogue import constants_of  # noqa: PLC0415 - loads all mechanisms

    scenario, stack = planned.scenario, planned.stack
    settings = split_settings(scenario.set).platforms
    by_platform = {
        platform: tuple(r for r in found if r.platform == platform)
        for platform in planned.platforms
        if any(r.platform == platform for r in found)
    }
    choices = {name: configured(name, settings) for name in by_platform}
    by_hand = [name for name, done in by_platform.items() if any(map(_has_a_balancer, done))]
    preset = {p: v for p, v in scenario.set.items() if not _is_told(planned, p)}
    return Result(
        scenario=planned.name,
        title=scenario.title,
        lesson=scenario.lesson,
        stack=stack.name,
        seed=planned.seed,
        reps=max(len(replications) for replications in by_platform.values()),
        horizon_s=scenario.horizon,
        version=versions()[0][1],
        replications=by_platform,
        asked=tuple(scenario.claims),
        assumed=tuple(stack.assumed),
        ignored=tuple(stack.ignored),
        interrupted=interrupted,
        command=planned.command,
        versions=versions(),
        traffic=scenario.traffic,
        slo=scenario.slo,
        choices=choices,
        facts=constants_of(scenario, stack, choices, by_hand),
        told=planned.told,
        preset=tuple(f"{path}={_written(value)}" for path, value in preset.items()),
    )


def _is_told(planned: Plan, path: str) -> bool:
    return any(text.startswith(f"{path}=") for text in planned.told)


def _has_a_balancer(done: Replication) -> bool:
    """Did one act that a person set up, in the run that was kept?"""
    return done.run is not None and any(
        row.event == "balancer" or row.text.endswith("points users at the balancer")
        for row in done.run.timeline
    )
