"""Cloud Run: its constants, its rules as tables, and what it makes of the outages."""

import pytest

from sim.control.load_balancing.proxies import pending_s
from sim.dataplane.codes import Outcome
from sim.dataplane.tables import FIRST_CAUSE
from sim.platforms import load
from sim.platforms.cloud_run import PLATFORM
from sim.results.run import Run
from sim.schema.scenario import Scenario
from sim.simulation.simulation import run_once
from tests import ENGINE
from tests.control.outage import sspp
from tests.platforms.outage import FAULT_S, availability, figures, replay, when


def test_the_record():
    assert load("cloud_run") is PLATFORM
    routing = PLATFORM.load_balancing.routing()
    assert (routing.maxconn, routing.queue_timeout_s, routing.holds) == (80, 10.0, True)


# ---- rules ----
@pytest.mark.parametrize(("startup_s", "expected"), [(1.0, 10.0), (4.0, 14.0), (9.0, 31.5)])
def test_a_request_waits_ten_seconds_or_three_and_a_half_starts(startup_s, expected):
    assert pending_s(startup_s, 10.0, 3.5) == expected


# ---- by hand ----
def test_a_scale_by_command_sets_the_minimum_which_the_autoscaler_keeps():
    """`--min 4` is the only command there is: it holds, where ECS' alarms would take tasks away."""
    run = replay("cloud_run", {"scale": {"services": {"http": 4}}}, horizon_s=1200.0)
    assert run.series["ready"][-1] == 4.0


# ---- to zero and back ----
def idle_hour(least: int, boot: str = "3s", timeout: str = "20s") -> Run:
    """Ten busy minutes, an hour without a request, then customers again."""
    points = [(0.0, 5.0), (600.0, 0.0), (4200.0, 5.0)]
    scenario = Scenario(
        name="idle_hour",
        title="an idle hour, then customers",
        lesson="test",
        horizon=5400.0,
        traffic={
            "points": [{"at": at, "rate": rate} for at, rate in points],
            "client": {"timeout": timeout},
        },
        events=[],
        set={
            "stack.services.http.scaling.min": least,
            "stack.services.http.boot": boot,
            "stack.operator.detect": "24h",
            "stack.operator.missed_page": 0.0,
        },
    )
    return run_once(scenario, sspp(), "cloud_run", 1, engine=ENGINE)


def test_with_a_minimum_of_zero_the_first_request_starts_an_instance_and_waits_for_it():
    """Before, nothing ever started again: 6,095 of 9,181 requests found no backend."""
    run = idle_hour(0)
    lines = [(r.t_s, r.text) for r in run.timeline if r.event == "autoscaling"]
    (gone, woken) = lines
    assert gone[0] == 600.0 + 60.0 + 900.0  # the mean of a minute, a quarter of an hour idle
    assert gone[1] == "api scaled from 1 to 0 instances"
    assert 4200.0 <= woken[0] <= 4202.0
    assert woken[1] == "a request finds no instance of api: one starts, and it waits"
    assert availability(run) == 1.0
    assert 3.0 < run.recording.latency_max_s < 8.0  # the instance and its boot


def test_who_waits_for_a_cold_start_longer_than_its_patience_gives_up():
    run = idle_hour(0, boot="8s", timeout="5s")
    causes = run.recording.requests.sum(axis=0)
    assert availability(run) > 0.99
    assert 10 < causes[FIRST_CAUSE + Outcome.CLIENT_TIMEOUT - Outcome.REFUSED] < 80
    assert causes[FIRST_CAUSE + Outcome.NO_BACKEND - Outcome.REFUSED] == 0


def test_one_kept_instance_spares_users_the_cold_start():
    run = idle_hour(1)
    assert [r for r in run.timeline if r.event == "autoscaling"] == []
    assert availability(run) == 1.0


# ---- outages ----
def test_a_crashed_instance_is_replaced_at_once_and_then_starts_cold():
    run = replay("cloud_run", {"operator_kill": {"service": "http"}})
    assert when(run, "restart") == [0.0]
    lacking = (run.series["ready"][int(FAULT_S) + 2 :] == 0).sum()
    assert 3.0 < lacking < 40.0  # the only instance: a cold start is an outage
    twice = {"stack.services.http.scaling.min": 2, "stack.services.http.replicas": 2}
    assert (
        availability(replay("cloud_run", {"operator_kill": {"service": "http"}}, settings=twice))
        > 0.99
    )


def test_a_revision_that_does_not_start_gets_no_traffic():
    broken = {"crashes_at_start": True, "boot": "1s"}
    run = replay("cloud_run", {"deploy": {"service": "http", "version": broken}})
    assert when(run, "rollout", "did not start")
    assert availability(run) == 1.0


def test_a_worker_pool_has_no_traffic_that_moves():
    run = replay("cloud_run", {"deploy": {"service": "worker", "version": {"boot": "1s"}}})
    assert when(run, "rollout", "revision v2 of worker does all the work")
    assert not when(run, "rollout", "traffic")


def test_an_instance_is_placed_on_a_machine_of_its_own():
    run = replay("cloud_run", {"operator_kill": {"service": "http"}})
    (placed,) = [r.text for r in run.timeline if r.event == "placed"]
    assert placed == "placed (v1): api-2 on machine-5"


def test_a_revision_with_errors_gets_all_the_traffic_until_a_person_sends_it_back():
    bad = {"name": "v2", "error_rate": 0.5, "boot": "1s"}
    quick = {"stack.operator.investigate": "60s"}  # it runs and errs: she has to look into it
    event = {"deploy": {"service": "http", "version": bad}}
    run = replay("cloud_run", event, horizon_s=600.0, settings=quick)
    assert when(run, "rollout", "has all the traffic")
    assert when(run, "rollback")
    assert availability(run) < 0.99


def test_a_surge_is_met_within_seconds_and_idle_instances_stay():
    settings = {"stack.services.http.cpu.demand": {"exponential": "200ms"}}
    run = replay("cloud_run", None, rate=20.0, horizon_s=300.0, settings=settings)
    first = min(r.t_s for r in run.timeline if r.event == "autoscaling")
    assert first <= 60.0
    assert run.series["replicas"][-1] >= 6


def test_workers_are_a_pool_that_nothing_scales():
    """No pull workers in a service: the queue grows while producers are faster."""
    settings = {"stack.services.worker.cpu.demand": {"exponential": "4s"}}
    run = replay("cloud_run", None, rate=10.0, settings=settings)
    assert run.series["jobs_queued"][-1] > 200
    assert not [r for r in run.timeline if r.event == "autoscaling" and r.subject == "worker"]


@pytest.mark.slow
def test_black_friday():
    assert figures("black_friday:do_nothing", "cloud_run")["availability"] > 0.98
