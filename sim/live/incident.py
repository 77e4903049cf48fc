"""An incident on the page: the same customers meet each side, and all sides stand at one time.

An incident is its opening and its log of deeds; all else is computed, and can be computed again. So
going back, forking and taking over are one replay, exact by construction, and a link holds both.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue
from ruamel.yaml import YAML

from sim.dataplane.engines import for_stepping
from sim.library.files import file_of, text_at
from sim.report.text import words
from sim.schema.fields import InputError, Record
from sim.schema.stack import Stack
from sim.study.session import Session

MOST_DEEDS = 200  # of one incident; a link and its replay stay small
POINTS = 2000  # of a curve at most
BIN_S = 5.0  # a curve has a point so often, or less often where the horizon is long
# nobody is called, and nobody watches a deploy: the person at the page is the operator
NOBODY = {
    "stack.operator.detect": "1000h",
    "stack.operator.complaint": "1000h",
    "stack.operator.missed_page": "0%",
    "stack.operator.habits.deploy_watch": "0s",
}
To = Literal["all", "you"]


class Opening(Record):
    """What an incident begins with. `you`: the platform whose operator is the person at the page;
    beside it stands the same platform with the modelled one."""

    scenario: Annotated[str, Field(max_length=80)]
    platforms: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 1
    you: str | None = None


class Deed(Record):
    """Something that was done by hand: an event in the words of a scenario's file."""

    at: Annotated[float, Field(ge=0)]
    event: dict[str, JsonValue]
    to: To = "all"
    typed: Annotated[str, Field(max_length=200)] = ""  # the command that meant it


class Side:
    """One platform of an incident, as far as it has come."""

    def __init__(self, session: Session, *, you: bool) -> None:
        self.session, self.you = session, you
        self.platform = session.case.platform
        self.every_s = max(BIN_S, session.case.scenario.horizon / POINTS)
        self.bins = 0
        self.counts = (0, 0)  # succeeded, failed at the last point of the curve
        self.curve: list[tuple[float, float | None, int, int]] = []
        self.rows: list[dict[str, Any]] = []
        self.view = self.look()

    @property
    def title(self) -> str:
        name = words.platform(self.platform)
        return f"{name}, you are the operator" if self.you else name

    def look(self) -> dict[str, Any]:
        """The run now; its new rows of the timeline are kept."""
        self.view = self.session.look()
        self.rows += self.view["since"]["timeline"]
        return self.view

    def advance(self, to_s: float) -> None:
        """Run on, with a point of the curve each `every_s`: (t_s, share answered well or None
        where nobody was answered, requests inside, jobs queued)."""
        while (due_s := (self.bins + 1) * self.every_s) <= to_s:
            self.session.advance(due_s)
            self.bins += 1
            gauge = self.look()["gauge"]
            good, bad = (gauge["succeeded"] - self.counts[0], gauge["failed"] - self.counts[1])
            self.counts = (gauge["succeeded"], gauge["failed"])
            share = good / (good + bad) if good + bad else None
            self.curve.append((due_s, share, gauge["in_flight"], gauge["jobs_queued"]))
        self.session.advance(to_s)
        self.look()


class LiveIncident:
    """Sides in lockstep. `InputError` for an opening or a deed that cannot be."""

    def __init__(self, opening: Opening, stack: str | Stack | None = None) -> None:
        self.opening, self.stack = opening, stack
        sides = [(platform, False) for platform in opening.platforms]
        if opening.you is not None:
            sides = [(opening.you, True), (opening.you, False)]
        engine = for_stepping()
        self._fresh = [
            (
                Session(opening.scenario, name, opening.seed, stack, NOBODY if you else (), engine),
                you,
            )
            for name, you in sides
        ]
        self.horizon_s = self._fresh[0][0].case.scenario.horizon
        self.title = self._fresh[0][0].case.scenario.title
        self.deeds: tuple[Deed, ...] = ()
        self.now = 0.0
        self.sides: list[Side] = []
        self.replay((), 0.0)

    @property
    def rate(self) -> float:
        """Requests a second on average, of the scenario's own users."""
        return self._fresh[0][0].case.requests / self.horizon_s

    @property
    def over(self) -> bool:
        return self.now >= self.horizon_s

    # ---- going on ----
    def advance(self, to_s: float) -> None:
        """All sides to `to_s`, at most to the horizon."""
        to_s = min(to_s, self.horizon_s)
        for side in self.sides:
            side.advance(to_s)
        self.now = to_s

    def jump(self) -> None:
        """On until something stands in a timeline that was not there, at most to the horizon."""
        rows = [len(side.rows) for side in self.sides]
        while not self.over and rows == [len(side.rows) for side in self.sides]:
            self.advance(self.now + self.sides[0].every_s)

    def do(self, deed: Deed) -> None:
        """It happens now, on every side or on yours alone. Nothing has happened after an
        `InputError`."""
        if self.over:
            raise InputError(found="the end of the incident", expected="a time to go back to")
        if len(self.deeds) >= MOST_DEEDS:
            found = f"deed {MOST_DEEDS + 1} of this incident"
            raise InputError(found=found, expected="a new one, or a time to go back to")
        sides = [side for side in self.sides if side.you or deed.to == "all"]
        if not sides:
            raise InputError(found="a command", expected="a platform whose operator you are")
        before, done = self.deeds, False
        try:
            for side in sides:
                side.session.do(deed.event)
                done = True
                side.look()
        except InputError:
            if done:  # one platform has it and another refused it: neither shall
                self.replay(before, self.now)
            raise
        self.deeds = (*before, deed)

    # ---- going back ----
    def replay(self, deeds: Sequence[Deed], to_s: float) -> None:
        """The incident with these deeds, up to `to_s`."""
        ordered = sorted(deeds, key=lambda deed: deed.at)
        self.sides = [Side(session.fork(), you=you) for session, you in self._fresh]
        self.deeds, self.now = (), 0.0
        for deed in ordered:
            self.advance(deed.at)
            self.do(deed)
        self.advance(to_s)

    def rewind(self, to_s: float) -> None:
        """Back to `to_s`: what was done then or later is undone."""
        to_s = min(to_s, self.now)
        self.replay([deed for deed in self.deeds if deed.at < to_s], to_s)

    # ---- what comes out ----
    def figures(self) -> list[dict[str, Any]]:
        """Of each side, once the incident is over: the figures that summary.json would have."""
        return [
            side.session.result().summary["platforms"][side.platform] for side in self.sides
        ]  # fmt: skip

    def page(self, number: int) -> str:
        """report.html of one side, up to now."""
        from sim.report.page.document import page  # noqa: PLC0415 - jinja2, when it is wanted

        side = self.sides[number]
        session = side.session
        if not self.over:
            session = session.fork()
            session.finish(max(self.now, 1.0))
        return page(session.result())

    def script(self, number: int) -> str:
        """A scenario's file that makes the same run of one side: `sim run FILE --platform P`."""
        side, opening = self.sides[number], self.opening
        name, _, variant = opening.scenario.partition(":")
        yaml = YAML()
        data = yaml.load(text_at(file_of(name, "scenario"), name))
        own = (data.pop("variants", None) or {}).get(variant, {}) if variant else {}
        data.pop("variants", None)
        data.pop("claims", None)
        data["set"] = {**data.get("set", {}), **own.get("set", {}), **(NOBODY if side.you else {})}
        events = own.get("events") or data["events"]
        deeds = [deed for deed in self.deeds if deed.to == "all" or side.you]
        data["events"] = [*events, *({"at": f"{d.at!r}s", **d.event} for d in deeds)]
        data["platforms"] = [side.platform]
        out = io.StringIO()
        yaml.dump(data, out)
        named = self.stack.source if isinstance(self.stack, Stack) else self.stack
        stack = f" --stack {named}" if named else ""
        command = f"python -m sim run FILE --seed {opening.seed}{stack}"
        return f"# {side.title}, made by `sim play`. To run it: {command}\n{out.getvalue()}"


def down_s(curve: Sequence[tuple[float, float | None, int, int]], below: float) -> float:
    """Seconds of the points at which fewer were answered well than `below`: what the page shows
    while an incident goes on. At its end stand the figures of every other report."""
    total = 0.0
    for (before_s, *_), (t_s, share, *_rest) in pairwise([(0.0, None, 0, 0), *curve]):
        if share is not None and share < below:
            total += t_s - before_s
    return total


def text_of(event: Mapping[str, Any]) -> str:
    """An event as the list of what was done shows it: `hang http (lasts 2m)`."""
    (kind, body), *_ = event.items()
    rest = dict(body) if isinstance(body, Mapping) else {}
    target = rest.pop("service", rest.pop("hosting", ""))
    detail = ", ".join(f"{key} {value}" for key, value in rest.items())
    text = f"{kind.replace('_', ' ')} {target}".strip()
    return f"{text} ({detail})" if detail else text
