"""`sim compare`: `run --platform all`."""

from __future__ import annotations

from pathlib import Path

from sim.cli.options import Flag, Plots, Settings, Whole, names


def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
    stack: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    settings: Settings = None,
    out: Path | None = None,
    json: Flag = False,
    plots: Plots = True,
    store: Path | None = None,
    workers: Whole | None = None,
    until: str | None = None,
) -> int:
    """Replay a scenario on every platform, with the same customers: `run --platform all`.

    Parameters
    ----------
    scenario
        Name, NAME:VARIANT, or path to a YAML file.
    platform
        Names or ./files.py, separated by commas, or `all`.
    stack
        Name of a stack, or path to a stack's or docker-compose YAML file.
    seed
        Seed of the first replication.
    reps
        Replications, with seeds counting up.
    settings
        PATH=VALUE, e.g. stack.services.api.replicas=3; may be given several times.
    out
        Folder for the report [default: reports/SCENARIO].
    json
        Print summary.json and nothing else on standard output.
    plots
        Draw the plots.
    store
        Folder that keeps each replication as it ends; the same command goes on from there.
    workers
        Processes at most [default: as many as there are processors, if that is sooner].
    until
        METRIC=HALFWIDTH: replications until the mean is known so well (95 %), e.g. downtime_s=5.
    """
    from sim.cli.report import Show, report  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415

    ask = Ask(scenario, names(platform), seed, reps, stack, settings or (), until=until)
    return report(ask, out, "", Show(json=json, plots=plots), store, workers)
