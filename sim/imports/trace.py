"""When requests arrive: a scenario's profile as pieces of straight lines, or a recording."""

from __future__ import annotations

import math

from sim.dataplane.profile import Arrivals, Stay
from sim.imports.traffic.replay import Recorded, read_recording
from sim.schema.fields import InputError
from sim.schema.traffic import Replay, Traffic


def curve(traffic: Traffic) -> Arrivals:
    """What comes as straight lines, scale applied: requests a second, or users who are there. A
    ramp leads from the level before it."""
    pieces: list[tuple[float, float, float]] = []
    before = 0.0
    for at, after, ramp in traffic.levels:
        if ramp > 0:
            pieces.append((at, before, (after - before) / ramp))
        pieces.append((at + ramp, after, 0.0))
        before = after
    starts, levels, slopes = zip(*pieces, strict=True) if pieces else ((), (), ())
    return Arrivals(starts, levels, slopes)


def profile(traffic: Traffic) -> Arrivals:
    """The arrivals of `rate:` or `points:`; none where users come back, who ask by themselves."""
    return Arrivals() if traffic.returns else curve(traffic)


def stays(traffic: Traffic, horizon_s: float) -> tuple[Stay, ...]:
    """Who comes back, in the order of coming: one more when the curve rises past a half, and the
    last to have come leaves when it falls below."""
    begins: list[float] = []
    ends: dict[int, float] = {}
    here: list[int] = []

    def become(level: float, start: float, base: float = 0.0, slope: float = 0.0) -> None:
        """So many are here, at once or along a line that has its `base` at its start."""
        while len(here) + 0.5 <= level:
            half = len(here) + 0.5
            here.append(len(begins))
            begins.append(start + (half - base) / slope if slope else start)
        while len(here) - 0.5 > level:
            user, half = here.pop(), len(here) + 0.5
            ends[user] = start + (half - base) / slope if slope else start

    lines = curve(traffic) if traffic.returns else Arrivals()
    for i, (start, level, slope) in enumerate(
        zip(lines.start_s, lines.rate, lines.slope, strict=True)
    ):
        become(level, start)
        if slope:  # a ramp, after which comes its end
            become(level + slope * (lines.start_s[i + 1] - start), start, level, slope)
    known = (Stay(begin, ends.get(i, math.inf)) for i, begin in enumerate(begins))
    return tuple(stay for stay in known if stay.begin_s < horizon_s)


def recording(traffic: Traffic) -> Recorded | None:
    """The recording that a scenario replays, read; None of one that has none. Raises
    `InputError`."""
    if traffic.trace:
        return read_recording(traffic)
    if traffic.replay != Replay():
        fields = traffic.replay.model_dump(exclude_defaults=True)
        named = ", ".join(f"{name} {value}" for name, value in fields.items())
        expected = "a recording to take it of: trace, or --traffic FILE"
        raise InputError(field="traffic.replay", found=named, expected=expected)
    return None


def arrivals(traffic: Traffic) -> Arrivals:
    """What a scenario's traffic amounts to, its recording read if it has one. Raises
    `InputError`."""
    recorded = recording(traffic)
    return profile(traffic) if recorded is None else recorded.arrivals
