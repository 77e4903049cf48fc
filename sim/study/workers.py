"""Runs in processes of their own: what a study hands out, and what comes back.

Spawned, not forked: the same on every system, and no threads are copied. A script that calls us
without an `if __name__ == "__main__":` guard is run again by every worker; then the work is done
in this process, with a warning.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, current_process, get_context, parent_process
from multiprocessing.queues import Queue
from queue import Empty
from signal import SIG_DFL, SIG_IGN, SIGINT, signal
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING, NamedTuple

from sim.platforms import Source, is_added, pin, sources
from sim.results.ledger import LedgerError
from sim.results.run import Glance
from sim.results.summary import Replication, replication
from sim.schema.fields import InputError, Issue

if TYPE_CHECKING:
    from sim.study.study import Plan


class BrokenRunError(RuntimeError):
    """A run that contradicts itself: a defect of the program. Names platform, seed and time."""


NOTHING = Glance()
LATE_S = 1.0  # how long the last tick of a finished run may be under way


class Tick(NamedTuple):
    """How far one run is; `done` once, at its end."""

    platform: str
    seed: int
    now_s: float
    arrived: int
    done: bool = False
    glance: Glance = NOTHING


Watch = Callable[[Tick], None]


class Task(NamedTuple):
    plan: Plan
    platform: str
    seed: int


def run_tasks(
    tasks: list[Task], watch: Watch, workers: int, finished: dict[int, Replication]
) -> None:
    """Run all tasks, in this process or in several; fills `finished` by their index."""
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit  # a worker that runs its parent's unguarded script again
    if workers > 1 and not any(is_added(task.platform) for task in tasks):
        try:
            side_by_side(tasks, watch, workers, finished)
        except BrokenProcessPool:
            warnings.warn(
                "worker processes could not start, so that runs follow each other; in a script, "
                'put the call below `if __name__ == "__main__":`',
                stacklevel=2,
            )
    for index, task in enumerate(tasks):
        if index not in finished:
            finished[index] = run_task(task, watch)


def run_task(task: Task, watch: Watch) -> Replication:
    """One run, in this process."""
    from sim.simulation.simulation import run_once  # noqa: PLC0415 - simpy and the engine load when they run

    planned, platform, seed = task
    at_s = 0.0
    arrived = 0

    told = 0  # rows of the timeline

    def progress(now_s: float, so_far: int, glance: Glance = NOTHING) -> None:
        nonlocal at_s, arrived, told
        at_s, arrived, told = now_s, so_far, told + len(glance.rows)
        watch(Tick(platform, seed, now_s, so_far, glance=glance))

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
    last = Glance(
        done.gauge.succeeded, done.gauge.failed, done.gauge.jobs_queued, done.timeline[told:]
    )
    watch(Tick(platform, seed, planned.scenario.horizon, arrived, done=True, glance=last))
    return found


def side_by_side(
    tasks: list[Task], watch: Watch, workers: int, finished: dict[int, Replication]
) -> None:
    """All tasks in this process and `workers` - 1 spawned ones; fills `finished` as they end.

    This one takes its tasks from the end, and begins at once: the others still have to load.
    """
    context = get_context("spawn")  # the same on every system, and no threads are copied
    ticks: Queue[Tick] = context.Queue()
    files = sources(task.platform for task in tasks)
    strangers = set(active_children())
    with ProcessPoolExecutor(workers - 1, context, _enlist, (ticks, files)) as pool:
        left = deque(range(len(tasks)))
        index: dict[Future[Replication | InputIssues], int] = {}  # of those that run elsewhere
        busy: set[Future[Replication | InputIssues]] = set()  # ... and were not yet looked at
        told = 0  # of those whose last tick has come: it may come later than the result

        def serve() -> None:
            """Pass on what the others say, and give them more to do."""
            nonlocal told
            while not ticks.empty():
                told += _pass_on(ticks.get(), watch)
            while left and sum(not future.done() for future in busy) < workers - 1:
                i = left.popleft()
                future = pool.submit(_in_worker, tasks[i])
                index[future] = i
                busy.add(future)

        def heard(tick: Tick) -> None:
            watch(tick)
            serve()

        try:
            with deaf():
                serve()
            while left or busy:
                if left:
                    i = left.pop()
                    finished[i] = run_task(tasks[i], heard)
                else:
                    wait(busy, timeout=0.1)
                serve()
                for future in [one for one in busy if one.done()]:
                    busy.remove(future)
                    finished[index[future]] = _unwrapped(future.result())
            while told < len(index):
                told += _pass_on(ticks.get(timeout=LATE_S), watch)
        except Empty:
            pass  # a tick is lost, no result is
        except BaseException:
            for future, i in index.items():  # ended, and not yet looked at
                if future.done() and not future.cancelled() and future.exception() is None:
                    finished[i] = _unwrapped(future.result())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in set(active_children()) - strangers:  # nothing of its run is kept
                worker.kill()
            raise


@contextmanager
def deaf() -> Iterator[None]:
    """Ctrl-C is ignored: while a report is written, and while processes are started, which inherit
    that: it is their parent's business, and what they say themselves comes half a second later."""
    if current_thread() is not main_thread():  # nobody else may set it, and hears it
        yield
        return
    before = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, SIG_DFL if before is None else before)  # None: not Python's own


def _pass_on(tick: Tick, watch: Watch) -> bool:
    """Was it a run's last one?"""
    watch(tick)
    return tick.done


class InputIssues(NamedTuple):
    """An InputError on its way between processes (exceptions travel by their text alone)."""

    issues: tuple[Issue, ...]


_ticks: Queue[Tick] | None = None  # a worker's line to its parent, set once in each process


def _enlist(ticks: Queue[Tick], files: dict[str, Source]) -> None:
    """First thing in a worker. `files`: the platforms from outside the package, as the parent has
    read them."""
    global _ticks  # noqa: PLW0603 - a process pool has no other place for it
    signal(SIGINT, SIG_IGN)  # where it is not inherited (see deaf)
    pin(files)
    ticks.cancel_join_thread()
    _ticks = ticks
    Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    """End this process when the parent was killed and could not say so."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_worker(task: Task) -> Replication | InputIssues:
    assert _ticks is not None, "a worker that was not enlisted"
    try:
        return run_task(task, _ticks.put)
    except InputError as error:
        return InputIssues(error.issues)


def _unwrapped(found: Replication | InputIssues) -> Replication:
    if isinstance(found, InputIssues):
        raise InputError(issues=found.issues)
    return found
