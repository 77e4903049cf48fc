"""Ways to run a batch in tests: in this process, and with Ctrl-C after some runs."""

from __future__ import annotations

from functools import partial

from sim.results.run import Tick
from sim.study.batch import Batch, Runner

ALONE: Runner = partial(Batch.run, workers=1)


def interrupted(after: int) -> Runner:
    """In this process, where somebody types Ctrl-C during the run after so many."""
    ended = 0

    def watch(tick: Tick) -> None:
        nonlocal ended
        ended += tick.done
        if ended > after:
            raise KeyboardInterrupt

    return partial(Batch.run, workers=1, watch=watch)
