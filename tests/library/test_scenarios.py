"""Scenarios, variants, settings: in which order they apply, and to what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.library.scenarios import list_scenarios, load_scenario
from sim.library.stacks import list_stacks, load_stack
from sim.schema.fields import InputError, LawSpec
from sim.schema.layers import Layer, layered, stack_on
from sim.schema.scaling import Scaling
from sim.schema.scenario import Scenario
from sim.schema.settings import apply_settings, parse_setting, split_settings
from sim.schema.stack import ProbeSpec, Stack
from sim.schema.stack_checks import find_cycle, resolve
from sim.schema.text.document import read_yaml
from tests.schema.bad import SCENARIO, STACK


@pytest.fixture(scope="module")
def sspp() -> Stack:
    return load_stack("sspp")


def _scenario(tmp_path: Path, extra: str = "", variant: str | None = None, **more: Any) -> Scenario:
    path = tmp_path / "shop.yaml"
    path.write_text(SCENARIO + extra, encoding="utf-8")
    return load_scenario(str(path), variant, **more)


# --- variants -------------------------------------------------------------------------------------


def test_a_variant_replaces_events_and_keeps_claims(tmp_path: Path) -> None:
    plain, calm = _scenario(tmp_path), _scenario(tmp_path, variant="calm")
    assert plain.variant is None
    assert calm.variant == "calm"
    assert calm.events == []
    assert calm.claims == plain.claims


def test_a_variant_may_stand_behind_the_name(tmp_path: Path) -> None:
    _scenario(tmp_path)
    assert load_scenario(f"{tmp_path}/shop.yaml:calm").variant == "calm"


def test_settings_apply_in_order(tmp_path: Path) -> None:
    extra = """\
  long: {says: longer, set: {scenario.horizon: 1h, stack.services.api.replicas: 2}}
set: {scenario.horizon: 20m, scenario.traffic.rate: 7/s, kubernetes.autoscaling: null}
"""
    plain = _scenario(tmp_path, extra)
    assert (plain.horizon, plain.traffic.rate) == (1200.0, 7.0)
    assert plain.set == {"kubernetes.autoscaling": None}
    long = _scenario(tmp_path, extra, "long")
    assert (long.horizon, long.traffic.rate) == (3600.0, 7.0)
    assert long.set["stack.services.api.replicas"] == 2
    asked = {"scenario.horizon": "2h", "stack.services.api.replicas": 3}
    asked_for = _scenario(tmp_path, extra, "long", settings=asked)
    assert asked_for.horizon == 7200.0
    assert asked_for.set["stack.services.api.replicas"] == 3


def test_settings_win_over_the_platforms_patch(tmp_path: Path, sspp: Stack) -> None:
    scenario = _scenario(tmp_path, settings={"stack.services.http.replicas": 7})
    assert sspp.services["api"].replicas == 1
    assert stack_on(sspp, [Layer("kubernetes")]).services["api"].replicas == 3
    assert stack_on(sspp, [Layer("kubernetes")], scenario).services["api"].replicas == 7
    assert stack_on(sspp, [Layer("compose")], scenario).services["api"].replicas == 7


def test_what_a_setting_breaks_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--set: services.worker.port: found 3000"):
        _scenario(tmp_path, settings={"stack.services.worker.port": 3000})
    with pytest.raises(InputError, match=r"events.0.at: found 300s with a horizon of 60s"):
        _scenario(tmp_path, settings={"scenario.horizon": "1m"})


def test_a_scenario_finds_roles_on_another_stack(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(STACK, encoding="utf-8")
    stack = load_stack(str(path))
    assert resolve(stack, "worker") == "jobs"
    assert resolve(stack, "postgres") == "db"
    extra = "set: {stack.services.postgres.max_connections: 50}\n"
    scenario = _scenario(tmp_path, extra, stack=stack)
    assert stack_on(stack, [Layer("compose")], scenario).services["db"].max_connections == 50
    with pytest.raises(InputError, match="unknown service 'proxy'"):
        resolve(stack, "proxy")


def test_a_trace_stands_beside_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("0,5\n60,6\n", encoding="utf-8")
    path = tmp_path / "shop.yaml"
    path.write_text(SCENARIO.replace("rate: 5/s", "trace: load.csv"), encoding="utf-8")
    assert load_scenario(str(path)).traffic.trace == [str(tmp_path / "load.csv")]


# --- settings -------------------------------------------------------------------------------------


def test_parse_setting() -> None:
    assert parse_setting("stack.services.api.replicas=5") == ("stack.services.api.replicas", 5)
    assert parse_setting("a.b = 250ms") == ("a.b", "250ms")
    assert parse_setting("a={exponential: 2s}") == ("a", {"exponential": "2s"})
    assert parse_setting("kubernetes.autoscaling=null") == ("kubernetes.autoscaling", None)
    assert parse_setting("a=x=y") == ("a", "x=y")
    for wrong in ("a", "=5", "a=[1"):
        with pytest.raises(InputError, match="--set"):
            parse_setting(wrong)


def test_split_settings() -> None:
    split = split_settings({"scenario.a": 1, "stack.b.c": 2, "swarm.d": 3, "compose.e": 4})
    assert split == ({"a": 1}, {"b.c": 2}, {"swarm": {"d": 3}, "compose": {"e": 4}})


def test_settings_reach_everywhere(sspp: Stack) -> None:
    changed = apply_settings(
        sspp,
        {
            "services.api.scaling.max": 30,  # made from nothing
            "services.api.probes.liveness": {"period": "5s"},
            "services.api.boot.mean": "3s",  # one number of a law
            "services.api.cpu": {"limit": "500m"},  # merges
            "services.worker.cpu.demand": {"exponential": "80ms"},  # replaces
            "operator.runbooks.rent_server.0.takes": "1m",
            "services.redis.persistence": "aof_always",
        },
    )
    api = changed.services["api"]
    assert api.scaling == Scaling(max=30)
    assert api.probes.liveness == ProbeSpec(period=5.0)
    assert api.boot == LawSpec(law="lognormal", mean=3.0, cv=0.3)
    assert (api.cpu.limit, api.cpu.threads) == (0.5, 1)
    assert changed.services["worker"].cpu.demand.mean == 0.08
    assert changed.operator.runbooks["rent_server"][0].takes == LawSpec(mean=60.0)
    assert changed.services["redis"].persistence == "aof_always"
    assert changed.operator.runbooks["rent_server"][1:] == sspp.operator.runbooks["rent_server"][1:]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("services.api.replica", 5, "did you mean replicas"),
        ("service.api.replicas", 5, "did you mean services"),
        ("services.apl.replicas", 5, "did you mean api"),
        ("services.proxy.replicas", 5, "no service called 'proxy' or with that role"),
        ("services.api.replicas", "many", "whole number"),
        ("services.api.replicas.x", 5, "a path that ends before it"),
        ("services.api.boot", 5, "unit is missing"),
        ("operator.runbooks.rent_server.9.takes", "1m", "one of 0, 1"),
        ("services.api.restart", "allways", "did you mean always"),
        ("", 5, "unknown name ''"),
    ],
)
def test_settings_that_are_wrong(sspp: Stack, path: str, value: object, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        apply_settings(sspp, {path: value}, root="stack")
    assert str(caught.value).startswith(f"--set: stack.{path}")


def test_all_wrong_settings_are_told(sspp: Stack) -> None:
    with pytest.raises(InputError) as caught:
        apply_settings(sspp, {"nam": 1, "servers.count": 0, "services.api.port": 80})
    assert len(caught.value.issues) == 2


def test_a_patch_leaves_other_platforms_alone(sspp: Stack) -> None:
    assert layered(sspp, [Layer("compose")]) is sspp
    assert layered(sspp, [Layer("kubernetes")]).services["redis"].persistence == "none"


# --- the files that come with the program ---------------------------------------------------------


def test_all_that_is_listed_loads() -> None:
    assert list_stacks() == ["shop", "sspp", "sspp_public"]
    for name in list_stacks():
        assert load_stack(name).name == name
    for name in list_scenarios():
        scenario = load_scenario(name)
        assert scenario.name == name
        for variant in scenario.variants:
            assert load_scenario(name, variant).variant == variant


def test_cycles_are_named() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert find_cycle({"a": ["a"]}) == ["a", "a"]
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_yaml_keeps_places_and_words() -> None:
    text = "base: &b {x: 1, y: 2}\nno: no\nat: 22:22\nmore:\n  <<: *b\n  y: 0x10\n"
    document = read_yaml(text, "f.yaml")
    assert document.data["more"] == {"x": 1, "y": 16}
    assert (document.data["no"], document.data["at"]) == ("no", "22:22")
    assert document.marks["more", "y"] == (6, 6)
    assert document.keys["more", "y"] == (6, 3)
    assert document.issue(("more", "z", 3)).line == 4  # the nearest place that is known


def test_more_retries_than_the_ids_have_room_for_are_refused() -> None:
    settings = {"scenario.traffic.client.retries": 4096}
    with pytest.raises(InputError, match=r"client\.retries: found 4096; expected less"):
        load_scenario("container_crash", settings=settings)


def test_who_changes_what_was_read_changes_it_alone():
    first = read_yaml("a: {b: [1, 2]}", "f.yaml")
    first.data["a"]["b"].append(3)
    assert read_yaml("a: {b: [1, 2]}", "f.yaml").data == {"a": {"b": [1, 2]}}


def test_an_event_on_a_server_counts_after_all_settings(tmp_path):
    """`count: 5` and an event on server 3 were refused, and three servers run where two are asked
    for: both counted the stack before `set:`, `--set` and the platform."""
    text = """
name: far_server
title: a server far up
lesson: none
horizon: 10m
traffic: {rate: 1/s}
platforms: [kubernetes]
events: [{at: 5m, server_crash: {server: 3}}]
"""
    path = tmp_path / "far_server.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="server 3; expected an index below 3"):
        load_scenario(path)
    assert load_scenario(path, settings={"stack.servers.count": 5}).events
    assert load_scenario(path, settings={"kubernetes.scheduling.default_servers": 4}).events
    path.write_text(text + "set: {stack.servers.count: 4}\n")
    assert load_scenario(path).events
    with pytest.raises(InputError, match="server 3; expected an index below 2"):
        load_scenario(path, settings={"stack.servers.count": 2})
