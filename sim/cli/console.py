"""Where the runs of a verb are done, here or by the workers of a Dask scheduler (`--cluster`), and
how they are shown meanwhile: on standard error, a bar or a line now and then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from sim.cli.options import Site
from sim.report.text.progress import compiling, counting
from sim.schema.fields import InputError
from sim.study.batch import Batch, BatchSample, Runner, in_folders

WAIT_S = 10  # for the scheduler's first answer; chosen
EXPECTED = "tcp://HOST:PORT of a `dask scheduler` with a worker at least, or --workers N"


class Workplace(NamedTuple):
    """Where a batch runs, as `Batch.run` takes it; `executor` None: here."""

    executor: Executor | None = None
    workers: int | None = None
    store: Path | None = None

    @property
    def how(self) -> dict[str, Any]:
        return {"workers": self.workers} | ({"executor": self.executor} if self.executor else {})


@contextmanager
def place(site: Site) -> Iterator[Workplace]:
    """Connected as long as it is held. Raises `InputError` where nobody answers: it does not fall
    back on this machine, whose owner may have asked for a cluster because of its size."""
    address, workers = site.cluster, site.workers
    if address is None:
        yield Workplace(None, workers, site.store)
        return
    if workers is not None:
        found = "both"
        raise InputError(field="--cluster, --workers", found=found, expected="one of them")
    try:
        distributed: Any = import_module("distributed")  # an extra, and a second to load
    except ImportError:
        expected = "pip install 'outage-lab[cluster]'"
        raise InputError(field="--cluster", found="no distributed", expected=expected) from None
    try:
        client = distributed.Client(address, timeout=WAIT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        found = f"nobody who answers at {address} ({why})"
        raise InputError(field="--cluster", found=found, expected=EXPECTED) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise InputError(field="--cluster", found=f"no worker at {address}", expected=EXPECTED)
        yield Workplace(client.get_executor(pure=False), threads, site.store)


@contextmanager
def spoken(site: Site) -> Iterator[Runner]:
    """A way to run batches that follow from each other: each counts its own runs, and has a folder
    of its own below the site's `store`, by what it runs."""
    with place(site) as where:

        def run(batch: Batch, **how: Any) -> BatchSample:
            with counted(len(batch.tasks)) as run_batch:
                return run_batch(batch, **{**where.how, **how})

        yield in_folders(where.store, run)


@contextmanager
def counted(runs: int) -> Iterator[Runner]:
    """A way to run batches that have so many runs together, and count them."""
    errors = Console(stderr=True)
    with counting(runs, errors) as watch:
        yield partial(Batch.run, watch=watch, compiling=partial(compiling, errors))
