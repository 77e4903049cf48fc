"""When requests arrive: a scenario's profile as pieces of straight lines, or a recording."""

from __future__ import annotations

import math

from sim.dataplane.profile import Arrivals
from sim.imports.traffic.replay import Recorded, read_recording
from sim.schema.fields import InputError
from sim.schema.traffic import Replay, Traffic


def profile(traffic: Traffic) -> Arrivals:
    """The arrivals of `rate:` or `points:`, scale applied. A ramp leads from the rate before it."""
    if traffic.rate is not None:
        return Arrivals((0.0,), (traffic.rate * traffic.scale,), (0.0,), math.inf)
    pieces: list[tuple[float, float, float]] = []
    before = 0.0
    for point in traffic.points:
        after = point.rate * traffic.scale
        if point.ramp > 0:
            pieces.append((point.at, before, (after - before) / point.ramp))
        pieces.append((point.at + point.ramp, after, 0.0))
        before = after
    starts, rates, slopes = zip(*pieces, strict=True) if pieces else ((), (), ())
    return Arrivals(starts, rates, slopes, math.inf)


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
