"""One question after the other: a process's health check, or a balancer's check of a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import simpy

from sim.control.core.clock import Rank, Wait
from sim.control.core.cluster import Cluster, Container
from sim.control.core.wires import lossy, segment
from sim.dataplane.codes import StandingPlace
from sim.dataplane.plane import RoundsSoFar, StandingCheck, standing_key


class Checked(Protocol):
    """What is checked, and what becomes of it."""

    def goes_on(self) -> bool:
        """Is it there to be checked?"""

    def asked(self) -> Container:
        """Who gets the next question."""

    def counted(self, passed: bool) -> float | None:
        """Do what one result means; seconds until the next check, None: no more."""

    def steady(self) -> float | None:
        """Seconds until the next check, if one more pass would change nothing that anybody sees."""

    def ended(self) -> None:
        """It will not be checked any more."""


class Check:
    """One question after the other, each so long after the answer to the one before. While its
    answers mean nothing new, the data plane asks by itself."""

    __slots__ = (
        "asker",
        "c",
        "checked",
        "cluster",
        "deadline",
        "deep",
        "key",
        "place",
        "question",
        "rank",
        "timeout_s",
    )  # fmt: skip

    def __init__(
        self, cluster: Cluster, checked: Checked, rank: Rank, key: int, timeout_s: float,
        deep: bool = False, place: StandingPlace = StandingPlace.READINESS,
        asker: Callable[[], int | None] = lambda: None,
    ) -> None:  # fmt: skip
        self.cluster, self.checked, self.rank, self.key = cluster, checked, rank, key
        self.timeout_s, self.deep, self.place, self.asker = timeout_s, deep, place, asker
        self.question = -1  # number of the probe that has no answer yet
        self.c: Container | None = None  # whom it asked
        self.deadline: Wait | None = None

    def wait(self, delay_s: float) -> None:
        """For the next question."""
        timer = self.cluster.clock.after(delay_s, self.rank, self.key)
        timer.callbacks.append(self.tick)

    def tick(self, _: simpy.Event) -> None:
        if not self.checked.goes_on():
            self.checked.ended()
            return
        self.c = self.checked.asked()
        self.question = self.cluster.probe(
            self.c, self.heard, self.deep, self.asker(), self.timeout_s
        )
        self.answer_by(self.cluster.clock.after(self.timeout_s, self.rank, self.key, 1))

    def answer_by(self, deadline: Wait) -> None:
        self.deadline = deadline
        deadline.callbacks.append(lambda _: self.heard(False))

    def heard(self, passed: bool) -> None:
        """An answer, or the end of the time for it."""
        if self.question < 0:
            return  # both came at this instant
        self.cluster.forget(self.question)
        self.question = -1
        if self.deadline is not None:
            self.deadline.cancel()
        wait_s = self.checked.steady() if passed and self.checked.goes_on() else None
        if wait_s is None:
            self.cluster.clock.at_once(lambda _: self.over(passed))
        elif not self.stands(wait_s):  # wakes nobody: no order to keep
            self.wait(wait_s)

    def over(self, passed: bool) -> None:
        wait_s = self.checked.counted(passed) if self.checked.goes_on() else None
        if wait_s is None:
            self.checked.ended()
        else:
            self.wait(wait_s)

    # ---- the same, asked by the data plane ----
    def stands(self, wait_s: float) -> bool:
        """The next question needs nobody, until a change concerns whom it asks."""
        asker = self.asker()
        if self.c is None or wait_s <= 0.0:
            return False
        if asker is not None and lossy(self.cluster, asker, segment(self.cluster, self.c.server)):
            return False
        due_s = self.cluster.clock.now + wait_s  # as `Clock.after`
        key = standing_key(self.c.id, self.place)
        check = StandingCheck(
            key, self.deep, 0.0, wait_s, self.timeout_s, k=0, due_s=due_s, grid=False
        )  # fmt: skip
        return self.cluster.stand(check, self.recalled)

    def recall(self) -> None:
        """Ask by itself again: it may be another that must be asked."""
        if self.c is not None:
            self.cluster.recall(standing_key(self.c.id, self.place))

    def recalled(self, standing: RoundsSoFar) -> None:
        clock = self.cluster.clock
        if standing.probe < 0:
            clock.exactly(standing.due_s, self.rank, self.key).callbacks.append(self.tick)
            return
        self.question = standing.probe
        self.cluster.awaits(standing.probe, self.heard)
        by_s = standing.asked_s + self.timeout_s
        self.answer_by(clock.exactly(by_s, self.rank, self.key, 1))
