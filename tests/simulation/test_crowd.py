"""Users who come back, from a scenario's file to the figures."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import sim
from tests.simulation.runs import same

STACK = {
    "name": "one",
    "services": {"http": {"role": "http", "concurrency": 99, "steps": [{"wait": "1s"}]}},
}
CROWD = {
    "scenario.horizon": "2m", "scenario.traffic.rate": None, "scenario.traffic.users": 20,
    "scenario.traffic.think": "4s", "scenario.events.0.at": "1m",
}  # fmt: skip


@cache
def ran(platform: str = "compose", engine: str = "compiled", **more: str) -> sim.Result:
    settings = CROWD | {path.replace("__", "."): value for path, value in more.items()}
    return sim.run("container_crash", stack=STACK, platform=platform, engine=engine, seed=1, reps=1,
                   settings=settings)  # fmt: skip


def arrived(result: sim.Result) -> int:
    return next(iter(result.platforms.values()))["requests"]["arrived"]


def test_each_asks_once_in_a_thought_and_an_answer():
    """Every 5 s, and for a while every 4 s or so, refused at once: 24 to 30 times in 2 min."""
    assert 20 * 23 <= arrived(ran()) <= 20 * 30
    assert arrived(ran(scenario__traffic__scale="3")) == 3 * arrived(ran())


def test_both_engines_tell_the_same():
    (run,), (twin,) = ran().runs, ran(engine="reference").runs
    assert run.engine != twin.engine
    same(run, replace(twin, engine=run.engine))


def test_a_session_cannot_give_them_another_rate():
    session = sim.Session("container_crash", platform="compose", stack=STACK, settings=CROWD)
    session.advance(10.0)
    with pytest.raises(sim.InputError, match="users who come back"):
        session.do({"traffic": {"rate": "1/s"}})


def test_a_recording_takes_their_place(tmp_path):
    log = tmp_path / "times.csv"
    log.write_text("t\n" + "".join(f"{t}\n" for t in range(60)))
    result = sim.run("container_crash", stack=STACK, platform="compose", seed=1, reps=1,
                     settings=CROWD, traffic=str(log))  # fmt: skip
    assert arrived(result) == 60
