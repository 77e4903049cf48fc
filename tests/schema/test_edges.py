"""Inputs that once broke a run or went through without effect: each is one line before it begins,
with its place; what is odd and no mistake is written as what it is."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pytest

from sim.library.stacks import load_stack
from sim.platforms import names
from sim.report import files
from sim.report.text.words import markdown
from sim.schema.characters import joined, printable, strange
from sim.schema.fields import InputError
from sim.schema.scenario import Scenario
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.comparison import replay
from sim.study.plan import plan
from sim.study.quarter.rates import RATES, load_rates

GOOD = """\
name: edge
title: an edge
platforms: [kubernetes, compose]
lesson: numbers end somewhere
horizon: 2m
traffic: {rate: 3/s}
events:
  - at: 20s
    operator_kill: {service: http}
"""
CRASH = "server_crash: {server: 1}"


def put(tmp_path: Path, old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    path = tmp_path / "edge.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def refusal(scenario: str, *, platforms: list[str] | None = None) -> str:
    with pytest.raises(InputError) as refused:
        plan(Ask(scenario, platforms))
    told = str(refused.value)
    assert "\n" not in told
    assert printable(told) == told
    return told


REFUSED = {
    "half of a surrogate pair": ("an edge", r'"\ud800"', "yaml:2:8: title: ", "U+D800"),
    "an escape": ("an edge", r'"\e[31mred"', "yaml:2:8: title: ", "U+001B"),
    "another direction": ("an edge", r'"\u202egde"', "yaml:2:8: title: ", "U+202E"),
    "a raw control character": ("an edge", "an \x1b edge", "yaml:2:11: ", "the character U+001B"),
    "a key with one": (
        "traffic:", '"\\elesson": b\ntraffic:',
        "yaml:6:1: \\x1blesson: ", "did you mean lesson?",
    ),
    "a version of no name": (
        "operator_kill: {service: http}", 'deploy: {service: http, version: {name: ""}}',
        "yaml:9:39: events.0.deploy.version.name: ", "text that is not empty",
    ),
    "401 digits": ("20s", "1" + "0" * 400, "yaml:8:9: events.0.at: ", "some 401 digits"),
    "6000 hexadecimal digits": ("20s", "0x" + "f" * 6000, "events.0.at: ", "some 7225 digits"),
    "a leak of 2**63": (
        "operator_kill: {service: http}", "leak: {service: http, per_second: 10000Pi}",
        "yaml:9:39: events.0.leak.per_second: ", "at most 8Pi",
    ),
    "databases without replication": (
        "traffic:", "set: {stack.services.postgres.replicas: 3}\ntraffic:",
        "services.postgres.replicas: ", "3 replicas of a service with role postgres",
    ),
    "queues without replication": (
        "traffic:", "set: {stack.services.redis.replicas: 2}\ntraffic:",
        "services.redis.replicas: ", "2 replicas of a service with role redis",
    ),
    "10**12 requests and more": ("3/s", "1000000000/s, scale: 10", "scenario.traffic: ", "1.2e+12"),
    "... by an event": (
        GOOD[GOOD.index("horizon:"):],
        "horizon: 1h\ntraffic: {rate: 3/s}\nevents: [{at: 20s, traffic: {rate: 1000000000/s}}]",
        "scenario.traffic: ", "3.58e+12 requests over 3600 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_told_before_the_run(tmp_path: Path, case: str) -> None:
    old, new, place, words = REFUSED[case]
    told = refusal(put(tmp_path, old, new))
    assert place in told
    assert words in told


# ---- servers ----
def test_a_server_that_one_platform_has_not(tmp_path: Path) -> None:
    scenario = put(tmp_path, "operator_kill: {service: http}", CRASH)
    assert "edge.yaml:9:28: events.0.server_crash.server: found server 1; expected" in refusal(
        scenario
    )
    assert "below 1: so many servers compose has" in refusal(scenario)
    assert plan(Ask(scenario, ["kubernetes", "swarm"])).platforms == ("kubernetes", "swarm")
    told = {name: refusal(scenario, platforms=[name]) for name in names() if name in ONE_SERVER}
    assert all(f"so many servers {name} has" in line for name, line in told.items())


ONE_SERVER = ("cloud_run", "compose", "compose_hardened", "ecs_fargate")


def test_all_settings_count_before_servers_are(tmp_path: Path) -> None:
    text = GOOD.replace("operator_kill: {service: http}", CRASH)
    more = put(tmp_path, "traffic:", "set: {stack.servers.count: 2}\ntraffic:", text)
    assert plan(Ask(more)).platforms == ("kubernetes", "compose")
    fewer = put(tmp_path, "server: 1", "server: 4", text)
    wanted = ["kubernetes.scheduling.default_servers=5"]
    assert plan(Ask(fewer, ["kubernetes"], settings=wanted))
    assert "below 3: so many servers kubernetes has" in refusal(fewer, platforms=["kubernetes"])


def test_a_rented_server_is_one_more(tmp_path: Path) -> None:
    rent = "rent_servers: {service: http, servers: 1, replicas: 1}\n  - at: 110s\n    " + CRASH
    assert plan(Ask(put(tmp_path, "operator_kill: {service: http}", rent), ["compose"]))
    late = rent.replace("110s", "10s")
    assert "server 1" in refusal(put(tmp_path, "operator_kill: {service: http}", late))


def test_compose_files_may_ask_for_replicas_of_a_database(tmp_path: Path) -> None:
    path = tmp_path / "compose.yml"
    path.write_text(
        "services:\n  api: {image: shop/api, depends_on: [db], ports: ['80:80']}\n"
        "  db: {image: 'postgres:16', deploy: {replicas: 3}}\n"
    )
    stack = load_stack(str(path))
    assert stack.services["db"].replicas == 1
    assert "db: 3 replicas of a service with role postgres (one runs)" in stack.ignored


# ---- what is odd and no mistake ----
TITLES = {
    "mathtext": r"costs $\frac{1}{0}$ $x^{$ a day",
    "markdown": "# ![](http://a/b.png) | [x](y) <script>alert(1)</script> ```",
    "a formula": "=HYPERLINK(1)",
}


@pytest.mark.parametrize("kind", TITLES)
def test_a_title_is_text_everywhere(tmp_path: Path, kind: str) -> None:
    title = TITLES[kind]
    path = put(tmp_path, "an edge", "'" + title + "'").replace("edge.yaml", "edge.yaml")
    asked = Ask(path, ["compose"], settings=["scenario.horizon=30s"], engine="reference")
    result = replay(plan(asked), partial(Batch.run, workers=1))
    files.write(result, tmp_path / "report")
    assert (tmp_path / "report" / "downtime.png").stat().st_size > 10_000
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<script>alert" not in page
    assert '<img src="http' not in page
    for name in ("summary.md", "postmortem.md"):
        text = (tmp_path / "report" / name).read_text()
        assert "![](http" not in text
        assert "<script" not in text
        assert text.count("```") % 2 == 0


def test_an_emoji_of_two_halves_is_one_character(tmp_path: Path) -> None:
    scenario = plan(Ask(put(tmp_path, "an edge", r'"\ud83d\udd25 fire"'))).scenario
    assert scenario.title == "\N{FIRE} fire"


def test_a_title_stands_on_one_line(tmp_path: Path) -> None:
    scenario = plan(Ask(put(tmp_path, "an edge", r'"an\nedge"'))).scenario
    assert scenario.title == "an edge"


def test_a_program_is_held_to_the_same() -> None:
    with pytest.raises(ValueError, match=r"U\+0007"):
        Scenario(name="a", title="\a", lesson="", horizon=60.0, traffic={"rate": 1.0}, events=[])


@pytest.mark.parametrize("name", ["=cmd()", "-1", "@x", '"\\e"'])
def test_no_kind_of_incident_is_a_formula(tmp_path: Path, name: str) -> None:
    first = load_rates().kinds[0].name
    path = tmp_path / "rates.yaml"
    path.write_text(RATES.read_text().replace(f"name: {first}", f"name: '{name}'", 1))
    if name.startswith('"'):
        path.write_text(RATES.read_text().replace(f"name: {first}", f"name: {name}", 1))
    with pytest.raises(InputError, match=r"rates\.yaml:\d+:\d+: kinds\.0\.name: found "):
        load_rates(path)


def test_what_a_platform_says_is_one_line_of_the_timeline(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    scenario = put(tmp_path, "an edge", "loud")
    asked = Ask(scenario, [str(tmp_path / "loud.py")], engine="reference")
    result = replay(plan(asked), partial(Batch.run, workers=1))
    files.write(result, tmp_path / "report", plots=False)
    for file in (tmp_path / "report").iterdir():
        assert not strange(file.read_text()), file.name
    with (tmp_path / "report" / "timeline.csv").open(newline="") as file:
        said = [row for row in csv.reader(file) if row[3] == "loud"]
    assert [row[5] for row in said] == [r"\x1b[2J and \ud800 and more"]


LOUD = '''\
"""Loud \\x1b[31m."""
from dataclasses import dataclass, replace
from typing import ClassVar

from sim.control.api import Rank
from sim.platforms.compose import PLATFORM as COMPOSE

@dataclass(frozen=True)
class Loud:
    capability: ClassVar[str] = "self_healing"

    def run(self, cluster):
        cluster.say("loud", "loud", "\\x1b[2J and \\ud800 and\\nmore")
        yield cluster.clock.after(1.0, Rank.RUNTIME)

PLATFORM = replace(COMPOSE, self_healing=Loud())
'''


# ---- the pure functions ----
def test_plain_text_is_left_as_it_is() -> None:
    for text in ("", "a\tb\nc", "Zürich → 東京 🔥", "x" * 100):
        assert printable(text) == joined(text) == text
        assert strange(text) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[0m", r"\x1b[0m"), ("\x9b", r"\x9b"), ("\u2028", r"\u2028"), ("\udc00", r"\udc00")],
)
def test_strange_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a `b` *c* - d", "a `b` *c* - d"),
        ("# a\n- b\n1. c\n---\n> d", "\\# a\n\\- b\n1\\. c\n\\---\n\\> d"),
        ("-", "-"),
        ("1.5 s | <b> [x](y)", "1.5 s \\| &lt;b> \\[x](y)"),
        ("```", "\\`\\`\\`"),
    ],
)
def test_markdown(text: str, written: str) -> None:
    assert markdown(text) == written


@pytest.mark.parametrize("platform", ["kubernetes", "swarm", "nomad", "cloud_run", "ecs_fargate"])
def test_a_platform_of_no_servers_is_refused_when_it_is_planned(platform: str) -> None:
    path = f"{platform}.scheduling.default_servers"
    with pytest.raises(InputError, match=rf"{path}: found 0; expected a whole number above 0"):
        plan(Ask("container_crash", [platform], settings=[f"{path}=0"]))
