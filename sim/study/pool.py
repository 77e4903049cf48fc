"""Our own processes: what a batch hands out, and what comes back.

Spawned, not forked: the same on every system, and no threads are copied. Each has a line of its
own, so that one that is killed leaves nothing locked: it is replaced, and its task is tried again.
This process runs tasks, too. A script that calls us without an `if __name__ == "__main__":` guard
is run again by every worker; then the work is done in this process, with a warning.
"""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from signal import Signals
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from sim.results.run import Tick
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.study.signals import deaf, held
from sim.study.task import Agenda, BrokenRunError, Task, Watch, packed, replicate, unpacked

if TYPE_CHECKING:
    from sim.study.batch import Batch

MOST_DEATHS = 3  # processes that one task may cost, or that may die one after the other unused
UNGUARDED = 43  # exit status of a worker that runs its parent's unguarded script again
READY = "ready"
LONG_S = 5.0  # for a process without work to end by itself
NO_START = "worker processes could not start, so that runs follow each other"
GUARD = '; in a script, put the call below `if __name__ == "__main__":`'


def side_by_side(batch: Batch, agenda: Agenda, workers: int, watch: Watch, in_order: bool) -> None:
    """Do the agenda in this process and `workers` - 1 spawned ones; what ended before an exception
    is on it."""
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit(UNGUARDED)
    with _Pool(batch, agenda, workers - 1, watch) as pool:

        def heard(tick: Tick) -> None:
            watch(tick)
            pool.serve()

        pool.serve()
        while pool.failure is None:
            index = agenda.take_here(last=workers > 1 and not in_order)
            if index is not None:
                agenda.finish(index, replicate(batch.tasks[index], batch.engine, heard))
            elif pool.busy and not agenda.over:
                pool.wait()
            elif agenda.open:  # what a worker has died of, and no worker is left
                pool.failure = pool.given_up()
            else:
                return
            pool.serve()
        raise pool.failure


class _Worker:
    """A process and our end of its line."""

    def __init__(self, plan: bytes) -> None:
        context = get_context("spawn")
        self.line, end = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(end, plan), daemon=True)
        self.ready = False
        self.index: int | None = None  # of the task that it has
        self.process.start()
        end.close()


class _Failure(NamedTuple):
    """An exception on its way to the parent, its traceback as a note."""

    error: Exception


Message = Tick | Replication | _Failure | str


class _Pool:
    """The workers of one batch."""

    def __init__(self, batch: Batch, agenda: Agenda, size: int, watch: Watch) -> None:
        self.batch, self.agenda, self.size, self.watch = batch, agenda, size, watch
        self.plan = packed(batch) if size > 0 else b""
        self.workers: list[_Worker] = []
        self.deaths: Counter[int] = Counter()  # by task
        self.unused = 0  # that died before they had begun, one after the other
        self.last_exit = ""
        self.failure: Exception | None = None  # raised between two runs, never within one

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None:
            self._keep_what_ended()
        for worker in self.workers:
            worker.line.close()
            if error is not None or worker.index is not None or not worker.ready:
                worker.process.kill()  # nothing of its run is kept
        for worker in self.workers:
            worker.process.join(LONG_S)
            worker.process.kill()

    @property
    def busy(self) -> bool:
        """Will somebody say something?"""
        return any(w.index is not None for w in self.workers) or (
            self.agenda.open and bool(self.workers)
        )

    def wait(self) -> None:
        """Until somebody says something, or dies."""
        wait([w.line for w in self.workers] + [w.process.sentinel for w in self.workers], 1.0)

    def serve(self) -> None:
        """Hear what the workers say, replace those that died, and give them more to do."""
        for worker in list(self.workers):
            if not self._hear(worker):
                self.workers.remove(worker)
                self._mourn(worker)
        if self.failure is not None:
            return
        while self.agenda.open and len(self.workers) < self._wanted():
            with held(starting=True):
                self._hire()
        for worker in self.workers:
            if worker.ready and worker.index is None:
                worker.index = self.agenda.take()
                if worker.index is not None:
                    with suppress(OSError):  # it has died: heard next time
                        worker.line.send(worker.index)

    def _hire(self) -> None:
        try:
            self.workers.append(_Worker(self.plan))
        except OSError as error:  # no process, no memory, no file handle is left
            self._give_up_hiring(f" ({error.strerror})")

    def _give_up_hiring(self, why: str) -> None:
        self.size = 0  # another one would do the same
        warnings.warn(f"{NO_START}{why}", stacklevel=2)

    def _wanted(self) -> int:
        """No more than there is to do."""
        left = len(self.agenda.left) + len(self.agenda.dangerous)
        return min(self.size, left + sum(w.index is not None for w in self.workers))

    def _hear(self, worker: _Worker) -> bool:
        """All that it has said. Is it alive?"""
        try:
            while worker.line.poll():
                self._take(worker, worker.line.recv())
        except (EOFError, OSError):
            worker.process.join(LONG_S)
            worker.process.kill()
            return False
        return True

    def _take(self, worker: _Worker, message: Message) -> None:
        if isinstance(message, Tick):
            self.watch(message)
        elif message == READY:
            worker.ready, self.unused = True, 0
        elif isinstance(message, _Failure):
            self.failure, worker.index = message.error, None
        elif isinstance(message, Replication) and worker.index is not None:
            index, worker.index = worker.index, None
            try:
                self.agenda.finish(index, message)
            except InputError as error:
                self.failure = error

    def _mourn(self, worker: _Worker) -> None:
        """One has died: who is it replaced by, and who does its task?"""
        code = worker.process.exitcode
        self.last_exit = _told(code)
        if not worker.ready:
            self.unused += 1
            if self.size and (code is None or code >= 0 or self.unused >= MOST_DEATHS):
                self._give_up_hiring(GUARD if code == UNGUARDED else f" ({self.last_exit})")
        if worker.index is not None:
            self.deaths[worker.index] += 1
            self.agenda.dangerous.append(worker.index)
            if self.deaths[worker.index] >= MOST_DEATHS:
                self.failure = self.given_up()

    def given_up(self) -> BrokenRunError:
        """The task that no process survives."""
        index, deaths = self.deaths.most_common(1)[0]
        how = f"each process that tried it died ({deaths}, the last by {self.last_exit})"
        return BrokenRunError(f"{self.batch.tasks[index]}: {how}")

    def _keep_what_ended(self) -> None:
        """Finished, and not yet heard."""
        for worker in self.workers:
            try:
                while worker.line.poll():
                    message = worker.line.recv()
                    if isinstance(message, Replication) and worker.index is not None:
                        self.agenda.finish(worker.index, message)
                        worker.index = None
            except (EOFError, OSError):
                pass


def _told(code: int | None) -> str:
    """`SIGKILL` or `exit status 1`"""
    if code is not None and code < 0:
        try:
            return Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit status {code}"


# ---- in a worker ----
def _work(line: Connection, plan: bytes) -> None:
    """A worker's life: learns the batch once, then does task after task."""
    deaf()
    Thread(target=leave_with_parent, daemon=True).start()
    batch = unpacked(plan)
    try:
        line.send(READY)
        while True:
            task = batch.tasks[line.recv()]
            line.send(_answer(batch, task, line))
    except (EOFError, OSError):
        os._exit(0)  # there is no more to do


def _answer(batch: Batch, task: Task, line: Connection) -> Replication | _Failure:
    try:
        return replicate(task, batch.engine, line.send)
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return _Failure(RuntimeError(traceback.format_exc()))
        return _Failure(error)


def leave_with_parent() -> None:
    """End this process when the parent was killed and could not say so."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
