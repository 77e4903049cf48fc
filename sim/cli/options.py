"""What the commands of the command line share: exit statuses and kinds of options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token

DONE, NOT_HELD, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 70, 130
Flag = Annotated[bool, Parameter(negative="")]


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number as written; cyclopts alone would take `--reps 1.5` for 2."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f'"{text}" is no whole number.')
    return int(text)


Whole = Annotated[int, Parameter(converter=_whole)]
