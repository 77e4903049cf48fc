"""`sim run`: replay a scenario on a platform or several, and write what it showed."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from sim.cli.options import (
    Drawn,
    Enough,
    Equal,
    Flag,
    Full,
    Kept,
    Out,
    Reps,
    Rungs,
    Seed,
    SetOf,
    StackOf,
    Summary,
    Workers,
    names,
)
from sim.report.exports.formats import listed

EXPORT = f"More files, separated by commas: {listed()}; or all."


def run(
    scenario: str,
    /,
    *,
    platform: str | None = None,
    stack: StackOf = None,
    traffic: str | None = None,
    seed: Seed = 1,
    reps: Reps = None,
    settings: SetOf = None,
    ablate: str | None = None,
    engine: Literal["auto", "compiled", "reference"] = "auto",
    out: Out = None,
    json: Summary = False,
    plots: Drawn = True,
    export: Annotated[str, Parameter(help=EXPORT)] = "",
    watch: Flag = False,
    postmortem: Flag = False,
    check: Flag = False,
    equal_means: Equal = False,
    rungs: Rungs = False,
    full: Full = False,
    store: Kept = None,
    workers: Workers = None,
    until: Enough = None,
) -> int:
    """Replay a scenario and write what it showed.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    traffic
        CSV file of arrivals (`time,rate`, or a time stamp a line) in place of the scenario's.
    ablate
        Capabilities (autoscaling,rollback): platforms also run without, as PLATFORM-autoscaling.
    engine
        Data plane.
    watch
        Show the runs live: events as they happen, users' success, the backlog.
    postmortem
        Run it again with one thing changed at a time, and say what each would have saved.
    check
        Exit with status 1 if a claim or the SLO does not hold.
    """
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, settings or (), engine, traffic,
        names(ablate) or (), until, equal_means,
    )  # fmt: skip
    shown = Show(json, plots, watch, postmortem, check, rungs, full)
    return report(ask, out, export, shown, store, workers)
