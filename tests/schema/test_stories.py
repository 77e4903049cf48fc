"""Stories in stacks: what people write, what is turned down, and who asks whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sim.control.resource_limits.profiles import profile_in
from sim.dataplane import codes, story
from sim.library.scenarios import load_scenario
from sim.library.stacks import load_stack
from sim.schema import bounds, story_checks
from sim.schema.databases import DatabasePool
from sim.schema.fields import InputError
from sim.schema.layers import check_stack
from sim.schema.scenario import Version
from sim.schema.settings import apply_settings
from sim.schema.stack import MOST_ZONES, Stack
from sim.schema.steps import Breaker

BASE = """
name: tiny
services:
  web:
    role: http
    steps:
      - {cpu: 1ms}
      - {call: shelf, share: 50%, timeout: 1s, retries: 2}
  shelf:
    role: http
    steps:
      - {cpu: 1ms}
      - {query: books, demand: 2ms}
      - {call: payments}
    pools: {books: {size: 5}}
  payments: {role: external, latency: 100ms}
  books: {role: postgres}
  archive: {role: postgres}
"""
CACHED = "cache: quick"
WITH_CACHE = BASE.replace("call: payments", CACHED) + "  quick: {role: cache}\n"


def loaded(tmp_path: Path, text: str) -> Stack:
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    return load_stack(path)


def test_who_is_asked_and_by_which_number(tmp_path):
    stack = loaded(tmp_path, BASE)
    assert stack.asked() == ["web", "shelf", "payments"]
    assert [stack.number(name) for name in ("shelf", "payments", "archive")] == [1, 2, 1]
    assert stack.calls("web") == ["shelf"]
    assert stack.pools("shelf") == {"books": DatabasePool(size=5)}
    assert stack.clients("books") == ["shelf"]
    assert stack.clients("archive") == []


def test_the_short_form_asks_the_first_database():
    stack = load_stack("sspp")
    assert stack.asked() == ["api"]
    assert stack.pools("api") == {"postgres": DatabasePool(size=10, checkout_timeout=2.0)}
    assert stack.clients("postgres") == ["api", "worker"]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("call: shelf", "call: shelv", 8, ("steps.1.call", "'shelv'", "did you mean shelf?")),
        ("call: shelf", "call: books", 8, ("role postgres", "a service that answers")),
        ("call: shelf", "call: web", 8, ("ask itself",)),
        ("call: payments", "call: web", 14, ("steps.2.call", "web -> shelf -> web", "a cycle")),
        ("query: books", "query: boks", 13, ("'boks'", "did you mean books?")),
        ("query: books", "query: payments", 13, ("role external", "a database")),
        ("share: 50%", "share: 150%", 8, ("steps.1.share", "150%")),
        ("share: 50%", "demand: 2ms", 8, ("demand in a step `call:`", "`query:`")),
        ("demand: 2ms", "retries: 2", 13, ("retries in a step `query:`", "`call:`")),
        ("{cpu: 1ms}\n      - {call", "{cpu: 1ms, wait: 1ms}\n      - {call", 7, ("cpu and wait",)),
        ("{cpu: 1ms}\n      - {call", "{share: 10%}\n      - {call", 7, ("no kind",)),
        ("share: 50%", "fresh: true", 8, ("fresh in a step `call:`", "`cpu:` or `wait:`")),
        ("demand: 2ms", "at_most: 2", 13, ("at_most in a step `query:`", "`call:`")),
        ("demand: 2ms", "connections: 2", 13, ("connections in a step `query:`", "`call:`")),
        ("{call: payments}", "{call: payments, connections: 257}", 14, ("257", "at most 256")),
        ("{call: payments}", "{call: payments, breaker: {open: 5s}}", 14,
         ("steps.2.breaker", "neither", "failures (in a row) and share")),
        ("{call: payments}", "{call: payments, breaker: {failures: 5, share: 50%}}", 14,
         ("steps.2.breaker", "failures and share", "exactly one")),
        ("{call: payments}", "{call: payments, breaker: {failures: 5, trials: 2}}", 14,
         ("breaker.trials", "beside failures")),
        ("{call: payments}", "{call: payments, breaker: {share: 0}}", 14, ("breaker.share", "0")),
        ("{call: payments}", "{call: payments, breaker: {failures: 2000}}", 14,
         ("breaker.failures", "2000", "1024")),
        ("{call: payments}", "{push: books}", 14, ("a queue", "there is none")),
        ("{books: {size: 5}}", "{payments: {size: 5}}", 15, ("no step queries", "books")),
        ("{size: 5}", "{size: 5, at_start: 6}", 15, ("at_start <= size",)),
        ("latency: 100ms", "replicas: 3", 16, ("replicas on a service with role external",)),
        ("{role: postgres}\n  a", "{role: postgres, steps: []}\n  a", 17, ("http or worker",)),
        ("pools: {books: {size: 5}}", "push: {share: 5%}", 15, ("push beside steps",)),
        ("pools: {books: {size: 5}}", "database: {pool: 3}", 15, ("database beside steps",)),
        ("pools: {books: {size: 5}}", "cpu: {demand: 3ms}", 15, ("cpu.demand beside steps",)),
        ("{call: payments}", "{cache: quick}", 14, ("steps.2.cache", "a cache", "there is none")),
        (CACHED, "cache: quic", 14, ("steps.2.cache", "'quic'", "did you mean quick?")),
        (CACHED, "cache: books", 14, ("role postgres", "a cache: a service with role cache")),
        (CACHED, "cache: quick, on_miss: [{query: boks}]", 14,
         ("steps.2.on_miss.0.query", "did you mean books?")),
        ("{call: payments}", "{together: [{wait: 1s}]}", 14,
         ("steps.2.together", "1 of them", "two steps or more")),
        ("{call: payments}", "{together: [{wait: 1s}, {call: pay}]}", 14,
         ("steps.2.together.1.call", "'pay'")),
        ("{call: payments}", "{together: [{wait: 1s}, {together: []}]}", 14,
         ("steps.2.together.1.together", "unknown field")),
        ("{call: payments}", "{together: [{wait: 1s}, {wait: 2s}], fresh: true}", 14,
         ("fresh in a step `together:`",)),
        (CACHED, "cache: quick, on_miss: [{cache: quick}]", 14, ("on_miss.0.cache", "cache")),
        (CACHED, "cache: quick, on_miss: [{cpu: 1ms, wait: 1s}]", 14,
         ("on_miss.0", "exactly one of cpu, wait, query, call, push")),
        (CACHED, "cache: quick, retries: 2", 14, ("retries in a step `cache:`", "`call:`")),
        (CACHED, "call: payments, on_miss: [{cpu: 1ms}]", 14,
         ("on_miss in a step `call:`", "`cache:`")),
        ("latency: 100ms}\n  books: {role: postgres}",
         "latency: 100ms}\n  books: {role: postgres, holds: {keys: 5}}", 17,
         ("holds on a service with role postgres", "only with role cache")),
        ("latency: 100ms}", "latency: 100ms}\n  quick: {role: cache, replicas: 2}", 17,
         ("2 replicas of a service with role cache",)),
    ],
)  # fmt: skip
def test_what_is_turned_down(tmp_path, before, after, line, words):
    text = BASE if before in BASE else WITH_CACHE
    assert before in text
    with pytest.raises(InputError) as error:
        loaded(tmp_path, text.replace(before, after, 1))
    text = str(error.value)
    assert f"tiny.yaml:{line}" in text
    assert text.count("(") == text.count(")")
    for word in words:
        assert word in text


def test_a_mistyped_query_is_told_once(tmp_path):
    with pytest.raises(InputError) as error:
        loaded(tmp_path, BASE.replace("query: books", "query: boks"))
    assert str(error.value).count("tiny.yaml") == 1, "and its pool is no mistake beside it"


MIXED = """
name: tiny
services:
  web:
    role: http
    cpu: {demand: 1ms}
    database: {demand: 1ms, pool: 7}
    endpoints:
      browse: [{query: archive, demand: 2ms}]
      buy:
        - {call: till, endpoint: charge}
    pools: {archive: {size: 5}}
  till:
    role: http
    endpoints: {charge: [{wait: 10ms}], refund: [{wait: 20ms}]}
  books: {role: postgres}
  archive: {role: postgres}
mix: {browse: 75%, buy: 12.5%}
"""


def test_endpoints_and_the_shares_in_which_users_ask_them(tmp_path):
    stack = loaded(tmp_path, MIXED)
    assert ways(stack) == [("web", None, 0.125), ("web", "browse", 0.75), ("web", "buy", 0.125)]
    assert [share for *_, share in ways(stack, buy=1.0)] == [0.0, 0.0, 1.0]
    assert [share for *_, share in ways(stack, buy=0.0)] == [1.0, 0.0, 0.0]
    assert ways(stack.model_copy(update={"mix": {}})) == []
    assert stack.asked() == ["web", "till"]
    pools = stack.pools("web")
    assert {name: pool.size for name, pool in pools.items()} == {"archive": 5, "books": 7}


def ways(stack, **mix):
    return [tuple(way) for way in (stack.model_copy(update={"mix": mix}) if mix else stack).ways]


@pytest.mark.parametrize(
    ("mix", "doors", "told"),
    [
        # the rest asks the first service
        ({"till/charge": 0.25}, ["web", "till"],
         [("web", None, 0.75), ("web", "browse", 0.0), ("web", "buy", 0.0),
          ("till", "charge", 0.25)]),
        # by service, all of them: the first one is not asked
        ({"till": 0.5, "till/refund": 0.5}, ["till"],
         [("till", None, 0.5), ("till", "charge", 0.0), ("till", "refund", 0.5)]),
        # one name in two ways, and the file's order
        ({"till": 0.25, "web/buy": 0.25, "buy": 0.25, "web": 0.25}, ["web", "till"],
         [("web", None, 0.25), ("web", "browse", 0.0), ("web", "buy", 0.5), ("till", None, 0.25)]),
    ],
)  # fmt: skip
def test_users_ask_several_services_in_shares(tmp_path, mix, doors, told):
    text = MIXED.replace("{browse: 75%, buy: 12.5%}", str(mix).replace("'", '"'))
    stack = loaded(tmp_path, text)
    assert ways(stack) == told
    assert stack.doors == doors
    assert stack.entry == doors[0]
    assert set(stack.asked()) == {"web", "till"} - ({"web"} if doors == ["till"] else set())


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("buy: 12.5%", "till/pay: 12.5%", 18, ("till/pay", "mean till?", "till/charge")),
        ("buy: 12.5%", "books: 12.5%", 18, ("'books'", "no service that answers requests")),
        ("buy: 12.5%", "bui: 12.5%", 18, ("mix.bui", "no endpoint 'bui' of web", "mean buy?")),
        ("buy: 12.5%", "buy: 45%", 18, ("120 % in sum", "at most 100 %")),
        ("buy: 12.5%", "buy: 120%", 18, ("mix.buy", "120%")),
        ("endpoint: charge", "endpoint: charg", 11,
         ("endpoints.buy.0.endpoint", "of till", "did you mean charge?")),
        ("call: till, endpoint: charge", "query: books, endpoint: charge", 11,
         ("endpoint in a step `query:`", "`call:`")),
        ("call: till", "call: web", 11, ("endpoints.buy.0.call", "ask itself")),
        ("endpoint: charge}", "endpoint: charge, connection_closing: 1ms}", 11,
         ("endpoints.buy.0.connection_closing", "no connection_idle", "other end closes")),
        ("endpoint: charge}", "endpoint: charge, connections_open: 5}", 11,
         ("endpoints.buy.0.connections_open", "connection_use: exclusive")),
        ("endpoint: charge}", "endpoint: charge, connection_use: exclusive, "
         "connection_on_timeout: keep}", 11, ("endpoints.buy.0.connection_on_timeout", "HTTP/1.1")),
        ("[{wait: 10ms}]", "[]", 15, ("endpoints.charge", "no step")),
        ("[{wait: 10ms}]", "[{call: web}]", 15, ("charge.0.call", "ask each other")),
        ("{role: postgres}\n  a", "{role: postgres, endpoints: {}}\n  a", 16, ("http",)),
        ("buy: 12.5%}", "buy: 12.5%}\nmixed: 1", 19, ("mixed", "did you mean mix?")),
    ],
)  # fmt: skip
def test_what_of_endpoints_is_turned_down(tmp_path, before, after, line, words):
    assert before in MIXED
    with pytest.raises(InputError) as error:
        loaded(tmp_path, MIXED.replace(before, after, 1))
    text = str(error.value)
    assert f"tiny.yaml:{line}" in text
    for word in words:
        assert word in text


def test_a_name_of_two_things_is_turned_down(tmp_path):
    with pytest.raises(
        InputError, match=r"tiny\.yaml:18.*'till', an endpoint of web and a service"
    ):
        loaded(tmp_path, MIXED.replace("browse", "till"))


def test_a_mix_of_a_scenario_is_of_the_stack_on_which_it_runs(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(MIXED)
    with pytest.raises(InputError, match=r"traffic\.mix.*no endpoint 'by' of web.*mean buy"):
        load_scenario("container_crash", stack=load_stack(path),
                      settings={"scenario.traffic.mix": {"by": 0.5}})  # fmt: skip


def test_what_is_side_by_side_is_asked_and_drawn_as_any_other(tmp_path):
    """The steps in a look's miss and those beside it are covered by it and by both."""
    parts = "[{cache: quick, on_miss: [{query: books}]}, {call: payments}]"
    side = f"{{together: {parts}, on_failure: ignore}}"
    stack = loaded(tmp_path, WITH_CACHE.replace(f"{{{CACHED}}}", side))
    assert stack.calls("shelf") == ["payments"]
    steps = profile_in(stack, "shelf", Version()).steps
    assert [(step.name, step.covers, step.ignore) for step in steps[2:]] == [
        ("together:1", 3, True), ("cache:quick:1", 1, False), ("query:books:2", 0, False),
        ("call:payments:1", 0, False),
    ]  # fmt: skip


def test_pools_without_steps(tmp_path):
    lone = "name: a\nservices:\n  a: {role: http, pools: {b: {}}}\n  b: {role: postgres}\n"
    with pytest.raises(InputError, match=r"a\.yaml:3.*pools without steps|pools without steps"):
        loaded(tmp_path, lone)


def test_both_engines_have_room_for_what_may_be_written():
    assert story_checks.MOST_STEPS < story.MOST_STEPS, "and one for the version's own failures"
    assert story_checks.MOST_POOLS <= codes.MOST_POOLS
    assert story_checks.MOST_DATABASES <= codes.MOST_DATABASES
    assert story_checks.MOST_KEPT <= codes.MOST_KEPT
    assert story_checks.MOST_CALLS <= codes.MOST_CALLS
    assert story_checks.MOST_CACHES <= codes.MOST_CACHES
    assert bounds.KEYS.most <= codes.MOST_KEYS
    assert story_checks.MOST_ENDPOINTS < codes.MOST_ENDPOINTS, "and what has no name"
    assert story_checks.MOST_ASKED <= codes.MOST_SERVICES
    assert story_checks.MOST_WAYS <= codes.MOST_WAYS
    assert MOST_ZONES + 2 <= codes.MOST_SEGMENTS, "elsewhere, and within one server"
    rules = {"share": "50%", "open": "1s"}
    for field in ("window", "trials"):
        assert Breaker.model_validate({**rules, field: codes.MOST_WINDOW}).open == 1.0
        with pytest.raises(ValidationError):
            Breaker.model_validate({**rules, field: codes.MOST_WINDOW + 1})


def test_a_long_story_is_turned_down():
    steps = [{"cpu": 0.001}] * (story_checks.MOST_STEPS + 1)
    stack = Stack.model_validate({"name": "a", "services": {"a": {"role": "http", "steps": steps}}})
    with pytest.raises(InputError, match=f"from 1 to {story_checks.MOST_STEPS}"):
        check_stack(stack)


@pytest.mark.parametrize(
    ("path", "raw", "place"),
    [
        ("services.web.cpu.demand", "7ms", "services.web.steps.0.cpu"),
        ("services.api.database.demand", "7ms", "services.api.steps.2.demand"),
        ("services.api.database.pool", 3, "services.api.pools.orders.size"),
        ("services.http.push.share", 0.5, ""),  # web leaves no jobs: told as a field beside steps
        ("services.api.push.share", 0.5, "services.api.steps.4.share"),
    ],
)
def test_a_short_form_means_the_first_step_of_its_kind(path, raw, place):
    shop = load_stack("shop")
    changed = apply_settings(shop, {path: raw})
    assert changed != shop
    assert (changed == apply_settings(shop, {place or path: raw})) is True
    assert (changed.services["web"].push != shop.services["web"].push) is (not place)
