"""Docker's HEALTHCHECK: the table of moby's daemon/health.go, and that the label moves nobody."""

import pytest

from sim.control.health_checks.docker import Label, labelled, next_check_s
from sim.schema.stack import Healthcheck
from tests.control.outage import CALM, replay

CHECKED = {
    **CALM,
    "stack.services.http.healthcheck": {"interval": "30s", "timeout": "30s", "retries": 3},
}


@pytest.mark.parametrize(
    ("label", "ok", "in_start_period", "expected"),
    [
        (Label("starting", 0), True, True, Label("healthy", 0)),  # one success is enough
        (Label("unhealthy", 5), True, False, Label("healthy", 0)),
        (Label("starting", 0), False, True, Label("starting", 0)),  # does not count
        (Label("starting", 0), False, False, Label("starting", 1)),
        (Label("starting", 2), False, False, Label("unhealthy", 3)),
        (Label("healthy", 0), False, False, Label("healthy", 1)),
        (Label("healthy", 1), False, True, Label("healthy", 2)),  # healthy once: it counts
        (Label("healthy", 2), False, False, Label("unhealthy", 3)),
        (Label("unhealthy", 3), False, False, Label("unhealthy", 4)),
    ],
)
def test_label(label, ok, in_start_period, expected):
    assert labelled(label, ok, 3, in_start_period) == expected


@pytest.mark.parametrize(
    ("status", "age_s", "start_period", "expected"),
    [
        ("starting", 0.0, 0.0, 30.0),  # the first check waits for a whole interval
        ("starting", 10.0, 60.0, 5.0),
        ("starting", 60.0, 60.0, 30.0),
        ("healthy", 10.0, 60.0, 30.0),
    ],
)
def test_next_check(status, age_s, start_period, expected):
    check = Healthcheck(interval=30.0, start_period=start_period)
    assert next_check_s(Label(status), check, age_s, 5.0) == expected


def test_a_file_may_say_its_own_start_interval():
    check = Healthcheck(interval=30.0, start_period=60.0, start_interval=2.0)
    assert next_check_s(Label("starting"), check, 10.0, 5.0) == 2.0
    assert next_check_s(Label("starting"), check, 70.0, 5.0) == 30.0


def test_a_hung_container_is_labelled_after_150_to_180_s_and_nobody_acts_on_it():
    hang = {"at": 300.0, "hang": {"service": "http"}}
    run = replay(hang, settings={**CHECKED, "stack.operator.detect": "30m"})
    labels = [row for row in run.timeline if row.event == "health"]
    assert [row.text for row in labels] == ["api-1 is labelled unhealthy by its HEALTHCHECK"]
    assert 300.0 + 90.0 + 60.0 <= labels[0].t_s <= 300.0 + 180.0  # 3 x (30 + 30), less a phase
    acts = {row.event for row in run.timeline} - {"hang", "health"}
    assert not acts  # no restart, no balancer, until the operator is paged


def test_a_restarted_process_is_starting_again_and_then_healthy():
    hang = {"at": 300.0, "hang": {"service": "http"}}
    run = replay(hang, settings=CHECKED, horizon_s=1800.0)
    labels = [row.text.split()[3] for row in run.timeline if row.event == "health"]
    assert labels in (["unhealthy", "starting"], [])  # she may be faster than the label
    quick = replay(
        hang,
        settings={
            **CHECKED,
            "stack.services.http.healthcheck": {"interval": "5s", "timeout": "2s", "retries": 2},
        },
    )
    labels = [row.text.split()[3] for row in quick.timeline if row.event == "health"]
    assert labels == ["unhealthy", "starting"]


def test_without_a_healthcheck_nothing_is_labelled():
    run = replay({"at": 300.0, "hang": {"service": "http"}}, settings=CALM)
    assert not [row for row in run.timeline if row.event == "health"]
