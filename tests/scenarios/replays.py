"""Runs of the scenarios that come with the program, each made once, and what their users felt."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sim.library.scenarios import list_incidents, list_scenarios, load_scenario
from sim.library.stacks import load_stack
from sim.results.run import Run
from sim.results.summary import Figures, figures
from sim.results.verdicts import evaluate
from sim.schema.fields import parse_duration
from sim.schema.scenario import Scenario
from sim.simulation.simulation import run_once
from tests import ENGINE


def variants() -> Iterator[str]:
    """Every scenario, `NAME`, and after each its variants, `NAME:VARIANT`."""
    for name in (*list_scenarios(), *list_incidents()):
        yield name
        yield from (f"{name}:{variant}" for variant in load_scenario(name).variants)


@cache
def scenario(name: str) -> Scenario:
    return load_scenario(name)


@cache
def replay(name: str, platform: str, seed: int = 1, horizon: str = "") -> Run:
    """A run of `NAME` or `NAME:VARIANT`, cut short at `horizon`."""
    settings: dict[str, Any] = {"scenario.horizon": horizon} if horizon else {}
    if horizon:
        late = load_scenario(name)
        points = [p for p in late.traffic.points if p.at < parse_duration(horizon)]
        settings["scenario.traffic.points"] = [
            {"at": f"{p.at:g}s", "rate": f"{p.rate:g}/s", "ramp": f"{p.ramp:g}s"} for p in points
        ]
    read = load_scenario(name, settings=settings)
    return run_once(read, load_stack(read.stack), platform, seed, engine=ENGINE)


@cache
def measured(name: str, platform: str, seed: int = 1) -> Figures:
    return figures(replay(name, platform, seed))


def share_failed(run: Run, begin_s: float, end_s: float) -> float:
    """The share of requests of these seconds that got no good answer; 0 where nobody came."""
    arrived, succeeded = run.recording.requests[int(begin_s) : int(end_s), :2].sum(axis=0)
    return 1.0 - float(succeeded) / float(arrived) if arrived else 0.0


def worst_minute(run: Run) -> float:
    """The largest share of requests of a minute that failed, from the first event on."""
    assert run.fault_s is not None
    minutes = range(int(run.fault_s), int(run.horizon_s) - 59, 60)
    return max(share_failed(run, begin, begin + 60) for begin in minutes)


def claims(name: str, platform: str, seed: int = 1) -> dict[str, Any]:
    """The rows of the claims about one platform, by their ids."""
    rows = evaluate(load_scenario(name).claims, {platform: measured(name, platform, seed)})
    return {row["id"]: row for row in rows}
