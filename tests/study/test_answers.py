"""`sim.sweep`, `sim.cheapest`, `sim.decide`, `sim.audit`: the verbs from a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.study.decision import audit as audits
from sim.study.decision import decision

SHORT = {"scenario.horizon": "7m"}
REPLICAS = "stack.services.api.replicas"
NO_VALUES: Any = {REPLICAS: 5}
RATES = Path(__file__).parents[1] / "data/few_rates.yaml"


def test_a_sweep_is_a_table_a_sentence_and_files(tmp_path: Path) -> None:
    same: dict[str, Any] = {"platforms": ["compose"], "reps": 2, "settings": SHORT, "workers": 1}
    found = sim.sweep("container_crash", f"{REPLICAS}=1..2", "downtime_s", **same)
    assert list(found.table[REPLICAS]) == [1, 2]
    assert found.verdict == "Compose: downtime_s is 2 min at every point."
    assert found.text().startswith(found.verdict)
    assert repr(found) == f"<Finding: {found.verdict}>"
    assert found._repr_markdown_().startswith("# container_crash")
    assert json.loads((found.write(tmp_path / "out") / "sweep.json").read_text()) == found.record
    values = sim.sweep("container_crash", {REPLICAS: [1, 2]}, "downtime_s", **same)
    assert values.record == found.record


def test_the_cheapest_names_its_winner_and_has_no_picture() -> None:
    found = sim.cheapest(
        "container_crash", "downtime_s<60", {"stack.services.api.restart": ["always"]}, 0.5,
        platforms=["kubernetes"], settings=SHORT, workers=1,
    )  # fmt: skip
    assert found.verdict.startswith("$529.03 a month: Kubernetes with api.restart=always holds")
    assert list(found.table.platform) == ["kubernetes"]
    with pytest.raises(ValueError, match="no picture"):
        found.plot()


def test_a_decision_is_a_row_a_set_up_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ways = tuple(way for way in decision.setups() if way.name in ("as it is", "a restart policy"))
    monkeypatch.setattr(decision, "setups", lambda: ways)
    first, again = (
        sim.decide("sspp", rates=RATES, reps=1, workers=1, store=tmp_path) for _ in range(2)
    )
    assert list(first.table.name) == ["as it is", "a restart policy"]
    assert first.verdict == first.record["verdict"]
    assert again.record == first.record
    assert any(tmp_path.iterdir())


def test_an_audit_is_a_row_a_set_and_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "PHASES", (0.0,))
    faults = [fault for fault in audits.faults() if fault.name in ("API killed", "worker killed")]
    monkeypatch.setattr(audits, "faults", lambda path: tuple(faults))
    short = {"scenario.horizon": "12m"}
    found = sim.audit("sspp", platforms=["compose"], settings=short, workers=1)
    assert sorted(found.table.faults) == [
        "API killed",
        "API killed + worker killed",
        "worker killed",
    ]
    assert found.verdict.startswith("Compose: API killed breaks the SLO")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: sim.sweep("container_crash", {REPLICAS: 5}),
            r"vary .*: found 5; expected \[A, B\]",
        ),
        (lambda: sim.sweep("container_crash", f"{REPLICAS}=2..1"), "LOW not above HIGH"),
        (lambda: sim.sweep("container_crash", f"{REPLICAS}=1..2", "downtme_s"), "downtime_s"),
        (lambda: sim.cheapest("container_crash", "availabilty>=1"), "did you mean availability"),
        (lambda: sim.decide("sspp", sale=-1), "--sale: found -1"),
        (lambda: sim.decide("sspp", follow_up="six hours"), "--follow-up: found 'six hours'"),
        (lambda: sim.audit("sspq"), "did you mean sspp"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(call: Any, says: str) -> None:
    with pytest.raises(sim.InputError, match=says):
        call()
