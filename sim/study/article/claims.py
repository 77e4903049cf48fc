"""`sim claims`: every claim of the article, where it is checked, and (`--measure`) what holds.

Three kinds of places: scenarios and their variants, the article's table, the quarter (T1).
"""

from __future__ import annotations

from typing import NamedTuple

from sim.library.files import names_of
from sim.library.scenarios import claims_by_run
from sim.report.text import words
from sim.results.verdicts import evaluate
from sim.schema.scenario import Claim
from sim.simulation.case import Case
from sim.study.article import table
from sim.study.article.article import ARTICLE, CLAIMS
from sim.study.article.claims_text import ClaimCheck, ClaimPlace, belongs
from sim.study.ask import DEFAULT_SEED, Ask
from sim.study.batch import Batch, Runner
from sim.study.plan import plan
from sim.study.quarter import draw as quarter
from sim.study.quarter.tally import SAYS, Quarter, verdict

QUARTER = "quarter --reps 1"


def places() -> list[ClaimPlace]:
    """All of them, in the order of table, scenarios, quarter."""
    known = []
    for claim in CLAIMS:
        more = (
            "" if claim.platform in ("compose", "kubernetes") else f" --platform {claim.platform}"
        )
        known.append(ClaimPlace(claim.id, f"table{more}", claim.says, claim.platform))
    for name, claims in claims_by_run(names_of("scenario", "incident")):
        known += [ClaimPlace(c.id, f"run {name}", c.says, c.platform) for c in claims]
    return [*known, *(ClaimPlace("T1", QUARTER, SAYS, name) for name in quarter.PLATFORMS)]


# ---- measuring ----
class ClaimRuns(NamedTuple):
    """All runs that the article's claims need."""

    claims: dict[str, list[Claim]]  # of the article, by the scenario that decides them
    scenarios: Batch
    table: table.TableRuns
    quarter: Quarter

    @property
    def size(self) -> int:
        batches = (self.scenarios, self.table.batch, self.quarter.batch)
        return sum(len(batch.tasks) for batch in batches)


def prepare(seed: int = DEFAULT_SEED) -> ClaimRuns:
    """Check everything, and list the runs. Raises `InputError`."""
    by_scenario: dict[str, list[Claim]] = {}
    cases: list[Case] = []
    for name, all_claims in claims_by_run(names_of("scenario", "incident")):
        claims = [c for c in all_claims if any(belongs(c.id, said.id) for said in ARTICLE)]
        if claims:
            by_scenario[name] = claims
            cases += plan(Ask(name, dict.fromkeys(c.platform for c in claims), seed)).cases
    platforms = dict.fromkeys(["compose", "kubernetes", *(c.platform for c in CLAIMS)])
    return ClaimRuns(
        by_scenario,
        Batch(tuple(cases), (seed,)),
        table.prepare(platforms, seed),
        quarter.prepare(seed=seed),
    )


def measure(runs: ClaimRuns, run: Runner = Batch.run) -> list[ClaimCheck]:
    """Run all of it. KeyboardInterrupt stops it, and nothing is kept. `run`: how."""
    checks = []
    known = {(p.id, p.platform): p for p in places() if p.command.startswith("table")}
    for row in table.measure(runs.table, run).verdicts:
        place = known[row.claim.id, row.claim.platform]
        checks.append(ClaimCheck(place, row.holds, row.measured, row.claim.because))
    checks += in_scenarios(runs.claims, runs.scenarios, run)
    outcome = quarter.measure(runs.quarter, run)
    if outcome.interrupted:
        raise KeyboardInterrupt
    for name in outcome.platforms:
        toil = verdict(outcome, name)
        assert toil is not None, "a quarter that was not interrupted is whole"
        place = ClaimPlace("T1", QUARTER, SAYS, name)
        measured = f"{100.0 * toil['measured']:.1f} % of one person's working time"
        checks.append(ClaimCheck(place, toil["holds"], measured, toil["because"]))
    return checks


def in_scenarios(
    claims: dict[str, list[Claim]], batch: Batch, run: Runner = Batch.run
) -> list[ClaimCheck]:
    """What the runs of the scenarios say of their claims; `batch`: a case for each platform that a
    claim is about."""
    figures = {
        (case.name, case.platform): done.figures
        for case, (done,) in zip(batch.cases, run(batch).whole(), strict=True)
    }
    checks = []
    for name, own in claims.items():
        platforms = {platform: record for (of, platform), record in figures.items() if of == name}
        for claim, row in zip(own, evaluate(own, platforms), strict=True):
            allowed = words.bounds(claim.metric, claim.low, claim.high)
            measured = f"{claim.metric} {words.figure(claim.metric, row['measured'])} ({allowed})"
            place = ClaimPlace(claim.id, f"run {name}", claim.says, claim.platform)
            checks.append(ClaimCheck(place, row["holds"], measured, claim.because))
    return checks
