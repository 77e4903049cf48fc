"""Outage Lab: replay outages of a small platform under Docker Compose, Kubernetes and others.

    import sim
    r = sim.run("container_crash", platform="kubernetes", seed=7)
    r.summary; r.timeline; r.series; r.plot()
    sim.compare("black_friday", ["compose", "kubernetes"], reps=30).table()

`import sim` is light: each name loads what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.library.scenarios import list_scenarios, load_scenario
    from sim.library.stacks import list_stacks, load_stack, service
    from sim.platforms import add as add_platform
    from sim.platforms.platform import Platform
    from sim.schema.fields import InputError
    from sim.schema.scenario import Scenario
    from sim.schema.stack import Stack
    from sim.study.comparison import compare, list_platforms, run
    from sim.study.decision.answers import Finding, audit, cheapest, decide, sweep
    from sim.study.result import Result, columns
    from sim.study.session import Session

__version__ = "0.3.0"

__all__ = [
    "Finding",
    "InputError",
    "Platform",
    "Result",
    "Scenario",
    "Session",
    "Stack",
    "add_platform",
    "audit",
    "cheapest",
    "columns",
    "compare",
    "decide",
    "list_platforms",
    "list_scenarios",
    "list_stacks",
    "load_scenario",
    "load_stack",
    "run",
    "service",
    "sweep",
]

_ANSWERS = "sim.study.decision.answers"
_HOME = {
    "Finding": _ANSWERS,
    "InputError": "sim.schema.fields",
    "Platform": "sim.platforms.platform",
    "Result": "sim.study.result",
    "Scenario": "sim.schema.scenario",
    "Session": "sim.study.session",
    "Stack": "sim.schema.stack",
    "add_platform": "sim.platforms",
    "audit": _ANSWERS,
    "cheapest": _ANSWERS,
    "columns": "sim.study.result",
    "compare": "sim.study.comparison",
    "decide": _ANSWERS,
    "list_platforms": "sim.study.comparison",
    "list_scenarios": "sim.library.scenarios",
    "list_stacks": "sim.library.stacks",
    "load_scenario": "sim.library.scenarios",
    "load_stack": "sim.library.stacks",
    "run": "sim.study.comparison",
    "service": "sim.library.stacks",
    "sweep": _ANSWERS,
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), "add" if name == "add_platform" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
