"""The article's stack: at ease at a few requests per second, hopeless at fifty times that."""

from __future__ import annotations

import pytest

from sim.constants import facts
from sim.library.stacks import load_stack
from sim.schema.layers import Layer, stack_on
from sim.schema.stack import (
    Service,
    Stack,
)

PEAK = 4.0 * 50  # requests/s, the article's Black Friday on a shop of 4/s


@pytest.fixture(scope="module")
def sspp() -> Stack:
    return load_stack("sspp")


def _database(service: Service) -> float:
    assert service.database is not None
    return service.database.demand.mean


def _cores(stack: Stack, rate: float) -> float:
    """Offered load in cores: requests, their jobs, and what both ask of the database."""
    api, worker = stack.services["api"], stack.services["worker"]
    per_job = worker.cpu.demand.mean + _database(worker)
    return rate * (api.cpu.demand.mean + _database(api) + api.push.share * per_job)


def test_utilisation(sspp: Stack) -> None:
    machine = sspp.servers.machine
    assert _cores(sspp, 4.0) / machine.cores < 0.1
    assert _cores(sspp, PEAK) / machine.cores > 1.2  # `--scale` on one server cannot help
    assert _cores(sspp, PEAK) < 5 * machine.cores  # five servers would do (BF3)


def test_one_process_cannot_use_the_server(sspp: Stack) -> None:
    api = sspp.services["api"]
    assert api.cpu.threads == 1
    assert 1 / api.cpu.demand.mean < PEAK


def test_the_articles_two_hundred_connections(sspp: Stack) -> None:
    pools = [sspp.services[name].database for name in ("api", "worker")]
    assert sum(10 * pool.pool for pool in pools if pool) == 200
    assert sspp.services["postgres"].max_connections == 100


def test_autoscaling_can_ask_for_more_connections_than_there_are(sspp: Stack) -> None:
    on = stack_on(sspp, [Layer("kubernetes")])
    postgres = on.services["postgres"]
    limit = postgres.max_connections - postgres.superuser_reserved_connections
    wanted = 0
    for service in on.services.values():
        if service.scaling and service.database:
            wanted += service.scaling.max * service.database.pool
    assert (limit, wanted > 3 * limit) == (97, True)
    public = stack_on(load_stack("sspp_public"), [Layer("kubernetes")]).services
    api, worker = public["api"], public["worker"]
    assert api.scaling is not None
    assert worker.scaling is not None
    assert api.database is not None
    assert worker.database is not None
    total = api.scaling.max * api.database.pool + worker.scaling.max * worker.database.pool
    assert total == 650  # facts/world.md


def test_the_operators_good_day_is_the_articles(sspp: Stack) -> None:
    operator = sspp.operator
    steps = (operator.detect, operator.acknowledge, operator.login, operator.diagnose)
    crash = sum(law.mean for law in (*steps, operator.command, sspp.services["api"].boot))
    assert 2 * 60 <= crash <= 10 * 60  # S1b
    server = operator.login.mean + sspp.servers.machine.back.mean + sspp.services["api"].boot.mean
    assert server >= 2 * 60  # S2c, before anybody has noticed


def test_the_runbooks_take_the_articles_hours(sspp: Stack) -> None:
    minutes = {
        name: sum(step.takes.mean for step in steps) / 60
        for name, steps in sspp.operator.runbooks.items()
    }
    boot = sspp.servers.machine.boot.mean / 60
    assert 120 <= minutes["balancer"] <= 240  # S4b
    assert 180 <= minutes["balancer"] + 5 * (minutes["rent_server"] + boot) <= 240  # BF3


def test_facts_are_found_where_they_stand() -> None:
    one = facts.Fact("x.y", 15.0, "s", "says", "source")
    module = type(facts)("somewhere")
    module.__dict__.update(A=one, b=3)
    assert facts.facts_of(module) == [one]
