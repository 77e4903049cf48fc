"""A batch on somebody else's executor: threads, processes, Dask."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import pytest

import sim
from sim.results.run import Tick
from sim.schema.fields import InputError
from sim.study import task
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.plan import plan
from sim.study.task import BrokenRunError, packed
from tests.study.runs import ALONE

SHORT = {"scenario.horizon": "6m", "scenario.traffic.scale": 0.1}


def batch(reps: int = 3, *platforms: str) -> Batch:
    ask = Ask("container_crash", platforms or None, reps=reps, settings=SHORT, engine="reference")
    return plan(ask).batch


def figures(of: Batch, **how: Any) -> list[list[dict[str, Any]]]:
    run = ALONE if not how else Batch.run
    return [[done.figures for done in row] for row in run(of, **how).replications]


def test_threads_give_what_processes_give() -> None:
    ticks: list[Tick] = []
    with ThreadPoolExecutor(2) as threads:
        found = figures(batch(), executor=threads, workers=2, watch=ticks.append)
    assert found == figures(batch())
    assert all(tick.done for tick in ticks)
    assert len(ticks) == 6


def test_from_python_it_is_a_word() -> None:
    with ThreadPoolExecutor(2) as threads:
        theirs = sim.compare("container_crash", reps=2, settings=SHORT, executor=threads)
    assert theirs.summary == sim.compare("container_crash", reps=2, settings=SHORT).summary


class Worker(Executor):
    """Another process in small: it knows what it was sent, and nothing of ours."""

    def __init__(self) -> None:
        self.plans: list[int] = []  # bytes of each that was sent
        self.messages: list[int] = []  # bytes of each task without one

    def submit(self, call: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        key, index, *plan = arguments
        assert pickle.loads(pickle.dumps(call)) is task.run_task  # importable by its name
        (self.plans if plan else self.messages).append(len(pickle.dumps(arguments)))
        own = task._plans.pop("ours " + key, None)
        theirs, task._plans = task._plans, {} if own is None else {key: own}
        future: Future[Any] = Future()
        try:
            future.set_result(call(key, index, *plan))
        except Exception as error:
            future.set_exception(error)
        own = task._plans.get(key)
        task._plans = theirs
        if own is not None:
            task._plans["ours " + key] = own
        return future


def test_the_plan_is_sent_once_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "pin", lambda files: None)  # this process reads its own files
    worker = Worker()
    assert figures(batch(20), executor=worker, workers=1) == figures(batch(20))
    assert len(worker.plans) <= 2  # those that were under way when it came
    assert max(worker.messages) < 200 < len(packed(batch(20)))


def test_an_input_error_elsewhere_is_an_input_error() -> None:
    few = batch(1, "kubernetes")
    wrong = few.cases[0].scenario.model_copy(update={"set": {"kubernetes.schedulin": None}})
    few = replace(few, cases=(replace(few.cases[0], scenario=wrong),))
    with ThreadPoolExecutor(1) as threads, pytest.raises(InputError, match="scheduling"):
        few.run(executor=threads)


def test_an_executor_that_breaks_is_told_with_platform_and_seed() -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("a process died"))
            return future

    with pytest.raises(BrokenRunError, match=r"compose, seed 1: BrokenProcessPool: a process died"):
        batch().run(executor=Broken(), workers=1)


@pytest.mark.slow
def test_a_pool_of_processes_of_the_standard_library() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        assert figures(batch(), executor=processes, workers=2) == figures(batch())


@pytest.mark.slow
def test_dask() -> None:
    """`client.get_executor()` of a cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address=None, memory_limit=None,
    )  # fmt: skip
    with cluster, distributed.Client(cluster, timeout=60) as client:
        found = figures(batch(), executor=client.get_executor(), workers=2)
    assert found == figures(batch())
