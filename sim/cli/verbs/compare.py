"""`sim compare`: `run --platform all`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from sim.cli.options import (
    Drawn,
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
)
from sim.cli.verbs.run import EXPORT, run


def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
    stack: StackOf = None,
    reading: ReadingOf = None,
    traffic: Traffic = None,
    excerpt: Annotated[Excerpt | None, Parameter(name="*")] = None,
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
    orders: Orders = False,
    unknowns: Unknowns = False,
    full: Full = False,
    site: SiteOf = None,
    until: Enough = None,
    expect: Expected = None,
    junit: JUnit = None,
) -> int:
    """Replay a scenario on every platform, with the same customers: `run --platform all`.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all`.
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
    return run(
        scenario, platform=platform, stack=stack, reading=reading, traffic=traffic,
        excerpt=excerpt, seed=seed, reps=reps, settings=settings, ablate=ablate, engine=engine,
        out=out, json=json, plots=plots, export=export, watch=watch, postmortem=postmortem,
        check=check, expect=expect, junit=junit, equal_means=equal_means, rungs=rungs,
        orders=orders, unknowns=unknowns, full=full, site=site, until=until,
    )  # fmt: skip
