"""A step as the kernel has it: a row of the table of steps, with the keys of its draws."""

from __future__ import annotations

from typing import Any

from sim.dataplane import draws
from sim.dataplane.codes import SECOND, Kind
from sim.dataplane.kernel.layout import values
from sim.dataplane.profile import StoryStep
from sim.dataplane.story import salt, streams


def write_step(row: Any, step: StoryStep, kind: Kind, seed: int) -> Any:
    """Write it down, and give the row back: whom the step asks is still to be written."""
    for column, value in values(step):
        row[column] = value
    share, law = streams(step, kind)
    row["share_key"], row["key"] = draws.key(seed, share), draws.key(seed, law)
    row["second_key"], row["named"] = draws.key(seed, law + SECOND), bool(step.name)
    row["salt"] = (salt(step) + 1) * draws.GOLDEN & draws.MASK
    return row
