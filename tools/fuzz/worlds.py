"""Whole worlds of random values: both engines must tell the same of each, and its books balance."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from sim.constants.catalogue import everywhere
from sim.platforms import names
from sim.results.run import Run
from sim.results.summary import replication
from sim.schema.fields import InputError
from sim.simulation.simulation import Simulation
from sim.study.ask import Ask
from sim.study.plan import plan
from tests.platforms.random_outages import draw_event, draw_settings

World = dict[str, Any]
FACTORS = (0.0, 0.001, 0.1, 0.5, 2.0, 10.0, 1000.0)
VALUES = {s.path: s.value for many in everywhere().values() for s in many if s.path}
EXTREMES = (0, 1, 2, 2**31, 2**53, 2**53 + 1, 2**63, 10**21, "1us", "1ms", "100000h", "8Ei")


def draw_world(dice: Random) -> World:
    """Some events, some settings far from what they are, and one platform."""
    platform = dice.choice(names())
    horizon_s = dice.choice((90.0, 180.0, 300.0))
    times = sorted(dice.uniform(5.0, horizon_s - 5.0) for _ in range(dice.randint(0, 3)))
    ours = [p for p in VALUES if p.startswith(("stack.", f"{platform}."))]
    drawn = {path: _value(path, dice) for path in dice.sample(ours, dice.randint(1, 6))}
    return {
        "platform": platform,
        "seed": dice.randrange(10**6),
        "horizon": horizon_s,
        "rate": dice.choice((0.0, 0.5, 3.0, 8.0, 40.0)),
        "client": {"retries": dice.randint(0, 7), "timeout": dice.choice((0.001, 1.0, 10.0))},
        "events": [{"at": t, **draw_event(dice)} for t in times],
        "set": {**draw_settings(dice), **drawn},
    }


def _value(path: str, dice: Random) -> Any:
    """A multiple of what stands there, or something at the edge of what a machine can hold."""
    value = VALUES[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and dice.random() < 0.8:
        scaled = value * dice.choice(FACTORS)
        return int(scaled) if isinstance(value, int) else scaled
    return dice.choice(EXTREMES)


def acceptable(world: World, folder: Path) -> World:
    """The world without what is refused before a run: each such value is an input of its own."""
    kept: World = {**world, "set": {}, "events": []}
    for path, value in world["set"].items():
        kept = _with(kept, {**kept, "set": {**kept["set"], path: value}}, folder)
    for event in world["events"]:
        kept = _with(kept, {**kept, "events": [*kept["events"], event]}, folder)
    return kept


def _with(before: World, after: World, folder: Path) -> World:
    try:
        _case(after, folder)
    except InputError:
        return before
    return after


def _case(world: World, folder: Path) -> Any:
    scenario = {
        "name": "fuzz", "title": "A random world", "lesson": "none",
        "horizon": world["horizon"],
        "traffic": {"rate": f"{world['rate']}/s", "client": world["client"]},
        "events": world["events"],
        "set": world["set"],
        "platforms": [world["platform"]],
    }  # fmt: skip
    file = folder / "fuzz.yaml"
    file.write_text(json.dumps(_written(scenario)), encoding="utf-8")
    return plan(Ask(str(file))).cases[0]


def _written(tree: Any, key: str = "") -> Any:
    """Times of a scenario's own fields as a file has them."""
    if isinstance(tree, dict):
        return {k: v if k == "set" else _written(v, k) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_written(v, key) for v in tree]
    timed = key in ("horizon", "at", "timeout", "lasts", "pause")
    return f"{tree!r}s" if timed and isinstance(tree, float) else tree


def told(world: World, engine: str, folder: Path) -> Run | str:
    """The run, or what is said when it is refused. Any other exception is a defect."""
    try:
        simulation = Simulation(_case(world, folder), world["seed"], engine=engine)
        simulation.advance(world["horizon"])
        return simulation.finish()
    except InputError as error:
        return str(error)


def differences(world: World, folder: Path) -> str:
    """Empty if the engines tell the same; else the first thing in which they differ."""
    ours, theirs = (told(world, engine, folder) for engine in ("reference", "compiled"))
    if isinstance(ours, str) or isinstance(theirs, str):
        return "" if ours == theirs else f"reference: {_short(ours)}; compiled: {_short(theirs)}"
    if ours.timeline != theirs.timeline:
        return "the timelines differ"
    ours_figures, figures = (replication(run, keep=False).figures for run in (ours, theirs))
    if repr(ours_figures) != repr(figures):  # NaN is no equal of itself
        return "the figures differ"
    for column, values in ours.series.items():
        if not np.array_equal(values, theirs.series[column]):
            return f"the series {column} differ"
        if not np.isfinite(values).all() or (values < 0.0).any():
            return f"the series {column} has {values.min()} and {values.max()}"
    return ""


def _short(run: Run | str) -> str:
    return run if isinstance(run, str) else "a finished run"
