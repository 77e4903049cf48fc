"""A story as the record holds it: a row a step, with the keys of its draws."""

from __future__ import annotations

from typing import Any

from sim.dataplane import draws
from sim.dataplane.codes import SECOND, Kind
from sim.dataplane.kernel.codes import DO_END
from sim.dataplane.kernel.layout import values
from sim.dataplane.profile import StoryStep
from sim.dataplane.story import salt, streams


def write_story(w: Any, seed: int, at: int, steps: tuple[StoryStep, ...], kind: Kind) -> None:
    """Into the rows from `at` on of the record `w`."""
    table = w["step"]
    for i, step in enumerate(steps, at):
        row = table[i]
        for column, value in values(step):
            row[column] = value
        share, law = streams(step, kind)
        row["share_key"], row["key"] = draws.key(seed, share), draws.key(seed, law)
        row["second_key"], row["named"] = draws.key(seed, law + SECOND), bool(step.name)
        row["salt"] = (salt(step) + 1) * draws.GOLDEN & draws.MASK
    table["does"][at + len(steps)] = DO_END
