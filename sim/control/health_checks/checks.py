"""A process that is checked from outside: asked, answered or not, and asked again while it lives.

Who counts what (docker.py, consul.py, target_group.py) says when the next check is due. The
kubelet's probes have a clock of their own (probes.py), and so has HAProxy.
"""

from __future__ import annotations

from collections.abc import Callable

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
) -> Loop:
    """Check one process for as long as it lives, the first time after `first_s` seconds.

    `counted(passed)` does what one result means, and says how many seconds later the next check
    begins; None: no more."""
    run = c.run
    wait_s: float | None = first_s
    while wait_s is not None:
        yield cluster.clock.after(wait_s, Rank.PROBE, c.id)
        if c.run != run or not c.alive:
            return
        passed = yield from ask(cluster, c, timeout_s, Rank.PROBE, c.id, deep)
        if c.run != run or not c.alive:
            return
        wait_s = counted(passed)
