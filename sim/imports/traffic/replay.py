"""A recording: read, put in order, cut to the part that was asked for, and what is said of it.

A recording is never shortened in silence: `figures` says what of it a run of a given length uses.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.dataplane.profile import Arrivals
from sim.imports.traffic.course import Instants, RateCourse, spread
from sim.imports.traffic.endpoints import AskedPath, counting, largest
from sim.imports.traffic.file import Content, LineTally, read_file
from sim.imports.traffic.series import gaps, summed
from sim.imports.traffic.stamps import stamp, written
from sim.schema.fields import InputError, parse_duration
from sim.schema.text.document import describe
from sim.schema.traffic import Replay, Traffic

_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?")


@dataclass(frozen=True)
class Recorded:
    """A recording as it will be replayed. `course`: the part that was asked for."""

    files: tuple[str, ...]
    kinds: tuple[str, ...]
    course: Instants | RateCourse
    begins: float  # all of it, and how long that is
    whole_s: float
    tally: LineTally
    is_sorted: bool
    window: str  # what part was taken; empty: all
    replay: Replay
    scale: float
    asked: tuple[AskedPath, ...] = ()  # with `replay.endpoints`

    @property
    def arrivals(self) -> Arrivals:
        return self.course.arrivals(self.replay.speed, self.scale)

    @property
    def span_s(self) -> float:
        """How long it lasts when it is replayed."""
        return (self.course.end - self.course.begin) / self.replay.speed


# ---- reading ----
def read_recording(traffic: Traffic) -> Recorded:
    """The recording that a scenario's `traffic.trace` names, with its `replay` and `scale` applied.
    Raises `InputError`."""
    matching, paths = _pattern(traffic.replay.path), Counter[str]()
    if traffic.replay.endpoints is not None:
        matching = counting(paths, matching)
    counted = traffic.replay.reads == "count"
    contents = [read_file(name, matching, counted) for name in traffic.trace]
    kinds = tuple(dict.fromkeys(content.kind.name for content in contents))
    if len({content.kind.series for content in contents}) > 1:
        found, expected = " and ".join(kinds), "logs alone, or series alone"
        raise InputError(traffic.trace[-1], found=found, expected=expected)
    make = _rates if contents[0].kind.series else _instants
    course, is_sorted = make(contents)
    part, window = _cut(course, traffic)
    if not part.requests:
        found = f"no request {window}".strip()
        expected = f"a part of what was from {written(course.begin)} to {written(course.end)}"
        if not course.requests and traffic.replay.path:
            found = f"no request for a path that matches {traffic.replay.path}"
            expected = "a pattern (--path) that some path of it matches"
        raise InputError(traffic.trace[0], found=found, expected=expected)
    return Recorded(
        files=tuple(traffic.trace),
        kinds=kinds,
        course=part,
        begins=course.begin,
        whole_s=course.end - course.begin,
        tally=LineTally.together([content.tally for content in contents]),
        is_sorted=is_sorted,
        window=window,
        replay=traffic.replay,
        scale=traffic.scale,
        asked=largest(paths, traffic.replay.endpoints or 0),
    )


def _pattern(path: str | None) -> Callable[[str], Any] | None:
    try:
        return re.compile(path).search if path else None
    except (re.error, OverflowError, RecursionError) as error:
        what = f"{describe(path)} ({error})"
        raise InputError(field="traffic.replay.path", found=what, expected="a pattern") from None


def _rates(contents: Sequence[Content]) -> tuple[RateCourse, bool]:
    rows = [row for content in contents for row in content.rows]
    joined = summed(rows)
    starts = tuple(row[0] for row in joined)
    spans = gaps(starts)
    end = starts[-1] + spans[-1] if spans else math.inf
    return RateCourse(starts, tuple(row[1] for row in joined), end), rows == sorted(rows)


def _instants(contents: Sequence[Content]) -> tuple[Instants, bool]:
    parts = [np.frombuffer(c.stamps, dtype=np.float64) for c in contents if c.stamps]
    if not parts:
        return Instants(np.zeros(0), 0.0, 0.0), True
    times = parts[0] if len(parts) == 1 else np.concatenate(parts)
    is_sorted = bool(np.all(times[1:] >= times[:-1]))
    if not is_sorted:
        times.sort()
    times = spread(times)
    return Instants(times, float(times[0]), float(times[-1])), is_sorted


# ---- the part that was asked for ----
def _cut(course: Instants | RateCourse, traffic: Traffic) -> tuple[Instants | RateCourse, str]:
    """The part, and words for it."""
    replay = traffic.replay
    if replay.busiest is not None:
        if replay.begin is not None or replay.end is not None:
            found = "busiest beside begin or end"
            raise InputError(field="traffic.replay", found=found, expected="one of them")
        begin = course.busiest(replay.busiest)
        if replay.busiest >= course.end - course.begin:
            return course, ""
        end = begin + replay.busiest
        return course.between(begin, end), f"from {written(begin)} to {written(end)}"
    if replay.begin is None and replay.end is None:
        return course, ""
    begin = course.begin if replay.begin is None else _when("begin", replay.begin, course.begin)
    end = course.end if replay.end is None else _when("end", replay.end, course.begin)
    if end <= begin and replay.end is None:
        expected = f"a time before its end, {written(course.end)}"
        raise InputError(field="traffic.replay.begin", found=written(begin), expected=expected)
    if end <= begin:
        found = f"an end at {written(end)} with a beginning at {written(begin)}"
        raise InputError(field="traffic.replay.end", found=found, expected="a later end")
    if replay.end is None and isinstance(course, Instants):
        end = float(np.nextafter(end, np.inf))  # the last request is within
    return course.between(begin, end), f"from {written(begin)} to {written(end)}"


def _when(name: str, text: str, origin: float) -> float:
    """A time of day on the recording's first day (UTC), a duration from its beginning, or a time as
    logs write it."""
    clock = _CLOCK.fullmatch(text)
    if clock and int(clock[1]) < 25 and int(clock[2]) < 60:
        midnight = origin - origin % 86400.0
        at = midnight + int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3] or 0)
        return at
    try:
        return origin + parse_duration(text)
    except ValueError:
        seconds = stamp(text)
    if seconds is None:
        expected = "14:30 (UTC), 2h (from its beginning), or 2025-03-01T14:30:00Z"
        raise InputError(field=f"traffic.replay.{name}", found=describe(text), expected=expected)
    return seconds


# ---- what is said of it ----
def figures(recorded: Recorded, horizon_s: float) -> Mapping[str, Any]:
    """What summary.json says of it. Times in seconds, rates in requests per second."""
    course, tally, speed = recorded.course, recorded.tally, recorded.replay.speed
    endless = math.isinf(course.end)
    scale, span = recorded.scale, recorded.span_s
    whole = span <= horizon_s
    used = course if whole else course.between(course.begin, course.begin + horizon_s * speed)
    requests = None if endless else course.requests * scale
    asked = {each.name: {"path": each.path, "share": each.share} for each in recorded.asked}
    return {
        "files": list(recorded.files),
        "kind": ", ".join(recorded.kinds),
        "begins": written(recorded.begins),
        "recorded_s": None if endless else recorded.whole_s,
        "part": recorded.window,
        "path": recorded.replay.path or "",
        "speed": speed,
        "scale": scale,
        "span_s": None if endless else span,
        "horizon_s": horizon_s,
        "requests": requests,
        "requests_used": used.requests * scale,
        "mean_per_s": used.requests * scale / max(min(span, horizon_s), 1.0),
        "peak_per_s": course.peak * speed * scale,
        "in_order": recorded.is_sorted,
        "lines": {
            "read": tally.lines,
            "used": tally.used,
            "no_request": tally.apart,
            "other_path": tally.unmatched,
            "dropped": tally.wrong,
            "first_dropped": tally.first_wrong,
        },
        **({"endpoints": asked} if asked else {}),
    }
