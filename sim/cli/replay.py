"""`sim run` once everything is checked: run, write the report, show it, say how it ended."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from sim.cli.options import DONE, INTERRUPTED, NOT_HELD

if TYPE_CHECKING:
    from sim.study.result import Result
    from sim.study.study import Plan

REPORTS = Path("reports")
SHOWN = 25  # lines of the timeline of each platform on the terminal; the files have all


class Show(NamedTuple):
    """What the command line asks for beside the run."""

    json: bool
    plots: bool
    watch: bool = False
    postmortem: bool = False
    check: bool = False


def replay(planned: Plan, out: Path | None, export: str, asked: Show) -> int:
    """Run the plan and write its report; returns the exit status. Raises `InputError`."""
    from sim.cli.artist import hired  # noqa: PLC0415
    from sim.report import files  # noqa: PLC0415
    from sim.report.exports.formats import named  # noqa: PLC0415
    from sim.report.plots import drawable  # noqa: PLC0415
    from sim.study.workers import deaf  # noqa: PLC0415

    folder = out or REPORTS / planned.name.replace(":", "-")
    exports = named(export)
    files.check_folder(folder)  # before the run: nobody wants to learn it afterwards
    for said, lines in (
        ("assumed: ", planned.stack.assumed),
        ("not simulated: ", planned.stack.ignored),
        ("", planned.notes),
    ):
        for line in lines:  # of somebody's own Compose file
            print(f"{said}{line}", file=sys.stderr)
    with hired(planned.platforms) if asked.plots and drawable() else nullcontext() as artist:
        result = _run(planned, asked)
        with deaf():  # nothing that was finished is lost
            files.write(result, folder, asked.plots, exports, artist.drawing if artist else None)
    if asked.json:
        sys.stdout.write(files.summary_json(result))
    else:
        _show(result, folder)
    if result.interrupted:
        return _say(f"interrupted: what was finished is in {folder}", INTERRUPTED)
    return _checked(result) if asked.check else DONE


def _run(planned: Plan, asked: Show) -> Result:
    """The study and, if asked for, what each change would have saved."""
    from sim.report.text.live import live  # noqa: PLC0415
    from sim.report.text.progress import compiling, counting, watching  # noqa: PLC0415
    from sim.study.study import study  # noqa: PLC0415

    errors = Console(stderr=True)
    show: Any = live if asked.watch else watching
    with show(planned.platforms, planned.reps, planned.scenario.horizon, errors) as watch:
        result = study(planned, watch, compiling=partial(compiling, errors))
    if not asked.postmortem or result.interrupted:
        return result
    from sim.study.causes import investigate  # noqa: PLC0415

    return investigate(
        planned, result, lambda runs: counting(runs, errors), compiling=partial(compiling, errors)
    )


def _show(result: Result, folder: Path) -> None:
    from sim.report.postmortem.text import plain  # noqa: PLC0415
    from sim.report.text import table  # noqa: PLC0415

    console = Console()
    if console.is_terminal:
        table.show(result, console)
    else:
        sys.stdout.write(result.table())
    sys.stdout.write(f"\n{result.story(SHOWN)}")
    if result.counterfactuals is not None:
        sys.stdout.write(f"\n{plain(result)}")
    print(f"report: {folder}", file=sys.stderr)


def _checked(result: Result) -> int:
    """Status 1 and a line for each claim and each SLO that did not hold."""
    failures = [
        f"claim {row['id']} does not hold: {row['platform']}.{row['metric']} is {row['measured']}"
        for row in result.summary["claims"]
        if not row["holds"]
    ]
    failures += [
        f"the SLO does not hold under {name}"
        for name, replications in result.replications.items()
        if not all(one.slo_held for one in replications)
    ]
    return _say("\n".join(failures), NOT_HELD) if failures else DONE


def _say(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status
