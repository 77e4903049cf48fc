"""What the verbs of the command line share: exit statuses, kinds of options, folders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

DONE, NOT_HELD, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 70, 130
REPORTS = Path("reports")


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number as written; cyclopts alone would take `--reps 1.5` for 2."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f'"{text}" is no whole number.')
    return int(text)


Flag = Annotated[bool, Parameter(negative="")]
Whole = Annotated[int, Parameter(converter=_whole)]
Plots = Annotated[bool, Parameter(name="--plots", negative="--no-plots")]
Settings = Annotated[list[str] | None, Parameter(name="--set", negative="")]

# ---- those of a replay, with their words ----
Seed = Annotated[int, Parameter(converter=_whole, help="Seed of the first replication.")]
Reps = Annotated[
    int | None,
    Parameter(
        converter=_whole,
        help="Replications, with seeds counting up [default: 10, 5, 3 or 1 by the study's size].",
    ),
]
Equal = Annotated[
    bool,
    Parameter(
        negative="",
        help="Give every platform the same replicas, cores, restart policy, limits, checks and "
        "stop delays, as far as it has the field.",
    ),
]
Rungs = Annotated[
    bool,
    Parameter(
        negative="",
        help="Of two platforms: from the worse to the better one change at a time, each run again.",
    ),
]
Full = Annotated[bool, Parameter(negative="", help="Print all rows, not those alone that differ.")]
StackOf = Annotated[
    str | None,
    Parameter(help="Name of a stack, or path to a stack's or docker-compose YAML file."),
]
SetOf = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="PATH=VALUE, e.g. stack.services.api.replicas=3; may be given several times.",
    ),
]
Out = Annotated[Path | None, Parameter(help="Folder for the report [default: reports/SCENARIO].")]
Summary = Annotated[
    bool,
    Parameter(negative="", help="Print summary.json and nothing else on standard output."),
]
Drawn = Annotated[bool, Parameter(name="--plots", negative="--no-plots", help="Draw the plots.")]
Kept = Annotated[
    Path | None,
    Parameter(
        help="Folder that keeps each replication as it ends; the same command goes on from there."
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        converter=_whole,
        help="Processes at most [default: as many as there are processors, if that is sooner].",
    ),
]
Enough = Annotated[
    str | None,
    Parameter(
        help="METRIC=HALFWIDTH: replications until the mean is known so well (95 %), e.g. "
        "downtime_s=5."
    ),
]


def names(text: str | None) -> list[str] | None:
    """`a, b` as a list; None where nothing was said."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def say(message: str, status: int) -> int:
    """Tell it on standard error; returns the status."""
    print(message, file=sys.stderr)
    return status
