"""Topology: what stood on which server at three moments, read from a run's spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sim.report.stretches import stretches
from sim.results import metrics
from sim.results.run import Run, Span

SERVERS = 12  # shown of one moment; the rest is summed up
SYMBOLS = {
    "ready": "\u25cf", "starting": "\u25d0", "created": "\u25cb", "not_ready": "\u25cc",
    "hung": "\u2016", "stopping": "\u25d1", "exited": "\u2715", "back_off": "\u21bb",
    "away": "?", "evicting": "\u2190", "pending": "\u2026",
}  # fmt: skip
WORDS = {
    "ready": "ready", "starting": "starting", "created": "created", "not_ready": "not ready",
    "hung": "hung", "stopping": "stopping", "exited": "exited", "back_off": "waits to restart",
    "away": "on a lost server", "evicting": "waits for its eviction", "pending": "no room",
}  # fmt: skip


class Group(NamedTuple):
    """Containers of one service in one state on one server."""

    service: str
    state: str
    number: int

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.state]

    @property
    def said(self) -> str:
        return WORDS[self.state]


class Place(NamedTuple):
    """A server and what is on it; `state` up, not_ready or away."""

    name: str
    state: str
    groups: tuple[Group, ...]


class Moment(NamedTuple):
    title: str
    t_s: float
    places: tuple[Place, ...]
    waiting: tuple[Group, ...]  # wanted, and on no server
    unshown: int  # further servers


def moments(run: Run) -> list[Moment]:
    """Before the fault, at its worst, and at the end; [] of a run without spans."""
    if not run.spans:
        return []
    before = max(0.0, (run.fault_s or 0.0) - 1.0)
    found = [moment("before", before, run.spans)]
    worst = worst_s(run)
    if worst is not None:
        found.append(moment("at the worst", worst, run.spans))
    return [*found, moment("at the end", run.horizon_s, run.spans)]


def worst_s(run: Run) -> float | None:
    """The middle of the longest stretch of downtime, else of degraded time, else a second after the
    fault; None if nothing happened at all."""
    for flags in (metrics.down(run), metrics.degraded(run)):
        found = stretches(flags, run.recording.bucket_s)
        if found:
            a, b = max(found, key=lambda one: one[1] - one[0])
            return min((a + b) / 2, run.horizon_s)
    return None if run.fault_s is None else min(run.fault_s + 1.0, run.horizon_s)


def moment(title: str, t_s: float, spans: Iterable[Span]) -> Moment:
    """What held at `t_s` (at the horizon: what held until then)."""
    now = [s for s in spans if s.start_s <= t_s < s.end_s or s.start_s < t_s == s.end_s]
    now = _latest(now)
    servers = sorted((s for s in now if s.kind == "server"), key=lambda s: _natural(s.name))
    places = tuple(
        Place(
            s.name, s.state, groups(c for c in now if c.kind == "container" and c.server == s.name)
        )
        for s in servers[:SERVERS]
    )
    lost = {s.name for s in servers}
    homeless = (c for c in now if c.kind == "container" and c.server not in lost)
    waiting = groups([*(s for s in now if s.kind == "pending"), *homeless])
    return Moment(title, t_s, places, waiting, max(0, len(servers) - SERVERS))


def groups(spans: Iterable[Span]) -> tuple[Group, ...]:
    """By service and state; services by name, ready ones first."""
    counted = Counter((s.service, s.state) for s in spans)
    order = list(SYMBOLS)
    ranked = sorted(counted, key=lambda one: (one[0], order.index(one[1])))
    return tuple(Group(service, state, counted[service, state]) for service, state in ranked)


def used(found: Iterable[Moment]) -> list[tuple[str, str]]:
    """(symbol, words) of the states that are shown: the legend."""
    states = {g.state for m in found for p in m.places for g in p.groups}
    states |= {g.state for m in found for g in m.waiting}
    return [(SYMBOLS[state], WORDS[state]) for state in SYMBOLS if state in states]


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
