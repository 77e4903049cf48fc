"""The library of incidents: each says whose day it is, where that is told, and what was set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.library.scenarios import list_incidents, list_scenarios, load_scenario
from sim.schema.scenario import Event

PAGE = (Path(__file__).parents[2] / "docs" / "public_outages.md").read_text(encoding="utf-8")
# what the issue of this library asks for -> who tells it
KINDS = {
    "a config push": "config_push",
    "a migration lock": "migration_lock",
    "a failover that failed": "stuck_failover",
    "a retry storm": "retries_without_backoff",
    "an unbounded queue": "unbounded_queue",
    "a deep health check": "downsized_database",
    "a poison job": "poison_job",
    "half-open connections": "silent_connections",
    "a control plane upgrade": "cluster_upgrade",
    "a connection herd": "reconnecting_herd",
    "an autoscaler blocked by quota": "no_room_to_scale",
    "a cold cache": "empty_cache_nodes",
    "a partition": "cut_cable",
    "a data deletion with restore": "deleted_rows",
    "a limit that grows with replicas": "limit_per_replica",
}


def test_each_kind_is_told_and_names_are_their_own() -> None:
    assert set(KINDS.values()) <= set(list_incidents())
    assert len(list_incidents()) >= 15
    assert not set(list_incidents()) & set(list_scenarios())


@pytest.mark.parametrize("name", list_incidents())
def test_an_incident_says_whose_day_it_is(name: str) -> None:
    scenario = load_scenario(name)
    day = scenario.incident
    assert day is not None, f"{name}: add `incident:`, or move the file up to scenarios/"
    assert re.fullmatch(r"\d{4}(-\d\d){1,2}", day.date)
    assert day.source.startswith("https://")
    assert scenario.claims, f"{name}: add a published figure as a claim"
    row = f"| `{name}` | {day.who}, {day.date} |"
    assert row in PAGE, f"docs/public_outages.md, The library: add {row} what comes out |"


@pytest.mark.parametrize("name", list_incidents())
def test_what_is_fitted_is_set(name: str) -> None:
    """A parameter that was set to reproduce the day is named, and is one that the file sets."""
    scenario = load_scenario(name)
    written = {*scenario.set, "traffic", *(f"events.{event.kind()}" for event in scenario.events)}
    for path in scenario.incident.fitted if scenario.incident else ():
        known = any(path.startswith((f"{key}.", key)) or key.startswith(path) for key in written)
        assert known, f"{name}: `fitted` names {path}, which neither `set` nor `events` has"
        if path.startswith("events."):
            assert path.split(".")[1] in Event.model_fields


@pytest.mark.parametrize("name", list_scenarios())
def test_a_scenario_of_nobodys_day_stands_outside(name: str) -> None:
    assert load_scenario(name).incident is None


def test_a_report_names_the_source_and_what_is_left_out() -> None:
    scenario = load_scenario("costly_rule")
    assert scenario.incident is not None
    text = scenario.incident.told(scenario.lesson)
    assert text.startswith("Cloudflare, 2019-07-02: ")
    assert "https://blog.cloudflare.com/" in text
    assert scenario.lesson in text
    assert "Simplified: " in text
