"""`list` and `explain`: what there is, what is assumed, with sources."""

import json

from sim.platforms import names
from sim.spec.loader import list_scenarios


def test_list_names_everything_with_a_title(sim):
    said = sim("list")
    assert said.status == 0
    for name in (*list_scenarios(), *names(), "sspp"):
        assert f"  {name} " in said.out


def test_list_can_be_narrowed_and_be_json(sim):
    assert set(json.loads(sim("list", "--json").out)) == {"scenarios", "platforms", "stacks"}
    listed = json.loads(sim("list", "platforms", "--json").out)
    assert [row["name"] for row in listed["platforms"]] == names()
    assert all(row["title"] for row in listed["platforms"])


def test_explain_a_scenario_says_events_claims_and_numbers(sim):
    said = sim("explain", "container_crash")
    assert said.status == 0
    for word in ("00:05:00 operator_kill", "what the article claims", "variants", "postgres"):
        assert word in said.out


def test_explain_a_platform_says_its_ten_choices(sim):
    said = sim("explain", "compose")
    assert "autoscaling: left to the operator" in said.out
    assert "self healing: " in said.out


def test_explain_a_constant_says_value_and_source(sim):
    from sim.assumptions import constants

    fact = constants()[0]
    said = sim("explain", fact.name)
    assert said.status == 0
    assert f"{fact.name} = {fact.value}" in said.out
    assert fact.source in said.out
    family = sim("explain", fact.name.partition(".")[0])
    assert fact.source in family.out


def test_every_constant_has_a_source(sim):
    from sim.assumptions import constants

    assert all(fact.source and fact.says for fact in constants())
