"""`sim compare`: `run --platform all`."""

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
)
from sim.cli.verbs.run import EXPORT, run


def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
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
    """Replay a scenario on every platform, with the same customers: `run --platform all`.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all`.
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
    return run(
        scenario, platform=platform, stack=stack, traffic=traffic, seed=seed, reps=reps,
        settings=settings, ablate=ablate, engine=engine, out=out, json=json, plots=plots,
        export=export, watch=watch, postmortem=postmortem, check=check, equal_means=equal_means,
        rungs=rungs, full=full, store=store, workers=workers, until=until,
    )  # fmt: skip
