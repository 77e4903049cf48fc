"""One event on the article's stack under any platform; what was said."""

from __future__ import annotations

from functools import cache
from typing import Any

from sim.dataplane.tables import ARRIVED, SUCCEEDED
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.results.run import Run
from sim.results.summary import replication
from sim.simulation.simulation import run_once
from tests.control import outage

FAULT_S = 120.0


def replay(
    platform: str,
    event: dict[str, Any] | None,
    *,
    rate: float = 6.0,
    horizon_s: float = 400.0,
    settings: dict[str, Any] | None = None,
    traffic: dict[str, Any] | None = None,
    seed: int = 1,
    timeout_s: float = 5.0,
) -> Run:
    """One event at FAULT_S; users wait for `timeout_s`."""
    return outage.replay(
        *([{"at": FAULT_S, **event}] if event else []),
        platform=platform, seed=seed, horizon_s=horizon_s, settings=settings, calm=False,
        traffic=traffic or {"rate": rate, "client": {"timeout": timeout_s}},
    )  # fmt: skip


@cache
def figures(
    scenario: str, platform: str, seed: int = 1, settings: tuple[tuple[str, Any], ...] = ()
) -> dict[str, Any]:
    """summary.json's entry of one run of one of our scenarios."""
    found = load_scenario(scenario)
    found = found.model_copy(update={"set": {**found.set, **dict(settings)}})
    run = run_once(found, load_stack(found.stack), platform, seed)
    return replication(run, keep=False).figures


def when(run: Run, event: str, text: str = "") -> list[float]:
    """Seconds after the fault of the timeline's rows of a kind."""
    return [r.t_s - FAULT_S for r in run.timeline if r.event == event and text in r.text]


def availability(run: Run) -> float:
    total = run.recording.requests.sum(axis=0)
    return float(total[SUCCEEDED] / total[ARRIVED])
