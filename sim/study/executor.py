"""A batch on somebody else's processes, threads or machines: anything with the interface of
`concurrent.futures`, such as `ThreadPoolExecutor` or Dask's `client.get_executor()`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from hashlib import sha256
from typing import TYPE_CHECKING

from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.study.task import (
    Agenda,
    BrokenRunError,
    Task,
    Watch,
    finished_tick,
    forget,
    packed,
    remember,
    run_task,
)

if TYPE_CHECKING:
    from sim.study.batch import Batch

Answer = Future[Replication | None]
AHEAD = 2  # tasks under way for each worker: none waits for its next one


def elsewhere(batch: Batch, agenda: Agenda, executor: Executor, workers: int, watch: Watch) -> None:
    """Do the agenda. Who does not know the batch yet says so, and gets it with the task: it
    travels once a worker, not once a task."""
    plan = packed(batch)
    key = sha256(plan).hexdigest()
    answers: dict[Answer, int] = {}  # by the index of their tasks
    remember(key, batch)  # an executor of threads works in this process
    try:
        while True:
            while len(answers) < AHEAD * workers and (index := agenda.take()) is not None:
                answers[executor.submit(run_task, key, index)] = index
            if agenda.over or not answers:
                return
            ended = wait(answers, return_when=FIRST_COMPLETED).done
            for future in sorted(ended, key=lambda future: answers[future]):
                index = answers.pop(future)
                done = _answer(future, batch.tasks[index])
                if done is None:
                    answers[executor.submit(run_task, key, index, plan)] = index
                else:
                    agenda.finish(index, done)
                    watch(finished_tick(batch.tasks[index], done))
    except BaseException:
        _keep_what_ended(answers, agenda)
        raise
    finally:
        for future in answers:
            future.cancel()
        forget(key)


def _answer(future: Answer, task: Task) -> Replication | None:
    try:
        return future.result()
    except (BrokenRunError, InputError):
        raise
    except Exception as error:  # the executor's own: a lost worker, a closed cluster
        raise BrokenRunError(f"{task}: {type(error).__name__}: {error}") from error


def _keep_what_ended(answers: Mapping[Answer, int], agenda: Agenda) -> None:
    """Finished, and not yet looked at."""
    for future, index in answers.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            answer = future.result()
            if isinstance(answer, Replication):
                agenda.finish(index, answer)
