"""A scenario under one platform or several, side by side: what `sim.run` and `sim.compare` do."""

from __future__ import annotations

import os
import platform as machine
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Literal

import numpy as np

from sim import __version__
from sim.platforms import names as list_platforms
from sim.results.spread import typical
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.study.ask import DEFAULT_SEED, Ask
from sim.study.batch import Batch, BatchSample, Runner
from sim.study.plan import Plan, plan
from sim.study.precision import Until
from sim.study.result import Result

__all__ = ["compare", "list_platforms", "replay", "run"]


def run(
    scenario: str | Scenario,
    platform: str = "kubernetes",
    seed: int = DEFAULT_SEED,
    reps: int | None = 1,
    stack: str | Stack | Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | Sequence[str] | None = None,
    postmortem: bool = False,
    *,
    store: str | os.PathLike[str] | None = None,
    until: Until | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    equal_means: bool = False,
    keep_runs: bool = False,
    set: Mapping[str, Any] | Sequence[str] = (),  # noqa: A002 - the word of the command line
) -> Result:
    """Replay a scenario under one platform: `sim.run("container_crash", platform="kubernetes")`.

    `scenario`: a name, `name:variant`, a path to a YAML file, or a record. `platform`: a name of
    `list_platforms`, or the path of a file of yours. `seed` of the first
    replication, `reps` replications (None: as many as its size allows, for a range; the story is
    that of the seed nearest to the mean). `stack`: a name or a path (also of a docker-compose
    file), a `Stack`, or plain data as its file has it: `{"name": "shop", "services": {...}}`.
    `settings`, or `set`: dotted paths, `{"stack.services.api.replicas": 3}` or `["path=value"]`.
    `engine`: auto, compiled or reference. `traffic`: a recording, or several, in place of the
    scenario's. `postmortem`: run it again with one thing changed at a time (sim.study.causes).
    `store`: a folder that keeps each replication as it ends; the same call goes on from there.
    `until`: stop as soon as a figure's mean is known so well, `("downtime_s", 5.0)` (95 %; `reps`
    at most, 1,000 where that is 1), or after a number of replications. `executor`: anything with
    the interface of `concurrent.futures`; `workers`: processes at most (of an executor: tasks at
    once). `equal_means`: every platform of a comparison gets the same replicas, cores, restart
    policy, limits, checks and stop delays, as far as it has the field. `keep_runs`: every
    replication is kept whole, for `Result.series_per_seed` (some MB each). Raises `InputError`
    for anything that is not usable.
    """
    if isinstance(platform, list | tuple):
        raise InputError(
            field="platform", found=f"{len(platform)} in a {type(platform).__name__}",
            expected="one name; sim.compare takes several",
        )  # fmt: skip
    return compare(
        scenario, [platform], seed, reps, stack, settings, engine, traffic, postmortem,
        store=store, until=until, executor=executor, workers=workers, equal_means=equal_means,
        keep_runs=keep_runs, set=set,
    )  # fmt: skip


def compare(
    scenario: str | Scenario,
    platforms: Iterable[str] | None = None,
    seed: int = DEFAULT_SEED,
    reps: int | None = 1,
    stack: str | Stack | Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | Sequence[str] | None = None,
    postmortem: bool = False,
    *,
    store: str | os.PathLike[str] | None = None,
    until: Until | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    equal_means: bool = False,
    rungs: bool | Literal["orders"] = False,
    keep_runs: bool = False,
    set: Mapping[str, Any] | Sequence[str] = (),  # noqa: A002 - the word of the command line
) -> Result:
    """Replay a scenario under several `platforms` (default: the scenario's own) with equal seeds.

    The other parameters are those of `run`. Means, 95 % intervals and paired differences are in
    the `Result` when `reps` is at least 2. `rungs`: of two platforms, from the one that did worse
    to the other one change at a time (sim.study.rungs); "orders": also in the mean over orders.
    """
    if settings and set:
        found = "settings= and set=, which are the same"
        raise InputError(field="set", found=found, expected="one of the two")
    ask = Ask(
        scenario, platforms, seed, reps, stack, settings if set == () else set, engine, traffic,
        until=until, equal_means=equal_means, keep_runs=keep_runs,
    )  # fmt: skip
    planned = plan(ask.with_causes() if postmortem else ask)
    run_batch = partial(Batch.run, executor=executor, workers=workers)
    if rungs:
        from sim.study.rungs import climb, two  # noqa: PLC0415 - seldom

        two(planned)
    result = replay(planned, partial(run_batch, store=store))
    if rungs and not result.interrupted:
        result = climb(planned, result, run_batch, rungs == "orders")
    if not postmortem or result.interrupted:
        return result
    from sim.study.causes import investigate  # noqa: PLC0415 - reads all changes

    return investigate(planned, result, run_batch)


def replay(planned: Plan, run: Runner = Batch.run) -> Result:
    """Run a plan. `run`: how, such as `partial(Batch.run, workers=1)`; what it raises is raised.
    On Ctrl-C the result is what was finished, with `interrupted` set."""
    return result_of(planned, sampled(planned, run))


def sampled(planned: Plan, run: Runner) -> BatchSample:
    """What running a plan gives."""
    if planned.ask.until is not None:
        run = partial(run, until=planned.ask.until)
    return run(planned.batch)


def result_of(planned: Plan, sample: BatchSample) -> Result:
    """What the plan and a sample of its batch say together."""
    from sim.constants.catalogue import constants_of  # noqa: PLC0415 - loads all mechanisms

    scenario, stack = planned.scenario, planned.stack
    by_platform = {
        case.platform: replications
        for case, replications in zip(planned.cases, sample.replications, strict=True)
        if replications
    }
    if planned.ranged and not planned.ask.keep_runs:
        by_platform = typical(by_platform)
    choices = {c.platform: c.choices for c in planned.cases if c.platform in by_platform}
    by_hand = [name for name, done in by_platform.items() if any(map(_has_a_balancer, done))]
    return Result(
        scenario=planned.name,
        title=scenario.title,
        lesson=scenario.incident.told(scenario.lesson) if scenario.incident else scenario.lesson,
        stack=stack.name,
        seed=planned.ask.seed,
        reps=max(len(replications) for replications in by_platform.values()),
        horizon_s=scenario.horizon,
        version=versions()[0][1],
        replications=by_platform,
        asked=planned.claims,
        assumed=(
            *stack.assumed,
            *(f"question: {line}" for line in stack.questions),
            *scenario.assumed,
        ),
        ignored=tuple(stack.ignored),
        drawing=planned.drawing,
        interrupted=sample.interrupted,
        command=planned.command,
        versions=versions(),
        traffic=scenario.traffic,
        recorded=planned.recorded,
        slo=scenario.slo,
        choices=choices,
        facts=constants_of(scenario, stack, choices, by_hand),
        told=planned.told,
        preset=planned.preset,
        plan=planned.key,
        ended=sample.ended,
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of the program and of what computes for it."""
    return (
        ("Outage Lab", __version__), ("Python", machine.python_version()),
        ("numpy", np.__version__),
    )  # fmt: skip


def _has_a_balancer(replication: Replication) -> bool:
    """Did one act that a person set up, in the run that was kept?"""
    return replication.run is not None and any(
        row.event == "balancer" or row.text.endswith("points users at the balancer")
        for row in replication.run.timeline
    )
