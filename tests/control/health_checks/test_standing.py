"""Checks that the data plane goes on with by itself: nothing may show that nobody asked."""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.core.world import World
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.plane import StandingCheck
from sim.results.run import Run
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan
from tests.platforms.random_outages import night

STANDS = CompiledPlane.stand
PHASES = ("probe/", "healthcheck/", "servicecheck/", "alb/phase", "haproxy/phase")


def on_a_grid(world: World, name: str) -> float:
    """Probes begin on whole seconds, as do all that sync, heartbeat and sample."""
    drawn = DRAWN(world, name)
    return round(drawn * 10) / 10 if name.startswith(PHASES) else drawn


DRAWN = World.random


def story(seed: int, platform: str, monkeypatch: Any, stands: bool) -> tuple[Any, int]:
    """All that a night leaves, and how many checks stood."""
    stood = 0

    def stand(plane: CompiledPlane, check: StandingCheck) -> bool:
        nonlocal stood
        stood += stands
        return stands and STANDS(plane, check)

    monkeypatch.setattr(CompiledPlane, "stand", stand)
    planned = plan(Ask(night(seed)))
    run: Run = run_once(planned.scenario, planned.stack, platform, seed, engine="compiled")
    recording = run.recording
    tables = [recording.requests, recording.jobs, recording.latency, *run.series.values()]
    return (run.timeline, run.spans, run.gauge, [each.tobytes() for each in tables]), stood


@pytest.mark.parametrize("grid", [False, True], ids=["any time", "whole seconds"])
@pytest.mark.parametrize(
    ("platform", "seed"),
    [
        *(("kubernetes", seed) for seed in range(3)),
        *(("compose_hardened", seed) for seed in range(2)),
        *((platform, 0) for platform in ("swarm", "nomad", "ecs_fargate")),
    ],
)
def test_nobody_sees_who_asks(
    platform: str, seed: int, grid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On whole seconds a question meets heartbeats, syncs and answers at its very instant."""
    if grid:
        monkeypatch.setattr(World, "random", on_a_grid)
    by_hand, none = story(seed, platform, monkeypatch, stands=False)
    standing, stood = story(seed, platform, monkeypatch, stands=True)
    assert none == 0
    assert stood > 0
    assert standing == by_hand
