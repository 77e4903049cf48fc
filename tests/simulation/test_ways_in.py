"""Users ask several services: from a stack's file to the figures, on every platform."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import sim
from sim.platforms import names
from tests.simulation.runs import same

# nothing is drawn but who comes when, and whom he asks: a vote takes 2 ms, a look at the results
# 4 ms of its own and 1 ms of the third service, which users ask for a tenth of the time, too. The
# published ports follow each other, as those of the voting app do: two replicas need others
STACK = {
    "name": "voting",
    "mix": {"result/all": 0.3, "tally": 0.1},
    "services": {
        "vote": {"role": "http", "port": 5000, "replicas": 2, "cpu": {"demand": "2ms"}},
        "result": {
            "role": "http",
            "port": 5001,
            "concurrency": 8,
            "steps": [{"cpu": "1ms"}],
            "endpoints": {"all": [{"cpu": "4ms"}, {"call": "tally"}]},
        },
        "tally": {"role": "http", "port": 5002, "concurrency": 8, "cpu": {"demand": "1ms"}},
    },
}
SHORT = {"scenario.horizon": "2m", "scenario.traffic.rate": "5/s", "scenario.events.0.at": "1m",
         "scenario.events.0.operator_kill.service": "result"}  # fmt: skip


@cache
def ran(platform: str, engine: str = "compiled") -> sim.Result:
    return sim.run("container_crash", stack=STACK, platform=platform, engine=engine,
                   settings=SHORT)  # fmt: skip


def figures_on(platform: str):
    return ran(platform).platforms[platform]


@pytest.mark.parametrize("name", names())
def test_each_service_has_its_share_on_every_platform(name):
    figures = figures_on(name)
    asked = {way: row["asked"] for way, row in figures["endpoints"].items()}
    arrived = figures["requests"]["arrived"]
    assert sum(asked.values()) == arrived
    assert list(asked) == ["vote", "result/all", "tally"]
    assert [n / arrived for n in asked.values()] == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    first = figures_on("compose")["endpoints"]
    assert asked == {way: row["asked"] for way, row in first.items()}, "the same users ask the same"
    users = {door: row["calls"] for door, row in figures["callers"]["users"].items()}
    assert list(users.values()) == list(asked.values())
    calls = figures["callers"]["result"]["tally"]["calls"]
    served = {service: row["asked"] for service, row in figures["services"].items()}
    assert served == {**users, "tally": users["tally"] + calls}
    half = [row["latency_s"]["p50"] for row in figures["endpoints"].values()]
    assert half == pytest.approx([0.002, 0.005, 0.001], rel=0.2)


def test_one_service_crashes_and_the_others_serve_on():
    """Nobody starts it again before the operator does."""
    rows = figures_on("compose")["endpoints"]
    assert sum(rows["result/all"]["failed"].values()) > 0
    assert sum(rows["vote"]["failed"].values()) == sum(rows["tally"]["failed"].values()) == 0
    assert figures_on("compose")["began_at"] == "result"


def test_both_engines_tell_the_same():
    (run,), (twin,) = ran("kubernetes").runs, ran("kubernetes", "reference").runs
    assert run.engine != twin.engine
    same(run, replace(twin, engine=run.engine))
