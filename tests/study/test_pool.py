"""Runs in several processes: what goes wrong in one is told by the parent, what ended stays, and
one that is killed is replaced."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from sim.results.run import Tick
from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.simulation.case import Case
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.plan import plan
from sim.study.pool import side_by_side
from sim.study.task import Agenda, BrokenRunError, quiet
from tests import ENGINE
from tests.study.runs import ALONE

IMPOSSIBLE = {"kubernetes.rolling_updates": "canary", "kubernetes.load_balancing": None}


def batch(*platforms: str) -> Batch:
    """A case and a seed each."""
    cases = {c.platform: c for c in plan(Ask("container_crash", sorted({*platforms}))).cases}
    seeds = tuple(range(1, len(platforms) + 1))
    return Batch(tuple(cases[name] for name in platforms), seeds, paired=True, engine=ENGINE)


def broken(case: Case) -> Case:
    """The same with what `plan` would have refused: told when it runs."""
    impossible = case.scenario.model_copy(update={"set": {**case.scenario.set, **IMPOSSIBLE}})
    return replace(case, scenario=impossible)


def agenda(size: int, finished: dict[int, Replication]) -> Agenda:
    return Agenda(range(size), finished, lambda index, done: None, lambda done: False)


def workers() -> list[BaseProcess]:
    return [child for child in active_children() if child.name.startswith("SpawnProcess")]


def test_what_breaks_in_a_worker_ends_the_study_early() -> None:
    """The worker gets the first task; this process goes on from the end meanwhile."""
    many = 5000  # a minute's work here: far more than a process takes to begin
    finished: dict[int, Replication] = {}
    runs = batch("kubernetes", *["compose"] * many)
    runs = replace(runs, cases=(broken(runs.cases[0]), *runs.cases[1:]))
    with pytest.raises(InputError, match="needs a load balancer"):
        side_by_side(runs, agenda(many + 1, finished), 2, quiet, in_order=False)
    assert 1 <= len(finished) < many
    assert 0 not in finished


def test_the_order_of_results_is_that_of_the_tasks() -> None:
    runs = batch("compose", "compose", "compose", "compose")
    shared, alone = runs.run(workers=2), ALONE(runs)
    assert [[done.seed for done in row] for row in shared.replications] == [[1], [2], [3], [4]]
    for ours, theirs in zip(shared.replications, alone.replications, strict=True):
        assert ours[0].figures == theirs[0].figures


class Killer:
    """Kills all workers at a tick, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, tick: Tick) -> None:
        if self.left and workers():
            self.left -= 1
            for worker in workers():
                assert worker.pid is not None
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()


def test_a_worker_that_is_killed_is_replaced(recwarn: pytest.WarningsRecorder) -> None:
    """Twice, at a moment of its own; the result is that of an undisturbed study."""
    runs = batch(*["compose", "kubernetes"] * 15)
    killer = Killer(2)
    disturbed = runs.run(workers=2, watch=killer)
    assert killer.left == 0
    assert [row[0].figures for row in disturbed.replications] == [
        row[0].figures for row in ALONE(runs).replications
    ]
    assert not recwarn.list


DEADLY = '''"""A platform that no worker survives."""
import os
from multiprocessing import parent_process

from sim.platforms import compose

if parent_process() is not None:
    os.kill(os.getpid(), 9)
PLATFORM = compose.PLATFORM
'''


def test_a_task_that_kills_three_workers_is_named(tmp_path: Path) -> None:
    file = tmp_path / "deadly.py"
    file.write_text(DEADLY)
    runs = replace(plan(Ask("container_crash", [str(file)], seed=7)).batch, engine=ENGINE)
    todo = agenda(0, {})
    todo.dangerous.append(0)  # a worker has died of it: this process leaves it to the others
    with pytest.raises(BrokenRunError, match=r"^deadly, seed 7: .*\(3, the last by SIGKILL"):
        side_by_side(runs, todo, 2, quiet, in_order=False)
    assert workers() == []
    file.unlink()  # other tests of this process know it no more


def test_no_process_is_left_behind() -> None:
    runs = batch(*["compose"] * 8)
    runs.run(workers=3)
    assert workers() == []
