"""`sim compare`: `run --platform all`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sim.cli.options import (
    Ablated,
    Checked,
    Drawn,
    EngineOf,
    Enough,
    Equal,
    Excerpt,
    Expected,
    Full,
    JUnit,
    Kept,
    Out,
    PostMortem,
    Reps,
    Rungs,
    Seed,
    SetOf,
    StackOf,
    Summary,
    Traffic,
    Watched,
    Workers,
)
from sim.cli.verbs.run import EXPORT, run


def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
    stack: StackOf = None,
    traffic: Traffic = None,
    excerpt: Annotated[Excerpt | None, Parameter(name="*")] = None,
    seed: Seed = 1,
    reps: Reps = None,
    settings: SetOf = None,
    ablate: Ablated = None,
    engine: EngineOf = "auto",
    equal_means: Equal = False,
    out: Out = None,
    json: Summary = False,
    plots: Drawn = True,
    export: Annotated[str, Parameter(help=EXPORT)] = "",
    watch: Watched = False,
    postmortem: PostMortem = False,
    rungs: Rungs = False,
    full: Full = False,
    check: Checked = False,
    store: Kept = None,
    workers: Workers = None,
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
    """
    return run(
        scenario, platform=platform, stack=stack, traffic=traffic, excerpt=excerpt, seed=seed,
        reps=reps, settings=settings, ablate=ablate, engine=engine, equal_means=equal_means,
        out=out, json=json, plots=plots, export=export, watch=watch, postmortem=postmortem,
        rungs=rungs, full=full, check=check, store=store, workers=workers, until=until,
        expect=expect, junit=junit,
    )  # fmt: skip
