"""The command line that asks for a study again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from sim.platforms import written


def command_of(
    scenario: object,
    platforms: Sequence[str],
    seed: int,
    reps: int,
    stack: object,
    settings: Mapping[str, Any] | Sequence[str],
    engine: str,
    traffic: str | None,
) -> str:
    """`python -m sim run ...` for the arguments of `sim.study.study.plan`; empty if one of
    them is a record, which no command line can name."""
    if not isinstance(scenario, str) or not (stack is None or isinstance(stack, str)):
        return ""
    words = ["python", "-m", "sim", "run", scenario, "--platform"]
    words.append(",".join(written(name) for name in platforms))
    words += ["--seed", str(seed)]
    words += ["--reps", str(reps)] if reps > 1 else []
    words += ["--stack", stack] if stack else []
    words += ["--traffic", traffic] if traffic else []
    words += ["--engine", engine] if engine != "auto" else []
    pairs = settings.items() if isinstance(settings, Mapping) else None
    told = settings if pairs is None else [f"{path}={value}" for path, value in pairs]
    for setting in told:
        words += ["--set", str(setting)]
    return shlex.join(words)
