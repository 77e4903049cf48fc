"""`sim sweep`: one or two knobs turned, or every number that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sim.cli.options import (
    REPORTS,
    Drawn,
    Flag,
    Kept,
    Reps,
    Seed,
    SetOf,
    StackOf,
    Workers,
    names,
)
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.study.ask import Ask
    from sim.study.decision.sensitivity import Tornado
    from sim.study.decision.sweep import Sweep

Vary = Annotated[list[str] | None, Parameter(negative="")]


def sweep(
    scenario: str,
    /,
    *,
    vary: Vary = None,
    chosen: Flag = False,
    metric: str | None = None,
    platform: str | None = None,
    stack: StackOf = None,
    traffic: str | None = None,
    seed: Seed = 1,
    reps: Reps | None = None,
    settings: SetOf = None,
    out: Path | None = None,
    json: Flag = False,
    plots: Drawn = True,
    store: Kept = None,
    workers: Workers = None,
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
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    traffic
        CSV file of arrivals (`time,rate`, or a time stamp a line) in place of the scenario's.
    reps
        Seeds at each point, the same ones [default: 5; with --chosen 3].
    out
        Folder for Markdown, CSV, JSON and a picture [default: reports/sweep, or tornado].
    json
        Print sweep.json and nothing else on standard output.
    """
    from sim.cli.decisions import delivered, writable  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import sensitivity_text, sweep_text  # noqa: PLC0415

    if chosen == bool(vary):
        found = "both" if chosen else "neither"
        raise InputError(field="--vary, --chosen", found=found, expected="one of them")
    seeds = (3 if chosen else 5) if reps is None else reps
    ask = Ask(scenario, names(platform), seed, seeds, stack, settings or (), traffic=traffic)
    folder = out or REPORTS / ("tornado" if chosen else "sweep")
    text = writable(sensitivity_text if chosen else sweep_text, folder)
    done = (
        _doubted(ask, metric, store, workers)
        if chosen
        else _swept(ask, vary or (), names(metric), store, workers)
    )
    return delivered(text, done, folder, json, plots)


def _swept(
    ask: Ask, vary: Sequence[str], metrics: Sequence[str] | None, store: Path | None,
    workers: int | None,
) -> Sweep:  # fmt: skip
    from sim.cli.console import counted  # noqa: PLC0415
    from sim.study.decision import sweep as study  # noqa: PLC0415

    runs = study.prepare(ask, vary, metrics or study.METRICS)
    with counted(len(runs.batch.tasks), workers) as run:
        return study.measure(runs, partial(run, store=store))


def _doubted(ask: Ask, metric: str | None, store: Path | None, workers: int | None) -> Tornado:
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.study.decision import sensitivity as study  # noqa: PLC0415

    with spoken(workers, store) as run:
        return study.measure(study.prepare(ask, metric or study.METRIC), run)
