"""Run one world on both engines and say where they first differ, if they do."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from sim.dataplane.codes import OF_USERS, Outcome
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Workload
from sim.dataplane.reference.plane import ReferencePlane
from tests.dataplane.random_worlds import CACHES, DATABASES, MANY, QUEUES
from tests.dataplane.worlds import Run, World, drive


def reference(workload: Workload) -> DataPlane:
    plane = ReferencePlane(workload)
    plane.clients.trace = []
    return plane


def compiled(workload: Workload) -> DataPlane:
    return CompiledPlane(workload, trace=True)


def watched(plane_class: Any, world: World, tick_s: float) -> tuple[Run, list[Any]]:
    """The run and all gauges at every tick."""
    seen: list[Any] = []
    containers = sum(step.verb == "add_container" for step in world.script)

    def observe(plane: DataPlane) -> None:
        seen.append((plane.now, plane.gauge()))
        seen.extend((f"service {i}", plane.service_gauge(i)) for i in range(MANY))
        seen.extend((f"database {i}", plane.database_gauge(i)) for i in range(DATABASES))
        seen.extend((f"queue {i}", plane.queue_gauge(i)) for i in range(QUEUES))
        seen.extend((f"cache {i}", plane.cache_gauge(i)) for i in range(CACHES))
        profiles = range(OF_USERS, len(world.profiles))
        seen.extend((f"calls of profile {p}", plane.call_gauges(p)) for p in profiles)
        for c in range(containers):
            try:
                seen.append((c, plane.container_gauge(c)))
            except IndexError:  # not made yet
                break

    end = world.end_s or world.workload.horizon_s
    ticks = [k * tick_s for k in range(1, int(end / tick_s))]
    return drive(plane_class, world, ticks, observe), seen


def difference(world: World, tick_s: float = 1.0, kernel_tick_s: float | None = None) -> str:
    """Empty if the engines agree in every bit; else the first thing in which they differ."""
    ours, seen = watched(reference, world, tick_s)
    theirs, seen_too = watched(compiled, world, kernel_tick_s or tick_s)
    left, left_too = tables(ours.plane), tables(theirs.plane)  # which brings traces up to date
    trace, trace_too = ours.plane.clients.trace, theirs.plane.trace  # type: ignore[attr-defined]
    for one, two in zip(trace, trace_too, strict=False):
        if one != two:
            return (
                f"request {one[0]}: reference {told(one)}, compiled {told(two)} (in order of end)"
            )
    if len(trace) != len(trace_too):
        more = (trace if len(trace) > len(trace_too) else trace_too)[
            min(len(trace), len(trace_too))
        ]
        return f"only one engine ends request {more[0]}: {told(more)}"
    if ours.notices != theirs.notices:
        pairs = zip([*ours.notices, None], [*theirs.notices, None], strict=False)
        return f"notices: {next((x, y) for x, y in pairs if x != y)}"
    if ours.answers != theirs.answers:
        return "a verb's answer"
    for name, table in left.items():
        if not np.array_equal(table, left_too[name]):
            return name
    if kernel_tick_s is None:
        for x, y in zip(seen, seen_too, strict=True):
            if x != y:
                return f"gauge {x} != {y}"
    if ours.plane.gauge() != theirs.plane.gauge():
        return f"last gauge {ours.plane.gauge()} != {theirs.plane.gauge()}"
    if ours.plane.books() != theirs.plane.books():
        return f"books {ours.plane.books()} != {theirs.plane.books()}"
    return ""


def tables(plane: DataPlane) -> dict[str, Any]:
    """All that an engine leaves in tables."""
    recording, samples = plane.recording(), plane.samples()
    left = {
        f"recording.{field.name}": getattr(recording, field.name) for field in fields(recording)
    }
    left |= {f"samples of {column}": values for column, values in samples.plane.items()}
    return left | {"samples of services": samples.services}


def told(row: tuple[int, int, float]) -> str:
    return f"{row[0]} {Outcome(row[1]).name.lower()} after {row[2]!r} s"
