"""A replica in its primary's place: when, by whom, and what is lost."""

from __future__ import annotations

import numpy as np
import pytest

from sim.control.self_healing.failover import takes
from sim.library.scenarios import load_scenario
from sim.results.metrics import lagging, rows_lost
from sim.results.run import LostRows
from sim.schema.databases import Failover
from sim.schema.fields import InputError
from tests.control.outage import replay, rows, when

LAG_S = 2.0
STANDBY = {
    "role": "postgres", "restart": "unless-stopped", "boot": "2s", "memory": {"base": "64Mi"},
    "follows": {"primary": "postgres", "lag": f"{LAG_S}s"},
}  # fmt: skip
HANG = {"at": 60, "hang": {"service": "postgres"}}
CRASH = {"at": 60, "process_crash": {"service": "postgres"}}
PLANNED = {"at": 60, "failover": {"service": "postgres"}}


def outage(*events, by="patroni", fails="0%", horizon_s=300.0, **rest):
    failover = {"by": by, "fails": fails} if by else None
    settings = {
        "stack.services.standby": STANDBY,
        "stack.services.postgres.restart": "unless-stopped",
        "stack.operator.detect": rest.pop("detect", "24h"),
        **({"stack.services.postgres.failover": failover} if failover else {}),
        **rest.pop("settings", {}),
    }
    return replay(*events, settings=settings, horizon_s=horizon_s, rate=4.0, **rest)


@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_patroni_notices_within_its_ttl_and_the_balancer_two_checks_later(platform, seed):
    run = outage(HANG, platform=platform, seed=seed)
    (given_up,), (promoted,) = when(run, "failover"), when(run, "promoted")
    assert 20.0 <= given_up - 60.0 <= 30.0, "ttl - U(0, loop_wait)"
    assert promoted - given_up == pytest.approx(2.0 + 2 * 3.0)
    served = run.recording.requests[int(promoted) + 12 : 290]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum(), "and all is well again"
    assert [row.subject for row in rows(run, "exit", "postgres-1")] == ["postgres-1"], "fenced"


def test_patroni_looks_from_its_first_loop_on():
    """Silent from 5 s on: not heard of since a look before 10 s, and given up 30 s later."""
    (given_up,) = when(
        outage({"at": 5, "hang": {"service": "postgres"}}, horizon_s=60.0), "failover"
    )
    assert 30.0 <= given_up < 40.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_managed_one_takes_as_long_as_its_provider_says(seed):
    (promoted,) = when(outage(HANG, by="managed", seed=seed), "promoted")
    assert 60.0 <= promoted - 60.0 <= 120.0


def test_the_published_times_are_the_bounds_of_the_law():
    law = takes(Failover(by="managed"))
    half = law.cv * 3.0**0.5 * law.mean
    assert (law.mean - half, law.mean + half) == pytest.approx((60.0, 120.0))
    assert takes(Failover(by="managed", takes="35s")).mean == 35.0


def test_a_switchover_hands_over_all_and_takes_no_longer_than_the_checks():
    run = outage(PLANNED)
    assert when(run, "promoted") == [68.0]
    assert (rows(run, "exit"), run.lost_rows) == ([], ())


def test_one_that_only_its_neighbours_lose_is_given_up_and_what_it_took_is_lost():
    """Nobody who keeps servers loses the primary's; Patroni's store does, in two of three zones.
    Of four writes a second the third that meets the API beside it is taken until it steps down: at
    the first look that fails, and ten seconds of trying, which is ten before it is given up. They
    are lost, with all of the two seconds before the cut that the replica lacked; from then until
    the replica is promoted nobody writes anywhere."""
    run = split(100)
    demoted, (given_up,), (promoted,) = (when(run, k) for k in ("demoted", "failover", "promoted"))
    assert 20.0 <= given_up - 60.0 <= 30.0
    assert demoted == pytest.approx([given_up - 10.0])
    (lost,) = run.lost_rows
    assert (lost.since_s, lost.until_s) == pytest.approx((60.0 - LAG_S, demoted[0]), abs=1e-5)
    taken = int(run.recording.requests[60 : int(demoted[0]), 1].sum())
    assert rows_lost(run) == pytest.approx(taken + 4.0 * LAG_S, abs=6.0)
    assert 4 / 3 * (demoted[0] - 60.0) * 0.4 < taken < 4 / 3 * (demoted[0] - 60.0) * 1.8
    assert run.recording.requests[int(demoted[0]) + 1 : int(promoted), 1].sum() == 0
    healed = run.recording.requests[180:290]
    assert healed[:, 1].sum() >= 0.99 * healed[:, 0].sum()


def split(lasts_s, settings=None, **failover):
    settings = {
        "stack.servers.zones": ["a", "b", "c"],
        "stack.services.http.replicas": 3,
        "stack.services.http.push.share": "0%",
        **{f"stack.services.postgres.failover.{name}": value for name, value in failover.items()},
        **(settings or {}),
    }
    cut = {"side": ["a"], "other_side": ["b", "c"], "lasts": f"{lasts_s}s"}
    return outage({"at": 60, "partition": cut}, platform="kubernetes", settings=settings)


def test_one_that_has_its_key_again_in_time_is_the_primary_again():
    """A cut of 20 s: 10 to 20 s after it the primary steps down, and its key would have been
    another's after 20 to 30 s; the next look finds it, and 8 s later it takes writes."""
    run = split(20)
    (demoted,), (again,) = when(run, "demoted"), when(run, "promoted")
    assert 70.0 <= demoted <= 80.0
    assert demoted + 10.0 + 8.0 == pytest.approx(again)
    assert rows(run, "failover") == [] == list(run.lost_rows)
    assert run.recording.requests[int(demoted) + 1 : int(again), 1].sum() == 0
    served = run.recording.requests[int(again) + 6 : 290]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum()


@pytest.mark.parametrize(("retry_timeout", "ttl", "tries_s"), [(4, 30, 4.0), (10, 20, 5.0)])
def test_it_tries_for_retry_timeout_or_as_long_as_its_ttl_allows(retry_timeout, ttl, tries_s):
    """Two of them and a loop are within the ttl: of 20 s and loops of 10 s 5 s are left."""
    run = split(100, retry_timeout=f"{retry_timeout}s", ttl=f"{ttl}s")
    (demoted,), (given_up,) = when(run, "demoted"), when(run, "failover")
    assert given_up - demoted == pytest.approx(ttl - 10.0 - tries_s)


def without_a_majority(*events, failsafe_mode):
    settings = {
        "stack.servers.count": 5,  # the primary on the first, its replica on the second
        "stack.services.http.replicas": 2,
        "stack.services.http.push.share": "0%",
        "stack.services.postgres.failover.failsafe_mode": failsafe_mode,
    }
    return outage(*events, platform="kubernetes", settings=settings)


@pytest.mark.parametrize("failsafe_mode", [True, False])
def test_a_primary_whose_store_is_gone_steps_down_unless_all_its_replicas_answer(failsafe_mode):
    """Three servers hold the store. The second is lost at 60 s, with the replica, of which the
    primary hears; the third at 100 s. From then on nobody has a key: 10 to 20 s later the primary
    takes no writes, though it is well, and nobody is promoted in its place. With `failsafe_mode`
    it asks all whom it knows, and that is nobody."""
    crashes = [
        {"at": at, "server_crash": {"server": server, "returns": False}}
        for at, server in ((60, 1), (100, 2))
    ]
    run = without_a_majority(*crashes, failsafe_mode=failsafe_mode)
    served = run.recording.requests[122:290, 1].sum()
    assert when(run, "promoted") == []
    if failsafe_mode:
        assert len(when(run, "failsafe")) == 1
        assert when(run, "demoted") == []
        assert served > 300
    else:
        (demoted,), (left_alone,) = when(run, "demoted"), when(run, "failover_failed")
        assert 110.0 <= demoted <= 120.0
        assert 120.0 <= left_alone <= 130.0
        assert served == 0


@pytest.mark.parametrize("failsafe_mode", [True, False])
def test_in_failsafe_mode_one_replica_that_does_not_answer_is_enough(failsafe_mode):
    """Its three members lose each other, and the primary's server that of the replica: it cannot
    know that nobody else has the key."""
    cuts = [
        {"at": 60, "partition": {"side": [side], "other_side": other, "lasts": "100s"}}
        for side, other in (("server-1", ["server-2", "server-3"]), ("server-2", ["server-3"]))
    ]
    run = without_a_majority(*cuts, failsafe_mode=failsafe_mode)
    (demoted,), (again,) = when(run, "demoted"), when(run, "promoted")
    assert 70.0 <= demoted <= 80.0
    assert 160.0 + 8.0 <= again <= 170.0 + 8.0, "it takes its own key again"
    assert run.recording.requests[int(demoted) + 1 : int(again), 1].sum() == 0
    assert list(run.lost_rows) == []


FULL_POOLS = {
    "stack.servers.count": 3,
    "stack.services.http.database.pool": 4,
    "stack.services.http.database.at_start": 4,
    "stack.services.http.database.silence": "60s",
}


@pytest.mark.parametrize("shutdown_sessions", [True, False])
def test_a_full_pool_is_stuck_where_nobody_closes_what_leads_to_a_dead_server(shutdown_sessions):
    """All connections of the API have a query that waits for it. HAProxy closes them with the
    promotion, or nobody does before their clients' minute is over."""
    rule = {"stack.services.postgres.failover.shutdown_sessions": shutdown_sessions}
    gone = {"at": 60, "server_crash": {"hosting": "postgres", "returns": False}}
    run = outage(gone, platform="kubernetes", settings=FULL_POOLS | rule)
    (promoted,) = when(run, "promoted")
    minute = run.recording.requests[int(promoted) + 12 : int(promoted) + 54]
    assert minute[:, 0].sum() > 100
    share = minute[:, 1].sum() / minute[:, 0].sum()
    assert share > 0.97 if shutdown_sessions else share == 0.0
    served = run.recording.requests[int(promoted) + 62 : 290]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum()


def test_who_is_cut_off_hears_of_no_end_before_the_network_is_whole():
    """The API in two of three zones has full pools to the primary in the third, which steps down
    and whose resets do not pass: stuck after another one is promoted, until 160 s, when the server
    that is heard again knows nothing of them."""
    never = {"stack.services.http.database.silence": "1h"}
    run = split(100, shutdown_sessions=False, settings=FULL_POOLS | never)
    (promoted,) = when(run, "promoted")
    stuck = run.recording.requests[int(promoted) + 2 : 154]
    assert stuck[:, 0].sum() > 100
    assert stuck[:, 1].sum() == 0
    healed = run.recording.requests[165:290]
    assert healed[:, 1].sum() >= 0.99 * healed[:, 0].sum()


@pytest.mark.parametrize("platform", ["ecs_fargate", "cloud_run"])
@pytest.mark.parametrize(("count", "promoted"), [(None, 1), (1, 0)])
def test_beside_a_serverless_platform_each_copy_has_a_rented_server(platform, count, promoted):
    """Unless the stack has one server, with which both are lost."""
    gone = {"at": 60, "server_crash": {"hosting": "postgres", "returns": False}}
    run = outage(gone, platform=platform, settings={"stack.servers.count": count})
    assert len(when(run, "promoted")) == promoted
    (crash,) = rows(run, "server_crash")
    assert ("standby-1" in crash.text) == (not promoted)


def test_a_crash_is_started_in_place_before_anybody_gives_it_up():
    run = outage(CRASH)
    assert rows(run, "restart", "postgres")
    assert rows(run, "failover") == []


def test_what_the_replica_lacked_is_lost():
    """Four requests a second, each of which writes: eight in a lag of two seconds, about."""
    run = outage(HANG)
    (lost,) = run.lost_rows
    assert (lost.until_s, lost.until_s - lost.since_s) == (60.0, LAG_S)
    assert 4 <= rows_lost(run) <= 14


@pytest.mark.parametrize(
    ("lag_s", "lost"),
    [(0.0, 0.0), (0.5, 0.5 * 10), (2.0, 2.0 * 10), (20.0, 20.0 * 5)],
)
def test_rows_lost_are_rate_times_lag(lag_s, lost):
    """Ten a second in the ten seconds before 30.4 s, none in the ten before those."""
    counts = np.array([0] * 20 + [10] * 10 + [3] * 5)
    assert lagging(counts, 1.0, LostRows(30.4 - lag_s, 30.4, True, True)) == pytest.approx(lost)


def test_the_old_primary_follows_and_takes_its_place_again():
    again = {"at": 150, "hang": {"service": "standby"}}
    run = outage(HANG, again)
    said = [row.text.split(" is the primary")[0] for row in rows(run, "promoted")]
    assert said == ["standby", "postgres"]
    assert len(run.lost_rows) == 2


def test_one_that_fails_is_left_to_a_person_who_starts_the_old_one():
    run = outage(HANG, fails="100%", horizon_s=900.0, detect="60s")
    assert len(rows(run, "failover_failed")) == 1
    assert rows(run, "promoted") == []
    assert rows(run, "operator", "operator"), "she restarts what hangs"
    served = run.recording.requests[800:890]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum()


def test_she_promotes_where_the_disk_is_gone_and_nobody_else_does():
    gone = {"at": 60, "data_deleted": {"service": "postgres"}}
    run = outage(gone, by="", horizon_s=2400.0, detect="60s")
    (promoted,) = when(run, "promoted")
    assert 300.0 < promoted - 60.0 < 1800.0
    assert [lost.lag for lost in run.lost_rows] == [True], "the replica has all but its lag"
    served = run.recording.requests[int(promoted) + 12 : 2390]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum()


# ---- what is refused ----
GOOD = """name: refused
title: t
lesson: l
horizon: 5m
traffic: {rate: 1/s}
events: [{at: 1m, failover: {service: postgres}}]
set:
  stack.services.standby: {role: postgres, follows: {primary: postgres}}
  stack.services.postgres.failover: {by: patroni}
"""


def read_and_run(path):
    replay(settings={**load_scenario(str(path)).set}, horizon_s=10.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("primary: postgres}", "primary: postgers}", "did you mean postgres?"),
        ("  stack.services.standby: {role: postgres, follows: {primary: postgres}}\n", "",
         "which has no replica"),
        ("{role: postgres, follows", "{role: other, follows", "follows on a service with role"),
        ("failover: {service: postgres}", "failover: {service: api}", "a service of role http"),
        ("by: patroni", "by: hand", "by"),
    ],
)  # fmt: skip
def test_what_cannot_fail_over_is_refused(tmp_path, old, new, words):
    path = tmp_path / "refused.yaml"
    path.write_text(GOOD)
    load_scenario(str(path))
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as refused:
        read_and_run(path)
    assert words in str(refused.value)
