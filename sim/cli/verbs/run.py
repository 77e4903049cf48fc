"""`sim run`: replay a scenario on a platform or several, and write what it showed."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sim.cli.options import (
    Drawn,
    Engine,
    Enough,
    Equal,
    Excerpt,
    Expected,
    Flag,
    Full,
    JUnit,
    Orders,
    Out,
    ReadingOf,
    Reps,
    Rungs,
    Seed,
    SetOf,
    SiteOf,
    StackOf,
    Summary,
    Traffic,
    Unknowns,
    chosen,
    corrected,
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
    reading: ReadingOf = None,
    traffic: Traffic = None,
    excerpt: Annotated[Excerpt | None, Parameter(name="*")] = None,
    seed: Seed = 1,
    reps: Reps = None,
    settings: SetOf = None,
    ablate: str | None = None,
    engine: Engine = "auto",
    out: Out = None,
    json: Summary = False,
    plots: Drawn = True,
    export: Annotated[str, Parameter(help=EXPORT)] = "",
    watch: Flag = False,
    postmortem: Flag = False,
    check: Flag = False,
    equal_means: Equal = False,
    rungs: Rungs = False,
    orders: Orders = False,
    unknowns: Unknowns = False,
    full: Full = False,
    site: SiteOf = None,
    until: Enough = None,
    expect: Expected = None,
    junit: JUnit = None,
) -> int:
    """Replay a scenario and write what it showed.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    ablate
        Capabilities (autoscaling,rollback): platforms also run without, as PLATFORM-autoscaling.
    watch
        Show the runs live: events as they happen, users' success, the backlog.
    postmortem
        Run it again with one thing changed at a time, and say what each would have saved.
    check
        Exit with status 1 if the SLO or, on its own stack, a claim of the article does not hold.
    """
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, [*(settings or ()), *chosen(excerpt)],
        engine, traffic, names(ablate) or (), until, equal_means, **corrected(reading),
    )  # fmt: skip
    shown = Show(
        json, plots, watch, postmortem, check, tuple(expect or ()), junit, rungs or orders, orders,
        unknowns, full,
    )  # fmt: skip
    return report(ask, out, export, shown, site)
