"""A small outage in a few lines: events on the article's stack."""

from __future__ import annotations

from functools import cache
from typing import Any

from sim.library.stacks import load_stack
from sim.results.run import Run, TimelineRow
from sim.schema.scenario import Event, Scenario
from sim.schema.stack import Stack
from sim.simulation.simulation import run_once
from tests import ENGINE

CALM = {  # an operator without luck: each of her steps takes exactly its mean
    "stack.operator.detect": "60s",
    "stack.operator.acknowledge": "100s",
    "stack.operator.login": "20s",
    "stack.operator.diagnose": "40s",
    "stack.operator.investigate": "60s",
    "stack.operator.misled": "0%",
    "stack.operator.unnoticed": "0%",
    "stack.operator.command": "10s",
    "stack.operator.missed_page": "0%",
    "stack.operator.mistake": "0%",
    "stack.services.api.boot": "8s",
    "stack.services.worker.boot": "6s",
    "stack.services.postgres.recovery": "500ms",
    "stack.servers.machine.boot": "120s",
    "stack.servers.machine.reboot": "120s",
}


@cache
def sspp() -> Stack:
    return load_stack("sspp")


def replay(
    *events: dict[str, Any],
    platform: str = "compose",
    seed: int = 1,
    horizon_s: float = 1800.0,
    rate: float = 1.0,
    settings: dict[str, Any] | None = None,
    stack: Stack | None = None,
    engine: str = ENGINE,
    calm: bool = True,
    **scenario: Any,
) -> Run:
    """Run events (each `{"at": seconds, kind: {...}}`) on a stack (default: the article's).
    `calm`: with the operator of CALM, else with the stack's."""
    made = Scenario(
        name="test",
        title="test",
        lesson="test",
        horizon=horizon_s,
        traffic=scenario.pop("traffic", {"rate": rate}),
        events=[Event.model_validate(event) for event in events],
        set={**(CALM if calm else {}), **(settings or {})},
        **scenario,
    )
    return run_once(made, stack or sspp(), platform, seed, engine=engine)


def rows(run: Run, event: str, subject: str = "") -> list[TimelineRow]:
    """The lines of the timeline of this kind."""
    return [row for row in run.timeline if row.event == event and subject in row.subject]


def when(run: Run, event: str, subject: str = "") -> list[float]:
    return [round(row.t_s, 6) for row in rows(run, event, subject)]
