"""Disks: whose moves, whose waits, and what a lost one costs.

A local or host volume is a part of its server; a cloud disk is attached to another one in about a
minute (aws-ebs-csi-driver issue 861), six minutes later where its server went without unmounting.
A lost disk needs a backup: GitLab.com restored one that was six hours old (2017).
"""

from __future__ import annotations

import pytest

from sim.control.scheduling.kubelet import VOLUME_ATTACH, VOLUME_DETACH
from sim.control.scheduling.node_lifecycle import REPAIR
from sim.results import metrics
from sim.results.figures import lost
from sim.results.run import Run
from tests.control.outage import replay, rows, when

LOST = {"at": 300, "server_crash": {"hosting": "postgres", "returns": False}}
QUICK = {  # every hour a backup, half an hour to restore it
    "stack.services.postgres.backup": {"every": "1h", "restore": "30m", "restore_cv": 0},
    "stack.operator.habits.gives_up": "5m",
}


def lose(platform: str, horizon_s: float = 7200.0, **settings: object) -> Run:
    return replay(
        LOST, platform=platform, horizon_s=horizon_s, rate=2.0, settings={**QUICK, **settings}
    )


@pytest.mark.parametrize("platform", ["swarm", "nomad"])
def test_a_drained_server_keeps_its_volumes(platform: str) -> None:
    """The task waits for its node: the work of 60 s and the reboot of 120 s, and no row is lost."""
    drain = {"at": 60, "drain": {"hosting": "postgres", "lasts": "1m"}}
    run = replay(drain, platform=platform, horizon_s=900.0, rate=2.0)
    placed = [row.text for row in rows(run, "placed", "postgres")]
    assert len(placed) == 1
    assert placed[0].endswith("on server-1")
    assert rows(run, "unschedulable", "postgres")[0].text.endswith("its volume is there")
    assert when(run, "placed", "postgres")[0] - when(run, "drain")[0] > 180.0
    assert metrics.rows_lost(run) == 0
    assert metrics.downtime_s(run) > 150.0


UNPINNED = {"swarm.scheduling.pinned": False, "stack.services.redis.persistence": "aof_always"}


def test_without_a_constraint_a_database_begins_elsewhere_with_an_empty_disk() -> None:
    """The scheduler asks for the volume's driver alone (swarmkit filter.go): lost after 11.3 s, a
    new task after 5; it has no tables until somebody holds it to its server, with all its rows."""
    crash = {"at": 60, "server_crash": {"hosting": "postgres"}}
    run = replay(crash, platform="swarm", horizon_s=1200.0, rate=2.0, settings=UNPINNED)
    (first, second) = when(run, "placed", "postgres")
    assert first == pytest.approx(60.0 + 11.3 + 5.0, abs=0.1)
    (empty,) = rows(run, "empty")
    assert empty.text == "postgres-2 has begun with an empty disk on server-2: nobody is served"
    assert empty.t_s < when(run, "server_up")[0] == 180.0, "its rows were back long before"
    done = [row.t_s for row in rows(run, "operator") if "done: constrain postgres" in row.text]
    assert done == [pytest.approx(second)]
    assert rows(run, "placed", "postgres")[1].text.endswith("postgres-1 on server-1")
    assert metrics.rows_lost(run) == 0
    assert metrics.downtime_s(run) > second - 60.0
    assert when(run, "disk_lost") == []


def test_without_a_constraint_a_drain_takes_a_database_from_its_rows() -> None:
    drain = {"at": 60, "drain": {"hosting": "postgres", "lasts": "1m"}}
    run = replay(drain, platform="swarm", horizon_s=1200.0, rate=2.0, settings=UNPINNED)
    placed = [row.text.rpartition(" on ")[2] for row in rows(run, "placed", "postgres")]
    assert placed == ["server-2", "server-1"]
    assert metrics.rows_lost(run) == 0


def test_without_a_constraint_a_queue_begins_anew_and_its_jobs_are_left_behind() -> None:
    """Saved after each write, and on the wrong server: sooner there, and empty."""
    jobs = {"stack.services.worker.cpu.demand": "20s", "stack.services.api.push.share": "100%"}
    crash = {"at": 60, "server_crash": {"hosting": "redis"}}
    wiped = {}
    for pinned in (True, False):
        settings = {**UNPINNED, **jobs, "swarm.scheduling.pinned": pinned}
        run = replay(crash, platform="swarm", horizon_s=300.0, rate=2.0, settings=settings)
        wiped[pinned] = lost(run)["redis_wiped"]
        back = next(t for t in when(run, "listening", "redis") if t > 60.0)
        assert (back > 180.0) is pinned
    assert wiped[True] == 0
    assert wiped[False] > 60


def test_a_disk_that_is_gone_is_restored_where_the_database_is_held_then() -> None:
    settings = {**QUICK, **UNPINNED}
    run = replay(LOST, platform="swarm", horizon_s=7200.0, rate=2.0, settings=settings)
    (restored,) = when(run, "restored")
    assert when(run, "placed", "postgres")[1:] == [restored]
    assert metrics.rows_lost(run) > 0
    assert not any("constrain" in row.text for row in rows(run, "operator"))
    late = run.recording.requests[-600:-60].sum(axis=0)
    assert late[1] == late[0] > 0, "served again"


@pytest.mark.parametrize("platform", ["compose", "swarm", "nomad", "ecs_fargate", "cloud_run"])
def test_a_lost_disk_costs_the_rows_since_the_backup_on_every_platform(platform: str) -> None:
    run = lose(platform)
    (gone,) = run.lost_rows
    assert when(run, "disk_lost") == [300.0]
    assert 0.0 <= 300.0 - gone.since_s <= 3600.0
    assert metrics.rows_lost(run) > 0
    restored = when(run, "restored")[0]
    assert restored > 300.0 + 300.0 + 1800.0, "after giving up and half an hour of restoring"
    assert metrics.restore_s(run) == pytest.approx(restored - 300.0)
    assert metrics.downtime_s(run) > 2000.0
    late = run.recording.requests[-600:-60].sum(axis=0)
    assert late[1] == late[0] > 0, "served again"


def test_the_backup_is_as_old_on_every_platform() -> None:
    ages = {lose(platform, 400.0).lost_rows[0].since_s for platform in ("compose", "swarm")}
    assert len(ages) == 1


def test_what_is_not_restored_by_the_end_has_no_time() -> None:
    run = lose("compose", 900.0)
    assert metrics.rows_lost(run) > 0
    assert metrics.restore_s(run) is None
    calm = replay(horizon_s=60.0)
    assert (metrics.rows_lost(calm), metrics.restore_s(calm)) == (0, 0.0)


def test_a_queue_that_was_saved_goes_with_its_disk() -> None:
    """Whatever Redis wrote there: after a reboot it is back, from a lost machine nothing is."""
    jobs = {
        "stack.services.redis.persistence": "aof_always",
        "stack.services.worker.cpu.demand": "60s",
        "stack.services.api.push.share": "100%",
    }
    wiped = {}
    for returns in (True, False):
        crash = {"at": 100, "server_crash": {"hosting": "redis", "returns": returns}}
        run = replay(crash, horizon_s=200.0, settings=jobs)
        wiped[returns] = lost(run)["redis_wiped"]
    assert wiped[True] == 0
    assert wiped[False] > 60


@pytest.mark.parametrize("platform", ["ecs_fargate", "cloud_run"])
def test_a_database_beside_a_serverless_platform_is_no_task(platform: str) -> None:
    """It runs on a rented server: Docker starts it at boot, nobody replaces or provisions it."""
    crash = {"at": 100, "server_crash": {"hosting": "postgres"}}
    run = replay(crash, platform=platform, horizon_s=400.0)
    assert when(run, "server_up") == [220.0]
    for name, boot_s in (("postgres-1", 2.5), ("redis-1", 0.5)):
        assert "started by Docker at boot" in rows(run, "restart", name)[0].text
        assert when(run, "listening", name) == [pytest.approx(220.0 + boot_s, abs=0.01)]
    killed = replay(
        {"at": 100, "process_crash": {"service": "redis"}}, platform=platform, horizon_s=200.0
    )
    assert "restarted by Docker" in rows(killed, "restart", "redis-1")[0].text
    task = replay(
        {"at": 100, "process_crash": {"service": "http"}}, platform=platform, horizon_s=200.0
    )
    assert "is replaced by" in rows(task, "restart", "api-1")[0].text


def test_a_managed_cluster_repairs_a_node_and_its_disk_moves() -> None:
    """NotReady, ten minutes, then six to detach and one to attach; no row is lost. (Whoever
    is paged is slower, here.)"""
    run = lose("kubernetes", 2400.0, **{"stack.operator.habits.writes_off": "1h"})
    (silent,), (repaired,) = when(run, "not_ready"), when(run, "node_repair")
    assert repaired - silent == pytest.approx(REPAIR.value)
    placed = when(run, "placed", "postgres")
    assert placed == [repaired]
    starts = [
        span.start_s for span in run.spans
        if span.service == "postgres" and span.state == "starting" and span.start_s > repaired
    ]  # fmt: skip
    moved = starts[0] - repaired
    assert moved == pytest.approx(VOLUME_DETACH.value + VOLUME_ATTACH.value, abs=3.0)
    assert metrics.rows_lost(run) == 0
    assert run.series["servers"][-1] == 3


def test_a_cluster_of_ones_own_waits_for_a_person() -> None:
    """Paged, she cannot reach the server for five minutes, and marks it: its disk may move."""
    own = {"kubernetes.scheduling.lifecycle.repair": None}
    slow = {**own, "stack.operator.habits.writes_off": "1h"}
    run = lose("kubernetes", 2400.0, **slow)
    assert when(run, "node_repair") == when(run, "placed", "postgres") == []
    run = lose("kubernetes", 2400.0, **own)
    (acknowledged,), (marked,) = when(run, "acknowledged"), when(run, "out_of_service")
    assert 300.0 <= marked - acknowledged < 480.0
    assert len(when(run, "placed", "postgres")) == 1
    assert metrics.rows_lost(run) == 0


def test_a_node_that_is_back_is_not_repaired() -> None:
    crash = {"at": 300, "server_crash": {"hosting": "postgres"}}
    settings = {"stack.servers.machine.reboot": "500s"}
    run = replay(crash, platform="kubernetes", horizon_s=1500.0, settings=settings)
    assert when(run, "server_up") == [800.0]
    assert when(run, "node_repair") == []
