"""`sim fit`: what a request costs, from the durations in a log."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sim.cli.options import DONE, Flag, StackOf, Traffic, say
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.imports.traffic.durations import TimedRequests
    from sim.study.fit import Demand, Fit

STACK = Path("fitted.yaml")


def fit(
    *,
    traffic: Traffic = None,
    stack: StackOf = None,
    path: Annotated[str, Parameter(name="--path")] = "",
    out: Path = STACK,
    force: Flag = False,
) -> int:
    """Tell from a log with durations what a request costs and how many are served at once.

    Parameters
    ----------
    path
        Requests whose path matches this pattern alone.
    out
        The stack's file to write, with what was found for the service that users call.
    force
        Replace the file if it is there.
    """
    from sim.cli.delivery import not_there, write_text  # noqa: PLC0415
    from sim.imports.evidence import Imported, Origin  # noqa: PLC0415
    from sim.imports.stack_text import stack_text  # noqa: PLC0415
    from sim.imports.traffic.durations import read_timed  # noqa: PLC0415
    from sim.library.stacks import DEFAULT_STACK, load_stack  # noqa: PLC0415
    from sim.study import fit as study  # noqa: PLC0415
    from sim.study.fit import fitted_stack  # noqa: PLC0415

    if not traffic:
        raise InputError("--traffic", found="no log", expected="a log with durations")
    if not force:
        not_there(out)
    base = load_stack(stack or DEFAULT_STACK)
    timed = read_timed(traffic, path)
    made = study.fit(
        timed.arrive, timed.duration, timed.paths, timed.resolution_s, traffic[0], timed.database
    )
    print("\n".join([*read(timed), *lines(made)]))
    changed, paths = fitted_stack(base, made)
    why = Origin("file", f"{traffic[0]}: {study.describe(made)}")
    words = ["sim", "fit", *(word for name in traffic for word in ("--traffic", name))]
    imported = Imported(changed, dict.fromkeys(paths, why), ())
    write_text(out, stack_text(imported, shlex.join(words)))
    return say(f"stack: {out}", DONE)


def read(timed: TimedRequests) -> Iterator[str]:
    """How many requests were read, and what of them was not."""
    from sim.imports.traffic.durations import MOST_REQUESTS  # noqa: PLC0415

    used = len(timed.duration)
    first = ", the first ones; what comes after them is not read" if used == MOST_REQUESTS else ""
    silent = f", {timed.silent:,} that do not say how long left out" if timed.silent else ""
    yield f"read         {used:,} requests{first}{silent}"


def lines(made: Fit) -> Iterator[str]:
    """What was found, a row each."""
    from sim.study.fit import describe  # noqa: PLC0415

    yield f"a request    {describe(made)}"
    yield f"its mean     {_range(made.demand)}"
    for path, demand in made.paths.items():
        yield f"  {path}: {demand.law.mean * 1000:.3g} ms, {_range(demand)}"
    for share, (real, low, high) in made.checks.items():
        words = f"{real * 1000:.4g} ms in the log, {low * 1000:.4g} to {high * 1000:.4g} simulated"
        yield f"p{share * 100:<11g} {words}"
    if made.places is None:
        yield f"worth        up to {made.inside} inside at once: no limit was reached in the log"
    else:
        yield f"worth        up to {made.utilisation:.0%} of the places busy, as in the log"
    yield from _told(made)


def _told(made: Fit) -> Iterator[str]:
    """What of a request is a database's, or why that is not known."""
    if made.database is not None:
        seconds = f"{made.database.law.mean * 1000:.3g} ms of it, {_range(made.database)}"
        yield f"databases    {seconds}: of those that met nobody"
    elif made.alone:
        few = f"{made.alone} requests that met nobody say how long they were there, of 200 wanted"
        yield f"not told     what of it is a database's: {few}"
    else:
        yield "not told     what of it is a database's or another service's"


def _range(demand: Demand) -> str:
    bounds = f"{demand.low * 1000:.3g} to {demand.high * 1000:.3g} ms"
    return f"{bounds}, nine times in ten ({demand.requests:,} requests)"
