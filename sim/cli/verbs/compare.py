"""`sim compare`: `run --platform all`, with the options of `run`."""

from __future__ import annotations

from functools import wraps
from inspect import getdoc
from typing import Any

from sim.cli.verbs.run import run

ALL = "Replay a scenario on every platform, with the same customers: `run --platform all`."


@wraps(run, assigned=("__annotations__",))  # its signature, and what each option is
def compare(*words: Any, **options: Any) -> int:
    return run(*words, **{"platform": "all", **options})


_, _, _PARAMETERS = (getdoc(run) or "").partition("\n")
compare.__doc__ = f"{ALL}\n{_PARAMETERS}".replace("the scenario's own", "all")
