"""Progress on standard error: a bar per platform on a terminal, else one line per platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sim.report.text import words
from sim.results.run import Tick


class ProgressBars:
    """Adds up the ticks of all replications of each platform; `bars` stand on a terminal alone."""

    def __init__(
        self, platforms: tuple[str, ...], reps: int, horizon_s: float, console: Console
    ) -> None:
        self.console, self.reps, self.horizon_s = console, reps, horizon_s
        self.runs: dict[str, dict[int, tuple[float, int]]] = {name: {} for name in platforms}
        self.left = dict.fromkeys(platforms, reps)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[simulated]}"),
            TextColumn("{task.fields[requests]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        total, nothing = reps * horizon_s, self._columns(0.0, 0)
        self.tasks = {
            name: self.bars.add_task(words.platform(name), total=total, **nothing)
            for name in platforms
        }

    def __call__(self, tick: Tick) -> None:
        own = self.runs[tick.platform]
        own[tick.seed] = (tick.now_s, tick.arrived)
        self.left[tick.platform] -= tick.done
        simulated = sum(now for now, _ in own.values())
        arrived = sum(count for _, count in own.values())
        if self.console.is_terminal:
            task = self.tasks[tick.platform]
            self.bars.update(task, completed=simulated, **self._columns(simulated, arrived))
        elif tick.done and self.left[tick.platform] == 0:
            runs = f"{self.reps} runs, " if self.reps > 1 else ""
            figures = f"{words.duration(simulated)} simulated, {words.count(arrived)} requests"
            self.console.print(f"{tick.platform}: {runs}{figures}", highlight=False)

    def _columns(self, simulated: float, arrived: int) -> dict[str, Any]:
        of = words.clock(self.reps * self.horizon_s)
        return {
            "simulated": f"{words.clock(simulated)} of {of}",
            "requests": f"{words.count(arrived)} requests",
        }


@contextmanager
def compiling(console: Console) -> Iterator[None]:
    """Says that the kernel compiles, and that it is for once."""
    text = "compiling the engine (some twenty seconds, this first time only)"
    if console.is_terminal:
        with console.status(text):
            yield
        return
    console.print(text, highlight=False)
    yield


@contextmanager
def counting(runs: int, console: Console) -> Iterator[Callable[[Tick], None]]:
    """A watch that counts finished runs: a bar on a terminal, else a line for each tenth."""
    finished = 0
    columns = (
        TextColumn("{task.completed} of {task.total} runs"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("", total=runs)

    def watch(tick: Tick) -> None:
        nonlocal finished
        if not tick.done:
            return
        finished += 1
        bar.update(task, completed=finished)
        if console.is_terminal:
            return
        if finished == runs or finished * 10 // runs > (finished - 1) * 10 // runs:
            console.print(f"{finished} of {runs} runs", highlight=False)

    with bar if console.is_terminal else nullcontext():
        yield watch


@contextmanager
def watching(
    platforms: tuple[str, ...], reps: int, horizon_s: float, console: Console
) -> Iterator[ProgressBars]:
    """Bars for one study; on a terminal its bars vanish when the study is done."""
    watch = ProgressBars(platforms, reps, horizon_s, console)
    with watch.bars if console.is_terminal else nullcontext():
        yield watch
