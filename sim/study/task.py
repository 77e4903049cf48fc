"""One replication: a case with a seed, run in this process or in another one; and which of a batch
are left."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from sim.platforms import Source, pin, sources
from sim.results.ledger import LedgerError
from sim.results.run import Glance, Tick
from sim.results.summary import Replication, replication
from sim.simulation.case import Case

if TYPE_CHECKING:
    from sim.study.batch import Batch

NOTHING_NEW = Glance()
MOST_PLANS = 4  # that a process remembers: a worker of a cluster outlives many studies


class BrokenRunError(RuntimeError):
    """A run that contradicts itself, or that no process survives: a defect of the program. Names
    platform, seed and time."""


Watch = Callable[[Tick], None]


def quiet(tick: Tick) -> None:
    """Watches nothing."""


class Task(NamedTuple):
    case: Case
    seed: int
    keep: bool = False  # the whole run, not its figures alone

    def __str__(self) -> str:
        return f"{self.case.platform}, seed {self.seed}"


Filed = Callable[[int, Replication], None]
Enough = Callable[[Mapping[int, Replication]], bool]


class Agenda:
    """Tasks by their index. `file` is told of each that is finished; once `enough` says so,
    nothing is left."""

    def __init__(
        self, left: Iterable[int], finished: dict[int, Replication], file: Filed, enough: Enough
    ) -> None:
        self.left = deque(left)
        self.dangerous: deque[int] = deque()  # a process has died of each: never for this one
        self.finished = finished
        self.file, self.enough = file, enough
        self.over = enough(finished)

    def take(self) -> int | None:
        """The next task for another process; None if there is none."""
        if self.over:
            return None
        queue = self.left or self.dangerous
        return queue.popleft() if queue else None

    def take_here(self, last: bool) -> int | None:
        """The next task for this process: from the end, unless their order decides."""
        if self.over or not self.left:
            return None
        return self.left.pop() if last else self.left.popleft()

    def finish(self, index: int, done: Replication) -> None:
        self.finished[index] = done
        self.file(index, done)
        self.over = self.over or self.enough(self.finished)

    @property
    def open(self) -> bool:
        """Is there anything that nobody has begun?"""
        return not self.over and bool(self.left or self.dangerous)


def replicate(task: Task, engine: str, watch: Watch = quiet) -> Replication:
    """Run the task here. Raises `BrokenRunError`, and `InputError` of a user's own platform."""
    from sim.simulation.simulation import run_case  # noqa: PLC0415 - simpy and the engine load

    case, seed, keep = task
    now_s, arrived, rows = 0.0, 0, 0  # so far; rows of the timeline

    def progress(time_s: float, requests: int, glance: Glance = NOTHING_NEW) -> None:
        nonlocal now_s, arrived, rows
        now_s, arrived, rows = time_s, requests, rows + len(glance.rows)
        watch(Tick(case.platform, seed, now_s, arrived, glance=glance))

    try:
        run = run_case(case, seed, engine=engine, progress=progress)
    except (LedgerError, AssertionError) as error:
        where = f"{task}, after {now_s:g} s and {arrived} requests"
        raise BrokenRunError(f"{where}: {error or 'an invariant does not hold'}") from error
    gauge = run.gauge
    last = Glance(gauge.succeeded, gauge.failed, gauge.jobs_queued, run.timeline[rows:])
    done = replication(run, keep)
    arrived = done.figures["requests"]["arrived"]
    watch(Tick(case.platform, seed, case.scenario.horizon, arrived, done=True, glance=last))
    return done


def finished_tick(task: Task, done: Replication) -> Tick:
    """The last tick of a task that was finished earlier, or where nobody hears."""
    arrived = done.figures["requests"]["arrived"]
    return Tick(task.case.platform, task.seed, task.case.scenario.horizon, arrived, done=True)


# ---- in another process ----
_plans: dict[str, Batch] = {}  # those that this process has been sent


def packed(batch: Batch) -> bytes:
    """The batch for other processes, with the texts of the user's own platforms as read here."""
    files = sources(case.platform for case in batch.cases)
    return pickle.dumps((files, pickle.dumps(batch)))


def unpacked(plan: bytes) -> Batch:
    """In a worker: the batch, and from now on the platforms that it was sent with."""
    files: dict[str, Source]
    files, batch = pickle.loads(plan)
    pin(files)
    whole: Batch = pickle.loads(batch)
    return whole


def remember(key: str, batch: Batch) -> None:
    """Have `run_task` know the batch in this process."""
    _plans.pop(key, None)
    _plans[key] = batch
    while len(_plans) > MOST_PLANS:
        del _plans[next(iter(_plans))]


def forget(key: str) -> None:
    """The batch is done."""
    _plans.pop(key, None)


def run_task(key: str, index: int, plan: bytes | None = None) -> Replication | None:
    """The task of that index, of the batch that this process knows by `key`; None if it knows none:
    then it has to be sent with the task (`packed`), once. For executors of any kind."""
    if key not in _plans:
        if plan is None:
            return None
        remember(key, unpacked(plan))
    batch = _plans[key]
    return replicate(batch.tasks[index], batch.engine)
