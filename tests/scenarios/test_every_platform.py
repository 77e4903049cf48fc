"""Every scenario and every variant on every platform, not only on those that it names."""

from __future__ import annotations

import pytest

from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.platforms import names
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan
from tests import ENGINE
from tests.scenarios.replays import variants

AFTER_S = 120.0  # so long after the first event a run is cut short
QUIET_S = 900.0  # at most so long before it


@pytest.mark.parametrize("name", list(variants()))
def test_it_can_be_planned_everywhere(name: str) -> None:
    chosen = {case.platform for case in plan(Ask(name, platforms=("all",))).cases}
    assert chosen == set(names())


@pytest.mark.slow
@pytest.mark.parametrize("platform", names())
@pytest.mark.parametrize("name", list(variants()))
def test_it_runs_everywhere(name: str, platform: str) -> None:
    """The first minutes after the first event, with a tenth of the users."""
    whole = load_scenario(name)
    first_s = min((event.at for event in whole.events), default=0.0)
    horizon_s = min(whole.horizon, min(first_s, QUIET_S) + AFTER_S)
    events = [event for event in whole.events if event.at < horizon_s]
    points = [point for point in whole.traffic.points if point.at < horizon_s]
    scale = whole.traffic.scale / 10.0
    traffic = whole.traffic.model_copy(update={"points": points, "scale": scale})
    short = whole.model_copy(
        update={"horizon": horizon_s, "events": events, "traffic": traffic, "claims": []}
    )
    run = run_once(short, load_stack(short.stack), platform, 1, engine=ENGINE)
    assert run.horizon_s == horizon_s
    assert run.gauge.arrived > 0
