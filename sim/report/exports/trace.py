"""trace.json: the runs as a Chrome trace, for Perfetto (ui.perfetto.dev) and chrome://tracing.

The Trace Event Format ("Trace Event Format", Google, 2016), JSON object form: a process for each
platform; in it a track for each server, container and the operator, whose slices are the states
that the run recorded; the timeline as instant events on the track of their subject; queue,
connections, users' success and what each service has open and fails as counters. Times are
microseconds of simulated time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from sim.report.page.charts import success
from sim.report.text import words
from sim.results.measurements import Measurements
from sim.results.run import Run, Span

ORDER = {"operator": 0, "server": 1, "container": 2, "pending": 3}
COUNTERS = ("jobs_queued", "connections", "ready", "in_flight")
Event = dict[str, Any]


def trace(result: Measurements) -> str:
    """The whole file."""
    events = [event for pid, run in enumerate(result.runs, start=1) for event in _run(pid, run)]
    about = {"scenario": result.scenario, "seed": result.seed, "command": result.command}
    whole = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _run(pid: int, run: Run) -> Iterator[Event]:
    yield _meta(pid, 0, "process_name", {"name": words.platform(run.platform)})
    yield _meta(pid, 0, "process_sort_index", {"sort_index": pid})
    yield _meta(pid, 0, "thread_name", {"name": "events"})
    tracks = _tracks(run.spans)
    for tid, (kind, name, _) in enumerate(tracks, start=1):
        shown = f"{name} (server)" if kind == "server" else name
        yield _meta(pid, tid, "thread_name", {"name": shown})
        yield _meta(pid, tid, "thread_sort_index", {"sort_index": tid})
    for tid, spans in enumerate(tracks.values(), start=1):
        for span in spans:
            yield _slice(pid, tid, span)
    first = {name: tid for tid, (_, name, _) in reversed(list(enumerate(tracks, start=1)))}
    for row in run.timeline:
        yield {
            "ph": "i", "pid": pid, "tid": first.get(row.subject, 0), "ts": _us(row.t_s),
            "name": row.text or row.event, "cat": row.event, "s": "t",
        }  # fmt: skip
    for name in COUNTERS:
        yield from _counter(pid, name.replace("_", " "), run.series["t_s"], run.series[name])
    yield from _counter(pid, "answered well, percent", *success(run))
    times = run.series["t_s"]
    for service, counts in run.answers.items():
        failed = np.diff(counts[:, 1]) / np.diff(times)
        yield from _counter(pid, f"{service}: open", times, counts[:, 2])
        yield from _counter(pid, f"{service}: failed a second", times[1:], failed)


def _tracks(spans: tuple[Span, ...]) -> dict[tuple[str, str, int], list[Span]]:
    """(kind, name, lane) -> spans that do not overlap: slices of one track must not."""
    tracks: dict[tuple[str, str, int], list[Span]] = {}
    for span in sorted(spans, key=lambda s: (ORDER[s.kind], s.name, s.start_s, s.end_s)):
        lane = 0
        while (track := tracks.setdefault((span.kind, span.name, lane), [])) and (
            track[-1].end_s > span.start_s
        ):
            lane += 1
        track.append(span)
    return tracks


def _slice(pid: int, tid: int, span: Span) -> Event:
    start, end = _us(span.start_s), _us(span.end_s)
    name = span.service if span.kind == "operator" and span.service else span.state
    details = {"state": span.state, "service": span.service, "server": span.server}
    return {
        "ph": "X", "pid": pid, "tid": tid, "ts": start, "dur": end - start,
        "name": name.replace("_", " "), "cat": span.kind, "args": details,
    }  # fmt: skip


def _counter(pid: int, name: str, times: Any, values: Any) -> Iterator[Event]:
    """Where it changes only."""
    known = ~np.isnan(values)
    times, values = times[known], np.round(values[known], 3)
    changed = np.ones(values.size, dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    for t, value in zip(times[changed].tolist(), values[changed].tolist(), strict=True):
        yield {"ph": "C", "pid": pid, "tid": 0, "ts": _us(t), "name": name, "args": {"": value}}


def _meta(pid: int, tid: int, name: str, args: Event) -> Event:
    return {"ph": "M", "pid": pid, "tid": tid, "ts": 0, "name": name, "args": args}


def _us(seconds: float) -> int:
    """Whole microseconds: differences of them are exact, so that slices meet and never overlap."""
    return round(seconds * 1e6)
