"""`sim claims`: every claim of the article, where it is checked, and (`--measure`) what holds.

Three kinds of places: scenarios and their variants, the article's table, the quarter (T1).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import NamedTuple

from sim.dataplane import engines
from sim.library.scenarios import list_scenarios, load_scenario
from sim.report.text import words
from sim.results.summary import Replication
from sim.results.verdicts import evaluate
from sim.schema.scenario import Claim
from sim.study.article.article import ARTICLE, CLAIMS
from sim.study.article.claims_text import Checked, Place, belongs
from sim.study.article.table import Work as TableWork
from sim.study.article.table import measure as measure_table
from sim.study.article.table import prepare as prepare_table
from sim.study.quarter import draw as toil
from sim.study.quarter.tally import SAYS, verdict
from sim.study.study import DEFAULT_SEED, plan, requests_of
from sim.study.workers import Task, Watch, run_tasks

QUARTER = "quarter --reps 1"
KEEP_NONE = -1  # no seed is this: whole runs stay in their process, figures alone come back


def places() -> list[Place]:
    """All of them, in the order of table, scenarios, quarter."""
    found = []
    for claim in CLAIMS:
        more = (
            "" if claim.platform in ("compose", "kubernetes") else f" --platform {claim.platform}"
        )
        found.append(Place(claim.id, f"table{more}", claim.says, claim.platform))
    for name, claims in _scenarios():
        found += [Place(c.id, f"run {name}", c.says, c.platform) for c in claims]
    return [*found, *(Place("T1", QUARTER, SAYS, name) for name in toil.PLATFORMS)]


def _scenarios() -> list[tuple[str, list[Claim]]]:
    """SCENARIO or SCENARIO:VARIANT, with its own claims."""
    found = []
    for name in list_scenarios():
        scenario = load_scenario(name)
        found.append((name, list(scenario.claims)))
        found += [(f"{name}:{v}", list(one.claims or [])) for v, one in scenario.variants.items()]
    return found


# ---- measuring ----
class Case(NamedTuple):
    """A scenario, its claims of the article, and the runs that decide them."""

    name: str
    claims: list[Claim]
    tasks: list[Task]


class Work(NamedTuple):
    """All runs that the article's claims need."""

    cases: list[Case]
    table: TableWork
    quarter: toil.Work

    @property
    def runs(self) -> int:
        scenarios = sum(len(case.tasks) for case in self.cases)
        return scenarios + len(self.table.tasks) + len(self.quarter.runs)


def prepare(seed: int = DEFAULT_SEED) -> Work:
    """Check everything, and list the runs. Raises `InputError`."""
    cases = []
    for name, all_claims in _scenarios():
        claims = [c for c in all_claims if any(belongs(c.id, said.id) for said in ARTICLE)]
        if claims:
            planned = plan(name, list(dict.fromkeys(c.platform for c in claims)), seed)
            own = replace(planned, seed=KEEP_NONE)
            cases.append(Case(name, claims, [Task(own, p, seed) for p in own.platforms]))
    platforms = dict.fromkeys(["compose", "kubernetes", *(c.platform for c in CLAIMS)])
    return Work(cases, prepare_table(platforms, seed), toil.prepare(seed=seed))


def measure(
    work: Work,
    watch: Watch = lambda tick: None,
    workers: int | None = None,
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> list[Checked]:
    """Run all of it. KeyboardInterrupt stops it, and nothing is kept."""
    found = []
    table = measure_table(work.table, watch, workers, compiling)
    known = {(p.id, p.platform): p for p in places() if p.command.startswith("table")}
    for one in table.verdicts:
        place = known[one.claim.id, one.claim.platform]
        found.append(Checked(place, one.holds, one.measured, one.claim.because))
    found += _in_scenarios(work, watch, workers, compiling)
    done = toil.measure(work.quarter, watch, workers, compiling)
    if done.interrupted:
        raise KeyboardInterrupt
    for name in done.platforms:
        said = verdict(done, name)
        assert said is not None, "a quarter that was not interrupted is whole"
        place = Place("T1", QUARTER, SAYS, name)
        measured = f"{100.0 * said['measured']:.1f} % of one person's working time"
        found.append(Checked(place, said["holds"], measured, said["because"]))
    return found


def _in_scenarios(
    work: Work,
    watch: Watch,
    workers: int | None,
    compiling: Callable[[], AbstractContextManager[object]],
) -> list[Checked]:
    tasks = [task for case in work.cases for task in case.tasks]
    requests = {case.name: requests_of(case.tasks[0].plan) for case in work.cases}
    engine = engines.ready("auto", sum(requests[task.plan.name] for task in tasks), compiling)
    tasks = [task._replace(plan=replace(task.plan, engine=engine)) for task in tasks]
    tasks.sort(key=lambda task: -requests[task.plan.name])  # the longest first
    finished: dict[int, Replication] = {}
    run_tasks(tasks, watch, min(len(tasks), workers or os.cpu_count() or 1), finished)
    figures = {(task.plan.name, task.platform): finished[i].figures for i, task in enumerate(tasks)}
    found = []
    for case in work.cases:
        own = {task.platform: figures[case.name, task.platform] for task in case.tasks}
        for claim, row in zip(case.claims, evaluate(case.claims, own), strict=True):
            allowed = words.bounds(claim.metric, claim.low, claim.high)
            measured = f"{claim.metric} {words.figure(claim.metric, row['measured'])} ({allowed})"
            place = Place(claim.id, f"run {case.name}", claim.says, claim.platform)
            found.append(Checked(place, row["holds"], measured, claim.because))
    return found
