"""The command `sim claims`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from sim.cli.options import DONE, Flag, Whole
from sim.cli.replay import REPORTS


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
    from sim.report import files  # noqa: PLC0415
    from sim.report.text.progress import compiling, counting  # noqa: PLC0415
    from sim.study.article import claims as every  # noqa: PLC0415 - simpy loads with it
    from sim.study.article import claims_text as report  # noqa: PLC0415

    known = every.places()
    if not measure:
        sys.stdout.write(report.json_text(known, None) if json else report.text(known, None))
        return DONE
    work = every.prepare(seed)
    files.check_folder(out, report.FILES)
    errors = Console(stderr=True)
    with counting(work.runs, errors) as watch:
        found = every.measure(work, watch, compiling=partial(compiling, errors))
    files.replace_folder(out, lambda to: report.fill(known, found, seed, to), report.FILES)
    sys.stdout.write(report.json_text(known, found) if json else report.text(known, found))
    print(f"claims: {out}", file=sys.stderr)
    return DONE
