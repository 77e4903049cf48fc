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
    from sim.cli.delivery import deliver, parts_written  # noqa: PLC0415
    from sim.report.folder import check_folder  # noqa: PLC0415
    from sim.study.article import claims_text as text  # noqa: PLC0415
    from sim.study.article.claims import measure as measured  # noqa: PLC0415
    from sim.study.article.claims import places, prepare  # noqa: PLC0415 - simpy loads with it

    known = places()
    if not measure:
        sys.stdout.write(text.json_text(known, None) if json else text.text(known, None))
        return DONE
    runs = prepare(seed)
    check_folder(out, text.FILES)
    with counted(runs.size) as run:
        checks = measured(runs, run)
    return deliver(
        "claims",
        out,
        parts_written(out, text.parts(known, checks, seed), text.FILES),
        lambda: print(text.json_text(known, checks) if json else text.text(known, checks), end=""),
    )
