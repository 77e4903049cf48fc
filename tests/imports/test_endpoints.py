"""A log's paths as endpoints: which are one, which are named, and what a run makes of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sim.imports.trace import recording
from sim.imports.traffic.endpoints import folded, largest
from sim.imports.traffic.replay import figures
from sim.report.text import traffic as text
from sim.schema.fields import InputError
from sim.schema.traffic import Replay, Traffic
from sim.study.ask import Ask
from sim.study.plan import Plan, plan

LINE = '10.0.0.1 - - [01/Mar/2025:08:00:{:02}.000 +0000] "GET {} HTTP/1.1" 200 5\n'
PATHS = ("/", "/user/1", "/user/2", "/user/3?tab=2", "/cart", "/cart", "/about", "/jobs")
STACK = {
    "name": "mine",
    "services": {
        "web": {
            "role": "http",
            "port": 80,
            "cpu": {"demand": "1ms"},
            "endpoints": {"cart": [{"cpu": "1ms"}, {"wait": "200ms"}]},
        }
    },
}


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "access.log"
    path.write_text("".join(LINE.format(i, name) for i, name in enumerate(PATHS)))
    return str(path)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/user/123", "/user/:id"),
        ("/user/123/orders/9-2?x=1#top", "/user/:id/orders/:id"),
        ("https://shop.example:8443/a/b/", "/a/b"),
        ("/o/3F2504E0-4F89-11D3-9A0C-0305E82C3301", "/o/:id"),
        ("/commit/a94a8fe5", "/commit/:id"),
        ("/facade/deadbeef", "/facade/deadbeef"),  # a word, for all that is known
        ("/static/main.3f2a9c01.js", "/static/main.:id.js"),
        ("/t/eyJhbGciOiJIUzI1NiIsInR5", "/t/:id"),
        ("/api/v2/users;jsessionid=7", "/api/v2/users"),
        ("/2025-03-01/news", "/:id/news"),
        ("/", "/"),
        ("", ""),
        ("?a=1", ""),
        ("http://[", ""),
    ],
)
def test_paths_that_are_one(path: str, route: str) -> None:
    assert folded(path) == route


def test_the_largest_are_named_and_the_rest_is_other() -> None:
    counts = Counter({"/b": 3, "/a": 3, "/A": 1, "/c": 2, "": 1})
    two = [(each.name, each.path, each.share) for each in largest(counts, 2)]
    assert two == [("a", "/a", 0.4), ("b", "/b", 0.3), ("other", "", 0.3)]
    assert [each.name for each in largest(counts, 3)] == ["a", "b", "c", "other"]
    assert [each.share for each in largest(Counter({"/other": 1, "/x": 1}), 1)] == [0.5, 0.5]
    assert largest(Counter({"/": 4}), 5) == (("root", "/", 1.0),)


def test_what_is_told(log: str) -> None:
    read = recording(Traffic(trace=[log], replay=Replay(endpoints=2, path="^/[^j]*$")))
    assert read is not None
    said = "\n".join(text.lines(figures(read, 7.0)))
    assert "/user/:id 42.86 % (user-id), /cart 28.57 % (cart), the rest 28.57 % (other)" in said
    assert "1 of other paths" in said


def asked(log: str, *settings: str, stack: object = STACK) -> Plan:
    pairs = ["scenario.traffic.replay.endpoints=2", *settings]
    return plan(Ask("container_crash", ("compose",), traffic=log, stack=stack, settings=pairs))


def test_users_ask_what_the_log_says(log: str) -> None:
    made = asked(log)
    assert made.scenario.traffic.mix == {"user-id": 3 / 8, "cart": 2 / 8, "other": 3 / 8}
    web = made.cases[0].stack.services["web"]
    assert web.asked_by_name == ["cart", "user-id", "other"]
    assert [step.kind for step in web.endpoints["cart"] or ()] == ["cpu", "wait"]
    assert web.endpoints["other"] is None
    assert made.recorded["endpoints"]["user-id"] == {"path": "/user/:id", "share": 3 / 8}


def test_a_path_by_the_name_of_another_way_in_is_of_the_entry(log: str) -> None:
    """And that the other one is asked no more is told."""
    stack = {**STACK, "mix": {"cart": 0.5}}
    stack["services"] = {"web": {"role": "http"}, "cart": {"role": "http"}}
    made = asked(log, stack=stack)
    assert made.scenario.traffic.mix == {"user-id": 3 / 8, "web/cart": 2 / 8, "other": 3 / 8}
    assert made.cases[0].stack.doors == ["web"]
    told = "all paths are asked of web, and of cart none (mix:)"
    assert told in made.cases[0].stack.assumed


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("scenario.traffic.mix.cart=50%",), "mix beside replay.endpoints"),
        (("scenario.traffic.replay.endpoints=15",), "at most 14"),
        (("scenario.traffic.replay.endpoints=0",), "endpoints"),
    ],
)
def test_what_is_turned_down(log: str, settings: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        asked(log, *settings)


def test_a_series_has_no_paths(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("time,rate\n0,5\n10,6\n")
    with pytest.raises(InputError, match="a log with paths in it"):
        asked(str(path))
