"""One operator: what she does takes time, is counted, and sometimes goes wrong.

Her times are data of the stack (`operator:`), with their sources there; this file spends them.
"""

from __future__ import annotations

from sim.control.clock import Loop, Rank
from sim.control.cluster import Cluster
from sim.control.passwords import Passwords
from sim.spec.fields import LawSpec
from sim.spec.scenario import Version


class Human:
    """The person on call; deploys and runbooks are hers too."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.spec = cluster.stack.operator
        self.looking = 0  # how many things she has before her eyes: then nobody needs to page her
        self.deployed: dict[str, Version] = {}  # what she would roll back
        self.refused_lately = 0  # database connections, within monitoring's window
        self.passwords: Passwords | None = None  # once one was rotated

    def say(self, text: str, event: str = "operator") -> None:
        self.cluster.say(event, "operator", f"operator {text}")

    def wait(self, seconds: float) -> Loop:
        """Time that passes without her hands."""
        yield self.cluster.clock.after(seconds, Rank.OPERATOR)

    def work(self, law: LawSpec, stream: str, text: str = "", step: str = "") -> Loop:
        """Hands on: one step, done again if it went wrong. `text`: what the timeline says of it."""
        while True:
            seconds = self.cluster.duration(law, f"operator/{stream}")
            self.cluster.count.hands_on_s += seconds
            yield self.cluster.clock.after(seconds, Rank.OPERATOR)
            if self.cluster.random(f"operator/{stream}/mistake") >= self.spec.mistake:
                break
            self.cluster.count.mistakes += 1
            self.say(f"makes a mistake and does it again: {step or text or stream}", "mistake")
        if text or step:
            self.say(text or f"has done: {step}")

    def runbook(self, name: str) -> Loop:
        """The steps of a runbook, one after the other."""
        for step in self.spec.runbooks.get(name, []):
            yield from self.work(step.takes, name, step=step.do)

    def command(self, text: str) -> Loop:
        yield from self.work(self.spec.command, "command", f"runs {text}")

    def login(self) -> Loop:
        yield from self.work(self.spec.login, "login", "logs in")
