"""A replica in the place of a Redis that holds jobs: when, by whom, and which jobs are lost."""

from __future__ import annotations

from typing import Any

import pytest

from sim.dataplane.codes import JobLoss
from tests.control.outage import replay, rows, when

HANG = {"at": 60, "hang": {"service": "redis"}}
GONE = {"at": 60, "server_crash": {"hosting": "redis", "returns": False}}


def outage(*events, lag="0s", horizon_s=300.0, sentinel=None, persistence="none", **rest):
    standby = {
        "role": "redis", "restart": "unless-stopped", "boot": "500ms", "memory": {"base": "16Mi"},
        "persistence": persistence, "follows": {"primary": "redis", "lag": lag},
    }  # fmt: skip
    settings = {
        "stack.services.standby": standby,
        "stack.services.redis.persistence": persistence,
        "stack.services.redis.restart": "unless-stopped",
        "stack.services.http.push.share": "100%",
        "stack.operator.detect": rest.pop("detect", "24h"),
        "stack.services.redis.failover": {"by": "sentinel", "fails": "0%"} | (sentinel or {}),
        **rest.pop("settings", {}),
    }
    return replay(*events, settings=settings, horizon_s=horizon_s, rate=4.0, **rest)


def lost(run, why: JobLoss) -> int:
    return run.queues["redis"].causes[why]


@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
@pytest.mark.parametrize("seed", [1, 2])
def test_half_a_minute_and_a_second(platform, seed):
    run = outage(HANG, platform=platform, seed=seed)
    (given_up,), (promoted,) = when(run, "failover"), when(run, "promoted")
    assert 29.0 <= given_up - 60.0 <= 30.0, "down-after-milliseconds less what a ping is old"
    assert promoted - given_up == pytest.approx(1.0)
    assert rows(run, "exit", "redis-1") == [], "Sentinel fences nobody"
    served = run.recording.requests[int(promoted) + 5 : 290]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum(), "and all is well again"


def test_a_crash_is_started_in_place_and_what_nobody_kept_is_lost():
    workers = {"stack.services.worker.replicas": 0}
    run = outage({"at": 60, "process_crash": {"service": "redis"}}, settings=workers)
    assert rows(run, "failover") == []
    assert 150 <= lost(run, JobLoss.REDIS_WIPED) <= 330, "four a second for a minute"


@pytest.mark.parametrize(("lag", "least", "most"), [("0s", 0, 0), ("5s", 8, 35)])
def test_jobs_that_the_replica_lacks_are_lost_and_all_others_are_there(lag, least, most):
    """Four jobs a second, which nobody does: of those of the last five seconds it has heard
    nothing; what waited before is done later, whatever is on a disk."""
    workers = {"stack.services.worker.replicas": 0}
    run = outage(HANG, lag=lag, settings=workers)
    assert least <= lost(run, JobLoss.NOT_REPLICATED) <= most
    assert lost(run, JobLoss.REDIS_WIPED) == 0
    pushed, queue = run.queues["redis"].pushed, run.queues["redis"]
    assert queue.queued == pushed - queue.lost


def test_the_old_primary_follows_and_takes_its_place_again():
    first = {"at": 60, "hang": {"service": "redis", "lasts": "60s"}}
    run = outage(first, {"at": 150, "hang": {"service": "standby"}})
    said = [row.text.split(" is the primary")[0] for row in rows(run, "promoted")]
    assert said == ["standby", "redis"]


def test_one_that_fails_is_tried_again_after_two_timeouts():
    run = outage(HANG, sentinel={"fails": "100%", "timeout": "60s"}, horizon_s=400.0)
    first, second, third = when(run, "failover_failed")
    assert second - first == pytest.approx(120.0, abs=1.0)
    assert third - second == pytest.approx(120.0, abs=1.0)


@pytest.mark.parametrize("quorum", [2, 3])
def test_nobody_is_promoted_without_a_quorum(quorum):
    """Three servers and a Sentinel on each: with that of the primary one of them dies."""
    servers = {"stack.servers.count": 3}
    run = outage(GONE, sentinel={"quorum": quorum}, settings=servers, platform="kubernetes")
    assert len(rows(run, "promoted")) == (quorum == 2)
    said = [row.text for row in rows(run, "failover_failed")]
    assert said == ["2 of 3 Sentinels agree: no replica of redis is promoted"] * (quorum == 3)


def test_a_person_promotes_it_where_nobody_else_does():
    settings = {"stack.services.redis.failover": None, "stack.servers.count": 2}
    run = outage(GONE, settings=settings, detect="60s", horizon_s=2400.0, platform="swarm")
    (promoted,) = when(run, "promoted")
    assert any("REPLICAOF NO ONE" in row.text for row in rows(run, "operator"))
    assert promoted > 300.0


# ---- a network that is cut, with a client on either side ----
SPLIT: dict[str, Any] = {  # of this stack the queue stands in b, its replica in another zone
    "stack.servers.zones": ["a", "b", "c"],
    "stack.services.http.replicas": 3,
    "stack.services.http.database": None,
    "stack.services.worker.replicas": 0,
}


def split(engine, side, other_side, lag="0s", **settings):
    event = {"at": 60, "partition": {"side": side, "other_side": other_side, "lasts": "100s"}}
    both = SPLIT | {f"stack.services.redis.{name}": value for name, value in settings.items()}
    return outage(event, lag=lag, settings=both, platform="kubernetes", engine=engine)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_what_two_primaries_take_is_lost_of_one_of_them(engine):
    """Users reach all three of the API, and one of them stands with the primary: of four pushes a
    second a third are taken there until the replica is promoted, 31 s after the cut less what a
    ping is old: some 40, each of them lost; the other two thirds meet silence. From then on each
    side has a primary, and no user sees a failure; the old one learns of it ten seconds after it is
    heard again, and the third of 80 s that it took is lost. Nobody who keeps servers is cut off: it
    is the Sentinels who hear nothing."""
    run = split(engine, ["b"], ["a", "c"])
    (given_up,), (promoted,) = when(run, "failover"), when(run, "promoted")
    assert 29.0 <= given_up - 60.0 <= 30.0
    taken = int(run.recording.requests[60 : int(promoted), 1].sum())
    assert lost(run, JobLoss.NOT_REPLICATED) == taken
    assert 40 - 18 <= taken <= 40 + 18, "three deviations of a Poisson count"
    after = run.recording.requests[int(promoted) + 2 : 290]
    assert after[:, 1].sum() >= 0.99 * after[:, 0].sum()
    assert when(run, "demoted") == [160.0 + 10.0]
    old = run.queues["standby"]
    assert old.pushed == old.lost == old.causes[JobLoss.NOT_REPLICATED]
    assert 106 - 31 <= old.lost <= 106 + 31, "a third of four a second for 79 s"
    assert when(run, "not_ready") == []


MIN_REPLICAS = {"min_replicas_to_write": 1, "min_replicas_max_lag": "10s"}


def test_a_primary_that_wants_a_replica_loses_what_it_took_within_the_lag():
    """The last acknowledgement is up to a second old; at the first look that finds it older than 10
    s, the 11th, it refuses. Of four a second a third is taken until then: some 14. Then its side
    fails for as long as it is apart, and nothing of that is lost."""
    run = split("compiled", ["b"], ["a", "c"], **MIN_REPLICAS)
    (refuses,), (promoted,) = when(run, "read_only"), when(run, "promoted")
    assert 70.0 <= refuses <= 71.0
    taken = int(run.recording.requests[60 : int(refuses) + 1, 1].sum())
    assert lost(run, JobLoss.NOT_REPLICATED) == pytest.approx(taken, abs=2)
    assert 14 - 11 <= taken <= 14 + 11
    assert run.recording.requests[int(refuses) + 1 : int(promoted), 1].sum() == 0
    after = run.recording.requests[int(promoted) + 2 : 159]
    assert after[:, 1].sum() == pytest.approx(2 / 3 * after[:, 0].sum(), rel=0.15)
    old = run.queues["standby"]
    assert old.pushed == old.causes[JobLoss.REDIS_DOWN], "refused"
    healed = run.recording.requests[172:290]
    assert healed[:, 1].sum() >= 0.99 * healed[:, 0].sum()


def test_a_primary_that_wants_a_replica_takes_nothing_without_it():
    """The price: its one replica is silent for 40 s, and 11 s later nobody pushes or takes; it is
    writable at the first look after it is back."""
    settings = {f"stack.services.redis.{name}": value for name, value in MIN_REPLICAS.items()}
    silent = {"at": 60, "hang": {"service": "standby", "lasts": "40s"}}
    run = outage(silent, settings=settings)
    (refuses,), (again,) = when(run, "read_only"), when(run, "writable")
    assert 70.0 <= refuses <= 71.0
    assert 100.0 <= again <= 101.0
    assert run.recording.requests[72:100, 1].sum() == 0
    assert rows(run, "failover") == []


def test_one_sentinel_that_hears_nothing_promotes_nobody():
    """Only the replica's server loses the primary's: two of three hear both."""
    run = split("compiled", ["redis"], ["standby"])
    assert when(run, "failover") + when(run, "failover_failed") == []
    assert lost(run, JobLoss.NOT_REPLICATED) == 0
