"""How runs are shown while they go on: on standard error, a bar or a line now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console

from sim.report.text.progress import compiling, counting
from sim.study.batch import Batch, Runner


@contextmanager
def counted(runs: int, workers: int | None = None) -> Iterator[Runner]:
    """A way to run batches that have so many runs together, and count them."""
    errors = Console(stderr=True)
    with counting(runs, errors) as watch:
        yield partial(Batch.run, workers=workers, watch=watch, compiling=partial(compiling, errors))
