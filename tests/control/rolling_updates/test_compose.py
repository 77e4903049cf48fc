"""What `docker compose` commands do: order of starts, a deploy, --scale."""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.rolling_updates.compose import recreate, start_order
from sim.dataplane.codes import REQUEST_CAUSES
from sim.dataplane.tables import DONE, FIRST_CAUSE
from sim.library.scenarios import load_scenario
from sim.platforms import names
from sim.results.run import Run
from sim.schema.fields import InputError
from sim.schema.scenario import Version
from tests.control.outage import replay, rows, when
from tests.control.world import EMPTY, World, stack_of


@pytest.mark.parametrize(
    ("depends_on", "order"),
    [
        ({"a": [], "b": []}, ["a", "b"]),
        ({"api": ["db", "queue"], "db": [], "queue": []}, ["db", "queue", "api"]),
        ({"a": ["b"], "b": ["c"], "c": []}, ["c", "b", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["b", "a"]),  # a cycle ends somewhere
        ({"a": ["gone"]}, ["a"]),
    ],
)
def test_start_order(depends_on: dict[str, list[str]], order: list[str]) -> None:
    assert start_order(depends_on) == order


def test_a_deploy_stops_all_replicas_before_it_starts_one() -> None:
    """Two servers, two replicas: both are down together (no rolling update in Compose)."""
    settings = {"stack.servers.count": 2, "stack.services.api.replicas": 2}
    run = replay({"at": 300, "deploy": {"service": "http"}}, settings=settings, horizon_s=600.0)
    running = run.series["replicas"][300:360]
    assert running.min() == 0
    assert running[-1] == 2


def test_a_deploy_waits_for_a_process_that_ignores_sigterm() -> None:
    """Downtime = stop (0 to 10 s) + boot: shared facts, orchestrators section 2."""
    deploy = {"at": 300, "deploy": {"service": "http"}}
    for ignores, stopped_s in ((False, 310.0), (True, 320.0)):
        settings = {
            "stack.services.api.stop.drains": False,
            "stack.services.api.stop.ignores": ignores,
        }
        run = replay(deploy, settings=settings, horizon_s=600.0)
        assert when(run, "exit", "api-1") == [stopped_s]
        listening = [int(t) for t in run.series["t_s"] if run.series["replicas"][int(t)] == 1]
        assert min(t for t in listening if t > 310) == stopped_s + 8


def test_grace_period_of_the_file() -> None:
    settings = {
        "stack.services.api.stop.drains": False,
        "stack.services.api.stop.ignores": True,
        "stack.services.api.stop.grace": "3s",
    }
    run = replay({"at": 300, "deploy": {"service": "http"}}, settings=settings, horizon_s=600.0)
    assert when(run, "exit", "api-1") == [313.0]


def test_a_second_replica_finds_the_port_taken() -> None:
    run = replay({"at": 300, "scale": {"services": {"http": 5}}}, horizon_s=600.0)
    (taken,) = rows(run, "port_taken")
    assert taken.text.endswith("Bind for 0.0.0.0:3000 failed: port is already allocated")
    assert run.series["replicas"].max() == 1


def test_workers_have_no_port_and_scale_up_and_down() -> None:
    up = {"at": 100, "scale": {"services": {"worker": 4}}}
    down = {"at": 400, "scale": {"services": {"worker": 1}}}
    run = replay(up, down, horizon_s=600.0)
    assert rows(run, "port_taken") == []
    assert len({r.subject for r in rows(run, "exit", "worker")}) == 3
    assert run.gauge.jobs_queued == 0


def test_replicas_at_second_0_collide_too() -> None:
    run = replay(settings={"stack.services.api.replicas": 3}, horizon_s=60.0)
    assert when(run, "port_taken") == [0.0, 0.0]


# ---- order of stops, and `up` that waits ----
RAISE = {"at": 300, "raise_connections": {"max_connections": 200}}


def test_compose_stops_in_reverse_order_of_depends_on() -> None:
    """API and worker take their ten seconds; only then the database and the queue are told."""
    stubborn = {f"stack.services.{name}.stop.ignores": True for name in ("api", "worker")}
    run = replay(RAISE, settings=stubborn, horizon_s=900.0)
    stops = [(row.t_s, row.subject) for row in rows(run, "exit")]
    (first, _), *_ = stops
    assert [subject for _, subject in stops[:2]] == ["api-1", "worker-1"]
    assert [(t, subject) for t, subject in stops[2:4]] == [
        (first, "redis-1"),
        (first, "postgres-1"),
    ]


def test_a_chain_of_dependencies_stops_link_by_link() -> None:
    """The proxy before the API before the database, each after its own grace period."""
    names = ("nginx", "api", "worker")
    settings: dict[str, Any] = {
        "stack.services.http.port": None,
        "stack.services.nginx": {"role": "proxy", "port": 80, "depends_on": ["api"]},
        **{f"stack.services.{name}.stop.ignores": True for name in names},
        "stack.services.api.stop.grace": "3s",
        "stack.services.nginx.stop.grace": "4s",
        "stack.services.worker.stop.grace": "1s",
    }
    run = replay(RAISE, settings=settings, horizon_s=900.0)
    exits = {row.subject: row.t_s for row in rows(run, "exit")}
    began = exits["worker-1"] - 1.0
    assert exits["nginx-1"] == pytest.approx(began + 4.0)
    assert exits["api-1"] == pytest.approx(began + 7.0), "after nginx, which depends on it"
    assert exits["postgres-1"] == pytest.approx(began + 7.0), "after the API and the worker"


HEALTH = {
    "stack.services.postgres.healthcheck": {"interval": "30s", "timeout": "5s", "retries": 3},
    "stack.services.api.waits_for": ["postgres"],
}
CRASH = {"at": 300, "server_crash": {}}


def listens_s(run: Run, subject: str) -> float:
    return next(row.t_s for row in rows(run, "listening", subject))


def test_up_waits_for_a_healthy_dependency() -> None:
    """The first check comes an interval after the start (30 s); `up` looks each half second."""
    run = replay(CRASH, settings=HEALTH)
    plain = replay(CRASH)
    gap = listens_s(run, "api-1") - listens_s(plain, "api-1")
    assert 30.0 <= gap <= 31.0
    assert listens_s(run, "worker-1") == listens_s(plain, "worker-1"), "it waits for nobody"


def test_a_reboot_knows_no_condition() -> None:
    """dockerd starts what its policies say at once (docker/compose#12589)."""
    policies = {f"stack.services.{n}.restart": "always" for n in ("api", "postgres", "redis")}
    run = replay(CRASH, settings={**HEALTH, **policies})
    assert when(run, "restart", "api-1")[0] == when(run, "restart", "postgres-1")[0] == 420.0


def test_up_fails_when_a_dependency_stays_unhealthy() -> None:
    """A database that recovers for longer than its check is patient; the next `up` finds it."""
    slow = {"stack.services.postgres.recovery": "120s"}
    run = replay(CRASH, settings={**HEALTH, **slow})
    failed = rows(run, "up_failed", "api")
    assert failed
    assert "postgres, on which api depends, is unhealthy" in failed[0].text
    assert listens_s(run, "api-1") > listens_s(run, "postgres-1")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"stack.services.api.waits_for": ["worker"]}, "not under depends_on"),
        ({"stack.services.api.waits_for": ["postgres"]}, "has no healthcheck"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_scenario("container_crash", settings=settings)


# ---- a process that ignores SIGTERM ----
def refused(run: Run) -> int:
    return int(run.recording.requests[:, FIRST_CAUSE + REQUEST_CAUSES.index("refused")].sum())


@pytest.mark.parametrize("drains", [True, False])
def test_who_ignores_sigterm_serves_until_sigkill(drains: bool) -> None:
    """`ignores` wins over `drains`: ten seconds of grace are served; refused is the boot of 8 s,
    and one request or two that are inside when SIGKILL comes are dropped."""
    settings = {"stack.services.api.stop.ignores": True, "stack.services.api.stop.drains": drains}
    deploy = {"at": 300, "deploy": {"service": "http"}}
    run = replay(deploy, settings=settings, horizon_s=600.0, rate=10.0)
    (exit_row,) = rows(run, "exit", "api-1")
    assert "(exit 137)" in exit_row.text
    killed = int(exit_row.t_s)
    assert killed == 320
    good = run.recording.requests[killed - 9 : killed, 1]
    assert good.sum() == run.recording.requests[killed - 9 : killed, 0].sum()
    assert 60 <= refused(run) <= 100


def test_a_worker_that_ignores_sigterm_takes_jobs_until_sigkill() -> None:
    settings = {"stack.services.worker.stop.ignores": True}
    deploy = {"at": 300, "deploy": {"service": "worker"}}
    run = replay(deploy, settings=settings, horizon_s=600.0, rate=20.0)
    done = run.recording.jobs[311:320, DONE]
    assert when(run, "exit", "worker-1") == [320.0]
    assert done.sum() > 0


@pytest.mark.parametrize("platform", names())
def test_ignores_wins_on_every_platform(platform: str) -> None:
    """Killed after its grace, on every platform in its own time."""
    settings = {"stack.services.api.stop.ignores": True}
    deploy = {"at": 300, "deploy": {"service": "http"}}
    run = replay(deploy, settings=settings, horizon_s=900.0, platform=platform)
    exits = [row.text for row in rows(run, "exit", "api")]
    assert exits
    assert all("(exit 137)" in text for text in exits)


def test_a_deploy_over_a_deploy_leaves_one_container_of_the_last_version() -> None:
    """The second comes while the first waits for a process that ignores SIGTERM for ten seconds."""
    stop = {"drains": False, "ignores": True}
    world = World(stack_of({"api": {"replicas": 1, "stop": stop}}), EMPTY)
    cluster = world.cluster
    for t_s, name in ((60.0, "v2"), (65.0, "v3")):
        world.until(t_s)
        cluster.clock.loop(recreate(cluster, "api", Version(name=name)))
    world.until(100.0)
    assert [(c.version.name, c.alive) for c in cluster.of("api")] == [("v3", True)]
