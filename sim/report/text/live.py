"""`--watch`: the runs as they go on, on standard error.

On a terminal a few lines for each platform: its clock, users' success and the backlog as
sparklines (one bar a simulated minute), its latest events. Without a terminal a line for each
event. Of several replications the first of each platform is shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sim.report.text import timeline, words
from sim.results.run import Glance, Tick

BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
WIDE = 60  # simulated minutes in a sparkline
EVENTS = 6  # latest events of each platform


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
