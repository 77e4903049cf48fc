"""`sim run`: replay a scenario on a platform or several, and write what it showed."""

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
    chosen,
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
    """Replay a scenario and write what it showed.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    """
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, [*(settings or ()), *chosen(excerpt)],
        engine, traffic, names(ablate) or (), until, equal_means,
    )  # fmt: skip
    shown = Show(
        json=json, plots=plots, watch=watch, check=check, postmortem=postmortem, rungs=rungs,
        full=full, expect=tuple(expect or ()), junit=junit,
    )  # fmt: skip
    return report(ask, out, export, shown, store, workers)
