"""The verbs of decisions: options, files, statuses."""

import json

import pytest

SWEEP = ("sweep", "container_crash", "--no-plots", "--reps", "2")
CHEAPEST = ("cheapest", "container_crash")
KNOB = ("--vary", "stack.services.api.replicas=1..2")


def test_a_sweep_prints_its_knee_first_and_writes_its_files(sim, calls, tmp_path):
    said = sim(*SWEEP, *KNOB)
    assert said.status == 0, said.err
    assert said.out.startswith("Compose: downtime_s is 5 min 41 s at every point.")
    assert {path.name for path in (tmp_path / "reports/sweep").iterdir()} == {
        "sweep.json", "sweep.md", "sweep.csv",
    }  # fmt: skip
    assert len(calls) == 2 * 2 * 2


def test_a_sweep_s_json_stands_alone(sim, calls):
    record = json.loads(sim(*SWEEP, *KNOB, "--json").out)
    assert record["vary"] == {"stack.services.api.replicas": [1, 2]}
    assert len(record["points"]) == 4


def test_what_nobody_holds_is_status_1_and_what_somebody_holds_0(sim, calls, tmp_path):
    """Synthetic runs: Compose is down for 341 s, Kubernetes for 3, whatever is set."""
    (tmp_path / "knobs.yaml").write_text("stack.services.api.replicas: [2]\n")
    few = (*CHEAPEST, "--over", "knobs.yaml", "--chance", "0.5")
    said = sim(*few, "--slo", "downtime_s<60", "--export", "apply")
    assert said.status == 0, said.err
    assert "Kubernetes with api.replicas=2" in said.out.splitlines()[0]
    assert "32 of 32 seeds" in said.out.splitlines()[0]
    assert (tmp_path / "reports/cheapest/kubernetes.yaml").is_file()
    said = sim(*few, "--slo", "downtime_s<2")
    assert said.status == 1
    assert said.out.startswith("None of 2 set-ups holds downtime_s<2")


@pytest.mark.parametrize(
    ("verb", "words", "says"),
    [
        (SWEEP, (), "--vary, --chosen: found neither"),
        (SWEEP, (*KNOB, "--chosen"), "--vary, --chosen: found both"),
        (SWEEP, ("--vary", "stack.services.api.replica=1..2"), "did you mean replicas?"),
        (
            SWEEP,
            ("--vary", "stack.services.api.replicas=1..1000000000"),
            "a space of 1,000,000,000 points",
        ),
        (SWEEP, ("--vary", "a.b=1,c.d=1,e.f=1"), "one knob, or two"),
        (SWEEP, (*KNOB, "--metric", "downtme_s"), "did you mean downtime_s?"),
        (CHEAPEST, ("--slo", "availabilty>=99"), "did you mean availability?"),
        (CHEAPEST, ("--slo", "downtime_s<9", "--chance", "1.5"), "--chance: found 1.5"),
        (CHEAPEST, ("--slo", "downtime_s<9", "--export", "aply"), "did you mean apply?"),
        (CHEAPEST, ("--slo", "downtime_s<9", "--over", "nowhere.yaml"), "nowhere.yaml"),
        (CHEAPEST, (), "--slo"),
        (("decide",), ("--stack", "sspq"), "did you mean sspp?"),
        (("decide",), ("--now", "kubernets"), "did you mean kubernetes?"),
        (("decide",), ("--sale", "-1"), "--sale: found -1"),
        (("decide",), ("--down-hour", "inf"), "--down-hour: found inf"),
        (("decide",), ("--follow-up", "six hours"), "--follow-up: found 'six hours'"),
        (("decide",), ("--deploys", "-1"), "--deploys: found -1"),
        (("decide",), ("--rates", "nowhere.yaml"), "nowhere.yaml"),
        (("decide",), ("--set", "stack.operator.detec=3s"), "did you mean detect?"),
        (("audit",), ("--stack", "sspq"), "did you mean sspp?"),
        (("audit",), ("--scenario", "container_crsh"), "did you mean container_crash?"),
        (("audit",), ("--faults", "nowhere.yaml"), "nowhere.yaml"),
        (("audit",), ("--set", "scenario.horizon=6m"), "by which faults have come"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(sim, calls, verb, words, says):
    said = sim(*verb, *words)
    assert said.status == 2
    assert says in said.err
    assert calls == []
