"""`sim claims`: the article's claims, where each is checked and what holds."""

from __future__ import annotations

import sys
from pathlib import Path

from sim.cli.options import DONE, REPORTS, Flag, Whole


def claims(
    *, measure: Flag = False, seed: Whole = 1, json: Flag = False, out: Path = REPORTS / "claims"
) -> int:
    """List the article's claims: where each is checked, and with --measure what holds.

    Parameters
    ----------
    measure
        Run all of it (some 600 runs, two minutes or three), and write claims.md and claims.json.
    seed
        Seed of the runs of --measure.
    json
        Print JSON and nothing else on standard output.
    out
        Folder for the files of --measure.
    """
    from sim.cli.console import counted  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.article import claims as study  # noqa: PLC0415 - simpy loads with it
    from sim.study.article.claims_text import PAGE, ClaimsReport  # noqa: PLC0415

    listed = ClaimsReport(study.places(), seed=seed)
    if not measure:
        sys.stdout.write(PAGE.json(listed) if json else PAGE.text(listed))
        return DONE
    runs = study.prepare(seed)
    return reported(
        PAGE, lambda run: listed._replace(checks=study.measure(runs, run)), counted(runs.size),
        out, json,
    )  # fmt: skip
