"""`sim table`: the article's ten rows, measured by taking one capability away at a time.

Each row's scenario runs on each platform and, where the platform has the capability, without it.
All runs share the processors as those of a study do; nothing is written until all are done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

from sim import __version__
from sim.control.core.choices import Encrypting
from sim.dataplane import engines
from sim.library.scenarios import list_scenarios, load_scenario
from sim.platforms import load
from sim.results.figures import total
from sim.results.summary import Replication
from sim.study.article.article import CLAIMS, MEASURES, ROWS, Claim, Row
from sim.study.article.table_text import ArticleTable, Loss, Measured, Verdict, verdict
from sim.study.study import DEFAULT_SEED, plan, requests_of
from sim.study.workers import Task, Watch, run_tasks

PLATFORMS = ("compose", "kubernetes", "compose_hardened", "kubernetes_tuned")
KEEP_NONE = -1  # no seed is this: whole runs stay in their process, figures alone come back


class Work(NamedTuple):
    """All runs of a table, each once (rows may share a scenario)."""

    tasks: list[Task]
    rows: tuple[tuple[Row, tuple[str, ...]], ...]  # with the platforms of each row


def prepare(
    platforms: Iterable[str] | None = None, seed: int = DEFAULT_SEED, reps: int = 1
) -> Work:
    """Check everything, and list the runs. Raises `InputError`."""
    wanted = tuple(platforms or PLATFORMS)
    rows, tasks = [], {}
    for row in ROWS:
        planned = plan(row.scenario, wanted, seed, reps, ablate=[row.capability])
        rows.append((row, planned.platforms))
        for name in planned.platforms:
            for k in range(reps):
                tasks[row.scenario, name, seed + k] = Task(planned, name, seed + k)
    return Work(list(tasks.values()), tuple(rows))


def measure(
    work: Work,
    watch: Watch = lambda tick: None,
    workers: int | None = None,
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> ArticleTable:
    """Run all of it. KeyboardInterrupt stops it, and nothing is kept."""
    engine = engines.ready("auto", sum(requests_of(task.plan) for task in work.tasks), compiling)
    # the longest first, so that no processor waits for the last one
    order = sorted(work.tasks, key=lambda task: -requests_of(task.plan))
    tasks = [
        task._replace(plan=replace(task.plan, engine=engine, seed=KEEP_NONE)) for task in order
    ]
    finished: dict[int, Replication] = {}
    run_tasks(tasks, watch, min(len(tasks), workers or os.cpu_count() or 1), finished)
    found: dict[tuple[str, str], list[Replication]] = {}
    for index in sorted(finished, key=lambda i: order[i].seed):
        task = order[index]
        found.setdefault((task.plan.name, task.platform), []).append(finished[index])
    rows = tuple(
        Measured(row, {name: _loss(found[row.scenario, name]) for name in names})
        for row, names in work.rows
    )
    first = min(task.seed for task in work.tasks)
    return ArticleTable(
        rows=rows,
        verdicts=tuple(v for v in (_verdict(claim, rows) for claim in CLAIMS) if v is not None),
        elsewhere=elsewhere(),
        seed=first,
        reps=max(task.seed for task in work.tasks) - first + 1,
        version=__version__,
    )


def elsewhere() -> dict[str, tuple[str, ...]]:
    """Claim ids that scenarios check, and which."""
    found: dict[str, list[str]] = {}
    for name in list_scenarios():
        scenario = load_scenario(name)
        cases = [(name, scenario.claims)]
        cases += [(f"{name}:{v}", one.claims or []) for v, one in scenario.variants.items()]
        for where, claims in cases:
            for claim in claims:
                known = found.setdefault(claim.id, [])
                if where not in known:
                    known.append(where)
    return {ident: tuple(found[ident]) for ident in sorted(found)}


def _verdict(claim: Claim, rows: Iterable[Measured]) -> Verdict | None:
    measured = next(m for m in rows if m.row.capability == claim.capability)
    whose = claim.platform if claim.kind == "lacks" else "compose"
    filled = getattr(load(whose), claim.capability) is not None
    secrets = load("kubernetes").secrets
    encrypted = isinstance(secrets, Encrypting) and secrets.encrypted_at_rest
    return verdict(claim, measured, filled, encrypted)


def _loss(replications: list[Replication]) -> Loss:
    return {
        name: fmean(total(each.figures, measure.path) for each in replications)
        for name, measure in MEASURES.items()
    }
