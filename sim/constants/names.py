"""What stands behind a study: every constant with its source, the command line that asks for the
same, and the versions that answered."""

from __future__ import annotations

import pkgutil
import platform
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from sim import __version__
from sim.constants.facts import Fact, facts_of
from sim.platforms import own_modules, written


def constants(platforms: Iterable[str] = ()) -> list[Fact[Any]]:
    """Every constant with a source, by name: found in the modules that use them, and in the files
    of those of `platforms` that come from outside the package."""
    modules = [*own_modules(platforms), *map(import_module, _modules())]
    found = {fact.name: fact for module in modules for fact in facts_of(module)}
    return [found[name] for name in sorted(found)]


def _modules() -> Iterator[str]:
    yield "sim.constants.facts"
    for package in ("sim.control", "sim.platforms"):
        paths = import_module(package).__path__
        yield from (one.name for one in pkgutil.walk_packages(paths, f"{package}."))


def versions() -> tuple[tuple[str, str], ...]:
    """What a result depends on: name and version."""
    return (
        ("Outage Lab", __version__),
        ("Python", platform.python_version()),
        ("numpy", np.__version__),
    )


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
