"""What restart managers share: waits that grow, and the start of what has ended."""

from __future__ import annotations

from typing import NamedTuple

from sim.control.core.cluster import Cluster, Container, PortTakenError


class Backoff(NamedTuple):
    """Waits between restarts: the first, growth, the longest, and the run that forgets them."""

    start_s: float
    factor: float
    cap_s: float
    reset_s: float


def start_again(cluster: Cluster, c: Container, how: str) -> None:
    """Start it; a start that itself fails ends the loop (moby daemon/monitor.go)."""
    cluster.set_restarting(c, False)
    try:
        cluster.start(c, again=True)
    except PortTakenError as taken:
        cluster.say("port_taken", c.name, f"{c.name} could not be restarted: {taken}")
        return
    cluster.say("restart", c.name, f"{c.name} {how}")
    cluster.acted()
