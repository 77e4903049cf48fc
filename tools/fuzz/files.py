"""All kinds of files and words that people write: good ones to begin with, and who reads them."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from sim.constants.catalogue import everywhere
from sim.library.stacks import load_stack
from sim.schema.text.document import read_yaml
from sim.study.ask import Ask
from sim.study.plan import plan
from sim.study.quarter import draw
from sim.study.quarter.rates import RATES, load_rates
from sim.workshop.answer import read_answer
from sim.workshop.challenge import challenge
from tests.cli.test_own_platform import GOOD as PLATFORM
from tests.schema.bad import COMPOSE, SCENARIO, STACK
from tests.workshop.solutions import SOLUTIONS
from tools.fuzz.values import changed, garbled, odd, smaller_bytes, smaller_trees

ROOT = Path(__file__).resolve().parents[2]
COMPOSES = ROOT / "tests" / "data" / "compose"
TRACES = (
    "time,rate\n0,5\n60,7.5\n180,0\n",
    "timestamp,count\n2014-04-10 00:04:00,60\n2014-04-10 00:05:00,240\n",
    "2024-01-01T01:00:00+01:00,1\n2024-01-01T00:00:30,2\n",
    "1700000000.5\n1700000001.25\n1700000001.25\n",
    '1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 5\n'
    '1.2.3.4 - - [10/Oct/2000:13:55:39 -0700] "GET / HTTP/1.0" 200 5\n',
)
SUFFIX = {"compose": ".yml", "traffic": ".csv", "platform": ".py"}  # else .yaml


def _texts(folder: Path, pattern: str) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in sorted(folder.glob(pattern))]


class Kind(NamedTuple):
    """How an input of a kind is drawn, made smaller, and read; `text` is what it is as bytes."""

    draw: Callable[[Random], Any]
    smaller: Callable[[Any], Any]
    read: Callable[[Path, Any], object]  # a file with it, and the input itself

    @staticmethod
    def text(value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        text = json.dumps(value, indent=1)  # is YAML, but for two words
        return text.replace("Infinity", ".inf").replace("NaN", ".nan").encode()


def _trees(*texts: str) -> Callable[[Random], Any]:
    """Of files that are YAML: three in four as trees with odd values, one garbled as text."""
    trees = [read_yaml(text, "seed").data for text in texts]

    def draw_one(dice: Random) -> Any:
        which = dice.randrange(len(texts))
        if dice.random() < 0.25:
            return garbled(texts[which].encode(), dice)
        return changed(trees[which], dice)

    return draw_one


def _smaller(value: Any) -> Any:
    return smaller_bytes(value) if isinstance(value, bytes) else smaller_trees(value)


def _platform(dice: Random) -> bytes:
    """Our example with another literal in one to three places: nothing else of it may run."""
    tree = ast.parse(PLATFORM)
    literals = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and not isinstance(node.value, bytes)
    ]  # fmt: skip
    for literal in dice.sample(literals, dice.choice((1, 1, 2, 3))):
        value = odd(dice)
        literal.value = value if not isinstance(value, dict | list) else None
    try:
        return ast.unparse(tree).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):  # a field's name that is none
        return PLATFORM.encode()


def _setting(dice: Random) -> dict[str, Any]:
    """A path that can be set, now and then mistyped or going on, and a value as text."""
    path = dice.choice(PATHS)
    if dice.random() < 0.2:
        path = dice.choice((path + ".x", path[:-1], path.replace("stack", "stak"), "." + path))
    value = odd(dice)
    return {"setting": f"{path}={value if isinstance(value, str) else json.dumps(value)}"}


def _settings(_: Path, value: Any) -> object:
    setting = value.get("setting", "") if isinstance(value, dict) else ""
    platform = setting.partition(".")[0]
    chosen = None if platform in ("stack", "scenario") else ["all"]
    return plan(Ask("container_crash", chosen, settings=[setting]))


def _rates(file: Path, _: Any) -> object:
    rates = load_rates(file)
    if len(rates.kinds) > 3:  # three plans tell as much as seventeen
        rates = rates.model_copy(update={"kinds": rates.kinds[:3]})
    return draw.prepare(rates=rates)


def _answer(file: Path, _: Any) -> object:
    task = challenge(7)
    answer, _document = read_answer(file, task, load_stack("sspp"))
    return plan(Ask("connection_limits", [answer.platform], settings=answer.set))


PATHS = sorted({s.path for settings in everywhere().values() for s in settings if s.path})
SCENARIOS = [SCENARIO, *_texts(ROOT / "scenarios", "*.yaml")]
STACKS = [STACK, *_texts(ROOT / "sim" / "stacks", "*.yaml")]
ANSWERS = [
    json.dumps({"platform": platform, "set": settings})
    for number in (7, 5, 3)
    for platform, settings in SOLUTIONS[number]
]
EVERYTHING = [COMPOSE, *_texts(COMPOSES, "*.yml")]


def _lines(dice: Random) -> bytes:
    return garbled(dice.choice(TRACES).encode(), dice)


KINDS = {
    "scenario": Kind(_trees(*SCENARIOS), _smaller, lambda f, _: plan(Ask(str(f)))),
    "stack": Kind(
        _trees(*STACKS), _smaller, lambda f, _: plan(Ask("container_crash", stack=str(f)))
    ),
    "compose": Kind(
        _trees(*EVERYTHING), _smaller,
        lambda f, _: plan(Ask("container_crash", stack=str(f))),
    ),
    "traffic": Kind(
        _lines, smaller_bytes, lambda f, _: plan(Ask("container_crash", traffic=str(f)))
    ),
    "rates": Kind(_trees(RATES.read_text(encoding="utf-8")), _smaller, _rates),
    "answer": Kind(_trees(*ANSWERS), _smaller, _answer),
    "setting": Kind(_setting, smaller_trees, _settings),
    "platform": Kind(
        _platform, smaller_bytes, lambda f, _: plan(Ask("container_crash", [str(f)]))
    ),
}  # fmt: skip
