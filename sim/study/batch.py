"""A batch: cases times seeds, and the one program that runs them.

Table, claims, quarter, post-mortem and challenges are lists of cases that are given to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from sim.dataplane import engines
from sim.platforms import is_added
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.simulation.case import Case
from sim.study import precision
from sim.study.identity import case_key, cases_key, joint_key
from sim.study.notebook import progress
from sim.study.precision import Precision, Until
from sim.study.store import Store
from sim.study.task import Agenda, BrokenRunError, Task, Watch, finished_tick


class BatchSample(NamedTuple):
    """What of a batch was finished."""

    replications: tuple[tuple[Replication, ...], ...]  # of each case, in the order of seeds
    interrupted: bool = False
    ended: str = ""  # where `until` was asked for: which end it came to
    failure: Exception | None = None  # with `salvage`: what ended it early

    def whole(self) -> tuple[tuple[Replication, ...], ...]:
        """The replications, for whom a part of them would mislead: raises KeyboardInterrupt where
        Ctrl-C ended it."""
        if self.interrupted:
            raise KeyboardInterrupt
        return self.replications


Runner = Callable[..., BatchSample]  # `Batch.run`, or a partial of it: how a batch is run


def in_folders(store: str | os.PathLike[str] | None, run: Runner) -> Runner:
    """For batches that follow from each other: each has a folder of its own below `store`, by what
    it runs."""

    def stored(batch: Batch, **how: Any) -> BatchSample:
        return run(batch, store=store and Path(store) / cases_key(batch.cases), **how)

    return stored


@dataclass(frozen=True)
class Batch:
    """`seeds`: of every case; `paired`: the first of the first case, the second of the second, and
    so on. `keep`: of so many first seeds the runs whole. `engine`: auto, compiled or reference.
    `key`: of the plan behind it, for a store; without one it is that of the cases."""

    cases: tuple[Case, ...]
    seeds: tuple[int, ...]
    keep: int = 0
    paired: bool = False
    engine: str = "auto"
    key: str = ""

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Seed by seed, so that the first seeds of all cases come first."""
        if self.paired:
            pairs = zip(self.cases, self.seeds, strict=True)
            return tuple(Task(case, seed, self.keep > 0) for case, seed in pairs)
        return tuple(
            Task(case, seed, k < self.keep)
            for k, seed in enumerate(self.seeds)
            for case in self.cases
        )

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Of the tasks: the longest first, so that no processor waits for the last one."""
        return tuple(sorted(range(len(self.tasks)), key=lambda i: -self.tasks[i].case.requests))

    def __getstate__(self) -> dict[str, object]:
        return {name: vars(self)[name] for name in self.__dataclass_fields__}

    def run(
        self,
        executor: Executor | None = None,
        store: str | os.PathLike[str] | None = None,
        until: Until | None = None,
        workers: int | None = None,
        watch: Watch | None = None,
        compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
        salvage: bool = False,
    ) -> BatchSample:
        """Run all of it, or as much as `until` asks for: a figure's half-width, `("downtime_s",
        5.0)`, or a number of seeds.

        `executor`: anything with the interface of `concurrent.futures`; default: processes of our
        own, `workers` at most, this one among them; default: as many as there are processors, or
        this one alone where that is sooner. With an executor, `workers` is how many tasks it does
        at once. `store`: a folder that keeps each replication from the moment it ends; what is
        there already is not run again. `watch` hears about once a simulated minute of each run
        (with an executor: at its end; default: a line in Jupyter, nothing elsewhere);
        `compiling` is held while the kernel compiles.

        On Ctrl-C returns what was finished, with `interrupted` set; raises KeyboardInterrupt if
        that is nothing. Raises `BrokenRunError` for a run whose ledger does not balance, or that
        three processes died of, and `InputError`; with `salvage` they are handed over as `failure`,
        with what was finished, unless that is nothing.
        """
        if workers is not None and workers < 1:
            raise InputError(field="workers", found=str(workers), expected="at least 1")
        if watch is not None:
            return self._run(executor, store, until, workers, watch, compiling, salvage)
        simulated_s = sum(task.case.scenario.horizon for task in self.tasks)
        with progress(len(self.tasks), simulated_s) as line:
            held = line.compiling if compiling is nullcontext else compiling
            return self._run(executor, store, until, workers, line.watch, held, salvage)

    def _run(
        self, executor: Executor | None, store: str | os.PathLike[str] | None,
        until: Until | None, workers: int | None, watch: Watch,
        compiling: Callable[[], AbstractContextManager[object]], salvage: bool,
    ) -> BatchSample:  # fmt: skip
        goal = precision.goal(until)
        if goal is not None and self.paired:
            raise ValueError("each case of a paired batch has one seed: there is no mean to know")
        if isinstance(goal, int):
            few = replace(self, seeds=self.seeds[:goal])
            sample = few._run(executor, store, None, workers, watch, compiling, salvage)
            ended = "" if sample.interrupted else f"{len(few.seeds)} replications"
            return sample._replace(ended=ended)
        stop = _Stop(self, goal)
        with self._stored(store) as shelf:
            finished = {} if shelf is None else shelf.known
            batch = replace(self, engine=self._engine(finished, compiling))
            agenda = Agenda(
                [i for i in self.order if i not in finished or self.tasks[i].keep],
                {i: done for i, done in finished.items() if not self.tasks[i].keep},
                (lambda index, done: None) if shelf is None else shelf.add,
                stop,
            )
            for index, done in agenda.finished.items():
                watch(finished_tick(self.tasks[index], done))
            interrupted, failure = False, None
            try:
                batch._work(agenda, executor, workers, watch, in_order=goal is not None)
            except KeyboardInterrupt:
                if not agenda.finished:
                    raise
                interrupted = True
            except (BrokenRunError, InputError) as error:
                if not (salvage and agenda.finished):
                    raise
                failure = error
        sample = self._sample({**finished, **agenda.finished}, stop, interrupted)
        return sample._replace(failure=failure)

    def _work(
        self, agenda: Agenda, executor: Executor | None, workers: int | None, watch: Watch,
        in_order: bool,
    ) -> None:  # fmt: skip
        """Do what is on the agenda."""
        if executor is not None:
            from sim.study.executor import elsewhere  # noqa: PLC0415 - seldom

            elsewhere(self, agenda, executor, workers or os.cpu_count() or 1, watch)
            return
        from sim.study.pool import side_by_side  # noqa: PLC0415 - with its processes

        if any(is_added(case.platform) for case in self.cases):
            workers = 1  # others would not know the platform
        if workers is None:
            left = [self.tasks[i].case for i in agenda.left]
            workers = self._processes(left)
        side_by_side(self, agenda, min(workers, len(agenda.left)), watch, in_order)

    def _processes(self, rest: Sequence[Case]) -> int:
        if not rest:
            return 1
        requests = fmean(case.requests for case in rest)
        horizon_s = fmean(case.scenario.horizon for case in rest)
        return engines.processes(self.engine, len(rest), requests, horizon_s, os.cpu_count() or 1)

    def _engine(
        self, finished: Mapping[int, Replication],
        compiling: Callable[[], AbstractContextManager[object]],
    ) -> str:  # fmt: skip
        """Chosen for all of it, and compiled: once, before any process is spawned. A study that
        goes on stays with the engine that it began with."""
        began = next((done.engine for done in finished.values()), self.engine)
        engine = began if self.engine == "auto" else self.engine
        requests = sum(task.case.requests for task in self.tasks)
        return engines.ready(engine, requests, compiling)

    def _stored(
        self, folder: str | os.PathLike[str] | None
    ) -> AbstractContextManager[Store | None]:
        if folder is None:
            return nullcontext()
        of_case = {id(case): case_key(case) for case in self.cases}
        keys = [of_case[id(task.case)] for task in self.tasks]
        return Store(Path(folder), self.key or joint_key(keys), self.tasks, keys)

    def _sample(
        self, finished: Mapping[int, Replication], stop: _Stop, interrupted: bool
    ) -> BatchSample:
        """What was finished, by case; what came after the seed at which it stopped is left out."""
        seeds = len(self.seeds) if stop.enough is None else stop.enough
        rows: list[list[Replication]] = [[] for _ in self.cases]
        for index in sorted(finished):
            k, c = (0, index) if self.paired else divmod(index, len(self.cases))
            if k < seeds:
                rows[c].append(finished[index])
        return BatchSample(tuple(map(tuple, rows)), interrupted, "" if interrupted else stop.ended)


class _Stop:
    """Says when the first seeds of all cases are enough."""

    def __init__(self, batch: Batch, goal: Precision | None) -> None:
        self.batch, self.goal = batch, goal
        self.whole = 0  # seeds of which every case is finished
        self.enough: int | None = None  # seeds

    def __call__(self, finished: Mapping[int, Replication]) -> bool:
        count = len(self.batch.cases)
        while self.goal is not None and self.enough is None and self.whole < len(self.batch.seeds):
            if any(self.whole * count + c not in finished for c in range(count)):
                break
            self.whole += 1
            columns = [[finished[k * count + c] for k in range(self.whole)] for c in range(count)]
            if self.goal.reached(columns):
                self.enough = self.whole
        return self.enough is not None

    @property
    def ended(self) -> str:
        if self.goal is None:
            return ""
        if self.enough is None:
            return f"{len(self.batch.seeds)} replications, without {self.goal}"
        return f"{self.goal} after {self.enough} replications"
