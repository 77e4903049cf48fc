"""A person at a screen: an incident with a clock, and what that person may send it.

A seat is a list of deeds like its incident, so that one that nobody looks at keeps no run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sim.live import commands
from sim.live.incident import Deed, LiveIncident, Opening, down_s, text_of
from sim.live.messages import Act, Begin, Go, Message, Predict, Press, Speed, Take, Type
from sim.report import colours
from sim.schema.fields import InputError
from sim.schema.stack import Stack

A_SECOND, AT_ONCE = 20.0, 40.0  # messages of one seat, on average and at once
SHOWN = 30  # lines of the terminal


@dataclass
class Bucket:
    """Tokens: `rate` a second, at most `most`."""

    rate: float
    most: float
    left: float = -1.0
    since: float = 0.0

    def take(self, now: float) -> bool:
        """One token, if there is one; `now` in seconds of any clock that only goes forward."""
        earned = self.most if self.left < 0 else self.left + self.rate * (now - self.since)
        self.left, self.since = min(self.most, earned), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass
class Feed:
    """What one connection has been sent of a seat's incident."""

    replays: int = -1
    rows: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    lines: int = 0


class Seat:
    """`check(opening)` says whether this person may open it: `InputError` if not."""

    def __init__(
        self,
        name: str,
        opening: Opening,
        check: Callable[[Opening], None],
        stack: str | Stack | None,
    ) -> None:
        self.name, self.check, self.stack = name, check, stack
        self.opening, self.now = opening, 0.0
        self.deeds: tuple[Deed, ...] = ()
        self.running, self.times = False, 15.0
        self.choices: tuple[int, ...] = ()
        self.lines: list[dict[str, str]] = []  # of the terminal, the last: typed, answer
        self.typed = 0
        self.down_s = 0.0
        self.replays = 0  # how often the past has changed: a page then begins anew
        self.bucket = Bucket(A_SECOND, AT_ONCE)
        self._incident: LiveIncident | None = None

    # ---- the incident ----
    @property
    def incident(self) -> LiveIncident:
        if self._incident is None:
            incident = LiveIncident(self.opening, self.stack)
            incident.replay(self.deeds, self.now)
            self._incident = incident
        return self._incident

    def forget(self) -> None:
        """Keep what it takes to compute it again, and no run."""
        if self._incident is not None:
            self.progress()
            self.deeds, self.now = self._incident.deeds, self._incident.now
            self._incident, self.running = None, False

    def begin(self, opening: Opening, deeds: tuple[Deed, ...] = (), at: float = 0.0) -> None:
        """Another incident. `InputError`, and the old one is still there, if it cannot be."""
        self.check(opening)
        incident = LiveIncident(opening, self.stack)
        incident.replay(deeds, min(at, incident.horizon_s))
        self._incident, self.opening = incident, opening
        self.lines, self.running = [], False
        self.replays += 1

    def tick(self, passed_s: float) -> bool:
        """So much time has passed at the screen; is anything new to be seen?"""
        if not self.running:
            return False
        incident = self.incident
        incident.advance(incident.now + passed_s * self.times)
        self.running = not incident.over
        return True

    # ---- what a person sends ----
    def take(self, message: Message) -> None:
        """Do what a message says; `InputError` where that cannot be."""
        incident = self.incident
        match message:
            case Begin():
                self.begin(message.opening, message.deeds, message.at)
            case Take():
                self.begin(
                    self.opening.model_copy(update={"you": message.platform}),
                    tuple(deed for deed in incident.deeds if deed.to == "all"),
                    incident.now,
                )
            case Press(do="jump"):
                incident.jump()
            case Press():
                self.running = message.do == "run" and not incident.over
            case Speed():
                self.times = message.times
            case Go(to=to) if to < incident.now:
                incident.rewind(to)
                self.replays += 1
            case Go():
                incident.advance(message.to)
            case Act():
                incident.do(Deed(at=incident.now, event=message.event))
            case Type():
                self.type(message.line)
            case Predict():
                self.choices = message.choices
            case _:
                raise InputError(found=f"`{message.do}`", expected="a message of a seat")

    def type(self, line: str) -> None:
        """A line of the terminal: its answer stands below it, also when it is refused."""
        incident = self.incident
        yours = next((side for side in incident.sides if side.you), None)
        if yours is None:
            raise InputError(found="a command", expected="a platform whose operator you are")
        try:
            event, answer = commands.read(line, yours.platform, yours.view, yours.rows)
            if event is not None:
                before = len(yours.rows)
                incident.do(Deed(at=incident.now, event=event, to="you", typed=line))
                answer = "\n".join(row["text"] for row in yours.rows[before:]) or answer
        except InputError as error:
            answer = str(error)
        self.typed += 1
        self.lines = [*self.lines, {"typed": line, "answer": answer}][-SHOWN:]

    # ---- what a page is sent ----
    def progress(self) -> dict[str, Any]:
        """Where this person is, for a board: seconds, downtime of the own side (else the first),
        commands typed. Computes nothing anew."""
        incident, deeds = self._incident, self.deeds
        if incident is None:
            typed = sum(bool(deed.typed) for deed in deeds)
            return {"t": self.now, "down_s": self.down_s, "commands": typed}
        side = incident.sides[0]
        self.down_s = down_s(side.curve, side.session.case.scenario.slo.down_below)
        typed = sum(bool(deed.typed) for deed in incident.deeds)
        return {"t": incident.now, "down_s": self.down_s, "commands": typed}

    def frame(self, feed: Feed) -> dict[str, Any]:
        """The incident now, with what is new to this connection; `whole`: begin anew."""
        incident, sides = self.incident, self.incident.sides
        whole = feed.replays != self.replays or len(feed.rows) != len(sides)
        if whole:
            feed.replays = self.replays
            feed.rows, feed.points = [0] * len(sides), [0] * len(sides)
        shown = []
        kinds = colours.kinds([side.platform for side in sides])
        for number, (side, kind) in enumerate(zip(sides, kinds, strict=True)):
            rows, points = side.rows[feed.rows[number] :], side.curve[feed.points[number] :]
            feed.rows[number], feed.points[number] = len(side.rows), len(side.curve)
            view = side.view
            shown.append(
                {
                    "title": side.title, "platform": side.platform, "you": side.you, "kind": kind,
                    "containers": view["containers"], "servers": view["servers"],
                    "pending": view["pending"], "operator": view["operator"],
                    "gauge": view["gauge"], "rows": rows, "curve": points,
                    "down_s": down_s(side.curve, side.session.case.scenario.slo.down_below),
                }
            )  # fmt: skip
        frame: dict[str, Any] = {
            "t": incident.now, "running": self.running, "times": self.times, "whole": whole,
            "over": incident.over, "sides": shown,
        }  # fmt: skip
        if whole or feed.lines != self.typed:
            feed.lines, frame["lines"] = self.typed, self.lines
        if whole:
            frame |= {
                "opening": self.opening.model_dump(), "horizon": incident.horizon_s,
                "title": incident.title,
                "rate": incident.rate, "help": commands.usages(self.opening.you),
            }  # fmt: skip
        frame["deeds"] = [
            {**deed.model_dump(), "text": deed.typed or text_of(deed.event)}
            for deed in incident.deeds
        ]
        if incident.over:
            frame["figures"] = incident.figures()
        return frame
