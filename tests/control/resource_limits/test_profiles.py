"""From a service's record to what the data plane reads."""

from __future__ import annotations

import math

import pytest

from sim.control.resource_limits.profiles import (
    Limits,
    cpu_limit,
    profile_in,
    profile_of,
    story_of,
    weight,
)
from sim.dataplane.codes import Does, Kind, LawKind, Persistence
from sim.dataplane.profile import BreakerRules, PoolRules
from sim.library.stacks import load_stack
from sim.schema.fields import LawSpec
from sim.schema.jobs import JobWork
from sim.schema.scenario import Version
from sim.schema.stack import CpuSpec, Service
from sim.schema.steps import ServiceStep

V1 = Version(name="v1")


def service(role: str, **given: object) -> Service:
    return Service.model_validate({"role": role, **given})


def test_connection_slots_leave_the_reserve() -> None:
    """dataplane.md 1.1: 97 of 100; 92 with reserved_connections = 5 on version 16."""
    assert profile_of(service("postgres"), V1).connection_slots == 97
    assert profile_of(service("postgres", reserved_connections=5), V1).connection_slots == 92
    assert profile_of(service("postgres", max_connections=2), V1).connection_slots == 0


def test_cost_growth_is_per_connection() -> None:
    grown = profile_of(service("postgres", cost_growth=0.12), V1).cost_growth
    assert 1.0 + 89 * grown == pytest.approx(1.12)


@pytest.mark.parametrize(
    ("limit", "threads", "limited", "cores"),
    [
        (None, None, True, math.inf),
        (0.5, None, True, 0.5),
        (0.5, None, False, math.inf),
        (2.0, 1, True, 1.0),
        (2.0, 1, False, 1.0),  # one thread is no limit that somebody set
    ],
)
def test_cpu_limit(limit: float | None, threads: int | None, limited: bool, cores: float) -> None:
    assert cpu_limit(CpuSpec(limit=limit, threads=threads), limited) == cores


def test_weight() -> None:
    cpu = CpuSpec(request=0.25, shares=512)
    assert weight(cpu, "shares") == 512.0
    assert weight(cpu, "requests") == 256.0
    assert weight(CpuSpec(), "requests") == 2.0


def test_a_version_changes_what_it_names() -> None:
    http = service("http", cpu={"demand": LawSpec(law="exponential", mean=0.01, cv=1.0)})
    bad = Version(name="v2", error_rate=0.5, leak_per_request=7, cpu_factor=3.0)
    profile = profile_of(http, bad)
    assert (profile.error_rate, profile.leak_per_request) == (0.5, 7)
    assert profile.cpu.kind == LawKind.EXPONENTIAL
    assert profile.cpu.mean == pytest.approx(0.03)
    assert profile_of(http, V1).cpu.mean == pytest.approx(0.01)


def test_limits_hold_only_where_somebody_holds_them() -> None:
    http = service("http", memory={"limit": 100}, cpu={"limit": 0.5})
    free, held = profile_of(http, V1), profile_of(http, V1, Limits())
    assert (free.memory_limit, free.cpu_limit) == (0, math.inf)
    assert (held.memory_limit, held.cpu_limit) == (100, 0.5)


def test_roles_and_persistence() -> None:
    kinds = {role: profile_of(service(role), V1).kind for role in ("http", "worker", "other")}
    assert kinds == {"http": Kind.HTTP, "worker": Kind.WORKER, "other": Kind.PLAIN}
    queue = profile_of(service("redis", persistence="aof_always", eviction="allkeys"), V1)
    assert queue.persistence == Persistence.AOF_ALWAYS
    assert queue.evict


def test_start_up_connections_are_at_most_the_pool() -> None:
    database = {"pool": 5, "at_start": 10}
    assert profile_of(service("http", database=database), V1).pool_at_start == 5


@pytest.mark.parametrize(("maxmemory", "jobs"), [(3 * 2**20, 2_073), (900_000, 0)])
def test_maxmemory_counts_an_empty_server_as_well(maxmemory: int, jobs: int) -> None:
    """Measured: 3 MB hold 2,070 to 2,084 jobs of 1,054 bytes; less than the base holds none."""
    profile = profile_of(service("redis", maxmemory=maxmemory), V1)
    assert profile.queue_bytes > 0
    assert profile.queue_bytes // profile.job_bytes == jobs
    assert profile_of(service("redis"), V1).queue_bytes == 0


# ---- what only the whole stack says ----
SHOP = load_stack("shop")


def test_a_story_with_its_numbers():
    """web asks api (1); api asks the catalogue (2), the database, payments (3), both queues."""
    (cpu, call) = profile_in(SHOP, "web", V1).steps
    assert (cpu.does, cpu.name, cpu.law.mean) == (Does.CPU, "cpu:1", pytest.approx(0.003))
    assert (call.does, call.target, call.name) == (Does.CALL, 1, "call:api:1")
    assert call.client.timeout_s == 30.0
    steps = profile_in(SHOP, "api", V1).steps
    assert [(step.does, step.target, step.share) for step in steps] == [
        (Does.CPU, 0, 1.0),
        (Does.CALL, 2, 1.0),
        (Does.QUERY, 0, 1.0),
        (Does.CALL, 3, 0.2),
        (Does.PUSH, 0, 0.2),
        (Does.PUSH, 1, 0.2),
    ]


def test_a_worker_knows_its_queue_and_where_its_dead_letters_go():
    assert [profile_in(SHOP, name, V1).number for name in ("mailer", "packer")] == [0, 1]
    assert [profile_in(SHOP, name, V1).number for name in ("queue", "parcels")] == [0, 1]
    failing = JobWork(queue="queue", errors=0.5, dead_letters="parcels")
    mailer = SHOP.services["mailer"].model_copy(update={"job": failing})
    stack = SHOP.model_copy(update={"services": {**SHOP.services, "mailer": mailer}})
    profile = profile_in(stack, "mailer", Version(error_rate=0.5))
    assert (profile.dead_letters, profile.error_rate) == (1, 0.75)
    assert profile_in(SHOP, "mailer", V1).dead_letters == -1


def test_pools_to_each_database():
    """orders is the first database, products the second; web queries neither."""
    api, catalogue, web = (profile_in(SHOP, name, V1) for name in ("api", "catalogue", "web"))
    assert (api.pool, api.pools) == (10, ())
    assert (catalogue.pool, catalogue.pools) == (0, (PoolRules(1, 10, 0, 2.0),))
    assert (web.pool, web.pools) == (0, ())
    assert [step.target for step in catalogue.steps] == [0, 0, 1], "the cache before it"
    assert [profile_in(SHOP, name, V1).number for name in ("orders", "products")] == [0, 1]


def test_a_version_changes_the_cpu_of_each_step():
    twice = profile_in(SHOP, "api", Version(cpu_factor=2.0)).steps
    assert twice[0].law.mean == pytest.approx(0.010)
    assert twice[2].law.mean == pytest.approx(0.002), "the database's work is its own"


def test_somebody_elses_service_takes_any_number_and_uses_nothing():
    payments = profile_in(SHOP, "payments", V1)
    waits, fails = payments.steps
    assert payments.slots >= 1_000_000
    assert (waits.does, waits.law.mean) == (Does.WAIT, pytest.approx(0.15))
    assert (fails.does, fails.share) == (Does.FAIL, pytest.approx(0.001))


def test_the_short_form_is_the_profile_of_before():
    sspp = load_stack("sspp")
    for name, own in sspp.services.items():
        assert profile_in(sspp, name, V1) == profile_of(own, V1)


def test_a_bulkhead_and_a_breaker():
    breakers = [{"failures": 5, "open": 30.0}, {"share": 0.5}, None]
    steps = [ServiceStep(call="api", at_most=8, breaker=breaker) for breaker in breakers]
    clients = [step.client for step in story_of(SHOP, steps, 1.0)]
    assert {client.at_most for client in clients} == {8}
    assert [client.breaker for client in clients] == [
        BreakerRules(window=5, least=5, share=1.0, open_s=30.0, trials=1, late=False),
        BreakerRules(window=100, least=100, share=0.5, open_s=60.0, trials=10, late=True),
        BreakerRules(),
    ]
    (plain,) = story_of(SHOP, [ServiceStep(call="api")], 1.0)
    assert plain.client.at_most == 0


@pytest.mark.parametrize(("written", "cancel"), [(False, 0), (True, 1), ("hop", 1), ("tree", 2)])
def test_what_becomes_of_an_abandoned_request(written, cancel):
    assert profile_of(service("http", cancel_abandoned=written), V1).cancel == cancel


def test_a_fresh_step_is_drawn_by_try():
    steps = [ServiceStep(wait=0.1, fresh=True), ServiceStep(wait=0.1)]
    assert [step.by_try for step in story_of(SHOP, steps, 1.0)] == [True, False]


def test_equal_steps_have_names_of_their_own():
    steps = [ServiceStep(cpu=0.001), ServiceStep(wait=0.1), ServiceStep(cpu=0.002)]
    names = [step.name for step in story_of(SHOP, steps, 1.0)]
    assert names == ["cpu:1", "wait:1", "cpu:2"]
