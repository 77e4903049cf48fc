"""What is seen of runs while they go on, on standard error.

On a terminal a bar a platform, else a line each. With `--watch` a few lines for each platform: its
clock, users' success and the backlog as sparklines (one bar a simulated minute), its latest events;
without a terminal a line for each event. Of several replications the first of each is shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from sim.report.text import timeline, words
from sim.results.run import Glance, Tick

BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
WIDE = 60  # simulated minutes in a sparkline
EVENTS = 6  # latest events of each platform


class ProgressBars:
    """Adds up the ticks of all replications of each platform; `bars` stand on a terminal alone."""

    def __init__(
        self, platforms: tuple[str, ...], reps: int, horizon_s: float, console: Console
    ) -> None:
        self.console, self.reps, self.horizon_s = console, reps, horizon_s
        self.runs: dict[str, dict[int, tuple[float, int]]] = {name: {} for name in platforms}
        self.sums = dict.fromkeys(platforms, (0.0, 0))  # of those
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
        own, (simulated, arrived) = self.runs[tick.platform], self.sums[tick.platform]
        now_s, came = own.get(tick.seed, (0.0, 0))
        own[tick.seed] = (tick.now_s, tick.arrived)
        simulated, arrived = simulated + tick.now_s - now_s, arrived + tick.arrived - came
        self.sums[tick.platform] = simulated, arrived
        self.left[tick.platform] -= tick.done
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
    """A watch that counts finished runs: a bar on a terminal, else a line for each tenth, with the
    time left where that is a minute or more."""
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
            left_s = bar.tasks[task].time_remaining or 0.0
            left = (
                f", some {words.duration(60.0 * round(left_s / 60.0))} left" if left_s >= 60 else ""
            )
            console.print(f"{finished} of {runs} runs{left}", highlight=False)

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


# ---- --watch ----
def sparkline(values: Sequence[float], top: float) -> str:
    """A bar for each value, the lowest for 0 and the highest for `top` and above."""
    if not top > 0.0:
        return BARS[0] * len(values)
    steps = len(BARS) - 1
    return "".join(BARS[round(steps * min(max(value / top, 0.0), 1.0))] for value in values)


class State:
    """What one platform shows."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.seed: int | None = None
        self.now_s = 0.0
        self.arrived = 0
        self.last = Glance()
        self.success: deque[float] = deque(maxlen=WIDE)
        self.backlog: deque[float] = deque(maxlen=WIDE)
        self.latest: deque[str] = deque(maxlen=EVENTS)
        self.failed = 0

    def add(self, tick: Tick) -> list[str]:
        """Take a tick of this platform; returns the lines of its new events."""
        self.seed = tick.seed if self.seed is None else self.seed
        if tick.seed != self.seed:
            return []
        self.now_s, self.arrived = tick.now_s, tick.arrived
        good = tick.glance.succeeded - self.last.succeeded
        bad = tick.glance.failed - self.last.failed
        if not tick.done:
            self.success.append(good / (good + bad) if good + bad else 1.0)
            self.backlog.append(tick.glance.jobs_queued)
        self.failed, self.last = tick.glance.failed, tick.glance
        lines = [timeline.line(row) for row in tick.glance.rows]
        self.latest.extend(lines)
        return lines

    def shown(self, horizon_s: float, width: int) -> RenderableType:
        """The lines of this platform, as wide as the terminal."""
        head = f"{words.platform(self.platform)}  {words.clock(self.now_s)} of "
        head += f"{words.clock(horizon_s)}  {words.count(self.arrived)} requests, "
        head += f"{words.count(self.failed)} failed"
        peak = max(self.backlog, default=0.0)
        room = max(10, min(WIDE, width - 30))
        success, backlog = list(self.success)[-room:], list(self.backlog)[-room:]
        rate = words.share(success[-1]) if success else words.NOTHING
        waiting = words.count(backlog[-1]) if backlog else words.NOTHING
        rows = [
            Text(head, style="bold"),
            Text(f"  success {sparkline(success, 1.0)} {rate}"),
            Text(f"  backlog {sparkline(backlog, peak)} {waiting}"),
            *(Text(f"  {line}", style="dim") for line in self.latest),
        ]
        for row in rows:
            row.truncate(width, overflow="ellipsis")
        return Group(*rows, Text(""))


class Viewer:
    """Called with every tick of a study."""

    def __init__(self, platforms: tuple[str, ...], horizon_s: float, console: Console) -> None:
        self.horizon_s, self.console = horizon_s, console
        self.states = {name: State(name) for name in platforms}
        self.display: Live | None = None

    def __call__(self, tick: Tick) -> None:
        state = self.states[tick.platform]
        lines = state.add(tick)
        if self.display is not None:
            self.display.update(self.shown())
            return
        for line in lines:
            self.console.print(f"{tick.platform}: {line}", highlight=False, soft_wrap=True)
        if tick.done and tick.seed == state.seed:
            end = f"{words.duration(tick.now_s)} simulated, {words.count(tick.arrived)} requests"
            self.console.print(f"{tick.platform}: {end}", highlight=False, soft_wrap=True)

    def shown(self) -> RenderableType:
        width = self.console.width
        return Group(*(state.shown(self.horizon_s, width) for state in self.states.values()))


@contextmanager
def live(
    platforms: tuple[str, ...], _reps: int, horizon_s: float, console: Console
) -> Iterator[Viewer]:
    """A Viewer for one study; what it last showed stays on the terminal."""
    viewer = Viewer(platforms, horizon_s, console)
    if not console.is_terminal:
        yield viewer
        return
    with Live(viewer.shown(), console=console, refresh_per_second=12) as viewer.display:
        yield viewer
