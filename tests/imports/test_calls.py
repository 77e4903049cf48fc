"""Services of a file that call each other: which calls are made in a run, by what, at what cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.constants import facts
from sim.imports.evidence import Corrections, Imported
from sim.imports.stack_text import stack_text
from sim.library.scenarios import load_scenario
from sim.library.stacks import import_stack, load_stack
from sim.schema.layers import Layer, stack_on
from sim.schema.stack import Stack
from sim.study.comparison import compare

CASES = Path(__file__).parents[1] / "data" / "compose" / "cases"
SUITE = str(CASES / "suite.yml")
CALLS = {
    "gateway": ["catalogue", "carts", "orders", "users"],
    "catalogue": ["prices"],
    "orders": ["carts", "payment"],
    "mailer": ["users"],  # a job's
}


@pytest.fixture(scope="module")
def suite() -> Imported:
    return import_stack(SUITE)


def _calls(stack: Stack) -> dict[str, list[str]]:
    return {name: stack.calls(name) for name in stack.services if stack.calls(name)}


def test_what_is_sure_enough_is_called(suite: Imported) -> None:
    stack = suite.stack
    assert next(iter(stack.services)) == "gateway"
    assert _calls(stack) == CALLS
    step = next(step for step in stack.services["gateway"].steps or () if step.call == "users")
    assert (step.timeout, step.connect_timeout, step.retries, step.share) == (
        facts.CALL_TIMEOUT.value, facts.CALL_CONNECT.value, 0, 1.0,
    )  # fmt: skip
    assert "payment calls orders: that would close a circle of calls" in stack.ignored


def test_each_database_has_its_own_users(suite: Imported) -> None:
    """By their addresses, and `carts-db` by its name alone."""
    stack = suite.stack
    assert {name: stack.clients(name) for name in stack.playing("postgres")} == {
        "catalogue-db": ["catalogue", "users"], "orders-db": ["orders"], "carts-db": ["carts"],
    }  # fmt: skip
    assert stack.pools("catalogue")["catalogue-db"].size == 7
    assert suite.origins["services.catalogue.pools.catalogue-db.size"].text.endswith("suite.yml:11")


def test_what_is_not_sure_is_asked_for(suite: Imported) -> None:
    stack = suite.stack
    assert "who asks reviews? (--link 'gateway->reviews' if gateway asks it)" in stack.questions
    told = import_stack(SUITE, corrections=Corrections.of((), ["gateway->reviews"])).stack
    assert told.calls("gateway") == [*CALLS["gateway"], "reviews"]
    assert not any("reviews" in question for question in told.questions)


def test_a_request_costs_in_all_what_one_costs_in_the_like_stack(suite: Imported) -> None:
    """Eight visits of seven services, five queries, one push: in equal parts."""
    stack, api = suite.stack, load_stack("sspp").services["api"]
    visits = {"gateway": 1, "catalogue": 1, "carts": 2, "orders": 1, "users": 1, "prices": 1,
              "payment": 1}  # fmt: skip
    steps = {name: _steps(stack, name) for name in visits}
    cpu = sum(count * steps[name].get("cpu", 0.0) for name, count in visits.items())
    assert cpu == pytest.approx(api.cpu.demand.mean, abs=1e-5)
    assert api.database is not None
    queries = sum(count * steps[name].get("query", 0.0) for name, count in visits.items())
    assert queries == pytest.approx(api.database.demand.mean, abs=1e-5)
    assert steps["orders"]["push"] == api.push.share
    assert stack.services["reviews"].cpu.demand == api.cpu.demand  # nobody comes by: all of it


def _steps(stack: Stack, name: str) -> dict[str, float]:
    service = stack.services[name]
    if service.steps is None:
        query = service.database.demand.mean if service.database else 0.0
        return {"cpu": service.cpu.demand.mean, "query": query}
    cost = {"cpu": 0.0, "query": 0.0, "push": 0.0}
    for step in service.steps:
        law = step.cpu or step.demand
        if step.kind in cost:
            cost[step.kind] += law.mean if law else step.share
    return cost


def test_every_service_that_is_called_answers_and_the_written_stack_does_the_same(
    suite: Imported, tmp_path: Path
) -> None:
    written = tmp_path / "stack.yaml"
    written.write_text(stack_text(suite, "sim import suite.yml"))
    assert "# assumed: of every request; by CATALOGUE_URL" in written.read_text()
    short = {"scenario.horizon": "6m"}
    figures = [
        compare("container_crash", ["compose"], 1, 1, stack, short).platforms["compose"]
        for stack in (SUITE, str(written))
    ]
    assert figures[0] == figures[1]
    answered = {name: row["succeeded"] for name, row in figures[0]["services"].items()}
    assert set(answered) == {
        "gateway",
        "catalogue",
        "carts",
        "orders",
        "payment",
        "prices",
        "users",
    }
    assert all(count > 500 for count in answered.values())


def test_settings_of_a_scenario_reach_the_steps() -> None:
    """Of `connection_limits` those of the service that asks a database, which the entry does not;
    of `black_friday` those of the service that users call."""
    stack = load_stack(SUITE)
    limits = load_scenario("connection_limits", stack=stack)
    assert "http is catalogue here, which asks the database" in limits.assumed
    there = stack_on(stack, [Layer("compose")], limits).services
    assert (there["catalogue"].replicas, there["gateway"].replicas) == (10, 1)
    friday = load_scenario("black_friday", stack=stack)
    assert any("has no step `query:`" in line for line in friday.assumed)
    steps = stack_on(stack, [Layer("compose")], friday).services["gateway"].steps or []
    assert steps[0].cpu is not None
    assert steps[0].cpu.mean == 0.04


VOTING = str(CASES / "voting.yml")
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: NAME, image: voting/NAME}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {type: NodePort, selector: {app: NAME}, ports: [{port: 80, nodePort: PORT}]}
---
"""


def test_all_that_publish_a_port_and_that_nobody_asks_are_ways_in(tmp_path: Path) -> None:
    """The voting app: one service leaves jobs, the other one reads what became of them. Each value
    of a request's cost is as in the like stack, whichever of them is asked."""
    imported = import_stack(VOTING)
    stack = imported.stack
    assert (stack.doors, stack.mix) == (["vote", "result"], {"result": 0.5})
    text = stack_text(imported, "sim import voting.yml")
    assert "# ? how many of users' requests go to each of vote, result?" in text
    assert "result: 0.5 # assumed: equal shares" in text
    like = load_stack("sspp").services["api"]
    assert {n: stack.services[n].cpu.demand for n in stack.doors} == dict.fromkeys(
        stack.doors, like.cpu.demand
    )
    path = tmp_path / "voting.yaml"
    path.write_text(text)
    short = {"scenario.horizon": "7m"}
    run, again = (
        compare("container_crash", ["compose"], 1, 1, file, short) for file in (VOTING, str(path))
    )
    asked = run.platforms["compose"]["endpoints"]
    assert asked == again.platforms["compose"]["endpoints"]
    votes = asked["vote"]["asked"]
    assert votes == pytest.approx(asked["result"]["asked"], rel=0.1)
    assert run.platforms["compose"]["jobs"]["wanted"] == pytest.approx(0.2 * votes, rel=0.1)


def test_so_are_those_of_manifests(tmp_path: Path) -> None:
    path = tmp_path / "voting.yaml"
    path.write_text(
        MANIFESTS.replace("NAME", "vote").replace("PORT", "31000")
        + MANIFESTS.replace("NAME", "result").replace("PORT", "31001")
    )
    stack = import_stack(str(path)).stack
    assert (stack.doors, stack.mix) == (["vote", "result"], {"result": 0.5})


def test_what_is_asked_by_the_way_in_or_by_few_is_none(tmp_path: Path) -> None:
    """`web` asks `api`, which publishes a port too; an administration tool has its own."""
    path = tmp_path / "compose.yml"
    path.write_text(
        "services:\n"
        "  web: {image: shop/web, ports: ['80:80'], environment: {API_URL: 'http://api:8000'}}\n"
        "  api: {image: shop/api, ports: ['8000:8000']}\n"
        "  admin: {image: shop/admin, ports: ['8001:8000']}\n"
    )
    stack = import_stack(str(path)).stack
    assert (stack.doors, stack.mix) == (["web"], {})
    assert any(line.startswith("admin: requests to it") for line in stack.ignored)


NETWORKS = """
services:
  web: {image: x/web, ports: ["80:80"], networks: [front], depends_on: [api]}
  api: {image: x/api, networks: [front, back], expose: ["80"]}
  worker: {image: x/worker, networks: [back]}
  cache: {image: redis, networks: [back]}
  db: {image: postgres, networks: [back]}
networks: {front: {}, back: {}}
"""


def _edges(text: str, folder: Path) -> dict[tuple[str, str], str]:
    path = folder / "files.yaml"
    path.write_text(text)
    return {(link.caller, link.callee): link.confidence for link in import_stack(str(path)).links}


def test_a_store_that_nobody_names_is_used_by_those_on_its_network(tmp_path: Path) -> None:
    stores = ("cache", "db")
    edges = {pair: said for pair, said in _edges(NETWORKS, tmp_path).items() if pair[1] in stores}
    assert edges == {(user, store): "medium" for user in ("api", "worker") for store in stores}
    together = re.sub(r", networks: \[[^]]*\]", "", NETWORKS).replace("networks: {", "x-nets: {")
    assert _edges(together, tmp_path)["web", "db"] == "low"


def test_the_voting_app_is_the_same_without_a_word_of_its_calls(tmp_path: Path) -> None:
    """Its manifests say of no service whom it asks; the code in its public images does."""
    ports = {"vote": "31000", "result": "31001"}
    text = "".join(
        MANIFESTS.replace("NAME", name).replace("PORT", ports.get(name, "31002"))
        for name in ("vote", "result")
    )
    for name, image in (("worker", ""), ("redis", "redis:alpine"), ("db", "postgres:15-alpine")):
        deployment = MANIFESTS.partition("---")[0].replace("NAME", name)
        text += deployment.replace(f"voting/{name}", image or f"voting/{name}") + "---\n"
    text = text.replace("voting/", "dockersamples/examplevotingapp_")
    assert _edges(text, tmp_path) == {
        ("vote", "redis"): "medium", ("result", "db"): "medium",
        ("worker", "redis"): "medium", ("worker", "db"): "medium",
    }  # fmt: skip
