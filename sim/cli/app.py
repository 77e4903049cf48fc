"""The command line: list, run, explain and more. A stable contract (DESIGN.md, section 6).

Exit status: 0 done; 1 `--check` and something did not hold; 2 bad usage or input, told in one
message; 70 a run contradicted itself (a defect of the program); 130 interrupted. Results go to
standard output, everything else to standard error. Heavy things load when a command needs them.
"""

from __future__ import annotations

import json as json_
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from sim import __version__
from sim.cli.claims import claims
from sim.cli.options import BROKEN, DONE, INTERRUPTED, USAGE, Flag, Whole
from sim.cli.replay import REPORTS, Show, replay
from sim.report.exports.formats import listed
from sim.schema.fields import InputError
from sim.workshop.commands import challenge, quiz

if TYPE_CHECKING:
    from sim.study.study import Plan

app = App(
    name="sim",
    help="Replay outages of a small platform under Docker Compose, Kubernetes and others.",
    version=__version__,
    help_format="plaintext",
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
EXPORT = f"More files, separated by commas: {listed()}; or all."
app.command(challenge)
app.command(claims)
app.command(quiz)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):  # a terminal without our dots and dashes gets `?`
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status = app(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
        return int(status or DONE)
    except (CycloptsError, InputError) as error:
        return _say(str(error), USAGE)
    except BrokenPipeError:  # `sim run ... | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return _say("interrupted: no run was finished", INTERRUPTED)
    except Exception as error:
        return _broken(error)


def _say(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


def _broken(error: Exception) -> int:
    """A defect of ours: what a report of it needs."""
    if type(error).__name__ != "BrokenRunError":
        traceback.print_exception(error)
    return _say(f"internal error (please report it with the command): {error}", BROKEN)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


# --- list -----------------------------------------------------------------------------------------


@app.command(name="list")
def list_(
    what: Literal["scenarios", "platforms", "stacks"] | None = None, /, *, json: Flag = False
) -> int:
    """List what there is to run.

    Parameters
    ----------
    what
        Only scenarios, platforms or stacks.
    json
        Print a JSON object of lists instead.
    """
    makers = {"scenarios": _scenarios, "platforms": _platforms, "stacks": _stacks}
    listed = {name: make() for name, make in makers.items() if what in (None, name)}
    if json:
        print(json_.dumps(listed, indent=2, ensure_ascii=False))
        return DONE
    for name, rows in listed.items():
        print(name)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            print(f"  {row['name']:<{width}}  {row['title']}")
    return DONE


def _scenarios() -> list[dict[str, str]]:
    from sim.library.scenarios import list_scenarios, load_scenario  # noqa: PLC0415

    rows = []
    for name in list_scenarios():
        found = load_scenario(name, run_on=())
        rows.append({"name": name, "title": found.title})
        rows += [
            {"name": f"{name}:{variant}", "title": one.says}
            for variant, one in found.variants.items()
        ]
    return rows


def _platforms() -> list[dict[str, str]]:
    from sim.platforms import headline, names  # noqa: PLC0415

    return [{"name": name, "title": headline(name)} for name in names()]


def _stacks() -> list[dict[str, str]]:
    from sim.library.stacks import list_stacks, load_stack  # noqa: PLC0415

    return [{"name": name, "title": load_stack(name).title} for name in list_stacks()]


# --- run ------------------------------------------------------------------------------------------


@app.command
def run(
    scenario: str,
    /,
    *,
    platform: str | None = None,
    stack: str | None = None,
    traffic: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    ablate: str | None = None,
    engine: Literal["auto", "compiled", "reference"] = "auto",
    out: Path | None = None,
    json: Flag = False,
    plots: Annotated[bool, Parameter(name="--plots", negative="--no-plots")] = True,
    export: Annotated[str, Parameter(help=EXPORT)] = "",
    watch: Flag = False,
    postmortem: Flag = False,
    check: Flag = False,
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
    watch
        Show the runs live: events as they happen, users' success, the backlog.
    postmortem
        Run it again with one thing changed at a time, and say what each would have saved.
    check
        Exit with status 1 if a claim or the SLO does not hold.
    """
    planned = _plan(scenario, platform, seed, reps, stack, settings, engine, traffic, ablate)
    shown = Show(json=json, plots=plots, watch=watch, check=check, postmortem=postmortem)
    return replay(planned, out, export, shown)


@app.command
def compare(
    scenario: str,
    /,
    *,
    platform: str = "all",
    stack: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    out: Path | None = None,
    json: Flag = False,
    plots: Annotated[bool, Parameter(name="--plots", negative="--no-plots")] = True,
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
    """
    planned = _plan(scenario, platform, seed, reps, stack, settings)
    return replay(planned, out, "", Show(json=json, plots=plots))


def _plan(
    scenario: str,
    platform: str | None,
    seed: int,
    reps: int,
    stack: str | None,
    settings: list[str] | None,
    engine: str = "auto",
    traffic: str | None = None,
    ablate: str | None = None,
) -> Plan:
    from sim.study import study  # noqa: PLC0415

    wanted, without, changes = _names(platform), _names(ablate) or (), settings or ()
    return study.plan(scenario, wanted, seed, reps, stack, changes, engine, traffic, without)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [one.strip() for one in text.split(",") if one.strip()]


# --- quarter --------------------------------------------------------------------------------------


@app.command
def quarter(
    *,
    platform: str | None = None,
    seed: Whole = 1,
    reps: Whole = 4,
    rates: Path | None = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    out: Path = REPORTS / "quarter",
    json: Flag = False,
    plots: Annotated[bool, Parameter(name="--plots", negative="--no-plots")] = True,
) -> int:
    """Replay quarters of ordinary incidents and planned work: what share of a week is that?

    Parameters
    ----------
    platform
        Platforms, separated by commas, or `all` [default: compose,kubernetes].
    seed
        Draws the incidents.
    reps
        Quarters, with seeds counting up; figures are means.
    rates
        YAML file of what happens how often [default: sim/study/quarter/rates.yaml].
    settings
        PATH=VALUE, e.g. stack.operator.monitoring=false; may be given several times.
    out
        Folder for quarter.md, quarter.csv, incidents.csv, quarter.json and quarter.png.
    json
        Print quarter.json and nothing else on standard output.
    plots
        Draw the picture.
    """
    from sim.report import files  # noqa: PLC0415
    from sim.report.text.progress import compiling, counting  # noqa: PLC0415
    from sim.study.quarter import draw as toil  # noqa: PLC0415
    from sim.study.quarter import text as report  # noqa: PLC0415
    from sim.study.quarter.rates import RATES, load_rates  # noqa: PLC0415

    wanted = toil.PLATFORMS if platform is None else _names(platform) or ()
    work = toil.prepare(wanted, seed, reps, load_rates(rates or RATES), settings or ())
    files.check_folder(out, report.FILES)
    errors = Console(stderr=True)
    with counting(len(work.runs), errors) as watch:
        done = toil.measure(work, watch, compiling=partial(compiling, errors))
    files.replace_folder(out, lambda folder: report.fill(done, folder, plots), report.FILES)
    sys.stdout.write(report.json_text(done) if json else report.text(done))
    if done.interrupted:
        return _say(f"interrupted: what was finished is in {out}", INTERRUPTED)
    print(f"report: {out}", file=sys.stderr)
    return DONE


# --- table ----------------------------------------------------------------------------------------


@app.command
def table(
    *,
    platform: str | None = None,
    seed: Whole = 1,
    reps: Whole = 1,
    out: Path = REPORTS / "table",
    json: Flag = False,
    plots: Annotated[bool, Parameter(name="--plots", negative="--no-plots")] = True,
) -> int:
    """Measure the article's table: ten capabilities, each taken away once.

    Parameters
    ----------
    platform
        Platforms, separated by commas [default: compose, kubernetes and their hardened variants].
    seed
        Seed of the first replication.
    reps
        Replications, with seeds counting up; figures are then means.
    out
        Folder for table.md, table.csv, table.json and table.png.
    json
        Print table.json and nothing else on standard output.
    plots
        Draw the picture.
    """
    from sim.report import files  # noqa: PLC0415
    from sim.report.text.progress import compiling, counting  # noqa: PLC0415
    from sim.study.article import table_text as article  # noqa: PLC0415
    from sim.study.article.table import measure, prepare  # noqa: PLC0415

    wanted = None if platform is None else [p.strip() for p in platform.split(",") if p.strip()]
    work = prepare(wanted, seed, reps)
    files.check_folder(out, article.FILES)
    errors = Console(stderr=True)
    with counting(len(work.tasks), errors) as watch:
        found = measure(work, watch, compiling=partial(compiling, errors))
    files.replace_folder(out, lambda folder: article.fill(found, folder, plots), article.FILES)
    sys.stdout.write(article.json_text(found) if json else article.text(found))
    print(f"table: {out}", file=sys.stderr)
    return DONE


# --- explain --------------------------------------------------------------------------------------


@app.command
def explain(subject: str, /) -> int:
    """Say what is assumed, with sources.

    Parameters
    ----------
    subject
        A scenario, stack, platform, capability (secrets), mechanism (canary), claim (K2), or a
        constant (hpa.sync), or the first word of some (hpa).
    """
    from sim.cli.explain import about  # noqa: PLC0415

    print(about(subject), end="")
    return DONE
