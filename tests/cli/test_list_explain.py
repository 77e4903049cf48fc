"""`list` and `explain`: what there is, what is assumed, with sources."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from sim.constants.catalogue import constants
from sim.control.mechanisms import mechanisms
from sim.library.scenarios import list_incidents, list_scenarios, load_scenario
from sim.library.stacks import list_stacks
from sim.platforms import names
from sim.platforms.platform import Platform
from sim.study.article.article import ARTICLE


def test_list_names_everything_with_a_title(sim):
    said = sim("list")
    assert said.status == 0
    for name in (*list_scenarios(), *list_incidents(), *names(), "sspp"):
        assert f"  {name} " in said.out


def test_list_can_be_narrowed_and_be_json(sim):
    kinds = {"scenarios", "incidents", "platforms", "stacks"}
    assert set(json.loads(sim("list", "--json").out)) == kinds
    listed = json.loads(sim("list", "platforms", "--json").out)
    assert [row["name"] for row in listed["platforms"]] == names()
    assert all(row["title"] for row in listed["platforms"])


def test_explain_a_scenario_says_events_claims_and_numbers(sim):
    said = sim("explain", "container_crash")
    assert said.status == 0
    for word in ("00:05:00 operator_kill", "what the article claims", "variants", "postgres"):
        assert word in said.out


def test_explain_takes_every_name_there_is(sim):
    """Scenarios with their variants, stacks, platforms, mechanisms, claims and constants."""
    named = {f"{n}:{v}" for n in list_scenarios() for v in load_scenario(n).variants}
    named |= {*list_scenarios(), *list_stacks(), *names(), *(claim.id for claim in ARTICLE)}
    for field in fields(Platform):
        named |= {field.name, *mechanisms(field.name)}
    named |= {fact.name.partition(".")[0] for fact in constants()}
    wrong = {name: said.err for name in sorted(named) if (said := sim("explain", name)).status}
    assert not wrong


def test_explain_a_platform_says_its_ten_choices(sim):
    said = sim("explain", "compose")
    assert "autoscaling: left to the operator" in said.out
    assert "self healing: " in said.out


def test_explain_a_platform_says_first_what_somebody_chose_in_100_columns(sim):
    said = sim("explain", "kubernetes").out
    _, _, constants = said.partition("`--set PATH=VALUE` changes one)\n")
    sources = [line for line in constants.partition("\n\n")[0].split("\n") if "; " in line]
    assert "chosen" in sources[0]
    assert "chosen" not in sources[-1]
    assert max(map(len, said.splitlines())) <= 100
    assert "=" not in said.partition("scheduling: ")[2].partition("\n\n")[0]  # words, no Python


def test_explain_a_constant_says_value_and_source(sim):
    fact = constants()[0]
    said = sim("explain", fact.name)
    assert said.status == 0
    assert f"{fact.name} = {fact.value}" in said.out
    assert fact.source in said.out
    family = sim("explain", fact.name.partition(".")[0])
    assert fact.source in family.out


@pytest.mark.parametrize("name", [field.name for field in fields(Platform)])
def test_explain_a_capability_names_its_home_and_who_has_what(sim, name):
    said = sim("explain", name)
    assert said.status == 0
    assert said.out.startswith(f"{name}: ")
    assert f"--set PLATFORM.{name}=" in said.out
    assert all(f"  {platform}: " in said.out for platform in names())
    homes = re.findall(r"\((sim/control/\w+/\w+\.py)\)", said.out)
    assert homes
    assert all((Path(__file__).parents[2] / home).is_file() for home in homes)


@pytest.mark.parametrize("name", names())
def test_explain_a_platform_says_what_it_reads(sim, name):
    said = sim("explain", name)
    assert said.status == 0, said.err
    by_class = name.startswith("kubernetes")  # a kubelet writes it by QoS class
    assert ("memory.oom_score_adj = 0 points" in said.out) is not by_class


def test_explain_takes_a_capability_with_a_hyphen(sim):
    assert sim("explain", "self-healing").out == sim("explain", "self_healing").out


@pytest.mark.parametrize(
    ("name", "says"),
    [("canary", "--set PLATFORM.rolling_updates.pause_s: 120 s"), ("autoheal", "compose_hardened"),
     ("rollout_undo", "sim/control/rollback/undo.py")],
)  # fmt: skip
def test_explain_a_mechanism(sim, name, says):
    said = sim("explain", name)
    assert said.status == 0
    assert says in said.out
    assert "a mechanism of" in said.out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hpa.tolerence", "hpa.tolerance"), ("kubernets", "kubernetes"), ("secrts", "secrets"),
     ("canaryy", "canary"), ("K99", "K9")],
)  # fmt: skip
def test_explain_a_typing_error_names_the_nearest(sim, typed, meant):
    said = sim("explain", typed)
    assert said.status == 2
    assert f"did you mean {meant}?" in said.err


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("hpa.tolerance=0.2", "did you mean kubernetes.autoscaling.tolerance?"),
        ("compose.autoscaling.tolerance=0.2", "first a mechanism, compose.autoscaling=NAME"),
        ("kubernetes.autoscaling.tolerence=0.2", "did you mean tolerance?"),
        ("kubernetes.autoscaling.tolerance=abc", "expected a number of at least 0"),
    ],
)
def test_a_wrong_setting_is_told_with_the_right_one(sim, setting, says):
    said = sim("run", "container_crash", "--set", setting)
    assert said.status == 2
    assert says in said.err
    assert len(said.err.splitlines()) == 1
