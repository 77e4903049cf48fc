"""`sim table`: the article's table, measured."""

from __future__ import annotations

import sys
from pathlib import Path

from sim.cli.options import DONE, REPORTS, Flag, Plots, Whole, names, say


def table(
    *,
    platform: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    out: Path = REPORTS / "table",
    json: Flag = False,
    plots: Plots = True,
) -> int:
    """Measure the article's table: ten capabilities, each taken away once.

    Parameters
    ----------
    platform
        Platforms, separated by commas [default: compose, kubernetes and their hardened variants].
    seed
        Seed of the first replication.
    reps
        Replications, with seeds counting up; figures are then means.
    out
        Folder for table.md, table.csv, table.json and table.png.
    json
        Print table.json and nothing else on standard output.
    plots
        Draw the picture.
    """
    from sim.cli.console import counted  # noqa: PLC0415
    from sim.report import files  # noqa: PLC0415
    from sim.study.article import table_text as text  # noqa: PLC0415
    from sim.study.article.table import measure, prepare  # noqa: PLC0415

    runs = prepare(names(platform), seed, reps)
    files.check_folder(out, text.FILES)
    with counted(len(runs.batch.tasks)) as run:
        measured = measure(runs, run)
    files.replace_folder(out, lambda folder: text.fill(measured, folder, plots), text.FILES)
    sys.stdout.write(text.json_text(measured) if json else text.text(measured))
    return say(f"table: {out}", DONE)
