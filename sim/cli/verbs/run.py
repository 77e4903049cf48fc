"""`sim run`: replay a scenario on a platform or several, and write what it showed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sim.cli.options import Flag, Plots, Settings, Whole, names


def run(
    scenario: str,
    /,
    *,
    platform: str | None = None,
    stack: str | None = None,
    traffic: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    settings: Settings = None,
    ablate: str | None = None,
    engine: Literal["auto", "compiled", "reference"] = "auto",
    out: Path | None = None,
    json: Flag = False,
    plots: Plots = True,
    export: str = "",
    watch: Flag = False,
    postmortem: Flag = False,
    check: Flag = False,
    store: Path | None = None,
    workers: Whole | None = None,
    until: str | None = None,
) -> int:
    """Replay a scenario and write what it showed.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    stack
        Name of a stack, or path to a stack's or docker-compose YAML file.
    traffic
        CSV file of arrivals (`time,rate`, or a time stamp a line) in place of the scenario's.
    seed
        Seed of the first replication.
    reps
        Replications, with seeds counting up.
    settings
        PATH=VALUE, e.g. stack.services.api.replicas=3; may be given several times.
    ablate
        Capabilities (autoscaling,rollback): platforms also run without, as PLATFORM-autoscaling.
    engine
        Data plane.
    out
        Folder for the report [default: reports/SCENARIO].
    json
        Print summary.json and nothing else on standard output.
    plots
        Draw the plots.
    export
        More files, separated by commas: trace (for Perfetto), openmetrics, parquet, k6; or all.
    watch
        Show the runs live: events as they happen, users' success, the backlog.
    postmortem
        Run it again with one thing changed at a time, and say what each would have saved.
    check
        Exit with status 1 if a claim or the SLO does not hold.
    store
        Folder that keeps each replication as it ends; the same command goes on from there.
    workers
        Processes at most [default: as many as there are processors, if that is sooner].
    until
        METRIC=HALFWIDTH: replications until the mean is known so well (95 %), e.g. downtime_s=5.
    """
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(
        scenario, names(platform), seed, reps, stack, settings or (), engine, traffic,
        names(ablate) or (), until,
    )  # fmt: skip
    shown = Show(json=json, plots=plots, watch=watch, check=check, postmortem=postmortem)
    return report(ask, out, export, shown, store, workers)
