"""Platforms are files: found by name, titled by their first line, changed by dotted settings."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import sim.control
from sim.control import api
from sim.control.mechanisms import mechanisms, name_of
from sim.control.rolling_updates.releases import Analysis
from sim.control.self_healing.restarts import DockerRestarts
from sim.platforms import configure, configured, load, names, title
from sim.platforms.platform import Platform
from sim.schema.fields import InputError


def test_names_and_titles() -> None:
    assert {"compose", "kubernetes"} <= set(names())
    for name in names():
        assert isinstance(load(name), Platform)
        assert len(title(name).split()) > 2


def test_exactly_ten_choices() -> None:
    assert len(fields(Platform)) == 10


def test_unknown_platform_names_the_nearest() -> None:
    with pytest.raises(InputError) as raised:
        load("kubernets")
    assert raised.value.issues[0].nearest == "kubernetes"


def test_compose_leaves_seven_choices_to_the_operator() -> None:
    compose = load("compose")
    empty = [f.name for f in fields(Platform) if getattr(compose, f.name) is None]
    assert len(empty) == 7
    assert compose.self_healing is not None, "Docker's engine is there; the file says no"


def test_ablation_is_one_setting() -> None:
    without = configure(load("kubernetes"), {"autoscaling": None})
    assert without.autoscaling is None
    assert load("kubernetes").autoscaling is not None


def test_a_constant_of_a_mechanism() -> None:
    changed = configure(load("kubernetes"), {"self_healing.relist_s": "5s"})
    assert changed.self_healing.relist_s == 5.0


def test_a_choice_takes_another_mechanism_by_name() -> None:
    changed = configure(load("kubernetes"), {"self_healing": "docker_restarts"})
    assert changed.self_healing == DockerRestarts()
    filled = configure(load("compose"), {"rolling_updates": {"mechanism": "rolling_update"}})
    assert filled.rolling_updates == load("kubernetes").rolling_updates


def test_a_mechanism_comes_with_fields_and_fields_come_without_a_name() -> None:
    settings = {"rolling_updates": {"mechanism": "rolling_update", "max_surge": "2"}}
    assert configure(load("compose"), settings).rolling_updates.max_surge == "2"
    nested = {"scheduling": {"kubelet": {"pull_rate": 1e9}, "max_skew": 2}}
    scheduling = configure(load("kubernetes"), nested).scheduling
    assert (scheduling.kubelet.pull_rate, scheduling.max_skew) == (1e9, 2)


@pytest.mark.parametrize("setting", [{"analysis": {"success": 0.9}}, {"analysis.success": 0.9}])
def test_an_optional_part_is_switched_on_by_setting_it(setting: dict[str, object]) -> None:
    filled = configure(load("kubernetes"), {"rollback": "auto_rollback"})
    assert filled.rollback.analysis is None
    watched = configure(filled, {f"rollback.{path}": value for path, value in setting.items()})
    assert watched.rollback.analysis == Analysis(success=0.9)


def test_a_list_takes_a_list_of_the_same_kind() -> None:
    steps = {"rolling_updates": {"mechanism": "canary", "weights": [10, 50]}}
    assert configure(load("kubernetes"), steps).rolling_updates.weights == (10.0, 50.0)
    with pytest.raises(InputError):
        configure(
            load("kubernetes"), {"rolling_updates": {"mechanism": "canary", "weights": ["a"]}}
        )


@pytest.mark.parametrize(
    ("platform", "settings", "field", "why"),
    [
        ("compose", {"rolling_updates": "canary"}, "compose.rolling_updates", "load balancer"),
        (
            "kubernetes",
            {"rolling_updates": "blue_green", "service_discovery": None},
            "kubernetes.rolling_updates",
            "selector",
        ),
        (
            "kubernetes",
            {"rollback": "auto_rollback", "rolling_updates": None},
            "kubernetes.rollback",
            "rolling updates",
        ),
    ],
)
def test_an_impossible_pair_is_bad_input(
    platform: str, settings: dict[str, object], field: str, why: str
) -> None:
    with pytest.raises(InputError) as raised:
        configured(platform, {platform: settings})
    issue = raised.value.issues[0]
    assert issue.field == field
    assert why in issue.expected


def test_an_unknown_mechanism_names_the_nearest_of_its_capability() -> None:
    with pytest.raises(InputError) as raised:
        configure(load("kubernetes"), {"rolling_updates": "rolling_updte"})
    issue = raised.value.issues[0]
    assert issue.nearest == "rolling_update"
    assert "kubelet_restarts" not in issue.expected


@pytest.mark.parametrize(
    ("cls", "name"),
    [("BlueGreen", "blue_green"), ("KEDA", "keda"), ("HAProxyChecks", "ha_proxy_checks")],
)
def test_a_mechanism_is_called_as_its_class_in_snake_case(cls: str, name: str) -> None:
    assert name_of(type(cls, (), {})) == name
    assert name_of(type("Renamed", (), {"name": name})) == name


WORDS = {  # what people may have written in their scenarios and commands: these stay
    "self_healing": "docker_restarts kubelet_restarts",
    "autoscaling": "autoscaling nomad_autoscaler target_tracking",
    "load_balancing": "ha_proxy ingress_balancing mesh_balancing service_balancing",
    "service_discovery": "endpoints headless_names",
    "rolling_updates": "blue_green canary recreate rolling_update",
    "rollback": "auto_rollback rollout_undo",
    "health_checks": "autoheal docker_healthchecks health_checks service_checks target_health",
    "resource_limits": "kubelet_limits limits",
    "secrets": "secret_env secret_manager secret_manager_volumes secret_volumes secrets_manager",
    "scheduling": "scheduling",
}


@pytest.mark.parametrize("capability", WORDS)
def test_the_words_for_mechanisms_stay(capability: str) -> None:
    gone = set(WORDS[capability].split()) - set(mechanisms(capability))
    assert not gone, f"{gone} stand in users' files: keep the word, or take it with a message"


def test_every_mechanism_stands_in_its_room() -> None:
    rooms = Path(sim.control.__path__[0])
    for path in rooms.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                said = {
                    line.target.id: line.value.value
                    for line in node.body
                    if isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and isinstance(line.value, ast.Constant)
                }
                if "capability" in said:
                    room = path.relative_to(rooms).parts[0]
                    words = f"{path.name}: {node.name}"
                    assert said["capability"] == room, f"{words} stands in another room"
                    assert node.name in {kind.__name__ for kind in mechanisms(room).values()}, words


def test_the_page_has_every_mechanism_that_a_platform_of_ours_has() -> None:
    kinds = {type(c) for name in names() for c in vars(load(name)).values() if c is not None}
    assert {kind.__name__ for kind in kinds} <= set(vars(api))


def test_every_platform_uses_mechanisms_that_can_be_chosen_by_name() -> None:
    for name in ("compose", "kubernetes"):
        for field in fields(Platform):
            choice = getattr(load(name), field.name)
            if choice is not None and type(choice).__module__.startswith("sim.control"):
                assert mechanisms(field.name)[name_of(type(choice))] is type(choice)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("autoscalin", None),
        ("self_healing.relist", "5s"),
        ("self_healing.relist_s", "five"),
        ("self_healing.relist_s", -1),
        ("self_healing", "docker"),
        ("self_healing", {"relist": 1.0}),
        ("self_healing", {"mechanism": "docker_restarts", "relist_s": 1.0}),
        ("secrets", {"x": 1}),
        ("scheduling.kubelet", {"pull_rat": 1.0}),
        ("autoscaling.x.y", 1),
    ],
)
def test_bad_settings(path: str, value: object) -> None:
    with pytest.raises(InputError):
        configure(load("kubernetes"), {path: value})
