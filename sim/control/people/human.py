"""Who is on call: what she does takes time, is counted, and sometimes goes wrong.

Her times are data of the stack (`operator:`), with their sources there; this file spends them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import simpy

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.people.monitoring import Usage, Window
from sim.schema.fields import LawSpec
from sim.schema.operator import Night
from sim.schema.scenario import Version


class Deployed(NamedTuple):
    """The last version of a service that went out, and when."""

    version: Version
    at_s: float


class Handover(Protocol):
    """Something that she has handed out to containers, and may have to hand out again."""

    def missed(self) -> list[str]:
        """Places that she forgot, whose containers are refused for it."""

    def refuses(self, c: Container) -> bool:
        """Is what this container was given out of date?"""

    def repair(self, human: Human) -> Loop:
        """Hand it out where it was forgotten."""


class Human:
    """The person on call; deploys and runbooks are hers too. `starts_at_s`: time of day of 0."""

    def __init__(self, cluster: Cluster, starts_at_s: float = 10 * 3600.0) -> None:
        self.cluster = cluster
        self.starts_at_s = starts_at_s
        self.spec = cluster.stack.operator
        self.looking = 0  # how many things she has before her eyes: then nobody needs to page her
        # whose turn it is: each of those on call does one thing at a time
        self.hands = simpy.Resource(cluster.clock.env, self.spec.people)
        self.deployed: dict[str, Deployed] = {}  # what changed, and was not taken back
        self.window, self.usage = Window(self.spec.alarm), Usage()
        self.under_way = 0  # servers that she has ordered, and what else is on its way
        self.refused_lately = 0  # database connections, within monitoring's window
        self.rotation: Handover | None = None  # of a password, once one was changed

    @property
    def night(self) -> Night | None:
        """What holds for her now beside her days, if it is night."""
        return self.spec.night_at(self.starts_at_s + self.cluster.clock.now)

    @property
    def mistake(self) -> float:
        """Mistakes per step, at this hour."""
        return self.spec.mistake if self.night is None else self.night.mistake

    def say(self, text: str, event: str = "operator") -> None:
        self.cluster.say(event, "operator", f"operator {text}")

    def wait(self, seconds: float) -> Loop:
        """Time that passes without her hands."""
        yield self.cluster.clock.after(seconds, Rank.OPERATOR)

    def spend(self, seconds: float, what: str) -> Loop:
        """Hands on for so long, and counted. In turns, where there is more to do than people."""
        with self.hands.request() as turn:
            yield turn
            self.cluster.hands_on(seconds, what)
            yield self.cluster.clock.after(seconds, Rank.OPERATOR)

    def work(self, law: LawSpec, stream: str, text: str = "", step: str = "") -> Loop:
        """Hands on: one step, done again if it went wrong. `text`: what the timeline says of it."""
        while True:
            seconds = self.cluster.duration(law, f"operator/{stream}")
            yield from self.spend(seconds, step or text or stream)
            if self.cluster.random(f"operator/{stream}/mistake") >= self.mistake:
                break
            self.cluster.mistaken()
            self.say(f"makes a mistake and does it again: {step or text or stream}", "mistake")
        if text or step:
            self.say(text or f"has done: {step}")

    def runbook(self, name: str) -> Loop:
        """The steps of a runbook, one after the other."""
        for step in self.spec.runbooks.get(name, []):
            yield from self.work(step.takes, name, step=step.do)

    def start(self, loop: Loop) -> None:
        """Something that goes on without her hands, and that she waits for."""
        self.cluster.clock.loop(self._under_way(loop))

    def _under_way(self, loop: Loop) -> Loop:
        self.under_way += 1
        yield from loop
        self.under_way -= 1

    def command(self, text: str) -> Loop:
        yield from self.work(self.spec.command, "command", f"runs {text}")

    def login(self) -> Loop:
        yield from self.work(self.spec.login, "login", "logs in")
