"""What the verbs of the command line share: exit statuses, kinds of options, folders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

DONE, NOT_HELD, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 70, 130
REPORTS = Path("reports")
Flag = Annotated[bool, Parameter(negative="")]
Plots = Annotated[bool, Parameter(name="--plots", negative="--no-plots")]
Settings = Annotated[list[str] | None, Parameter(name="--set", negative="")]


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number as written; cyclopts alone would take `--reps 1.5` for 2."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f'"{text}" is no whole number.')
    return int(text)


Whole = Annotated[int, Parameter(converter=_whole)]


def names(text: str | None) -> list[str] | None:
    """`a, b` as a list; None where nothing was said."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def say(message: str, status: int) -> int:
    """Tell it on standard error; returns the status."""
    print(message, file=sys.stderr)
    return status
