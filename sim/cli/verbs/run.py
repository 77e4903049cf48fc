"""`sim run`: replay a scenario on a platform or several, and write what it showed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sim.cli.options import (
    ANYWHERE,
    AS_GUESSED,
    PLAIN,
    UNCONDITIONAL,
    WHOLE,
    ConditionsOf,
    ExcerptOf,
    ReadingOf,
    Seed,
    SetOf,
    ShowOf,
    SiteOf,
    StackOf,
    Traffic,
    Whole,
    names,
)


def run(
    scenario: str,
    /,
    *,
    platform: str | None = None,
    stack: StackOf = None,
    reading: ReadingOf = AS_GUESSED,
    traffic: Traffic = None,
    excerpt: ExcerptOf = WHOLE,
    seed: Seed = 1,
    reps: Whole | None = None,
    settings: SetOf = None,
    ablate: str | None = None,
    engine: Literal["auto", "compiled", "reference"] = "auto",
    out: Path | None = None,
    show: ShowOf = PLAIN,
    site: SiteOf = ANYWHERE,
    until: str | None = None,
    conditions: ConditionsOf = UNCONDITIONAL,
) -> int:
    """Replay a scenario and write what it showed.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    reps
        Replications, with seeds counting up [default: 10, 5, 3 or 1 by the study's size].
    ablate
        Capabilities (autoscaling,rollback): platforms also run without, as PLATFORM-autoscaling.
    engine
        Data plane.
    out
        Folder for the report [default: reports/SCENARIO].
    until
        METRIC=HALFWIDTH: replications until the mean is known so well (95 %), e.g. downtime_s=5.
    """
    from sim.cli.report import report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, [*(settings or ()), *excerpt.settings],
        engine, traffic, names(ablate) or (), until, show.equal_means, **reading.said,
    )  # fmt: skip
    return report(ask, out, show, conditions, site)
