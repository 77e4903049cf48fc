"""How runs are shown while they go on: on standard error, a bar or a line now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from rich.console import Console

from sim.cli.cluster import place
from sim.cli.options import Site
from sim.report.text.progress import compiling, counting
from sim.study.batch import Batch, BatchSample, Runner
from sim.study.identity import cases_key


@contextmanager
def spoken(site: Site) -> Iterator[Runner]:
    """A way to run batches that follow from each other: each counts its own runs, and has a folder
    of its own below the site's `store`, by what it runs."""
    with place(site) as where:

        def run(batch: Batch, **how: Any) -> BatchSample:
            how = {**where.how, **how}
            with counted(len(batch.tasks)) as run_batch:
                store = where.store and where.store / cases_key(batch.cases)
                return run_batch(batch, store=store, **how)

        yield run


@contextmanager
def counted(runs: int) -> Iterator[Runner]:
    """A way to run batches that have so many runs together, and count them."""
    errors = Console(stderr=True)
    with counting(runs, errors) as watch:
        yield partial(Batch.run, watch=watch, compiling=partial(compiling, errors))
