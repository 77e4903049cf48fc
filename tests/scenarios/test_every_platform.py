"""Every scenario and every variant on every platform, not only on those that it names."""

from __future__ import annotations

import pytest

from sim.library.scenarios import list_incidents, load_scenario
from sim.library.stacks import load_stack
from sim.platforms import names
from sim.schema.fields import InputError
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan
from tests import EACH, ENGINE
from tests.scenarios.replays import variants

AFTER_S = 120.0  # so long after the first event a run is cut short
QUIET_S = 900.0  # at most so long before it
# the third server is lost, and where every task has a machine of its own there is one server, for
# what has a volume
NO_SUCH_SERVER = {
    (scenario, platform)
    for scenario in ("half_open_connections", "silent_connections")
    for platform in ("cloud_run", "ecs_fargate")
}

# an incident is about the platforms that it names: its variants run there, and itself everywhere
DAYS = list_incidents()
NAMES = [name for name in variants() if name.partition(":")[0] not in DAYS]
LATE = {"queue_backlog:to_zero"}  # nobody comes before its second half hour


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_planned_everywhere(name: str) -> None:
    for platform in names():
        ask = Ask(name, platforms=(platform,))
        if (name.partition(":")[0], platform) in NO_SUCH_SERVER:
            with pytest.raises(InputError, match=f"so many servers {platform} has"):
                plan(ask)
        else:
            assert [case.platform for case in plan(ask).cases] == [platform]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "platform"),
    [
        (name, platform)
        for row, name in enumerate([*NAMES, *DAYS])
        for column, platform in enumerate(names())
        if (row + column) % EACH == 0
    ],
)
def test_it_runs_everywhere(name: str, platform: str) -> None:
    """The first minutes after the first event, with a tenth of the users."""
    if (name.partition(":")[0], platform) in NO_SUCH_SERVER:
        pytest.skip("it cannot be planned there, which has its test above")
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
    assert run.gauge.arrived > 0 or name in LATE
