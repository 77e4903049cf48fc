"""Services that call each other, on each of the eight platforms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from sim.control.load_balancing.proxies import IngressBalancing, ServiceBalancing
from sim.dataplane.codes import Algorithm, JobLoss
from sim.dataplane.profile import Routing
from sim.dataplane.tables import ARRIVED, SUCCEEDED
from sim.library.stacks import load_stack
from sim.platforms import load
from sim.results.run import Run
from sim.results.services import origin, tables
from sim.schema.jobs import ScheduledJobs
from sim.schema.stack import Stack
from sim.simulation.boot import boot_order, routing_between
from tests.control import outage

FAULT_S = 60.0
PLATFORMS = [
    "compose", "compose_hardened", "swarm", "nomad", "kubernetes", "kubernetes_tuned",
    "ecs_fargate", "cloud_run",
]  # fmt: skip


@cache
def shop() -> Stack:
    return load_stack("shop")


def replay(
    platform: str,
    event: dict[str, Any] | None = None,
    *,
    rate: float = 10.0,
    horizon_s: float = 120.0,
    settings: dict[str, Any] | None = None,
) -> Run:
    events = [{"at": FAULT_S, **event}] if event else []
    return outage.replay(
        *events, platform=platform, horizon_s=horizon_s, settings=settings, stack=shop(),
        traffic={"rate": rate, "client": {"timeout": 10.0}},
    )  # fmt: skip


def served(run: Run, from_s: int, until_s: int) -> float:
    rows = run.recording.requests[from_s:until_s]
    return float(rows[:, SUCCEEDED].sum() / rows[:, ARRIVED].sum())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_runs_the_shop(platform):
    run = replay(platform)
    asked = {name: gauge.asked for name, gauge in run.services.items()}
    assert served(run, 0, 120) > 0.98
    assert list(asked) == ["web", "api", "catalogue", "payments"]
    assert asked["web"] == run.gauge.arrived
    assert asked["api"] == pytest.approx(asked["web"], rel=0.02)
    assert asked["payments"] == pytest.approx(0.2 * asked["api"], rel=0.25)
    cache = run.caches["cache"]
    assert cache.hits + cache.misses == pytest.approx(asked["catalogue"], rel=0.02)
    assert cache.misses == pytest.approx(0.05 * asked["catalogue"], rel=0.4), "95 % of what is warm"
    assert list(run.queues) == ["queue", "parcels"]
    for queue in run.queues.values():
        assert queue.pushed == pytest.approx(0.2 * asked["api"], rel=0.25)
        assert queue.done > 0.9 * queue.pushed, "each has its worker"
    for gauge in run.services.values():
        assert gauge.asked == gauge.succeeded + gauge.failed + gauge.open + gauge.forsaken


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_crash_inside_is_followed_by_those_who_call(platform):
    """The catalogue's only or first replica exits; a minute later pages are whole again."""
    run = replay(platform, {"process_crash": {"service": "catalogue"}}, horizon_s=240.0)
    assert served(run, 0, 55) > 0.98
    assert served(run, 180, 235) > 0.98, "whoever lives there now is found"
    if platform == "compose":  # one replica: nobody else answers while it starts
        assert served(run, 61, 64) < 0.2


def test_a_silent_payment_service_fills_the_shop_and_a_time_out_saves_it():
    """Compose: 2 of 10 pages a second pay and wait thirty seconds: sixty places of 32."""
    event = {"external": {"service": "payments", "state": "silent"}}
    full = replay("compose", event, horizon_s=180.0)
    assert served(full, 0, 55) > 0.98
    assert served(full, 100, 160) < 0.2
    assert origin(full) == "payments"
    quick = replay(
        "compose", event, horizon_s=180.0, settings={"stack.services.api.steps.3.timeout": "1s"}
    )
    assert served(quick, 100, 160) == pytest.approx(0.8, abs=0.05)


def test_what_refuses_costs_those_alone_who_need_it():
    event = {"external": {"service": "payments", "state": "down", "lasts": 60.0}}
    run = replay("compose", event, horizon_s=180.0)
    assert served(run, 61, 119) == pytest.approx(0.8, abs=0.06)
    assert served(run, 121, 179) > 0.98
    later = replay("compose", event, settings={"stack.services.api.steps.3.on_failure": "ignore"})
    assert served(later, 61, 119) > 0.98


def test_of_what_is_not_ours_nobody_says_that_its_program_should_be_known():
    for lasts, told in ((None, True), (1.0, False)):
        event = {"external": {"service": "payments", "state": "down", "lasts": lasts}}
        texts = [row.text for row in replay("compose", event, horizon_s=600.0).timeline]
        assert any("can do without payments" in text for text in texts) is told


def test_of_a_service_that_fails_it_says_which_endpoint():
    """Every page asks for the stock, half of them for advice, too, which takes five seconds: a
    second later the API goes on without it."""
    settings = {
        "stack.services.catalogue.endpoints.stock": [{"cpu": "1ms"}],
        "stack.services.catalogue.endpoints.advice": [{"wait": "5s"}],
        "stack.services.api.steps": [
            {"call": "catalogue", "endpoint": "stock", "timeout": "2s"},
            {"call": "catalogue", "endpoint": "advice", "share": "50%", "timeout": "1s",
             "on_failure": "ignore"},
            {"query": "orders", "demand": "1ms"},
        ],
    }  # fmt: skip
    run = replay("compose", settings=settings)
    whole = tables(run)["callers"]["api"]["catalogue"]
    stock, advice = whole["endpoints"]["stock"], whole["endpoints"]["advice"]
    assert stock["calls"] == run.services["api"].asked
    assert advice["calls"] == pytest.approx(0.5 * stock["calls"], rel=0.1)
    assert (stock["failed"], advice["failed"]) == (0, advice["given_up"])
    assert advice["given_up"] == pytest.approx(advice["calls"], abs=25), "but for the last second's"
    for field in ("calls", "tries", "failed", "given_up"):
        assert whole[field] == stock[field] + advice[field]


def test_the_books_hold_while_one_of_two_databases_is_lost():
    """Clients of the lost one do not know yet: connections are open, and nobody holds them."""
    lost = {"server_crash": {"hosting": "orders", "returns": False}}
    run = replay("kubernetes", lost, horizon_s=200.0)
    assert served(run, 0, 55) > 0.98
    assert served(run, 100, 190) < 0.9


def test_whoever_is_asked_starts_before_those_that_ask_it():
    order = boot_order(shop())
    first, last = order[:6], order[6:]
    assert set(first) == {"orders", "standby", "products", "cache", "queue", "parcels"}
    assert last == ["catalogue", "api", "web", "mailer", "packer"]


def test_a_backlog_of_one_queue_is_scaled_by_its_own_workers():
    """KEDA looks at the mails alone: the packer, whose queue is empty, stays as it is."""
    slow = {"stack.services.mailer.steps.0.cpu": "2s"}
    run = replay("kubernetes_tuned", rate=20.0, horizon_s=180.0, settings=slow)
    grown = {row.subject for row in run.timeline if "jobs, target 20" in row.text}
    assert grown == {"mailer"}
    peaks = {name: queue.backlog_peak for name, queue in run.queues.items()}
    assert peaks["queue"] > 50
    assert peaks["parcels"] < 20


def test_jobs_come_by_the_clock_and_those_that_fail_go_elsewhere():
    """200 at 20 s and at 80 s; mails always fail, and each is tried thrice within 6 s."""
    made = shop().model_copy(
        update={
            "schedule": {"night": ScheduledJobs(push="queue", every=60.0, first=20.0, jobs=200)}
        }
    )
    settings = {
        "stack.services.mailer.job.errors": 1.0,
        "stack.services.mailer.job.dead_letters": "parcels",
    }
    run = outage.replay(
        platform="compose", horizon_s=120.0, settings=settings, stack=made, traffic={"rate": 0.0}
    )
    mails, parcels = run.queues["queue"], run.queues["parcels"]
    assert run.jobs_wanted >= 400
    assert (mails.pushed, mails.done, mails.causes[JobLoss.ATTEMPTS_EXHAUSTED]) == (400, 0, 400)
    assert (parcels.pushed, parcels.done) == (400, 400)


def test_what_stands_between_services():
    """kube-proxy behind an ingress, Docker's names behind HAProxy, Traefik before each service."""
    ingress = replace(load("kubernetes"), load_balancing=IngressBalancing())
    assert routing_between(ingress) == ServiceBalancing().routing()
    for platform in ("compose", "compose_hardened"):
        assert routing_between(load(platform)) == Routing(algorithm=Algorithm.RANDOM)
    assert routing_between(load("nomad")) == load("nomad").load_balancing.routing()
