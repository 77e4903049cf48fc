"""A process that is checked from outside: asked, answered or not, and asked again while it lives.

Who counts what (docker.py, consul.py, target_group.py, and HAProxy of its lines) says when the next
check is due. The kubelet's probes have a clock of their own (probes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from sim.control.core.check import Check
from sim.control.core.clock import Loop, Rank, Task
from sim.control.core.cluster import Cluster, Container


def ask(
    cluster: Cluster, c: Container, timeout_s: float, rank: Rank, key: int, deep: bool = False
) -> Task[bool]:
    """Send a probe and wait for its answer: False when it fails or none comes in time."""
    over = cluster.clock.event()

    def heard(passed: bool) -> None:
        if not over.triggered:  # else both came at this instant
            over.succeed(passed)

    probe = cluster.probe(c, heard, deep)
    deadline = cluster.clock.after(timeout_s, rank, key, 1)
    deadline.callbacks.append(lambda _: heard(False))
    passed: bool = yield over
    cluster.forget(probe)
    deadline.cancel()
    return passed


def checks(
    cluster: Cluster,
    c: Container,
    first_s: float,
    timeout_s: float,
    counted: Callable[[bool], float | None],
    deep: bool = False,
    steady: Callable[[], float | None] = lambda: None,
    asker: int | None = None,
) -> Loop:
    """Check one process for as long as it lives, the first time after `first_s` seconds.

    `counted(passed)` does what one result means, and says how many seconds later the next check
    begins; None: no more. `steady()` says the same of one more pass if it would change nothing
    that anybody sees, else None. `asker`: the segment it is asked from, if not on its server."""
    over = cluster.clock.event()
    process = LivingProcess(c, counted, steady, c.run, over)
    check = Check(cluster, process, Rank.PROBE, c.id, timeout_s, deep, asker=lambda: asker)
    check.wait(first_s)
    yield over


@dataclass(frozen=True)
class LivingProcess:
    """A container's process, for as long as it lives. See `checks`."""

    c: Container
    counted: Callable[[bool], float | None]
    steady: Callable[[], float | None]
    run: int
    over: simpy.Event

    def goes_on(self) -> bool:
        return self.c.run == self.run and self.c.alive

    def asked(self) -> Container:
        return self.c

    def ended(self) -> None:
        self.over.succeed()
