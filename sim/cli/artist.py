"""The plots, drawn by a process that loads matplotlib during the runs.

Loading takes as long as a small run, drawing twice that; the texts are written meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from sim.platforms import Source, is_added, pin, sources
from sim.report.folder import Missing
from sim.report.plots.pictures import draw
from sim.results.measurements import Measurements
from sim.study.pool import UNGUARDED, leave_with_parent
from sim.study.signals import deaf, held


class Artist:
    """Draws one result in a process of its own, which begins to load at once."""

    def __init__(self, platforms: Sequence[str]) -> None:
        context = get_context("spawn")
        self.line, end = context.Pipe()
        self.process = context.Process(target=_work, args=(end, sources(platforms)), daemon=True)
        with held(starting=True):
            self.process.start()
        end.close()

    @contextmanager
    def drawing(self, result: Measurements, folder: Path) -> Iterator[Missing]:
        """What `draw` does, while the body runs. What the process cannot do is tried here; what is
        then missing is in what was handed over."""
        missing: Missing = {}
        with suppress(OSError):  # it has died
            self.line.send((result, folder))
        try:
            yield missing
        except BaseException:
            self.dismiss()  # the folder goes
            raise
        try:
            drawn = self.line.recv()
        except (EOFError, OSError):
            drawn = False
        if not drawn:
            missing.update(draw(result, folder))

    def dismiss(self) -> None:
        self.process.kill()
        self.process.join()
        self.line.close()


@contextmanager
def hired(platforms: Sequence[str]) -> Iterator[Artist | None]:
    """An artist; None where that would save no time, or where another process would not know the
    platforms."""
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit(UNGUARDED)  # the artist, who runs its parent's unguarded script again
    if (os.cpu_count() or 1) < 2 or any(is_added(name) for name in platforms):
        yield None
        return
    artist = Artist(platforms)
    try:
        yield artist
    finally:
        artist.dismiss()


def _work(line: Connection, files: dict[str, Source]) -> None:
    """The artist's life: loads, draws, tells whether it could. `files`: as in task.py."""
    deaf()
    Thread(target=leave_with_parent, daemon=True).start()
    pin(files)
    import_module("sim.report.plots.slides")
    try:
        missing = draw(*line.recv())
        line.send(not missing)  # why is found by the parent, who tries it itself
    except (EOFError, OSError):
        pass  # the parent is gone
    except Exception:  # what it was sent is not known here: the parent draws
        line.send(False)
