"""Incidents that need no new world: what users and the timeline show of each."""

from __future__ import annotations

import pytest

from sim.control.faults.faults import victims
from sim.control.scheduling.kubelet import pull_wait_s
from sim.dataplane.tables import ARRIVED, SUCCEEDED
from sim.library.scenarios import load_scenario
from sim.results.run import Run
from sim.schema.fields import InputError
from sim.schema.scenario_checks import read_event
from tests.control.outage import replay, rows, sspp, when

ASLEEP = {"stack.operator.detect": "24h"}


def failed(run: Run, begin_s: int, end_s: int) -> float:
    arrived, succeeded = run.recording.requests[begin_s:end_s, [ARRIVED, SUCCEEDED]].sum(axis=0)
    return 1.0 - float(succeeded) / float(arrived)


# ---- which ----
class Living:
    alive, deleting = True, False


@pytest.mark.parametrize(
    ("which", "lot", "hits"),
    [("oldest", 0.0, [0, 1]), ("newest", 0.0, [2, 3]), (1, 0.0, [1, 2]), (3, 0.0, [3]),
     (4, 0.0, []), ("any", 0.0, [0, 1]), ("any", 0.5, [2, 3]), ("any", 0.99, [3, 0])],
)  # fmt: skip
def test_whom_an_event_hits(which, lot, hits):
    four = [Living() for _ in range(4)]
    assert [four.index(c) for c in victims(four, 2, which, lot)] == hits


def test_the_newest_replica_is_killed_and_nobody_is_told_silently():
    kill = {"at": 30, "operator_kill": {"service": "http", "which": "newest"}}
    run = replay(kill, platform="kubernetes", horizon_s=60.0)
    assert rows(run, "exit")[0].subject == "api-3"
    missed = {"at": 30, "process_crash": {"service": "http", "which": 7}}
    assert rows(replay(missed, horizon_s=60.0), "missed"), "no eighth replica: said"


# ---- images ----
def test_pulls_are_tried_again_later_and_later():
    waits = [pull_wait_s(failures, 10.0, 300.0) for failures in range(1, 8)]
    assert waits == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert pull_wait_s(9999, 10.0, 300.0) == 300.0


def test_a_registry_that_is_back_is_noticed_when_the_kubelet_looks_again():
    """Deployed at 60 s, refused at 61..: tries after 10, 20, 40, 80 s and 160 s: about 370 s. The
    registry is back at 240 s; the new pods wait for their own back-off, users notice nothing."""
    deploy = {"at": 60, "deploy": {"service": "http", "version": {"name": "v2"}}}
    down = {"at": 30, "registry_down": {"lasts": 210}}
    run = replay(down, deploy, platform="kubernetes", horizon_s=600.0, rate=4.0)
    pulls = rows(run, "image_pull", "api-4")
    assert [row.text.rsplit(" ", 2)[1] for row in pulls] == ["10", "20", "40", "80", "160"]
    (listens,) = [row.t_s for row in rows(run, "listening", "api-4")]
    assert pulls[-1].t_s + 160.0 < listens < 430.0
    assert failed(run, 60, 600) < 0.02


def test_cloud_run_needs_the_registry_for_new_revisions_only():
    crash = {"at": 60, "process_crash": {"service": "http"}}
    run = replay({"at": 30, "registry_down": {"lasts": 300}}, crash, platform="cloud_run",
                 horizon_s=300.0)  # fmt: skip
    assert rows(run, "image_pull") == []
    fargate = replay({"at": 30, "registry_down": {"lasts": 300}}, crash, platform="ecs_fargate",
                     horizon_s=300.0)  # fmt: skip
    assert rows(fargate, "image_pull"), "each task pulls its image anew"


# ---- the control plane ----
def test_a_frozen_control_plane_replaces_nothing_and_what_runs_runs_on():
    freeze = {"at": 60, "control_plane": {"lasts": 300}}
    crash = {"at": 90, "process_crash": {"service": "http"}}
    run = replay(freeze, crash, platform="kubernetes", horizon_s=600.0, rate=6.0)
    assert when(run, "thawed") == [360.0]
    assert rows(run, "restart", "api-1"), "a kubelet needs nobody for it"
    swarm = replay(freeze, crash, platform="swarm", horizon_s=600.0, rate=6.0, settings=ASLEEP)
    (placed,) = when(swarm, "placed")
    assert placed == pytest.approx(360.0, abs=1.0), "after the thaw; without a freeze at 95 s"
    # two of three replicas are left; the dead one stays listed, and refuses a third of users
    assert 0.2 < failed(swarm, 100, 350) < 0.5
    assert failed(swarm, 400, 600) < 0.02


def test_the_autoscaler_waits_and_people_are_no_control_plane():
    rise = {"points": [{"at": 0, "rate": 6}, {"at": 120, "rate": 200}]}
    freeze = {"at": 60, "control_plane": {"lasts": 600}}
    busy = {**ASLEEP, "stack.services.api.cpu.demand": "40ms"}  # three replicas do 75/s
    run = replay(freeze, platform="kubernetes", horizon_s=900.0, traffic=rise, settings=busy)
    assert all(row.t_s > 660.0 for row in rows(run, "autoscaling"))
    assert rows(run, "autoscaling")
    assert failed(run, 300, 600) > 0.1
    compose = replay(freeze, horizon_s=120.0)
    assert "no control plane" in rows(compose, "control_plane")[0].text


def test_without_names_open_connections_stay_and_new_processes_find_no_database():
    freeze = {"at": 60, "control_plane": {"what": ["dns"], "lasts": 200}}
    crash = {"at": 120, "process_crash": {"service": "http", "replicas": 3}}
    run = replay(freeze, crash, platform="kubernetes", horizon_s=400.0, rate=6.0)
    assert failed(run, 60, 119) < 0.02
    assert failed(run, 150, 250) > 0.9
    assert failed(run, 320, 400) < 0.05


# ---- disks, rows, certificates ----
def test_logs_fill_a_disk_where_nothing_bounds_them():
    full = {"at": 60, "disk_full": {"by": "logs"}}
    run = replay(full, horizon_s=2400.0, rate=4.0)
    assert "no space left" in rows(run, "exit", "postgres-1")[0].text
    freed = when(run, "disk_freed")
    assert len(freed) == 1
    assert failed(run, 70, int(freed[0])) > 0.9
    assert failed(run, int(freed[0]) + 120, 2400) < 0.02
    assert (
        "bounds their logs"
        in rows(replay(full, platform="nomad", horizon_s=90.0), "disk_full")[0].text
    )


def test_a_full_disk_takes_no_restart_before_there_is_room():
    full = {"at": 60, "disk_full": {}}
    run = replay(full, platform="kubernetes", horizon_s=600.0, settings=ASLEEP)
    assert len(rows(run, "exit", "postgres-1")) > 3
    assert not rows(run, "listening", "postgres-1")


def test_deleted_rows_come_back_as_the_backup_had_them():
    gone = {"at": 600, "data_deleted": {}}
    for platform in ("compose", "kubernetes"):
        run = replay(gone, platform=platform, horizon_s=5 * 3600.0)
        ((since_s, until_s, restored_s),) = [
            (row.since_s, row.until_s, row.restored_s) for row in run.lost_rows
        ]
        assert since_s < until_s == 600.0
        assert restored_s is not None
        assert 1800.0 < restored_s < 4.5 * 3600.0, "hours, not minutes"
        assert failed(run, 700, int(restored_s)) > 0.9
        assert failed(run, int(restored_s) + 600, 5 * 3600) < 0.02


def test_an_expired_certificate_shuts_everybody_out_until_it_is_renewed():
    expired = {"at": 60, "certificate_expired": {}}
    run = replay(expired, platform="kubernetes", horizon_s=4000.0)
    (renewed,) = when(run, "certificate")
    assert failed(run, 60, int(renewed)) == 1.0
    assert failed(run, int(renewed) + 5, 4000) == 0.0
    fargate = replay(expired, platform="ecs_fargate", horizon_s=120.0)
    assert failed(fargate, 60, 120) == 0.0


# ---- by command ----
def test_restarts_all_at_once_or_one_by_one_behind_a_balancer():
    ask = {"at": 60, "restart": {"service": "http", "one_by_one": True, "pause": 5}}
    settings = {"stack.services.http.replicas": 3}
    run = replay(ask, platform="compose_hardened", horizon_s=300.0, rate=6.0, settings=settings)
    assert len(rows(run, "exit", "api-")) == 3
    assert failed(run, 60, 300) == 0.0
    once = {"at": 60, "restart": {"service": "http"}}
    run = replay(once, horizon_s=300.0, rate=6.0)
    assert failed(run, 90, 98) > 0.9, "one replica: away for its boot of 8 s"
    kubernetes = replay(once, platform="kubernetes", horizon_s=300.0, rate=6.0)
    assert len(rows(kubernetes, "exit", "api-")) == 3
    assert failed(kubernetes, 60, 300) < 0.01


def test_start_and_rollback_by_command():
    stop = {"at": 30, "operator_stop": {"service": "worker"}}
    run = replay(stop, {"at": 60, "start": {}}, horizon_s=120.0, settings=ASLEEP)
    assert when(run, "start", "worker-1") == [90.0], "20 s to log in, 10 s to type"
    assert (
        "nothing to start"
        in rows(replay({"at": 60, "start": {}}, horizon_s=120.0), "start")[0].text
    )
    deploy = {"at": 30, "deploy": {"service": "http", "version": {"name": "v2"}, "rollback": False}}
    run = replay(deploy, {"at": 200, "rollback": {"service": "http"}}, platform="kubernetes",
                 horizon_s=500.0)  # fmt: skip
    assert any("(v1)" in row.text for row in rows(run, "placed", "api"))


def test_replicas_fail_by_themselves_at_the_rate_that_was_asked_for():
    """Three replicas, one failure in 300 s each: 3 * 7200 / 300 = 72 expected, sd 8.5; a process
    that waits in CrashLoopBackOff cannot fail, so fewer."""
    ask = {"at": 10, "failures": {"service": "http", "mtbf": 300}}
    run = replay(ask, platform="kubernetes", horizon_s=7200.0)
    assert 30 < len(rows(run, "exit", "api-")) < 90
    short = {"at": 10, "failures": {"service": "http", "mtbf": 20, "lasts": 60}}
    assert all(
        t < 70.0 for t in when(replay(short, platform="kubernetes", horizon_s=600.0), "exit")
    )


# ---- changes ----
def test_a_bad_configuration_is_everywhere_at_once_and_goes_back_as_it_came():
    """Pushed at 60 s, paged a minute after users fail, 40 s to look, 10 s to type."""
    bad = {"at": 60, "config": {"services": ["http"], "errors": "85%"}}
    run = replay(bad, platform="kubernetes", horizon_s=900.0, rate=20.0)
    (back,) = when(run, "config_back")
    assert failed(run, 61, int(back)) == pytest.approx(0.85, abs=0.02)
    assert failed(run, int(back) + 2, 900) == 0.0
    assert not rows(run, "exit"), "nobody was restarted"
    assert 200.0 < back < 600.0


def test_a_staged_push_that_is_watched_hurts_a_third_for_as_long_as_it_is_watched():
    bad = {"services": ["http"], "errors": "100%", "stage": 60, "halts": True}
    run = replay({"at": 60, "config": bad}, platform="kubernetes", horizon_s=400.0, rate=20.0)
    assert failed(run, 61, 120) == pytest.approx(1 / 3, abs=0.05)
    assert when(run, "config_halted") == [120.0]
    assert failed(run, 121, 400) == 0.0


def test_what_is_latent_waits_for_the_next_start():
    bad = {"services": ["http"], "crash": True, "latent": True}
    crash = {"at": 300, "process_crash": {"service": "http"}}
    settings = {**ASLEEP, "stack.services.api.restart": "always"}
    run = replay({"at": 60, "config": bad}, crash, horizon_s=600.0, rate=4.0, settings=settings)
    assert failed(run, 0, 299) == 0.0
    assert failed(run, 301, 600) == 1.0
    assert len(rows(run, "exit", "api-1")) > 3, "Docker starts it, and it ends again"


def test_a_limit_that_is_too_low_queues_what_came_through_before():
    """20 ms of CPU, and some of the database: one at a time does less than 50/s; 60/s come."""
    busy = {**ASLEEP, "stack.services.api.cpu.demand": "20ms", "stack.services.api.cpu.threads": 4}
    low = {"at": 60, "config": {"services": ["http"], "set": {"concurrency": 1}}}
    ask = {"horizon_s": 300.0, "rate": 60.0, "settings": busy}
    assert failed(replay(**ask), 100, 300) < 0.01
    assert failed(replay(low, **ask), 100, 300) > 0.2


def test_a_migration_locks_as_long_as_it_lasts():
    """15 s with everything locked: pools fill, users time out after 5 s, and no later."""
    lock = {"at": 60, "lock": {"lasts": 15}}
    run = replay(lock, horizon_s=300.0, rate=20.0, settings=ASLEEP)
    assert when(run, "unlocked") == [75.0]
    assert failed(run, 60, 69) == 1.0
    assert failed(run, 80, 300) < 0.01
    some = replay({"at": 60, "lock": {"lasts": 20, "share": "10%"}}, horizon_s=300.0, rate=20.0,
                  settings={**ASLEEP, "stack.services.api.database.pool": 90})  # fmt: skip
    assert failed(some, 61, 74) == pytest.approx(0.1, abs=0.07), "enough connections for all"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("pool", "refused"), [(9, False), (10, True)])
def test_who_holds_a_lock_has_a_connection(engine: str, pool: int, refused: bool) -> None:
    """Ten slots, and twenty queries a second that all wait: a pool of nine leaves it one, of a pool
    of ten the last is refused. Without the lock one or two of ten are ever open."""
    tight = {
        **ASLEEP, "stack.services.worker.replicas": 0, "stack.services.api.database.pool": pool,
        "stack.services.postgres.max_connections": 13,
    }  # fmt: skip
    lock = {"at": 60, "lock": {"lasts": 15}}
    run = replay(lock, horizon_s=120.0, rate=20.0, settings=tight, engine=engine)
    assert (run.gauge.connections_refused > 0) is refused
    calm = replay(horizon_s=120.0, rate=20.0, settings=tight, engine=engine)
    assert calm.gauge.connections_refused == 0


def test_a_lock_ends_with_its_database_or_when_somebody_cancels_it():
    lock = {"at": 60, "lock": {"lasts": 3000}}
    died = replay(lock, {"at": 90, "process_crash": {"service": "postgres"}}, horizon_s=400.0,
                  settings={**ASLEEP, "stack.services.postgres.restart": "always"})  # fmt: skip
    assert when(died, "unlocked") == [90.0]
    assert failed(died, 150, 400) < 0.05
    cancelled = replay(lock, horizon_s=900.0, rate=4.0)
    assert 150.0 < when(cancelled, "unlocked")[0] < 600.0


def test_a_bad_plan_costs_the_database_its_cores_until_somebody_analyzes():
    """4 ms a query at 60/s: a quarter of a core; 100 times that is six times the server."""
    bad = {"at": 60, "bad_plan": {"factor": 100}}
    run = replay(bad, horizon_s=3600.0, rate=60.0)
    (analyzed,) = when(run, "analyzed")
    assert failed(run, 100, int(analyzed)) > 0.3
    assert failed(run, int(analyzed) + 120, 3600) < 0.01


# ---- bad input ----
@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"data_deleted": {"service": "api"}}, "data_deleted.service"),
        ({"disk_full": {"service": "worker"}}, "disk_full.service"),
        ({"control_plane": {"what": ["etcd"], "lasts": 60}}, "control_plane.what"),
        ({"control_plane": {"what": [], "lasts": 60}}, "control_plane.what"),
        ({"control_plane": {"lasts": 0}}, "control_plane.lasts"),
        ({"operator_kill": {"service": "http", "which": "youngest"}}, "operator_kill.which"),
        ({"failures": {"service": "http", "mtbf": 0}}, "failures.mtbf"),
        ({"config": {"services": []}}, "config.services"),
        ({"config": {"services": ["http"]}}, "config"),
        ({"config": {"services": ["api"], "set": {"memory.limit": "1Gi"}}}, "memory.limit"),
        ({"config": {"services": ["api"], "set": {"concurrency": 0}}}, "concurrency"),
        ({"config": {"services": ["apo"], "errors": 1}}, "config.services"),
        ({"config": {"services": ["api"], "errors": 1, "halts": True}}, "config.halts"),
        ({"lock": {"service": "redis", "lasts": 5}}, "lock.service"),
        ({"bad_plan": {"factor": 0.5}}, "bad_plan.factor"),
    ],
)
def test_bad_input_is_refused_with_its_field(event, field):
    with pytest.raises(InputError) as error:
        read_event(event, 10.0, load_scenario("container_crash"), sspp())
    assert field in str(error.value)
    assert "\n" not in str(error.value).strip()


@pytest.mark.parametrize("platform", ["compose", "swarm", "kubernetes", "nomad", "cloud_run"])
def test_a_rollback_with_no_version_before_is_told(platform):
    """It ended the run with a traceback."""
    run = replay({"at": 30, "rollback": {"service": "http"}}, platform=platform)
    assert any("no version of api before this one" in row.text for row in run.timeline)


def test_one_of_several_replicas_is_restarted_by_its_number():
    run = replay({"at": 30, "restart": {"service": "http", "replica": 1}},
                 platform="compose_hardened")  # fmt: skip
    assert any("`docker restart api-2`" in row.text for row in run.timeline)
    assert not any(row.subject == "api-1" and row.event == "exit" for row in run.timeline)
