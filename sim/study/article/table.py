"""`sim table`: the article's ten rows, measured by taking one capability away at a time.

Each row's scenario runs on each platform and, where the platform has the capability, without it.
All runs share the processors as those of a study do; nothing is written until all are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sim import __version__
from sim.control.core.choices import Encrypting
from sim.library.scenarios import claims_by_run, list_scenarios
from sim.platforms import load
from sim.results.summary import Replication, mean_total
from sim.study.article.article import CLAIMS, MEASURES, ROWS, ArticleRow, GeneralClaim
from sim.study.article.table_text import ArticleTable, Cell, Measured, TableVerdict, verdict
from sim.study.ask import DEFAULT_SEED, Ask
from sim.study.batch import Batch, Runner
from sim.study.plan import plan

PLATFORMS = ("compose", "kubernetes", "compose_hardened", "kubernetes_tuned")


class TableRuns(NamedTuple):
    """All runs of a table, each once (rows may share a scenario)."""

    batch: Batch
    rows: tuple[tuple[ArticleRow, tuple[str, ...]], ...]  # with the platforms of each row


def prepare(
    platforms: Iterable[str] | None = None, seed: int = DEFAULT_SEED, reps: int = 1
) -> TableRuns:
    """Check everything, and list the runs. Raises `InputError`."""
    wanted = tuple(platforms or PLATFORMS)
    rows, cases = [], {}
    for row in ROWS:
        planned = plan(Ask(row.scenario, wanted, seed, reps, ablate=[row.capability]))
        rows.append((row, planned.platforms))
        cases.update({(case.name, case.platform): case for case in planned.cases})
    seeds = tuple(range(seed, seed + reps))
    return TableRuns(Batch(tuple(cases.values()), seeds), tuple(rows))


def measure(runs: TableRuns, run: Runner = Batch.run) -> ArticleTable:
    """Run all of it. KeyboardInterrupt stops it, and nothing is kept. `run`: how."""
    cells = {
        (case.name, case.platform): _cell(replications)
        for case, replications in zip(runs.batch.cases, run(runs.batch).whole(), strict=True)
    }
    rows = tuple(
        Measured(row, {name: cells[row.scenario, name] for name in names})
        for row, names in runs.rows
    )
    return ArticleTable(
        rows=rows,
        verdicts=tuple(r for r in (_verdict(claim, rows) for claim in CLAIMS) if r is not None),
        elsewhere=elsewhere(),
        seed=runs.batch.seeds[0],
        reps=len(runs.batch.seeds),
        version=__version__,
    )


def elsewhere() -> dict[str, tuple[str, ...]]:
    """Claim ids that scenarios check, and which."""
    scenarios: dict[str, dict[str, None]] = {}  # in their order
    for where, claims in claims_by_run(list_scenarios()):
        for claim in claims:
            scenarios.setdefault(claim.id, {})[where] = None
    return {ident: tuple(scenarios[ident]) for ident in sorted(scenarios)}


def _verdict(claim: GeneralClaim, rows: Iterable[Measured]) -> TableVerdict | None:
    measured = next(m for m in rows if m.row.capability == claim.capability)
    whose = claim.platform if claim.kind == "lacks" else "compose"
    filled = getattr(load(whose), claim.capability) is not None
    secrets = load("kubernetes").secrets
    encrypted = isinstance(secrets, Encrypting) and secrets.encrypted_at_rest
    return verdict(claim, measured, filled, encrypted)


def _cell(replications: Sequence[Replication]) -> Cell:
    return {name: mean_total(replications, m.path) for name, m in MEASURES.items()}
