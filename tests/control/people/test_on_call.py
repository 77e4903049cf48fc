"""The human: what alarms, what she does next, and what her steps cost."""

from __future__ import annotations

import pytest

from sim.control.people.monitoring import users_fail
from sim.control.people.runbooks import share, wanted_connections
from sim.schema.operator import Alarm, Night, Operator
from tests.control.outage import replay, rows, when

KILL = {"at": 300, "operator_kill": {"service": "http"}}


@pytest.mark.parametrize(
    ("succeeded", "failed", "alarmed"),
    [
        (100, 0, False),
        (0, 2, False),  # too few to call anybody
        (0, 3, True),
        (96, 4, False),  # 4 %
        (95, 5, True),  # 5 %
    ],
)
def test_alarms(succeeded: int, failed: int, alarmed: bool) -> None:
    assert users_fail(succeeded, failed, Alarm()) is alarmed


@pytest.mark.parametrize(
    ("pools", "reserved", "limit"),
    [([(10, 10), (10, 10)], 3, 300), ([(1, 10), (1, 10)], 3, 100), ([(10, 10)], 0, 100)],
)
def test_wanted_connections(pools: list[tuple[int, int]], reserved: int, limit: int) -> None:
    assert wanted_connections(pools, reserved) == limit


def test_five_replicas_over_three_servers() -> None:
    assert [share(5, 3, server) for server in range(3)] == [2, 2, 1]
    assert [share(6, 6, server) for server in range(6)] == [1] * 6


@pytest.mark.parametrize(("people", "restarted"), [(1, 600.0), (2, 560.0)])
def test_a_colleague_takes_the_other_thing_that_lies_before_them(
    people: int, restarted: float
) -> None:
    """One logs in (490), looks (530), starts the worker (540), sees the hung API while she waits,
    looks again (590), restarts it (600). Of two the other logs in (510), looks (550) and restarts
    it (560), while the worker is in good hands."""
    run = replay(
        {"at": 300, "operator_kill": {"service": "worker"}},
        {"at": 300, "hang": {"service": "http"}},
        rate=4.0, settings={"stack.operator.people": people},
    )  # fmt: skip
    assert when(run, "start", "worker-1") == [540.0]
    (restart,) = [row for row in rows(run, "operator") if "`docker restart api-1`" in row.text]
    assert restart.t_s == restarted


@pytest.mark.parametrize(("people", "back"), [(1, False), (2, True)])
def test_two_runbooks_go_on_at_once_where_there_are_four_hands(people: int, back: bool) -> None:
    """She types new limits into files when the API is killed, which takes her minutes."""
    run = replay(
        KILL, {"at": 380, "raise_connections": {"max_connections": 300}},
        rate=4.0, settings={"stack.operator.people": people},
    )  # fmt: skip
    (limits,) = [row.t_s for row in rows(run, "operator") if "sets max_connections" in row.text]
    assert bool([t for t in when(run, "start", "api-1") if t < limits]) is back


def test_a_killed_container_costs_detection_ssh_and_restart() -> None:
    """Each step takes its mean: 10 look + 60 detect, 100 acknowledge, 20 + 40 + 10, 8 boot."""
    run = replay(KILL, rate=4.0)
    assert when(run, "page") == [370.0]
    assert run.detected_s == 370.0
    assert when(run, "acknowledged") == [470.0]
    assert when(run, "start", "api-1") == [540.0]
    assert when(run, "listening", "api-1") == [548.0]
    assert len(rows(run, "closed")) == 1
    assert run.operator.pages == 1
    assert run.operator.minutes == pytest.approx(70.0 / 60.0)  # login, diagnose, command


def test_a_missed_page_is_the_fat_tail() -> None:
    settings = {
        "stack.operator.missed_page": "100%",
        "stack.operator.missed_page_costs": "15m",
    }
    run = replay(KILL, settings=settings, rate=4.0)
    assert when(run, "page") == [370.0, 1270.0]
    assert when(run, "start", "api-1") == [1440.0]
    assert run.operator.pages == 2


def test_without_monitoring_users_complain() -> None:
    settings = {"stack.operator.monitoring": False, "stack.operator.complaint": "10m"}
    run = replay(KILL, settings=settings, rate=4.0)
    assert when(run, "page") == [910.0]
    assert rows(run, "page")[0].text == "users complain to the operator"


@pytest.mark.parametrize(
    ("hour", "begins", "ends", "night"),
    [
        (3, 22, 7, True), (22, 22, 7, True), (21.9, 22, 7, False), (7, 22, 7, False),
        (10, 22, 7, False), (27, 22, 7, True), (2, 1, 5, True), (0.5, 1, 5, False),
        (5, 5, 5, False), (1, 1, 5, True), (5, 1, 5, False), (6.99, 22, 7, True),
        (24 + 23, 22, 7, True), (12, 0, 24, False),
    ],
)  # fmt: skip
def test_a_night_has_its_first_moment_and_not_its_last(
    hour: float, begins: float, ends: float, night: bool
) -> None:
    operator = Operator(night=Night(begins=begins * 3600.0, ends=ends * 3600.0))
    assert (operator.night_at(hour * 3600.0) is not None) is night


NIGHT = {"stack.operator.night": {"acknowledge": "400s", "missed_page": "0%", "mistake": "0%"}}


def test_at_night_she_is_woken_first() -> None:
    """400 s to acknowledge instead of 100; by day the night changes nothing."""
    assert when(replay(KILL, rate=4.0, settings=NIGHT), "acknowledged") == [470.0]
    late = replay(KILL, rate=4.0, settings=NIGHT, starts_at=3 * 3600.0)
    assert when(late, "acknowledged") == [770.0]
    long_days = {**NIGHT, "stack.operator.night.ends": "2h"}
    awake = replay(KILL, rate=4.0, settings=long_days, starts_at=3 * 3600.0)
    assert when(awake, "acknowledged") == [470.0]


def test_at_night_pages_are_missed_and_fingers_slip() -> None:
    tail = {"stack.operator.missed_page_costs": "5m"}
    bad = {"acknowledge": "100s", "missed_page": "100%", "mistake": "60%"}
    night = {**tail, "stack.operator.night": bad}
    late = replay(KILL, rate=4.0, settings=night, starts_at=23 * 3600.0)
    assert late.operator.pages == 2
    assert late.operator.mistakes > 0
    by_day = replay(KILL, rate=4.0, settings=night)
    assert (by_day.operator.pages, by_day.operator.mistakes) == (1, 0)


def test_a_night_ends_while_she_works() -> None:
    """Killed at 06:57:48, paged at 06:58:58: acknowledged as at night, typed as by day."""
    bad = {"acknowledge": "400s", "missed_page": "0%", "mistake": "100%"}
    run = replay(KILL, rate=4.0, settings={"stack.operator.night": bad}, starts_at=6.88 * 3600.0)
    assert when(run, "acknowledged") == [770.0]
    assert run.operator.mistakes == 0


def test_mistakes_cost_the_step_again() -> None:
    calm, clumsy = replay(KILL), replay(KILL, settings={"stack.operator.mistake": "60%"})
    assert calm.operator.mistakes == 0 < clumsy.operator.mistakes
    assert clumsy.operator.minutes > calm.operator.minutes


def test_a_short_outage_pages_nobody() -> None:
    crash = {"at": 300, "process_crash": {"service": "http"}}
    run = replay(crash, settings={"stack.services.api.restart": "always"}, rate=4.0)
    assert run.operator.pages == 0


def test_a_dead_worker_is_found_by_its_backlog() -> None:
    run = replay({"at": 300, "operator_kill": {"service": "worker"}}, rate=8.0)
    assert run.gauge.failed == 0
    assert len(when(run, "start", "worker-1")) == 1
    assert run.gauge.jobs_queued < 10


def test_a_hung_process_is_restarted_by_hand() -> None:
    run = replay({"at": 300, "hang": {"service": "http"}}, rate=4.0)
    stopped = rows(run, "exit", "api-1")
    assert "killed after its grace period (exit 137)" in stopped[0].text
    assert len(when(run, "listening", "api-1")) == 1


def test_ssh_answers_only_when_the_server_is_back() -> None:
    settings = {"stack.servers.machine.reboot": "400s", "stack.operator.acknowledge": "0s"}
    run = replay({"at": 300, "server_crash": {}}, settings=settings)
    assert when(run, "server_up") == [700.0]
    assert min(when(run, "listening")) > 700.0
    assert {row.subject for row in rows(run, "listening")} == {
        "api-1", "worker-1", "postgres-1", "redis-1",
    }  # fmt: skip


def test_a_server_that_stays_away_is_replaced() -> None:
    crash = {"at": 300, "server_crash": {"returns": False}}
    quick = {"stack.services.postgres.backup": {"restore": "10m", "restore_cv": 0}}
    run = replay(crash, horizon_s=5400.0, rate=2.0, settings=quick)
    late = run.recording.requests[5000:5300].sum(axis=0)
    assert late[1] == late[0] > 0, "users are served again, by another server"
    assert run.series["servers"][-1] == 1
    assert run.server_seconds < 5400.0 + 4500.0, "the lost one is given back"


def test_nobody_is_paged_twice_for_one_outage() -> None:
    settings = {"stack.operator.acknowledge": "20m"}
    run = replay(KILL, settings=settings)
    assert run.operator.pages == 1


def test_a_bad_version_is_rolled_back_by_hand() -> None:
    """Seen within the watch, and looked into for a minute, since it runs and errs; then find the
    commit, rebuild, `up -d`: the old version again."""
    bad = {"at": 300, "deploy": {"service": "http", "version": {"error_rate": 1.0}}}
    run = replay(bad, rate=4.0)
    (rolled,) = when(run, "rollback")
    assert 400.0 < rolled < 480.0
    late = run.recording.requests[1700:].sum(axis=0)
    assert late[1] == late[0] > 0


def test_a_bad_version_that_nobody_watched_is_rolled_back_by_whoever_is_paged() -> None:
    bad = {"at": 300, "deploy": {"service": "http", "version": {"error_rate": 1.0},
                                 "rollback": False}}  # fmt: skip
    run = replay(bad, rate=2.0)
    (page,), (acknowledged,) = when(run, "page"), when(run, "acknowledged")
    (rolled,) = when(run, "rollback")
    assert page < acknowledged < rolled < acknowledged + 120.0
    late = run.recording.requests[1500:].sum(axis=0)
    assert late[1] == late[0] > 0


def test_a_slow_version_is_suspected_since_it_changed_last() -> None:
    """It neither exits nor errs by itself: requests time out behind it."""
    slow = {"at": 300, "deploy": {"service": "http", "rollback": False,
                                  "version": {"name": "v2-slow", "cpu_factor": 60}}}  # fmt: skip
    run = replay(slow, rate=4.0, horizon_s=2700.0)
    texts = [row.text for row in run.timeline]
    assert "operator suspects: the latest change" in texts
    assert len(when(run, "rollback")) == 1
    late = run.recording.requests[2400:2600].sum(axis=0)
    assert late[1] == late[0] > 0


STORM = {
    "traffic": {"rate": 5.0, "client": {"timeout": 3, "retries": 3, "backoff": 0.5}},
    "settings": {"stack.services.api.cpu.demand": {"exponential": "100ms"}},
}


def test_a_retry_storm_ends_by_a_restart() -> None:
    """A stall of the database for half a minute is over, and its queue is not: `restart`, the first
    reflex, ends it, minutes after the page."""
    stall = {"at": 600, "hang": {"service": "postgres", "lasts": 30}}
    run = replay(stall, horizon_s=2400.0, **STORM)
    (acknowledged,) = when(run, "acknowledged")
    texts = [row.text for row in run.timeline]
    assert "operator runs `docker compose restart api`" in texts
    assert len(when(run, "closed")) == 1
    late = run.recording.requests[int(acknowledged) + 180 :].sum(axis=0)
    assert late[1] > 0.99 * late[0] > 0


def test_she_goes_on_while_users_are_down_and_says_what_would_have_helped() -> None:
    """Far more users than two sizes of the one machine can serve, and a provider who lends no
    other: all that she knows, one thing after the other, and then a line that names the lack."""
    crowd = {"at": 300, "traffic": {"rate": 150.0}}
    small = {"stack.operator.runbooks": {}, "stack.servers.quota": 1,
             "stack.services.api.cpu.demand": {"exponential": "300ms"},
             "stack.operator.quota_answer": "10h"}  # fmt: skip
    run = replay(crowd, settings=small, rate=0.5, horizon_s=7200.0)
    said = "operator suspects: "
    guesses = [row.text.removeprefix(said) for row in run.timeline if row.text.startswith(said)]
    assert guesses[0] == "it is stuck in old work"
    few = {"too few replicas", "the server is too small", "the provider lends too few servers"}
    assert few <= set(guesses)
    lines = rows(run, "helpless")
    assert lines == [] or all("what would have helped is" in row.text for row in lines)
    assert rows(run, "closed") == [], "she stays"


@pytest.mark.parametrize("platform", ["swarm", "nomad", "kubernetes", "ecs_fargate", "cloud_run"])
def test_a_slow_version_is_rolled_back_in_the_words_of_the_platform(platform: str) -> None:
    bad = {"at": 300, "deploy": {"service": "http", "version": {"error_rate": 1.0},
                                 "rollback": False}}  # fmt: skip
    run = replay(bad, platform=platform, rate=4.0, horizon_s=2700.0)
    words = {
        "swarm": "docker service rollback", "nomad": "nomad job revert",
        "kubernetes": "kubectl rollout undo", "ecs_fargate": "aws ecs update-service",
        "cloud_run": "gcloud run services update-traffic",
    }[platform]  # fmt: skip
    assert any(f"operator runs `{words}" in row.text for row in run.timeline)
    late = run.recording.requests[2500:].sum(axis=0)
    assert late[1] == late[0] > 0


def test_a_wrong_backend_answers_its_share_until_it_is_found() -> None:
    rent = {"at": 60, "rent_servers": {"service": "http", "servers": 1, "replicas": 2,
                                       "wrong_backends": 1}}  # fmt: skip
    none = ("balancer", "rent_server", "add_to_dns")
    quick = {f"stack.operator.runbooks.{name}": [] for name in none}
    run = replay(rent, settings=quick, rate=4.0, horizon_s=1500.0)
    wrong = run.recording.requests[200:260].sum(axis=0)
    assert 0.3 < 1 - wrong[1] / wrong[0] < 0.7, "half of the requests fail"
    late = run.recording.requests[1300:1400].sum(axis=0)
    assert late[1] == late[0] > 0
    assert run.operator.mistakes == 1


@pytest.mark.parametrize(("crash_s", "waits"), [(200, False), (900, True)])
def test_haproxy_retries_for_users_only_once_it_is_there(crash_s: int, waits: bool) -> None:
    """Refused at once without it; with it each request to a dead replica is tried four times, a
    second apart, until it is marked DOWN. The balancer is there some 700 s after 60."""
    rent = {"at": 60, "rent_servers": {"service": "http", "servers": 1, "replicas": 2}}
    crash = {"at": crash_s, "process_crash": {"service": "http"}}
    steps = [{"do": "builds", "takes": "300s"}]
    slow = {f"stack.operator.runbooks.{name}": steps for name in ("balancer", "rent_server")}
    off = {"stack.operator.detect": "1h"}  # she does not hear of the crash
    run = replay(rent, crash, settings={**slow, **off}, rate=4.0, horizon_s=1000.0)
    until_down = run.series["in_flight"][crash_s + 1 : crash_s + 6]
    assert (until_down.max() >= 3) == waits
    assert waits or until_down.max() == 0
