"""Topology: what stood on which server at three moments, read from a run's spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sim.report.incident import stretches
from sim.results import metrics
from sim.results.run import Run, Span

SERVERS = 12  # shown of one moment; the rest is summed up
STATES = {  # of a container, with a symbol and words, in the order in which they are shown
    "ready": ("\u25cf", "ready"), "starting": ("\u25d0", "starting"),
    "created": ("\u25cb", "created"), "not_ready": ("\u25cc", "not ready"),
    "hung": ("\u2016", "hung"), "stopping": ("\u25d1", "stopping"), "exited": ("\u2715", "exited"),
    "back_off": ("\u21bb", "waits to restart"), "away": ("?", "on a lost server"),
    "evicting": ("\u2190", "waits for its eviction"), "pending": ("\u2026", "no room"),
}  # fmt: skip


class Group(NamedTuple):
    """Containers of one service in one state on one server."""

    service: str
    state: str
    symbol: str
    word: str
    number: int


class ServerView(NamedTuple):
    """A server and what is on it; `state` up, not_ready or away."""

    name: str
    state: str
    groups: tuple[Group, ...]


class Snapshot(NamedTuple):
    title: str
    t_s: float
    places: tuple[ServerView, ...]
    waiting: tuple[Group, ...]  # wanted, and on no server
    unshown: int  # further servers
    reached: str = ""  # where some replicas get no traffic


def snapshots(run: Run) -> list[Snapshot]:
    """Before the fault, at its worst, and at the end; [] of a run without spans."""
    if not run.spans:
        return []
    before = max(0.0, (run.fault_s or 0.0) - 1.0)
    views = [snapshot("before", before, run.spans)]
    worst = worst_s(run)
    during = worst if worst is not None else height_s(run, before)
    if during is not None:
        views.append(snapshot("during" if worst is None else "at the worst", during, run.spans))
    views.append(snapshot("at the end", run.horizon_s, run.spans))
    return [view._replace(reached=reached(run, view.t_s)) for view in views]


def worst_s(run: Run) -> float | None:
    """The middle of the longest stretch of downtime, else of degraded time; None without any."""
    for flags in (metrics.down(run), metrics.degraded(run)):
        parts = stretches(flags, run.recording.bucket_s)
        if parts:
            a, b = max(parts, key=lambda part: part[1] - part[0])
            middle = min((a + b) / 2, run.horizon_s)
            # a second is missed, too, when what it asked for is cut off by a fault after it
            fault = run.fault_s if run.fault_s is not None else a
            return max(middle, fault) if a <= fault <= a + run.recording.bucket_s else middle
    return None


def height_s(run: Run, before_s: float) -> float | None:
    """When most was different from before: replicas that get traffic, first of all. A second after
    the fault if they never differed; None if nothing happened at all."""
    if run.fault_s is None:
        return None
    times, ready = run.series["t_s"], run.series["ready"]
    later = np.flatnonzero(times >= run.fault_s)
    if later.size:
        start = ready[max(0, int(np.searchsorted(times, before_s, side="right")) - 1)]
        apart = np.abs(ready[later] - start)
        if apart.max() > 0:
            most = later[apart == apart.max()]
            return min(float(times[most[len(most) // 2]]), run.horizon_s)
    return min(run.fault_s + 1.0, run.horizon_s)


def reached(run: Run, t_s: float) -> str:
    """`users reach 1 of 6`, where not every replica that runs gets traffic; empty otherwise."""
    times = run.series["t_s"]
    at = int(np.searchsorted(times, t_s, side="right")) - 1
    if not 0 <= at < len(times):
        return ""
    ready, running = int(run.series["ready"][at]), int(run.series["replicas"][at])
    return f"{ready} of {running} running replicas get traffic" if ready < running else ""


def snapshot(title: str, t_s: float, spans: Iterable[Span]) -> Snapshot:
    """What held at `t_s` (at the horizon: what held until then)."""
    now = [s for s in spans if s.start_s <= t_s < s.end_s or s.start_s < t_s == s.end_s]
    now = _latest(now)
    servers = sorted((s for s in now if s.kind == "server"), key=lambda s: _natural(s.name))
    places = tuple(
        ServerView(
            s.name, s.state, groups(c for c in now if c.kind == "container" and c.server == s.name)
        )
        for s in servers[:SERVERS]
    )
    lost = {s.name for s in servers}
    homeless = (c for c in now if c.kind == "container" and c.server not in lost)
    waiting = groups([*(s for s in now if s.kind == "pending"), *homeless])
    return Snapshot(title, t_s, places, waiting, max(0, len(servers) - SERVERS))


def groups(spans: Iterable[Span]) -> tuple[Group, ...]:
    """By service and state; services by name, ready ones first."""
    counted = Counter((s.service, s.state) for s in spans)
    order = list(STATES)
    ranked = sorted(counted, key=lambda pair: (pair[0], order.index(pair[1])))
    return tuple(Group(*pair, *STATES[pair[1]], counted[pair]) for pair in ranked)


def legend(views: Iterable[Snapshot]) -> list[tuple[str, str]]:
    """(symbol, words) of the states that are shown: the legend."""
    states = {g.state for m in views for p in m.places for g in p.groups}
    states |= {g.state for m in views for g in m.waiting}
    return [shown for state, shown in STATES.items() if state in states]


def _latest(spans: list[Span]) -> list[Span]:
    """Where one thing ends a state and begins another at the very moment: the later."""
    last: dict[tuple[str, str], Span] = {}
    pending = [s for s in spans if s.kind == "pending"]
    for span in spans:
        if span.kind in ("server", "container"):
            last[span.kind, span.name] = span
    return [*last.values(), *pending]


def _natural(name: str) -> tuple[str, int]:
    head, _, number = name.rpartition("-")
    return (head, int(number)) if number.isdecimal() else (name, 0)
