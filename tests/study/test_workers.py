"""Runs in several processes: what goes wrong in one is told by the parent, and what ended stays."""

from dataclasses import replace

import pytest

from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.study import study
from sim.study.workers import Task, Tick, run_tasks
from tests import ENGINE

IMPOSSIBLE = {"kubernetes.rolling_updates": "canary", "kubernetes.load_balancing": None}


def tasks(*platforms: str) -> list[Task]:
    planned = study.plan("container_crash", sorted({*platforms}), engine=ENGINE)
    return [Task(planned, name, seed) for seed, name in enumerate(platforms, 1)]


def broken(task: Task) -> Task:
    """The same with what `study.plan` would have refused: told when it runs."""
    scenario = task.plan.scenario
    impossible = scenario.model_copy(update={"set": {**scenario.set, **IMPOSSIBLE}})
    return task._replace(plan=replace(task.plan, scenario=impossible))


def quiet(tick: Tick) -> None:
    pass


def test_what_breaks_in_a_worker_ends_the_study_early():
    """The worker gets the first task; this process goes on from the end meanwhile."""
    many = 60
    finished: dict[int, Replication] = {}
    first, *others = tasks("kubernetes", *["compose"] * many)
    with pytest.raises(InputError, match="needs a load balancer"):
        run_tasks([broken(first), *others], quiet, 2, finished)
    assert 1 <= len(finished) < many
    assert sorted(finished) == list(range(many - len(finished) + 1, many + 1))


def test_the_order_of_results_is_that_of_the_tasks():
    asked = tasks("compose", "compose", "compose")
    alone: dict[int, Replication] = {}
    shared: dict[int, Replication] = {}
    run_tasks(asked, quiet, 1, alone)
    run_tasks(asked, quiet, 2, shared)
    assert sorted(shared) == [0, 1, 2]
    for index, one in alone.items():
        assert shared[index].figures == one.figures
