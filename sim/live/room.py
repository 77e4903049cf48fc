"""Whose seat is whose; and a class: the same incident for all, a guess before it, a ranking.

A room holds seats by their tokens, which only their owners know. Where it is a class, a teacher's
key opens the board; predictions are asked for before anybody may let the incident run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from sim.live.incident import LiveIncident, Opening
from sim.live.messages import Act, Begin, Go, Message, Predict, Press, Take, Teach, Type
from sim.live.seat import Seat
from sim.report.text import words
from sim.report.text.columns import csv_text, plain_name
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.workshop.language import Phrases
from sim.workshop.questions import range_of

MOST_SEATS = 60  # some 5 MB each, of two platforms
KEPT_S = 1800.0  # a seat that nobody looks at
RESTS_S = 60.0  # ... or that stands still, keeps its run so long
NAME_LENGTH = 40


def token() -> str:
    """What nobody guesses."""
    return os.urandom(12).hex()


@dataclass
class Desk:
    """A seat in a room: who looks at it."""

    seat: Seat
    screens: int = 0
    seen: float = 0.0


@dataclass
class Room:
    """`opening`: what a new seat begins with. `scenarios`, `platforms`: what may be opened; names
    alone, so that nothing that is sent names a file."""

    opening: Opening
    scenarios: frozenset[str]
    platforms: frozenset[str]
    stack: str | Stack | None = None
    code: str = ""  # of a class; empty: it is none
    key: str = field(default_factory=token)  # the teacher's
    places: dict[str, Desk] = field(default_factory=dict)
    revealed: bool = False
    held: bool = False  # the teacher has paused everybody
    _answers: tuple[int, ...] = ()

    @property
    def titles(self) -> dict[str, str]:
        """How each platform is called."""
        return {name: words.platform(name) for name in sorted(self.platforms)}

    # ---- seats ----
    def check(self, opening: Opening) -> None:
        """`InputError` for what this room does not open."""
        if opening.scenario not in self.scenarios:
            found, expected = f"scenario {opening.scenario!r}", "one of `python -m sim list`"
            raise InputError(found=found, expected=expected)
        for platform in (*opening.platforms, *([opening.you] if opening.you else [])):
            if platform not in self.platforms:
                expected = "one of " + ", ".join(sorted(self.platforms))
                raise InputError(found=f"platform {platform!r}", expected=expected)

    def enter(self, key: str, name: str, code: str, now: float) -> tuple[str, Desk]:
        """The seat of this token, or a new one. `InputError` without the class's code, or when the
        room is full."""
        place = self.places.get(key)
        if place is None:
            if self.code and code != self.code:
                raise InputError(field="code", found="another code", expected="the teacher's")
            if self.code and not name.strip():
                raise InputError(field="name", found="no name", expected="yours, for the board")
            if len(self.places) >= MOST_SEATS:
                found = f"{MOST_SEATS} seats that are taken"
                raise InputError(found=found, expected="one that is free: ask who began this")
            key = token()
            name = " ".join(name.split())[:NAME_LENGTH]
            place = self.places[key] = Desk(Seat(name, self.opening, self.check, self.stack))
        place.screens += 1
        place.seen = now
        return key, place

    def leave(self, place: Desk, now: float) -> None:
        place.screens -= 1
        place.seen = now

    def sweep(self, now: float) -> None:
        """Seats that nobody looks at rest, and end; those at which nothing moves and nobody does
        anything rest as well: their run is computed again when it is wanted."""
        for key, place in list(self.places.items()):
            away_s = 0.0 if place.screens else now - place.seen
            idle_s = 0.0 if place.seat.running else now - place.seat.bucket.since
            if away_s > KEPT_S:
                del self.places[key]
            elif away_s > RESTS_S or idle_s > RESTS_S:
                place.seat.forget()

    # ---- a class ----
    @property
    def questions(self) -> list[dict[str, Any]]:
        """What is asked before it runs: a platform each."""
        options = Phrases()("down").splitlines()
        return [
            {"text": f"How long are users down under {words.platform(name)}?", "options": options}
            for name in self.opening.platforms
        ]

    def answers(self) -> tuple[int, ...]:
        """The options that are true: measured, once, when they are first wanted."""
        if not self._answers:
            incident = LiveIncident(self.opening.model_copy(update={"you": None}), self.stack)
            incident.advance(incident.horizon_s)
            down = [figures["downtime_s"] for figures in incident.figures()]
            self._answers = tuple(range_of(seconds, "down") for seconds in down)
        return self._answers

    def may(self, place: Desk, message: Message) -> None:
        """`InputError` for what a student may not do now."""
        if not self.code:
            return
        if isinstance(message, Begin):
            raise InputError(found="another incident", expected="the one of the class")
        if isinstance(message, Predict):
            if place.seat.choices:
                raise InputError(found="a second prediction", expected="the first one stands")
            if len(message.choices) != len(self.opening.platforms):
                expected = f"{len(self.opening.platforms)} answers"
                raise InputError(found=f"{len(message.choices)}", expected=expected)
        running = isinstance(message, Go | Act | Type | Take) or (
            isinstance(message, Press) and message.do != "pause"
        )
        if running and not place.seat.choices:
            raise InputError(found="no prediction", expected="yours, before it runs")
        if running and self.held:
            raise InputError(found="a pause of the class", expected="the teacher's go")

    def teach(self, message: Teach) -> None:
        """What the board asks for."""
        match message.do:
            case "all_pause":
                self.held = True
                for place in self.places.values():
                    place.seat.running = False
            case "all_run":
                self.held = False
            case "reveal":
                self.revealed = True

    def open_all(self, opening: Opening) -> None:
        """The same incident for everybody, from its beginning."""
        self.check(opening)
        LiveIncident(opening, self.stack)  # whatever is wrong with it is told before anybody has it
        self.opening, self.revealed, self._answers = opening, False, ()
        for place in self.places.values():
            place.seat.begin(opening)
            place.seat.choices = ()

    def board(self) -> list[dict[str, Any]]:
        """Who is where, best first: by right predictions, then by their own platform's downtime."""
        answers = self.answers() if self.revealed else ()
        rows = []
        for place in self.places.values():
            seat = place.seat
            right = sum(a == b for a, b in zip(seat.choices, answers, strict=False))
            rows.append({
                "name": seat.name, "here": place.screens > 0, "predicted": bool(seat.choices),
                "right": right if self.revealed else None, **seat.progress(),
            })  # fmt: skip
        return sorted(rows, key=lambda row: (-(row["right"] or 0), row["down_s"], row["name"]))

    def results(self) -> str:
        """The board as CSV."""
        rows = [{**row, "name": plain_name(row["name"])} for row in self.board()]
        return csv_text(rows, ("name", "predicted", "right", "t", "down_s", "commands"))
