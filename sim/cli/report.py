"""What `run` and `compare` do: run, write the report, show it, say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sim.cli.console import Workplace, counted, place
from sim.cli.options import DONE, NOT_HELD, REPORTS, USAGE, Conditions, Show, Site, say
from sim.report.text import gates
from sim.report.text.columns import aligned
from sim.results.expectations import Judgement, expectations, judged
from sim.results.services import table_paths
from sim.schema.fields import InputError
from sim.study.plan import plan

if TYPE_CHECKING:
    from sim.study.ask import Ask
    from sim.study.batch import Runner
    from sim.study.plan import Plan
    from sim.study.result import Result

SHOWN = 25  # lines of the timeline of each platform on the terminal; the files have all


def report(ask: Ask, out: Path | None, show: Show, conditions: Conditions, site: Site) -> int:
    """Do what was asked for and write its report; returns the exit status. Raises `InputError`."""
    from sim.cli.artist import hired  # noqa: PLC0415
    from sim.cli.delivery import deliver  # noqa: PLC0415
    from sim.report import files  # noqa: PLC0415
    from sim.report.exports.formats import named  # noqa: PLC0415
    from sim.report.folder import check_folder  # noqa: PLC0415
    from sim.report.plots import drawable  # noqa: PLC0415
    from sim.report.text import traffic  # noqa: PLC0415

    planned = plan(ask.with_causes() if show.postmortem else ask)
    expected = expectations(
        conditions.expect or (), planned.platforms, tables=table_paths(planned.cases[0].stack)
    )
    _check_junit(conditions.junit)
    if show.rungs or show.orders:
        from sim.study.rungs import two  # noqa: PLC0415

        two(planned)  # before the run
    folder = out or REPORTS / planned.name.replace(":", "-")
    exports = named(show.export)
    check_folder(folder, files.OURS)  # before the run: nobody wants to learn it afterwards
    for label, lines in (
        ("assumed: ", planned.stack.assumed),
        ("not simulated: ", planned.stack.ignored),
        ("question: ", planned.stack.questions),
        ("scenario: ", planned.scenario.assumed),
        ("", planned.notes),
        ("traffic: ", traffic.lines(planned.recorded)),
    ):
        for line in lines:  # of somebody's own Compose file
            print(f"{label}{line}", file=sys.stderr)
    with hired(planned.platforms) if show.plots and drawable() else nullcontext() as artist:
        with place(site) as where:
            result, failure = _result(planned, show, where)
        drawing = artist.drawing if artist else None
        write = partial(files.write, result, folder, show.plots, exports, drawing)
        judgements = judged(expected, result.replications)
        printed = partial(_show, result, show, judgements)
        status = deliver("report", folder, write, printed, result.interrupted)
    if failure is not None:  # what was finished before it is shown
        raise failure
    if result.ended:
        print(f"ended: {result.ended}", file=sys.stderr)
    return _held(result, show, conditions.junit, judgements) if status == DONE else status


def _show(result: Result, show: Show, judgements: Sequence[Judgement]) -> None:
    """The expectations first; beside JSON they stand on standard error."""
    lines = gates.table(judgements)
    print(lines, end="", file=sys.stderr if show.json else sys.stdout)
    if show.json:
        from sim.report.files import summary_json  # noqa: PLC0415

        sys.stdout.write(summary_json(result))
    else:
        _print(result, show.full)


def _result(planned: Plan, show: Show, where: Workplace) -> tuple[Result, Exception | None]:
    """The study and, if asked for, what each change would have saved; and what ended it early."""
    from sim.report.text.progress import compiling, live, watching  # noqa: PLC0415
    from sim.study.batch import Batch, BatchSample  # noqa: PLC0415
    from sim.study.comparison import result_of, sampled  # noqa: PLC0415

    errors = Console(stderr=True)
    how: Any = {**where.how, "compiling": partial(compiling, errors)}
    screen: Any = live if show.watch else watching
    with screen(planned.platforms, planned.ask.reps, planned.scenario.horizon, errors) as watch:
        sample = sampled(
            planned, partial(Batch.run, store=where.store, watch=watch, salvage=True, **how)
        )
    result = result_of(planned, sample)
    if result.interrupted or sample.failure is not None:
        return result, sample.failure

    def run_counted(batch: Batch) -> BatchSample:
        with counted(len(batch.tasks)) as run:
            return run(batch, **where.how)

    if show.rungs or show.orders:
        from sim.study.rungs import climb  # noqa: PLC0415

        result = climb(planned, result, run_counted, show.orders)
    if show.unknowns and not result.interrupted:
        result = _with_unknowns(planned, result, run_counted)
    if show.postmortem and not result.interrupted:
        from sim.study.causes import investigate  # noqa: PLC0415

        result = investigate(planned, result, run_counted)
    return result, None


def _with_unknowns(planned: Plan, result: Result, run: Runner) -> Result:
    """The result with what its verdict hangs on."""
    from sim.study.decision import sensitivity  # noqa: PLC0415

    metric = result.decision.metric if result.decision is not None else sensitivity.METRIC
    tornado = sensitivity.measure(sensitivity.prepare(replace(planned.ask, reps=0), metric), run)
    return replace(
        result,
        unknowns=sensitivity.unknowns(tornado),
        interrupted=tornado.interrupted,
        command=result.command and f"{result.command} --unknowns",
    )


def _print(result: Result, full: bool) -> None:
    from sim.report.postmortem.text import plain  # noqa: PLC0415
    from sim.report.text import table  # noqa: PLC0415

    console = Console()
    if console.is_terminal:
        table.show(result, console, full)
    else:
        sys.stdout.write(result.table(full))
    if result.unknowns is not None:
        finding, rows, note = result.unknowns
        lines = ["", *wrap(finding, 100), *aligned(rows, 100), *wrap(note, 100), ""]
        sys.stdout.write("\n".join(lines))
    sys.stdout.write(f"\n{result.story(SHOWN)}")
    if result.counterfactuals is not None:
        sys.stdout.write(f"\n{plain(result)}")


def _check_junit(path: Path | None) -> None:
    """Before the run: nobody wants to learn it afterwards."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        found, expected = str(path), "the name of a file in a folder that is there"
        raise InputError(field="--junit", found=found, expected=expected)


def _held(result: Result, show: Show, junit: Path | None, judgements: Sequence[Judgement]) -> int:
    """Status 1 and a line for each expectation and, with `--check`, each claim and each SLO that
    did not hold; all of them as JUnit XML."""
    checks = gates.checks(result) if show.check else []
    if junit is not None:
        text = gates.junit(result.scenario, [*gates.expected(judgements), *checks])
        try:
            junit.write_text(text, encoding="utf-8")
        except OSError as error:
            return say(f"--junit: {junit} ({error.strerror})", USAGE)
    failures = [gate.failure for gate in checks if not gate.holds]
    if failures:
        say("\n".join(failures), NOT_HELD)
    return NOT_HELD if failures or not all(each.holds for each in judgements) else DONE
