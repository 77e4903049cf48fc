"""Planned work where a task has a machine of its own: only what has a volume is on one of ours."""

import pytest

from sim.dataplane.tables import SUCCEEDED
from tests.platforms.outage import FAULT_S, replay, when

SERVERLESS = ("ecs_fargate", "cloud_run")


@pytest.mark.parametrize("platform", SERVERLESS)
def test_the_server_of_the_database_is_emptied_and_comes_back(platform):
    run = replay(platform, {"drain": {"lasts": 30.0}}, horizon_s=900.0)
    assert {row.subject for row in run.timeline if row.event == "drain"} == {"server-1"}
    (drained,), (back,) = when(run, "drained"), when(run, "server_up")
    (done,) = when(run, "maintenance")
    assert drained < back < done
    placed = [t for t in when(run, "placed", "postgres") if t >= drained]
    assert placed == [done]  # nothing is put on a server that is being worked on
    answered = run.recording.requests[:, SUCCEEDED]
    assert answered[int(FAULT_S + done) + 60 :].sum() > 0


@pytest.mark.parametrize("platform", SERVERLESS)
def test_nobody_patches_the_machine_of_a_task(platform):
    run = replay(platform, {"drain": {"hosting": "http", "lasts": 30.0}})
    assert when(run, "drain") == []
    assert when(run, "maintenance", "finished") != []
