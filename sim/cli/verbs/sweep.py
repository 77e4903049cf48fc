"""`sim sweep`: one or two knobs turned, or every number that nobody knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sim.cli.options import (
    AS_USUAL,
    REPORTS,
    Drawn,
    Flag,
    Json,
    Platforms,
    Several,
    StudyOf,
    Whole,
    names,
)
from sim.schema.fields import InputError


def sweep(
    scenario: str,
    /,
    *,
    vary: Several = None,
    chosen: Flag = False,
    metric: str | None = None,
    platform: Platforms = None,
    options: StudyOf = AS_USUAL,
    reps: Whole | None = None,
    out: Path | None = None,
    json: Json = False,
    plots: Drawn = True,
) -> int:
    """Turn one knob or two through their values, or each number that nobody knows.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    vary
        PATH=1..8 or PATH=A|B; a second one after a comma, or given again.
    chosen
        Each chosen constant at half and double: a tornado, and what flips the verdict.
    metric
        Figures, separated by commas; the first decides [default: downtime_s,availability,cost.usd].
    reps
        Seeds at each point, the same ones [default: 5; with --chosen 3, or 1 of long runs].
    out
        Folder for Markdown, CSV, JSON and a picture [default: reports/sweep, or tornado].
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import sensitivity, sweep  # noqa: PLC0415
    from sim.study.decision.knobs import knobs  # noqa: PLC0415

    seeds = (0 if chosen else 5) if reps is None else reps  # 0: see sensitivity.prepare
    ask = Ask(**options.of(scenario, platform), reps=seeds)
    if chosen == bool(vary):
        found = "both" if chosen else "neither"
        raise InputError(field="--vary, --chosen", found=found, expected="one of them")
    if chosen:
        tornado = sensitivity.prepare(ask, metric or sensitivity.METRIC)
        measure = partial(sensitivity.measure, tornado)
        folder = out or REPORTS / "tornado"
        return reported(sensitivity.PAGE, measure, spoken(options), folder, json, plots)
    curve = sweep.prepare(ask, knobs(vary or ()), names(metric) or sweep.METRICS)
    folder = out or REPORTS / "sweep"
    return reported(sweep.PAGE, partial(sweep.measure, curve), spoken(options), folder, json, plots)
