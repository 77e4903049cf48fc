"""`sim table`: the article's table, measured."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sim.cli.options import REPORTS, Drawn, Json, Seed, Whole, names


def table(
    *,
    platform: str | None = None,
    seed: Seed = 1,
    reps: Whole = 1,
    out: Path = REPORTS / "table",
    json: Json = False,
    plots: Drawn = True,
) -> int:
    """Measure the article's table: ten capabilities, each taken away once.

    Parameters
    ----------
    platform
        Platforms, separated by commas [default: compose, kubernetes and their hardened variants].
    reps
        Replications, with seeds counting up; figures are then means.
    out
        Folder for table.md, table.csv, table.json and table.png.
    """
    from sim.cli.console import counted  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.article.table import measure, prepare  # noqa: PLC0415
    from sim.study.article.table_text import PAGE  # noqa: PLC0415

    runs = prepare(names(platform), seed, reps)
    runner = counted(len(runs.batch.tasks))
    return reported(PAGE, partial(measure, runs), runner, out, json, plots)
