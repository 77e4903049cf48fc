"""`sim sweep`: one or two knobs turned, or every number that nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from sim.study.ask import Ask


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
    from sim.cli.studies import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import sensitivity_text, sweep_text  # noqa: PLC0415

    seeds = (0 if chosen else 5) if reps is None else reps  # 0: see sensitivity.prepare
    ask = Ask(**options.of(scenario, platform), reps=seeds)
    measure = _doubts(ask, vary, metric) if chosen else _curve(ask, vary or (), names(metric))
    folder = out or REPORTS / ("tornado" if chosen else "sweep")
    page = sensitivity_text.PAGE if chosen else sweep_text.PAGE
    return reported(page, measure, spoken(options), folder, json, plots)


def _curve(ask: Ask, vary: Sequence[str], metrics: Sequence[str] | None) -> Callable[..., Any]:
    from sim.study.decision import sweep as study  # noqa: PLC0415

    if not vary:
        raise InputError(field="--vary, --chosen", found="neither", expected="one of them")
    return partial(study.measure, study.prepare(ask, vary, metrics or study.METRICS))


def _doubts(ask: Ask, vary: object, metric: str | None) -> Callable[..., Any]:
    from sim.study.decision import sensitivity as study  # noqa: PLC0415

    if vary:
        raise InputError(field="--vary, --chosen", found="both", expected="one of them")
    return partial(study.measure, study.prepare(ask, metric or study.METRIC))
