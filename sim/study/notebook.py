"""What a study shows in Jupyter while it runs: one line, which vanishes. Elsewhere nothing.

IPython is asked only where somebody has loaded it already, so that no script pays for this.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from sim.results.run import Tick
from sim.study.task import Watch, quiet

SOON_S = 0.5  # a study that is done by then shows nothing
OFTEN_S = 0.25  # between two pictures of the line
MARK = {"outage_lab": "progress"}  # metadata of the output, for tools that drop it


class NotebookProgress(NamedTuple):
    """How to hear of runs, and of the compiler, as `Batch.run` takes them."""

    watch: Watch = quiet
    compiling: Callable[[], AbstractContextManager[object]] = nullcontext


def in_notebook() -> bool:
    """Does a kernel of Jupyter run this process (and not a script, or IPython in a terminal)?"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def progress(runs: int, simulated_s: float) -> Iterator[NotebookProgress]:
    """For so many runs, which simulate so many seconds together."""
    if not in_notebook():
        yield NotebookProgress()
        return
    line = _Line(runs, max(simulated_s, 1.0))
    try:
        yield NotebookProgress(line.hear, line.compiling)
    finally:
        line.vanish()


class _Line:
    """One output of the cell, made when it is first needed and then changed in its place."""

    def __init__(self, runs: int, simulated_s: float) -> None:
        self.runs, self.simulated_s = runs, simulated_s
        self.reached: dict[int, float] = {}  # seconds simulated so far, by run
        self.going: dict[tuple[str, int], int] = {}  # the run of a platform and seed that goes on
        self.done = 0
        self.began = self.shown_at = time.monotonic()
        self.output: Any = None

    def hear(self, tick: Tick) -> None:
        name = (tick.platform, tick.seed)
        run = self.going.setdefault(name, len(self.reached))
        self.reached[run] = tick.now_s
        if tick.done:
            self.done += 1
            del self.going[name]
        now = time.monotonic()
        if now - self.began >= SOON_S and now - self.shown_at >= OFTEN_S:
            self.shown_at = now
            share = min(1.0, sum(self.reached.values()) / self.simulated_s)
            self.show(share, words(self.done, self.runs, share, now - self.began))

    @contextmanager
    def compiling(self) -> Iterator[None]:
        self.show(0.0, "compiling the engine (some twenty seconds, this first time only)")
        yield
        self.began = time.monotonic()  # what is left is reckoned from runs alone

    def show(self, share: float, text: str) -> None:
        bar = f'<progress value="{share:.3f}"></progress>' if text else ""
        data = {"text/html": f"{bar} {text}".strip(), "text/plain": text}
        if self.output is not None:
            self.output.update(data, raw=True, metadata=MARK)
            return
        from IPython.display import display  # noqa: PLC0415 - it is there: a kernel runs us

        self.output = display(  # type: ignore[no-untyped-call]
            data, raw=True, metadata=MARK, display_id=True
        )

    def vanish(self) -> None:
        if self.output is not None:
            self.show(1.0, "")


def words(done: int, runs: int, share: float, elapsed_s: float) -> str:
    """`3 of 24 runs, some 40 s left`; of the time nothing before a twentieth is done."""
    text = f"{done} of {runs} runs" if runs > 1 else f"{share:.0%} of one run"
    if share < 0.05:
        return text
    left_s = elapsed_s * (1 - share) / share
    left = f"{left_s:.0f} s" if left_s < 90 else f"{left_s / 60:.0f} min"
    return f"{text}, some {left} left"
