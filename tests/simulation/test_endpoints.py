"""A stack whose users ask endpoints in a mix, from its file to the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

import sim
from tests.simulation.runs import same

# nothing is drawn but who comes when, and what he asks: a page takes 2 ms of CPU and 1 ms of the
# database, paying 5 ms and 100 ms at the till; the rest 1 ms
STACK = {
    "name": "mixed",
    "mix": {"page": 0.7, "pay": 0.2},
    "services": {
        "web": {
            "role": "http",
            "port": 80,
            "concurrency": 64,
            "accepts": "at_once",
            "cpu": {"demand": "1ms"},
            "endpoints": {
                "page": [{"cpu": "2ms"}, {"query": "db", "demand": "1ms"}],
                "pay": [{"cpu": "5ms"}, {"call": "till", "endpoint": "charge"}],
            },
            "pools": {"db": {"size": 8}},
        },
        "till": {
            "role": "http",
            "concurrency": 64,
            "endpoints": {"charge": [{"wait": "100ms"}], "refund": [{"wait": "1s"}]},
        },
        "db": {"role": "postgres", "connect": "0s"},
    },
}
SHORT = {"scenario.horizon": "6m", "scenario.traffic.rate": "5/s"}


def ran(platform: str, engine: str = "compiled", **settings: object) -> sim.Result:
    return sim.run(
        "container_crash", stack=STACK, platform=platform,
        engine=engine, settings={**SHORT, **settings},
    )  # fmt: skip


def test_figures_of_each_endpoint_on_any_platform():
    seen = []
    for name in ("compose", "kubernetes"):
        figures = ran(name).platforms[name]
        endpoints = figures["endpoints"]
        assert list(endpoints) == ["(none)", "page", "pay"]
        seen.append([row["asked"] for row in endpoints.values()])
        assert sum(seen[-1]) == figures["requests"]["arrived"]
        assert endpoints["page"]["asked"] / sum(seen[-1]) == pytest.approx(0.7, abs=0.05)
        half = {name: row["latency_s"]["p50"] for name, row in endpoints.items()}
        assert half == pytest.approx({"(none)": 0.001, "page": 0.003, "pay": 0.105}, rel=0.05)
        assert 0 < figures["callers"]["web"]["till"]["calls"] <= endpoints["pay"]["asked"]
    assert seen[0] == seen[1], "the same users ask the same, whoever answers"


def test_a_scenario_says_another_mix_and_both_engines_tell_the_same():
    mix = {"scenario.traffic.mix": {"pay": 1}}
    (run,), (twin,) = (ran("compose", engine, **mix).runs for engine in ("compiled", "reference"))
    assert run.engine != twin.engine
    assert run.recording.endpoints[:, 0].tolist() == [0, 0, run.gauge.arrived]
    same(run, replace(twin, engine=run.engine))
