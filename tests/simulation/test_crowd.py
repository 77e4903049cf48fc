"""Users who come back, from a scenario's file to the figures."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import sim
from sim.imports import trace
from sim.schema.fields import LawSpec
from sim.schema.traffic import Point, Traffic
from tests.simulation.runs import same

INF = float("inf")
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


# ---- who come and go ----
def curve(*points: tuple[float, float, float], scale: float = 1.0) -> Traffic:
    listed = [Point(at=at, users=users, ramp=ramp) for at, users, ramp in points]
    return Traffic(points=listed, think=LawSpec(mean=1.0), scale=scale)


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        (Traffic(users=2, think=LawSpec(mean=1.0)), [(0, INF), (0, INF)]),
        (curve((0, 2, 0)), [(0, INF), (0, INF)]),
        # the third comes at 10 s; the last to have come goes first
        (curve((0, 2, 0), (10, 3, 0), (20, 1, 0)), [(0, INF), (0, 20), (10, 20)]),
        # ten more over ten seconds: one when the curve passes a half
        (curve((5, 3, 3)), [(5.5, INF), (6.5, INF), (7.5, INF)]),
        # back to none, and one of them again: a new stay
        (curve((0, 2, 0), (10, 0, 4), (20, 1, 0)), [(0, 13), (0, 11), (20, INF)]),
        (curve((0, 4, 0), scale=0.5), [(0, INF), (0, INF)]),
        (curve((0, 1, 0), (200, 9, 0)), [(0, INF)]),  # after the horizon
    ],
)
def test_a_curve_is_who_comes_and_goes(traffic, expected):
    stays = trace.stays(traffic, horizon_s=100.0)
    assert [s.begin_s for s in stays] == pytest.approx([begin for begin, _ in expected])
    assert [s.end_s for s in stays] == pytest.approx([end for _, end in expected])


def test_more_users_ask_more_for_as_long_as_they_are_there():
    """Ten who ask each 5 s; from 40 s on thirty, up to 80 s, who are refused at 60 s for a while
    and ask each 4 s then."""
    points = [{"users": 10}, {"at": "40s", "users": 30}, {"at": "80s", "users": 10}]
    settings = CROWD | {"scenario.traffic.users": None, "scenario.traffic.points": points}
    run = sim.run("container_crash", stack=STACK, platform="compose", seed=1, reps=1,
                  settings=settings)  # fmt: skip
    asked = run.series["requests_arrived"].to_numpy()
    before, more, after = (asked[a:b].sum() for a, b in ((10, 40), (45, 80), (85, 120)))
    assert 60 <= before <= 80
    assert 35 * 30 / 5 <= more <= 35 * 30 / 4 + 10
    assert 35 * 10 / 5 - 10 <= after <= 35 * 10 / 4 + 10
