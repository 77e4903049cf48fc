"""Platforms are files: found by name, titled by their first line, changed by dotted settings."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sim.platforms import configure, load, names, title
from sim.platforms.platform import Platform
from sim.spec.fields import InputError


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


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("autoscalin", None),
        ("self_healing.relist", "5s"),
        ("self_healing.relist_s", "five"),
        ("self_healing.relist_s", -1),
        ("self_healing", "docker"),
        ("autoscaling.x.y", 1),
    ],
)
def test_bad_settings(path: str, value: object) -> None:
    with pytest.raises(InputError):
        configure(load("kubernetes"), {path: value})
