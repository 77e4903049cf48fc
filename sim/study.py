"""Studies: the same scenario under several platforms and with several seeds, side by side.

Replication k runs with `seed + k` on every platform, so that platforms meet the very same
customers (common random numbers) and their paired differences need few replications. Several runs
share the processors in spawned processes; one run stays in this one. Interrupted, a study keeps
what was finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event as Flag
from signal import SIG_IGN, SIGINT, signal
from typing import Any, NamedTuple

from sim import __version__, engines
from sim.engines import ENGINES
from sim.platforms import names as list_platforms
from sim.results.claims import METRICS
from sim.results.ledger import LedgerError
from sim.results.result import Result
from sim.results.summary import Replication, replication
from sim.spec.fields import InputError, Issue
from sim.spec.loader import load_scenario, load_stack
from sim.spec.scenario import Scenario
from sim.spec.settings import apply_settings, parse_setting, split_settings
from sim.spec.stack import Stack
from sim.spec.traffic import arrivals
from sim.spec.validate import closest, one_of

__all__ = ["Plan", "Tick", "compare", "list_platforms", "plan", "run", "study"]

DEFAULT_SEED = 1
SEEDS = 2**63  # one 64-bit word in the draws


class BrokenRunError(RuntimeError):
    """A run that contradicts itself: a defect of the program. Names platform, seed and time."""


class Tick(NamedTuple):
    """How far one run is; `done` once, at its end."""

    platform: str
    seed: int
    now_s: float
    arrived: int
    done: bool = False


Watch = Callable[[Tick], None]


@dataclass(frozen=True)
class Plan:
    """All that decides a study, checked."""

    scenario: Scenario
    stack: Stack
    platforms: tuple[str, ...]
    seed: int = DEFAULT_SEED
    reps: int = 1
    engine: str = "auto"

    @property
    def name(self) -> str:
        """The scenario's name, `:variant` included."""
        variant = self.scenario.variant
        return self.scenario.name + (f":{variant}" if variant else "")


class Task(NamedTuple):
    plan: Plan
    platform: str
    seed: int


def run(
    scenario: str | Scenario,
    platform: str = "kubernetes",
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
) -> Result:
    """Replay a scenario under one platform: `sim.run("container_crash", platform="kubernetes")`.

    `scenario`: a name, `name:variant`, a path to a YAML file, or a record. `seed` of the first
    replication, `reps` replications. `stack`: a name or a path (also of a docker-compose file).
    `settings`: dotted paths, `{"stack.services.api.replicas": 3}` or `["path=value"]`. `engine`:
    auto, compiled or reference. `traffic`: a CSV file of arrivals that replaces the scenario's.
    Raises `InputError` for anything that is not usable.
    """
    return compare(scenario, [platform], seed, reps, stack, settings, engine, traffic)


def compare(
    scenario: str | Scenario,
    platforms: Iterable[str] | None = None,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
) -> Result:
    """Replay a scenario under several platforms (default: the scenario's own) with equal seeds.

    The other parameters are those of `run`. Means, 95 % intervals and paired differences are in
    the `Result` when `reps` is at least 2.
    """
    return study(plan(scenario, platforms, seed, reps, stack, settings, engine, traffic))


def plan(
    scenario: str | Scenario,
    platforms: Iterable[str] | None = None,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    stack: str | Stack | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    engine: str = "auto",
    traffic: str | None = None,
) -> Plan:
    """Read and check everything that a study needs; all that can fail by bad input fails here."""
    issues = [
        *_whole("seed", seed, 0, SEEDS - 1),
        *_whole("reps", reps, 1, 1_000_000),
        *_named("engine", engine, ENGINES),
    ]
    wanted = None if platforms is None else tuple(dict.fromkeys(platforms))
    if wanted == ():
        issues.append(Issue(field="platform", found="none", expected=one_of(list_platforms())))
    for name in wanted or ():
        issues += _named("platform", name, list_platforms())
    if issues:
        raise InputError(issues=issues)
    own = load_stack(stack) if isinstance(stack, str) else stack
    read = _scenario(scenario, own, _settings(settings))
    if traffic is not None:
        read = _with_trace(read, traffic)
    return Plan(
        scenario=read,
        stack=own or load_stack(read.stack),
        platforms=wanted or tuple(read.platforms),
        seed=seed,
        reps=reps,
        engine=engine,
    )


def study(
    planned: Plan,
    watch: Watch = lambda tick: None,
    workers: int | None = None,
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Result:
    """Run a plan. `watch` hears about once a simulated minute of each run, in this process;
    `compiling` is held while the kernel compiles (the very first use only).

    `workers`: processes at most; default: as many as there are processors. On Ctrl-C returns what
    was finished, with `interrupted` set; raises KeyboardInterrupt if that is nothing. Raises
    `BrokenRunError` for a run whose ledger does not balance.
    """
    planned = _with_engine(planned, compiling)
    tasks = [
        Task(planned, platform, planned.seed + k)
        for k in range(planned.reps)
        for platform in planned.platforms
    ]
    finished: dict[int, Replication] = {}
    interrupted = False
    workers = min(len(tasks), workers or os.cpu_count() or 1)
    try:
        if workers == 1:
            for index, task in enumerate(tasks):
                finished[index] = _one(task, watch)
        else:
            _side_by_side(tasks, watch, workers, finished)
    except KeyboardInterrupt:
        if not finished:
            raise
        interrupted = True
    return _result(planned, [finished[index] for index in sorted(finished)], interrupted)


def _with_engine(planned: Plan, compiling: Callable[[], AbstractContextManager[object]]) -> Plan:
    """The plan with its engine chosen, and compiled: once, before any process is spawned."""
    from sim.experiment import arrivals_of  # noqa: PLC0415 - simpy loads when something runs

    come = arrivals_of(planned.scenario.traffic)
    each = engines.expected_requests(come, planned.scenario.horizon)
    if each > engines.MOST_REQUESTS:
        raise InputError(
            field="scenario.traffic",
            found=f"{each:.3g} requests over {planned.scenario.horizon:g} s",
            expected=f"at most {engines.MOST_REQUESTS:.3g}: a lower rate or a shorter horizon",
        )
    requests = each * planned.reps
    name = engines.choose(planned.engine, requests)
    if name == "compiled" and not engines.is_compiled():
        with compiling():
            engines.prepare()
    return replace(planned, engine=name)


# --- checks ---------------------------------------------------------------------------------------


def _whole(name: str, value: Any, low: int, high: int) -> Iterable[Issue]:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        expected = f"a whole number from {low} to {high}"
        yield Issue(field=name, found=repr(value), expected=expected)


def _named(name: str, value: str, known: Sequence[str]) -> Iterable[Issue]:
    if value not in known:
        expected, near = one_of(known), closest(str(value), known)
        yield Issue(field=name, found=repr(value), expected=expected, nearest=near)


def _settings(settings: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    if isinstance(settings, Mapping):
        return dict(settings)
    return dict(parse_setting(text) for text in settings)


def _scenario(scenario: str | Scenario, stack: Stack | None, settings: dict[str, Any]) -> Scenario:
    known = list_platforms()
    for path in settings:
        root = path.partition(".")[0]
        if root not in ("scenario", "stack", *known):
            roots = ("scenario", "stack", *known)
            raise InputError(
                field=f"--set {path}",
                found=f"the unknown root {root!r}",
                expected=f"a path below {', '.join(roots)}",
                nearest=closest(root, roots),
            )
    if isinstance(scenario, Scenario):
        changed = apply_settings(scenario, split_settings(settings).scenario, root="scenario")
        rest = {path: raw for path, raw in settings.items() if not path.startswith("scenario.")}
        return changed.model_copy(update={"set": {**scenario.set, **rest}})
    return load_scenario(scenario, stack=stack, settings=settings, metrics=METRICS, platforms=known)


def _with_trace(scenario: Scenario, path: str) -> Scenario:
    """The scenario with a trace in place of its own arrivals; its clients and scale stay."""
    given: dict[str, Any] = {"trace": path, "rate": None, "points": []}
    traffic = scenario.traffic.model_copy(update=given)
    arrivals(traffic)  # read once now, so that a bad file is told before anything runs
    return scenario.model_copy(update={"traffic": traffic})


# --- running --------------------------------------------------------------------------------------


def _one(task: Task, watch: Watch) -> Replication:
    """One run, in this process."""
    from sim.experiment import run_once  # noqa: PLC0415 - simpy and the engine load when they run

    planned, platform, seed = task
    at_s = 0.0
    arrived = 0

    def progress(now_s: float, so_far: int) -> None:
        nonlocal at_s, arrived
        at_s, arrived = now_s, so_far
        watch(Tick(platform, seed, now_s, so_far))

    try:
        done = run_once(
            planned.scenario, planned.stack, platform, seed,
            engine=planned.engine, progress=progress,
        )  # fmt: skip
    except (LedgerError, AssertionError) as error:
        where = f"{platform}, seed {seed}, after {at_s:g} s and {arrived} requests"
        raise BrokenRunError(f"{where}: {error or 'an invariant does not hold'}") from error
    found = replication(done, keep=seed == planned.seed)
    arrived = found.figures["requests"]["arrived"]
    watch(Tick(platform, seed, planned.scenario.horizon, arrived, done=True))
    return found


def _side_by_side(
    tasks: list[Task], watch: Watch, workers: int, finished: dict[int, Replication]
) -> None:
    """All tasks in `workers` spawned processes; fills `finished` as they end."""
    context = get_context("spawn")  # the same on every system, and no threads are copied
    ticks: Queue[Tick] = context.Queue()
    stop = context.Event()
    with ProcessPoolExecutor(workers, context, _enlist, (ticks, stop)) as pool:
        index = {pool.submit(_in_worker, task): i for i, task in enumerate(tasks)}
        pending: set[Future[Replication | InputIssues]] = set(index)
        try:
            while pending:
                ended, pending = wait(pending, timeout=0.1)
                while not ticks.empty():
                    watch(ticks.get())
                for future in ended:
                    finished[index[future]] = _unwrapped(future.result())
            while not ticks.empty():
                watch(ticks.get())
        except BaseException:
            stop.set()  # each run ends at its next simulated minute
            pool.shutdown(wait=False, cancel_futures=True)
            for future, i in index.items():  # ended, and not yet looked at
                if future.done() and not future.cancelled() and future.exception() is None:
                    finished[i] = _unwrapped(future.result())
            raise


class InputIssues(NamedTuple):
    """An InputError on its way between processes (exceptions travel by their text alone)."""

    issues: tuple[Issue, ...]


class _StoppedError(Exception):
    """The parent no longer wants this run."""


class _Line(NamedTuple):
    """A worker's line to its parent."""

    ticks: Queue[Tick]
    stop: Flag


_line: _Line | None = None  # set once in each worker process


def _enlist(ticks: Queue[Tick], stop: Flag) -> None:
    """First thing in a worker: Ctrl-C is the parent's business."""
    global _line  # noqa: PLW0603 - a process pool has no other place for it
    signal(SIGINT, SIG_IGN)
    ticks.cancel_join_thread()
    _line = _Line(ticks, stop)


def _in_worker(task: Task) -> Replication | InputIssues:
    assert _line is not None, "a worker that was not enlisted"
    ticks, stop = _line

    def watch(tick: Tick) -> None:
        if stop.is_set():
            raise _StoppedError
        ticks.put(tick)

    try:
        return _one(task, watch)
    except InputError as error:
        return InputIssues(error.issues)


def _unwrapped(found: Replication | InputIssues) -> Replication:
    if isinstance(found, InputIssues):
        raise InputError(issues=found.issues)
    return found


def _result(planned: Plan, found: list[Replication], interrupted: bool) -> Result:
    scenario, stack = planned.scenario, planned.stack
    by_platform = {
        platform: tuple(r for r in found if r.platform == platform)
        for platform in planned.platforms
        if any(r.platform == platform for r in found)
    }
    return Result(
        scenario=planned.name,
        title=scenario.title,
        lesson=scenario.lesson,
        stack=stack.name,
        seed=planned.seed,
        reps=max(len(replications) for replications in by_platform.values()),
        horizon_s=scenario.horizon,
        version=__version__,
        replications=by_platform,
        asked=tuple(scenario.claims),
        assumed=tuple(stack.assumed),
        ignored=tuple(stack.ignored),
        interrupted=interrupted,
    )
