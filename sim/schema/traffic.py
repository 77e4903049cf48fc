"""Who comes, and when: a rate, a profile of it, or a recording."""

from __future__ import annotations

from typing import Annotated, Literal

from sim.schema.bounds import Bounds
from sim.schema.client import ClientSpec
from sim.schema.fields import (
    Asked,
    Count,
    Duration,
    Factor,
    Files,
    Fraction,
    LawSpec,
    Line,
    Positive,
    Rate,
    Ratio,
    Record,
    Span,
    Text,
    at_most,
)

Crowd = Annotated[Count, at_most(Bounds(0.0, 65536.0, "65536"))]


class Point(Record):
    """From `at` the rate is `rate`, or so many `users` come back, reached over `ramp` from what it
    was."""

    at: Duration = 0.0
    rate: Rate | None = None
    users: Crowd | None = None
    ramp: Duration = 0.0

    @property
    def level(self) -> float:
        """Requests a second, or users."""
        return (self.users if self.rate is None else self.rate) or 0.0


class Replay(Record):
    """What of a recording is replayed, and how. A time: 14:30 (UTC, of its first day), 2h (from its
    beginning), or 2025-03-01T14:30:00Z."""

    begin: Line | None = None
    end: Line | None = None
    busiest: Span | None = None  # in place of both: the window of this width with most requests
    speed: Factor = 1.0  # 2: an hour's requests come within half an hour
    path: Text | None = None  # a regular expression: only requests whose path has it
    reads: Literal["rate", "count"] = "rate"  # values of a series: a second, or until the next
    # so many of its paths, those asked most, become endpoints of the entry and the mix
    endpoints: Annotated[Positive, at_most(Bounds(1.0, 14.0, "14"))] | None = None


class Traffic(Record):
    rate: Rate | None = None  # constant; or
    points: list[Point] = []  # a profile, of rates or of users who come back; or
    trace: Files = []  # a recording: a file beside the scenario, or several (sim/imports/traffic)
    # ... or so many who come back: each thinks, asks, waits for what becomes of it, thinks again
    users: Annotated[Positive, at_most(Bounds(1.0, 65536.0, "65536"))] | None = None
    think: LawSpec | None = None  # ... so long
    replay: Replay = Replay()
    scale: Ratio = 1.0
    client: ClientSpec = ClientSpec()
    mix: dict[Asked, Fraction] = {}  # of what users ask, as in a stack; none: the stack's

    @property
    def returns(self) -> bool:
        """Do users come back?"""
        return self.think is not None

    @property
    def levels(self) -> list[tuple[float, float, float]]:
        """What comes, with the scale: (from second, requests a second or users, over seconds)."""
        if self.users:
            return [(0.0, float(max(1, round(self.users * self.scale))), 0.0)]
        if self.rate is not None:
            return [(0.0, self.rate * self.scale, 0.0)]
        return [(point.at, point.level * self.scale, point.ramp) for point in self.points]
