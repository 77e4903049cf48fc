"""A database that a provider runs: whose servers it is on, when it is back, what it costs."""

from __future__ import annotations

import pytest

from sim.control.self_healing.managed import away
from sim.dataplane.codes import JobLoss
from sim.dataplane.tables import FIRST_LOSS
from sim.library.stacks import load_stack
from sim.results.bill import monthly_cost
from sim.schema.databases import Managed
from sim.schema.fields import InputError
from sim.schema.settings import apply_settings
from tests.control.outage import replay, rows, when

STANDBY = {"stack.services.postgres.managed": {"standby": True}}
QUIET = {"stack.operator.detect": "24h"}


def outage(*events, settings=STANDBY, **rest):
    return replay(*events, settings={**QUIET, **settings}, rate=4.0, **rest)


@pytest.mark.parametrize("platform", ["compose", "kubernetes", "ecs_fargate", "cloud_run"])
def test_one_that_is_silent_is_replaced_within_the_published_time(platform):
    run = outage({"at": 60, "hang": {"service": "postgres"}}, platform=platform, horizon_s=300.0)
    (promoted,) = when(run, "promoted")
    assert 60.0 <= promoted - 60.0 <= 120.0
    served = run.recording.requests[int(promoted) + 60 : 290]
    assert served[:, 1].sum() >= 0.99 * served[:, 0].sum(), "and all is well again"


def test_no_server_takes_it_away():
    """The server is away for a minute and more, and with it all that is ours."""
    run = outage({"at": 60, "server_crash": {}}, platform="compose", horizon_s=400.0)
    assert not rows(run, "listening", "postgres")
    (crash,) = rows(run, "server_crash")
    assert "postgres" not in crash.text
    alone = outage({"at": 60, "server_crash": {}}, settings={}, platform="compose", horizon_s=400.0)
    assert "postgres" in rows(alone, "server_crash")[0].text


def test_a_process_that_ends_is_started_again_in_place():
    """After 10 s, its boot and the replay of its log; nobody of ours does anything."""
    crash = {"at": 60, "process_crash": {"service": "postgres"}}
    settings = {**STANDBY, "stack.services.postgres.boot": "2s",
                "stack.services.postgres.recovery": "3s"}  # fmt: skip
    run = outage(crash, settings=settings, platform="kubernetes", horizon_s=200.0)
    assert when(run, "listening")[0] == pytest.approx(60.0 + 10.0 + 2.0 + 3.0)
    assert not when(run, "promoted")


def test_one_that_is_heard_of_again_stays_what_it_was():
    stall = {"at": 60, "hang": {"service": "postgres", "lasts": "20s"}}
    assert not when(outage(stall, platform="compose", horizon_s=300.0), "promoted")


def test_alone_it_is_away_for_as_long_as_a_machine_takes():
    law = away(Managed())
    half = law.cv * 3.0**0.5 * law.mean
    assert (law.mean - half, law.mean + half) == pytest.approx((600.0, 1800.0))
    assert away(Managed(takes="35s")).mean == 35.0


@pytest.mark.parametrize(
    ("managed", "usd"),
    [
        ({}, 0.032 * 730 + 20 * 0.115),  # a db.t4g.small and its disk
        ({"standby": True}, 2 * (0.032 * 730 + 20 * 0.115)),
        ({"size": "db.t4g.medium"}, 0.065 * 730 + 20 * 0.115),
        ({"price_per_hour": 1}, 730 + 20 * 0.115),
    ],
)
def test_its_price_stands_beside_the_servers(managed, usd):
    bare = load_stack("sspp")
    stack = apply_settings(bare, {"services.postgres.managed": managed})
    month = monthly_cost(stack, 0.0)
    assert month.managed == pytest.approx(usd)
    assert monthly_cost(bare, 0.0).volumes - month.volumes == pytest.approx(20 * 0.08)
    assert month.total == pytest.approx(month.volumes + usd)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stack.services.api.managed": {}}, "managed on a service with role http"),
        ({"stack.services.postgres.managed": {"size": "db.t4g.large"}}, "mean db.t4g"),
        (
            {"stack.services.redis.managed": {"size": "db.t4g.small"}},
            "db.t4g.small for Redis; expected one of cache.t4g",
        ),
        (
            {"stack.services.postgres.managed": {}, "stack.services.postgres.failover": {}},
            "failover of a managed database; expected its provider's",
        ),
    ],
)
def test_what_a_managed_one_cannot_be_is_refused(settings, words):
    with pytest.raises(InputError) as error:
        outage(settings=settings, horizon_s=10.0)
    assert words in str(error.value)


def test_nobody_deploys_or_scales_it():
    deploy = {"at": 30, "deploy": {"service": "postgres", "version": {"name": "v2"}}}
    scale = {"at": 40, "scale": {"services": {"postgres": 2}}}
    ours = {"at": 50, "scale": {"services": {"api": 2}}}
    run = outage(deploy, scale, ours, platform="kubernetes", horizon_s=80.0)
    assert [row.text for row in rows(run, "missed")] == [
        "postgres is its provider's: there is nothing to deploy",
        "postgres is its provider's: there is nothing to scale",
    ]
    assert [row.text for row in rows(run, "scale")] == ["2 replicas of api are asked for"]


@pytest.mark.parametrize(("standby", "away_s"), [(True, (60.0, 120.0)), (False, (300.0, 301.0))])
def test_a_lost_zone_takes_one_that_has_no_standby_elsewhere(standby, away_s):
    """Zone a is lost for five minutes. What is alone there waits for it; a standby takes over."""
    settings = {
        "stack.services.postgres.managed": {"standby": standby},
        "stack.servers.zones": ["a", "b", "c"],
    }
    lost = {"at": 60, "zone_down": {"zone": "a", "lasts": "5m"}}
    run = outage(lost, settings=settings, platform="kubernetes", horizon_s=500.0)
    (span,) = [s for s in run.spans if s.name == "postgres" and s.state == "hung"]
    assert away_s[0] <= span.end_s - span.start_s <= away_s[1]
    assert len(when(run, "promoted")) == standby
    again = {"at": 400, "zone_down": {"zone": "a"}}
    later = outage(lost, again, settings=settings, platform="kubernetes", horizon_s=500.0)
    hangs = [row.t_s for row in rows(later, "hang", "postgres")]
    assert hangs == ([60.0] if standby else [60.0, 400.0]), "which is in another zone by now"


# ---- what the operator sees of it ----
PLATFORMS = ("compose", "swarm", "nomad", "kubernetes", "ecs_fargate", "cloud_run")
EVENTS = {"cloud_run": "gcloud sql operations list"}
ASKED = {"cloud_run": "gcloud sql instances failover postgres"}


def paged(managed, platform="compose", horizon_s=1500.0):
    """The database falls silent at 60, users tell, and she is there at 300 or so."""
    silent = {"at": 60, "hang": {"service": "postgres"}}
    settings = {"stack.services.postgres.managed": managed}
    run = replay(silent, settings=settings, platform=platform, rate=4.0, horizon_s=horizon_s)
    return run, [row.text for row in rows(run, "operator")]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_she_asks_for_the_failover_that_does_not_come(platform):
    """All of them fail: once it is away for longer than published she does it by hand, which takes
    as long as published."""
    run, told = paged({"standby": True, "fails": "100%"}, platform)
    assert rows(run, "failover_failed", "postgres")
    event, command = EVENTS.get(platform, "aws rds describe-events"), ASKED.get(
        platform, "aws rds reboot-db-instance postgres --force-failover"
    )  # fmt: skip
    assert any(event in text for text in told)
    (typed,) = [row.t_s for row in rows(run, "operator") if command in row.text]
    (promoted,) = when(run, "promoted")
    assert 60.0 <= promoted - typed <= 120.0
    assert typed >= 60.0 + 120.0, "the published time is over"
    assert when(run, "closed")[0] > promoted


@pytest.mark.parametrize("managed", [{"standby": True, "takes": "12m"}, {"takes": "12m"}])
def test_she_waits_as_long_as_its_provider_says(managed):
    """Both come back at 780, one by its standby: she sees it, closes then, and has typed nothing
    but a look at the events."""
    run, told = paged(managed)
    assert when(run, "promoted") == [780.0]
    assert any("its provider's to bring back" in text for text in told)
    assert not any("force-failover" in text for text in told)
    assert 780.0 < when(run, "closed")[0] < 1100.0


# ---- a queue ----
@pytest.mark.parametrize(
    ("managed", "settings", "lost", "away_s"),
    [
        ({"standby": True, "fails": 0}, {}, False, (15.0, 60.0)),
        ({}, {"persistence": "aof_always"}, True, (600.0, 1800.0)),  # of which it has nothing there
        ({"takes": "40s"}, {"engine": "rabbitmq", "persistence": "durable"}, False, (40.0, 40.0)),
    ],
)
def test_a_managed_queue_keeps_what_its_copy_has(managed, settings, lost, away_s):
    """Jobs wait for workers that never come; the queue falls silent at 60 and is replaced."""
    silent = {"at": 60, "hang": {"service": "redis"}}
    queue = {f"stack.services.redis.{field}": value for field, value in settings.items()}
    run = replay(
        silent, platform="kubernetes", rate=4.0, horizon_s=2000.0,
        settings={**QUIET, **queue, "stack.services.redis.managed": managed,
                  "stack.services.worker.replicas": 0, "stack.services.http.push.share": "100%"},
    )  # fmt: skip
    (promoted,) = when(run, "promoted")
    assert away_s[0] - 0.001 <= promoted - 60.0 <= away_s[1] + 0.001
    wiped = run.recording.jobs[:, FIRST_LOSS + JobLoss.REDIS_WIPED].sum()
    assert bool(wiped) is lost


def test_she_asks_for_its_failover_in_the_words_of_its_provider():
    silent = {"at": 60, "hang": {"service": "redis"}}
    managed = {"stack.services.redis.managed": {"standby": True, "fails": "100%"}}
    for platform, words in (
        ("ecs_fargate", "aws elasticache test-failover --replication-group-id redis"),
        ("cloud_run", "gcloud redis instances failover redis"),
    ):
        run = replay(silent, settings=managed, platform=platform, rate=4.0)
        told = [row.text for row in rows(run, "operator")]
        assert any(words in text for text in told)
        assert len(when(run, "promoted")) == 1


@pytest.mark.parametrize(
    ("service", "managed", "usd"),
    [
        ("redis", {}, 0.032 * 730),  # a cache.t4g.small, which has no disk
        ("redis", {"standby": True, "size": "cache.t4g.micro"}, 2 * 0.016 * 730),
        ("broker", {"standby": True}, 3 * 0.288 * 730),  # a cluster is of three
    ],
)
def test_a_managed_queue_costs_its_size(service, managed, usd):
    bare = load_stack("sspp")
    engine = {"services.redis.engine": "rabbitmq"} if service == "broker" else {}
    stack = apply_settings(bare, {**engine, "services.redis.managed": managed})
    assert monthly_cost(stack, 0.0).managed == pytest.approx(usd)
