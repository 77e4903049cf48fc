"""What is asked of Swarm, Nomad, ECS on Fargate and Cloud Run alike: the article's scenarios, and
books that balance."""

from __future__ import annotations

import pytest

from tests.platforms.outage import FAULT_S, availability, figures, replay

PLATFORMS = ("swarm", "nomad", "ecs_fargate", "cloud_run")


@pytest.mark.parametrize(
    ("scenario", "metric", "bounds"),
    [
        # of one instance of Cloud Run: a cold start
        ("container_crash", "downtime_s", [(0, 0), (0, 0), (0, 0), (3, 40)]),
        # the database waits for its server
        ("server_crash", "downtime_s", [(60, 600)] * 4),
        ("bad_rollout", "downtime_s", [(0, 0)] * 4),
        ("manual_scaling", "downtime_s", [(0, 0), (0, 10), (0, 10), (0, 10)]),
        ("connection_limits", "degraded_s", [(10, 7200)] * 4),
    ],
)
def test_scenarios(scenario, metric, bounds):
    for platform, (low, high) in zip(PLATFORMS, bounds, strict=True):
        assert low <= figures(scenario, platform)[metric] <= high, platform


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nobody_caps_connections_or_makes_a_queue_durable(platform):
    assert figures("connection_limits", platform)["connections"]["refused"] > 0
    # where workers are scaled, they have emptied the queue before
    scales = platform in ("nomad", "ecs_fargate")
    still = ((f"{platform}.autoscaling", None),) if scales else ()
    lost = figures("server_crash:redis", platform, settings=still)["jobs"]["lost"]
    assert lost["redis_wiped"] > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["process_crash", "server_crash", "hang"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_ledger_balances_in_any_outage(platform, kind, seed):
    spec = {"hosting": "postgres"} if kind == "server_crash" else {"service": "http"}
    run = replay(platform, {kind: spec}, seed=seed, horizon_s=FAULT_S + 180.0)
    least = 0.1 if platform == "cloud_run" else 0.2
    assert availability(run) > least  # run_once itself asserts the books
