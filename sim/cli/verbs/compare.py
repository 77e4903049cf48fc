"""`sim compare`: `run --platform all`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sim.cli.options import (
    Drawn,
    Enough,
    Excerpt,
    Expected,
    JUnit,
    Kept,
    Out,
    Reps,
    Seed,
    SetOf,
    StackOf,
    Summary,
    Traffic,
    Workers,
    chosen,
    names,
)


def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
    stack: StackOf = None,
    traffic: Traffic = None,
    excerpt: Annotated[Excerpt | None, Parameter(name="*")] = None,
    seed: Seed = 1,
    reps: Reps = 1,
    settings: SetOf = None,
    out: Out = None,
    json: Summary = False,
    plots: Drawn = True,
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
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, [*(settings or ()), *chosen(excerpt)],
        traffic=traffic, until=until,
    )  # fmt: skip
    show = Show(json=json, plots=plots, expect=tuple(expect or ()), junit=junit)
    return report(ask, out, "", show, store, workers)
