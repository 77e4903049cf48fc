"""A version of a service as the record holds it: its own row, one a pool, one a step of each story.

What does not depend on the seed is made once: runs of a study have the same versions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dataplane import draws
from sim.dataplane.codes import MOST_POOLS, SECOND
from sim.dataplane.kernel.codes import DO_END
from sim.dataplane.kernel.layout import DEEP, SHALLOW, STEP, STEPS, VERSION, columns, values
from sim.dataplane.profile import PoolRules, Profile, StoryStep
from sim.dataplane.story import pools, probed, salt, starts_at_once, stories, streams

KEYS = ("share_key", "key", "second_key")  # of a step's draws


class Sheet(NamedTuple):
    told: tuple[tuple[StoryStep, ...], ...]
    own: tuple[PoolRules, ...]
    version: NDArray[np.void]
    rules: NDArray[np.void]
    at: NDArray[np.int64]  # where its rows of steps stand, from the first
    steps: NDArray[np.void]
    streams: NDArray[np.uint64]  # of which each row has its KEYS


@lru_cache(1024)
def sheet_of(profile: Profile) -> Sheet:
    told, own = stories(profile), pools(profile)
    begins = {STEPS * at: steps for at, steps in enumerate(told)}
    begins |= {at: probed(profile, at == DEEP) for at in (SHALLOW, DEEP)}
    placed = [(at + i, step) for at, steps in begins.items() for i, step in enumerate(steps)]
    ends = [at + len(steps) for at, steps in begins.items()]
    version = filled(np.dtype(VERSION, align=True), [profile])
    version["pools"], version["stories"] = len(own), len(told)
    version["at_once_on_cores"] = starts_at_once(told[0])
    rows = filled(np.dtype(STEP, align=True), [step for _, step in placed], len(ends))
    drawn = np.zeros((len(rows), len(KEYS)), np.uint64)
    for i, (_, step) in enumerate(placed):
        share, law = streams(step, profile.kind)
        drawn[i] = share, law, law + SECOND
        rows["named"][i] = bool(step.name)
        rows["salt"][i] = (salt(step) + 1) * draws.GOLDEN & draws.MASK
    rows["does"][len(placed) :] = DO_END
    rules = filled(np.dtype(columns(PoolRules), align=True), own)
    return Sheet(
        told, own, version, rules, np.array([*(at for at, _ in placed), *ends]), rows, drawn
    )


def filled(dtype: Any, records: Any, more: int = 0) -> NDArray[np.void]:
    """A row for each of them, and some that are empty."""
    rows = np.zeros(len(records) + more, dtype)
    for row, record in zip(rows, records, strict=False):
        for column, value in values(record):
            row[column] = value
    return rows


def write_sheet(w: Any, seed: int, p: int, first: int, sheet: Sheet) -> None:
    """As version p of the record `w`, with its steps from row `first` on."""
    w["version"][p] = sheet.version[0]
    w["version"]["story"][p] = first
    w["rules"][p * MOST_POOLS : p * MOST_POOLS + len(sheet.own)] = sheet.rules
    table, at = w["step"], first + sheet.at
    table[at] = sheet.steps
    drawn = draws.keys_of(seed, sheet.streams)
    told = len(at) - len(sheet.told) - 2  # an END draws nothing
    for i, column in enumerate(KEYS):
        table[column][at[:told]] = drawn[:told, i]
