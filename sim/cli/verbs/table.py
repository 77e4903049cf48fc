"""`sim table`: the article's table, measured."""

from __future__ import annotations

from pathlib import Path

from sim.cli.options import REPORTS, Flag, Plots, Whole, names


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
    from sim.cli.delivery import deliver, parts_written  # noqa: PLC0415
    from sim.report.folder import check_folder  # noqa: PLC0415
    from sim.study.article import table_text as text  # noqa: PLC0415
    from sim.study.article.table import measure, prepare  # noqa: PLC0415

    runs = prepare(names(platform), seed, reps)
    check_folder(out, text.FILES)
    with counted(len(runs.batch.tasks)) as run:
        measured = measure(runs, run)
    return deliver(
        "table",
        out,
        parts_written(out, text.parts(measured, plots), text.FILES),
        lambda: print(text.json_text(measured) if json else text.text(measured), end=""),
    )
