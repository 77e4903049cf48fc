"""A run in your hands is the run that it would have been: stepped, looked at, replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sim
from sim.library.stacks import load_stack
from sim.platforms.own import files as own_files
from sim.results import ledger
from sim.results.run import Run
from sim.schema.scenario import Scenario
from sim.simulation import observation
from sim.simulation.case import Case
from sim.simulation.simulation import run_case
from tests import ENGINE
from tests.platforms.random_outages import draw_event, night
from tests.simulation.runs import same

STACK = load_stack("sspp")
ENGINES = ("reference", "compiled")
PLATFORMS = ("compose", "kubernetes", "swarm", "cloud_run")
BOTH = [(p, e) for p in PLATFORMS for e in ENGINES if e == ENGINE or p in ("compose", "kubernetes")]
KILL = {"operator_kill": {"service": "http"}}
few = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
many = settings(few, max_examples=30)


def whole(scenario: Scenario, platform: str, engine: str, seed: int = 1) -> Run:
    return run_case(Case.of(scenario, STACK, platform), seed, engine=engine)


def without_events(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"events": []})


def stops(data: Any, run: Run) -> list[float]:
    """Instants of a run: anywhere, at whole seconds, and exactly when something happens."""
    last = int(run.horizon_s) - 1
    moments = [row.t_s for row in run.timeline if row.t_s < run.horizon_s] or [0.0]
    any_time = st.one_of(
        st.floats(0.0, float(last)), st.integers(0, last).map(float), st.sampled_from(moments)
    )
    return sorted(data.draw(st.lists(any_time, min_size=1, max_size=12)))


def outages(data: Any, count: int) -> list[dict[str, Any]]:
    return [draw_event(data.draw(st.randoms(use_true_random=False))) for _ in range(count)]


# ---- stepping and looking ----
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_a_step_each_second_gives_the_run(engine: str, platform: str) -> None:
    session = sim.Session("container_crash", platform, seed=3, engine=engine)
    for second in range(1800):
        session.advance(second)
        session.look()
    run = sim.run("container_crash", platform, seed=3, engine=engine).runs[0]
    same(session.finish(), run)
    same(session.result().runs[0], run)
    assert session.result().summary == sim.run("container_crash", platform, seed=3,
                                               engine=engine).summary  # fmt: skip


def steps(data: Any, seed: int, platform: str, engine: str) -> None:
    scenario = night(seed)
    run = whole(scenario, platform, engine, seed)
    session = sim.Session(scenario, platform, seed, engine=engine)
    for stop in stops(data, run):
        session.advance(stop)
        for _ in range(data.draw(st.integers(0, 2))):
            json.dumps(session.look(), allow_nan=False)
    same(session.finish(), run)


@pytest.mark.parametrize(("platform", "engine"), BOTH)
@few
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_any_steps_and_looks_change_nothing(
    platform: str, engine: str, data: Any, seed: int
) -> None:
    steps(data, seed, platform, engine)


@pytest.mark.slow
@pytest.mark.parametrize("platform", sim.list_platforms())
@many
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_many_steps_and_looks_change_nothing(platform: str, data: Any, seed: int) -> None:
    steps(data, seed, platform, ENGINE)


def test_a_look_tells_what_is_there_and_what_happened_since() -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(299)
    before = session.look()
    assert [c["state"] for c in before["containers"]] == ["ready"] * 4
    assert before["servers"][0]["containers"] == [c["name"] for c in before["containers"]]
    assert before["since"]["arrived"] == before["gauge"]["arrived"] > 1000
    session.advance("5m")
    now = session.look()
    assert now["t_s"] == 300.0
    assert not now["over"]
    assert [row["text"] for row in now["since"]["timeline"]] == [
        "api-1 killed by docker kill (exit 137)"
    ]
    assert now["since"]["from_s"] == 299.0
    assert now["since"]["arrived"] == now["gauge"]["arrived"] - before["gauge"]["arrived"]
    (api,) = [c for c in now["containers"] if c["service"] == "api"]
    assert api["state"] == "exited"
    assert session.look()["since"] == {
        "from_s": 300.0, "arrived": 0, "succeeded": 0, "failed": 0, "timeline": [],
    }  # fmt: skip
    session.finish()
    after = session.look()
    assert after["over"]
    assert after["operator"]["pages"] == 1
    assert after["operator"]["hands_on_s"] == session.finish().operator.minutes * 60.0


def test_the_operator_is_seen_at_work() -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    hands = [span for span in session.fork().finish().spans if span.state == "hands_on"]
    for span in hands:
        session.advance((span.start_s + span.end_s) / 2)
        assert session.look()["operator"]["doing"] == span.service
    session.advance(1799)
    assert session.look()["operator"]["doing"] == ""


# ---- acting ----
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_event_by_hand_is_the_scripted_one(platform: str, engine: str) -> None:
    scripted = sim.load_scenario("container_crash")
    session = sim.Session(without_events(scripted), platform, engine=engine)
    session.advance(300)
    session.do(KILL)
    same(session.finish(), whole(scripted, platform, engine))


def acts(data: Any, seed: int, platform: str, engine: str) -> None:
    scenario = night(seed)
    if data.draw(st.booleans()):
        scenario = without_events(scenario)  # then the users were the event, until now
    session = sim.Session(scenario, platform, seed, engine=engine)
    instants = stops(data, whole(scenario, platform, engine, seed))
    for instant, outage in zip(instants, outages(data, len(instants)), strict=True):
        session.advance(instant)
        with suppress(sim.InputError):  # no such server on this platform, say
            session.do(outage)
        if data.draw(st.booleans()):
            session.look()
    same(session.finish(), whole(session.script, platform, engine, seed))


@pytest.mark.parametrize(("platform", "engine"), BOTH)
@few
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_anything_at_any_instant_is_as_if_scripted(
    platform: str, engine: str, data: Any, seed: int
) -> None:
    acts(data, seed, platform, engine)


@pytest.mark.slow
@pytest.mark.parametrize("platform", sim.list_platforms())
@many
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_many_things_are_as_if_scripted(platform: str, data: Any, seed: int) -> None:
    acts(data, seed, platform, ENGINE)


def test_users_may_come_otherwise_from_now_on() -> None:
    session = sim.Session("container_crash", "kubernetes", engine=ENGINE)
    session.advance(100)
    session.look()
    session.do({"traffic": {"rate": "50/s"}})
    session.advance(200)
    assert session.look()["since"]["arrived"] == pytest.approx(5000, rel=0.1)
    same(session.finish(), whole(session.script, "kubernetes", ENGINE))


def test_the_fault_is_the_first_event_also_after_users_that_surged() -> None:
    """Without events the first change of the traffic is the fault, and what acts on it detects."""
    calm = without_events(sim.load_scenario("black_friday"))
    small = {"points": calm.traffic.points, "scale": 0.01}
    calm = calm.model_copy(update={"traffic": calm.traffic.model_copy(update=small)})
    surge_s = calm.traffic.points[1].at
    session = sim.Session(calm, "kubernetes", engine=ENGINE)
    assert session.fork().finish().fault_s == surge_s
    session.advance(surge_s + 600)
    session.do(KILL)
    run = session.finish()
    assert run.fault_s == surge_s + 600
    assert run.detected_s is None or run.detected_s >= run.fault_s


def test_there_is_one_operator() -> None:
    """What is asked of her by hand waits until she is done with what the scenario asks."""
    scale = {"raise_connections": {"max_connections": 200}}
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(300)
    for _ in range(2):
        session.do(scale)
    spans = [span for span in session.finish().spans if span.state == "hands_on"]
    assert len(spans) > 4
    assert all(one.end_s <= two.start_s for one, two in pairwise(spans))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"operator_kil": {}}, "unknown field 'operator_kil'.*did you mean operator_kill"),
        ({"operator_kill": {"service": "htp"}}, "operator_kill.service: .*did you mean http"),
        ({"operator_kill": {"service": "http", "replicas": 0}}, "replicas: .* at least 1"),
        ({"server_crash": {"server": 9}}, "server 9 at 60s; expected an index below 1"),
        ({**KILL, "hang": {"service": "http"}}, "operator_kill and hang; expected exactly one of"),
        ({}, "no kind of event"),
        ({"at": 700, **KILL}, "event: at: found an event for 700s, and it is 60s"),
        (None, "event: found None; expected a mapping such as"),
        ([KILL], "event: found a list; expected a mapping such as"),
    ],
)
def test_what_is_no_event_is_one_line_and_nothing_happened(event: Any, message: str) -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(60)
    with pytest.raises(sim.InputError, match=message) as error:
        session.do(event)
    assert "\n" not in str(error.value)
    assert session.log == ()
    same(session.finish(), sim.run("container_crash", "compose", engine=ENGINE).runs[0])


def test_an_event_that_fails_on_this_platform_has_not_happened() -> None:
    """The stack has three servers elsewhere; Compose has one, which only a run can know."""
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(60)
    with pytest.raises(sim.InputError, match="server 2 at 60s; expected an index below 1"):
        session.do({"server_crash": {"server": 2}})
    same(session.finish(), sim.run("container_crash", "compose", engine=ENGINE).runs[0])


# ---- time ----
@pytest.mark.parametrize(
    ("verb", "to", "message"),
    [
        ("advance", 299, "advance: found 299; expected a time from 300s to 1800s; rewind"),
        ("advance", 1801, "advance: found 1801; expected a time from 300s to 1800s$"),
        ("advance", "5min", "advance: found '5min'; expected a duration"),
        ("advance", float("nan"), "advance: found nan; expected a time"),
        ("advance", None, "advance: found nothing; expected a duration"),
        ("advance", True, "advance: found true; expected a duration"),
        ("finish", "1m", "finish: found 1m; expected a time from 300s to 1800s; rewind"),
        ("rewind", 301, "rewind: found 301; expected a time from 0s to 300s$"),
        ("fork", -1, "rewind: found -1; expected a time from 0s to 300s"),
    ],
)
def test_times_that_cannot_be_are_one_line(verb: str, to: Any, message: str) -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(np.int64(300))
    with pytest.raises(sim.InputError, match=message):
        getattr(session, verb)(to)
    assert session.now == 300.0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("end_s", [1.0, 299.5, 300.0, 301.0, 777.25])
def test_an_early_end_is_an_early_horizon(engine: str, end_s: float) -> None:
    scenario = sim.load_scenario("container_crash")
    session = sim.Session(scenario, "kubernetes", engine=engine)
    early = [event for event in scenario.events if event.at <= end_s]
    shorter = scenario.model_copy(update={"horizon": end_s, "events": early})
    same(session.finish(at=end_s), whole(shorter, "kubernetes", engine))


def test_after_its_end_a_session_is_over_until_it_is_rewound() -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    run = session.finish(400)
    assert session.finish() is run
    for verb, argument in (("advance", 500), ("do", KILL), ("finish", 500)):
        with pytest.raises(sim.InputError, match=f"{verb}: found a session that is over: .*400s"):
            getattr(session, verb)(argument)
    assert "over" in repr(session)
    session.rewind(200)
    assert "over" not in repr(session)
    same(session.finish(), sim.run("container_crash", "compose", engine=ENGINE).runs[0])


# ---- going back ----
@few
@given(data=st.data(), seed=st.integers(0, 10**6), platform=st.sampled_from(PLATFORMS))
def test_a_fork_anywhere_goes_on_as_its_origin(data: Any, seed: int, platform: str) -> None:
    session = sim.Session(night(seed), platform, seed, engine=ENGINE)
    instants = stops(data, whole(night(seed), platform, ENGINE, seed))
    forks = []
    for instant, outage in zip(instants, outages(data, len(instants)), strict=True):
        session.advance(instant)
        forks.append((session.fork(), len(session.log)))
        with suppress(sim.InputError):
            session.do(outage)
    run = session.finish()
    for fork, done in forks:
        for event in session.log[done:]:
            fork.advance(event.at)
            fork.do(event)
        same(fork.finish(), run)
    same(session.fork(instants[0]).finish(), forks[0][0].fork(instants[0]).finish())


def test_a_rewind_undoes_what_was_done_then_or_later() -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    untouched = session.fork()
    session.advance(100)
    session.do({"hang": {"service": "worker", "lasts": 50}})
    at_100 = session.fork()
    session.advance(200)
    session.do(KILL)
    session.rewind("200s")
    assert [event.kind() for event in session.log] == ["hang"]
    same(session.finish(), at_100.finish())
    session.rewind(100)
    same(session.finish(), untouched.finish())


# ---- the save file ----
def test_a_saved_session_goes_on_elsewhere(tmp_path: Path) -> None:
    session = sim.Session(
        "container_crash", "kubernetes", 5, engine=ENGINE,
        settings={"stack.services.api.replicas": 2},
    )  # fmt: skip
    session.advance(123.456)
    session.do({"deploy": {"service": "http", "version": {"name": "v2", "boot": "9s"}}})
    session.do(KILL)
    session.advance(500)
    session.save(tmp_path / "log.json")
    text = json.loads((tmp_path / "log.json").read_text())
    assert [event["at"] for event in text["log"]] == [123.456, 123.456]
    loaded = sim.Session.load(tmp_path / "log.json")
    assert (loaded.now, loaded.log) == (500.0, session.log)
    same(loaded.finish(), session.finish())


def test_records_are_saved_whole(tmp_path: Path) -> None:
    session = sim.Session(night(3), "compose", stack=STACK, engine=ENGINE)
    session.save(tmp_path / "log.json")
    same(sim.Session.load(tmp_path / "log.json").finish(), session.finish())


def saved(folder: Path, change: Callable[[dict[str, Any]], object] = lambda data: None) -> Path:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(300)
    session.do(KILL)
    session.save(folder / "log.json")
    data = json.loads((folder / "log.json").read_text())
    change(data)
    (folder / "log.json").write_text(json.dumps(data))
    return folder / "log.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["ask"].update(seed=2), "another case than container_crash"),
        (lambda data: data["ask"].update(platform="swarm"), "another case than container_crash"),
        (lambda data: data["ask"].update(settings=["scenario.traffic.rate=2/s"]), "another case"),
        (lambda data: data["ask"].update(scenario="server_crash"), "another case than server_cra"),
        (lambda data: data["ask"].update(scenario="none"), "unknown scenario 'none'"),
        (lambda data: data["ask"].update(color="red"), "no saved session"),
        (lambda data: data.pop("log"), "no saved session"),
        (lambda data: data.update(session=2), r"session: found 2; expected 1"),
        (lambda data: data["log"][0].update(at="soon"), "at: found 'soon'"),
        (lambda data: data["log"].append({"at": 400.0, **KILL}), "now_s: found 300.0; expected"),
        (lambda data: data["log"].append({"at": 4000.0, **KILL}), "with a horizon of 1800s"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(sim.InputError, match=message) as error:
        sim.Session.load(saved(tmp_path, change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "\x00"])
def test_a_file_that_is_no_session_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(sim.InputError, match=r"log\.json: found no saved session"):
        sim.Session.load(tmp_path / "log.json")
    with pytest.raises(sim.InputError, match="no such file"):
        sim.Session.load(tmp_path / "none.json")


# ---- when something goes wrong ----
@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_leaves_the_session_where_it_stood(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sim.Session("container_crash", "kubernetes", engine=engine)
    session.advance(100)
    session.do(KILL)
    plane = session._simulation.cluster.plane
    real, calls = plane.advance, iter(range(10**9))

    def interrupted(until: float) -> Any:
        if next(calls) == 150:
            raise KeyboardInterrupt
        return real(until)

    monkeypatch.setattr(plane, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.advance(1000)
    assert session.now == 100.0
    session.advance(1000)
    same(session.finish(), whole(session.script, "kubernetes", engine))


def test_books_are_checked_each_time_after_twice_as_long_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[float] = []
    monkeypatch.setattr(
        ledger, "check", lambda books, recording, gauge, at_s, *_: checked.append(at_s)
    )
    monkeypatch.setattr(observation, "CHECK_S", 200.0)
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    for to in (60.0, 200.0, 200.5, 700.0):
        session.advance(to)
    session.finish(950)
    assert checked == [200.0, 400.0, 800.0, 950.0]


OWN = '''\
"""Restarts by a hand that slips."""

from dataclasses import dataclass, replace
from typing import ClassVar

from sim.control.core.clock import Rank
from sim.platforms.compose import PLATFORM as COMPOSE


@dataclass(frozen=True)
class Slips:
    capability: ClassVar[str] = "self_healing"

    def run(self, cluster):
        changes = cluster.watch("exit")
        yield changes.get()
        yield cluster.clock.after(5.0, Rank.RUNTIME)
        raise ValueError("slipped")


PLATFORM = replace(COMPOSE, self_healing=Slips())
EXTENDS = "compose"
'''


def test_a_platform_of_ones_own_is_blamed_with_line_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "_given", {})
    monkeypatch.setattr(own_files, "_loaded", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "platforms").mkdir()
    (tmp_path / "platforms" / "slips.py").write_text(OWN)
    session = sim.Session("container_crash", "slips", engine=ENGINE)
    session.advance(200)
    session.do(KILL)
    with pytest.raises(sim.InputError, match=r"slips\.py:18: .*slipped, at 00:03:25 of the run"):
        session.advance(210)
    assert session.now == 200.0
    session.advance(204)  # up to there it may be looked at
    assert session.look()["t_s"] == 204.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"platform": "all"}, "platform: found 'all'; expected one platform"),
        ({"platform": "composed"}, "did you mean compose"),
        ({"seed": -1}, "seed: found -1"),
        ({"engine": "fast"}, "engine: found 'fast'"),
        ({"settings": {"stack.services.api.replica": 3}}, "did you mean replicas"),
    ],
)
def test_arguments_are_checked_as_those_of_run(arguments: Any, message: str) -> None:
    with pytest.raises(sim.InputError, match=message):
        sim.Session("container_crash", **arguments)


def test_a_result_shows_what_was_done_by_hand() -> None:
    session = sim.Session("container_crash", "compose", engine=ENGINE)
    session.advance(100)
    session.do(KILL)
    result = session.result()
    assert "Compose" in result.table()
    assert result.timeline["text"].str.contains("killed by docker kill").any()
    assert result.summary["claims"] == []
    assert result.command == ""
    assert (result.reps, result.horizon_s) == (1, 1800.0)
