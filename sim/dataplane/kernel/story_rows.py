"""A story as the record holds it: a row a step, with the keys of its draws."""

from __future__ import annotations

from typing import Any

from sim.dataplane import draws
from sim.dataplane.codes import SECOND, Kind
from sim.dataplane.kernel.layout import END, values
from sim.dataplane.profile import StoryStep
from sim.dataplane.story import salt, streams


def key_of(seed: int, stream: int) -> int:
    """Two of the three rounds of a draw."""
    x = draws.mix((seed + draws.GOLDEN) & draws.MASK)
    return draws.mix((x + (stream + 1) * draws.GOLDEN) & draws.MASK)


def write_story(w: Any, seed: int, at: int, steps: tuple[StoryStep, ...], kind: Kind) -> None:
    """Into the rows from `at` on of the record `w`."""
    table = w["step"]
    for i, step in enumerate(steps, at):
        row = table[i]
        for column, value in values(step):
            row[column] = value
        share, law = streams(step, kind)
        row["share_key"], row["key"] = key_of(seed, share), key_of(seed, law)
        row["second_key"], row["named"] = key_of(seed, law + SECOND), bool(step.name)
        row["salt"] = (salt(step) + 1) * draws.GOLDEN & draws.MASK
    table["does"][at + len(steps)] = END
