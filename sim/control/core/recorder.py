"""What was where and in which state, when: the spans of containers, servers and the operator.

An observer like the one-second samples: it reads the records and writes nothing that anybody acts
on. It looks at the end of every instant in which something changed, so that times are exact; a
hang tells nobody, and is seen at the next sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, get_args

from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster
from sim.control.core.records import ChangeKind, Container, Server
from sim.results.run import Span, TimelineRow


def container_state(c: Container) -> str:
    """The one word for a container: the worst that is true of it.

    `away`: its server is gone and nobody has noticed; `evicting`: the platform has, and waits
    before it starts the container elsewhere (tolerationSeconds); `back_off`: exited, and a restart
    manager will start it again; `not_ready`: it runs and its probe says no.
    """
    if c.state == "created":
        return "created"
    if not c.server.alive:
        return "away" if c.server.ready else "evicting"
    if c.state == "exited":
        return "back_off" if c.restarting else "exited"
    if c.state in ("starting", "stopping"):
        return c.state
    if c.hung:
        return "hung"
    return "ready" if c.ready else "not_ready"


def server_state(server: Server) -> str:
    """`up`, `not_ready` (alive, and the platform does not believe it), `away`, `released`."""
    if server.released_s is not None:
        return "released"
    if not server.alive:
        return "away"
    return "up" if server.ready else "not_ready"


def acknowledgements(timeline: Iterable[TimelineRow]) -> list[tuple[float, float]]:
    """(paged, acknowledged) of each incident: from the first page to her answer."""
    waits: list[tuple[float, float]] = []
    paged_s: float | None = None
    for row in timeline:
        if row.event == "page" and paged_s is None:
            paged_s = row.t_s
        elif row.event == "acknowledged" and paged_s is not None:
            waits.append((paged_s, row.t_s))
            paged_s = None
    if paged_s is not None:
        waits.append((paged_s, float("inf")))
    return waits


class Open(NamedTuple):
    """A span that has no end yet."""

    kind: str
    name: str
    state: str
    since_s: float
    service: str = ""
    server: str = ""


class SpanRecorder:
    """Turns changes of state into spans."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.spans: list[Span] = []
        self.open: dict[tuple[str, int], Open] = {}
        self.hung: set[int] = set()

    def run(self) -> Loop:
        changes = self.cluster.watch(*get_args(ChangeKind))
        self.look(self.cluster.clock.now)
        while True:
            yield changes.get()
            # a platform acts on a change within the same instant: look when it is over
            yield self.cluster.clock.after(0.0, Rank.OBSERVER, 2)
            changes.items.clear()
            self.look(self.cluster.clock.now)

    def sampled(self, at_s: float) -> None:
        """For the sample of then: what no change tells of."""
        hung = {c.id for c in self.cluster.everybody() if c.hung}
        if hung != self.hung:
            self.hung = hung
            self.look(at_s)

    def look(self, now: float) -> None:
        """Compare everything with what is open; close and open what differs."""
        gone = set(self.open)
        for s in self.cluster.servers:
            state = server_state(s)
            if state != "released":
                gone.discard(("server", s.id))
                self.see(("server", s.id), s.name, state, now, server=s.name)
        for c in self.cluster.everybody():
            key = "container", c.id
            gone.discard(key)
            self.see(key, c.name, container_state(c), now, c.service, c.server.name)
        for p in self.cluster.pending:
            gone.discard(("pending", p.id))
            name = f"{p.service} (no server yet)"
            self.see(("pending", p.id), name, "pending", now, p.service)
        for key in gone:
            self.close(key, now)

    def see(
        self, key: tuple[str, int], name: str, state: str, now: float, service: str = "",
        server: str = "",
    ) -> None:  # fmt: skip
        """It is there, in this state."""
        before = self.open.get(key)
        if before is not None and before.state == state and before.server == server:
            return
        if before is not None:
            self.close(key, now)
        self.open[key] = Open(key[0], name, state, now, service, server)

    def close(self, key: tuple[str, int], now: float) -> None:
        span = self.open.pop(key)
        if now > span.since_s:
            self.spans.append(
                Span(span.kind, span.name, span.state, span.since_s, now, span.service, span.server)
            )

    def finished(self, horizon_s: float) -> tuple[Span, ...]:
        """All spans up to the horizon, those of the operator included, by start, kind and name."""
        self.look(self.cluster.clock.now)
        for key in list(self.open):
            self.close(key, horizon_s)
        operator = [
            Span("operator", "operator", "acknowledge", a, min(b, horizon_s))
            for a, b in acknowledgements(self.cluster.timeline)
        ]
        operator += [
            Span("operator", "operator", "hands_on", a, min(a + seconds, horizon_s), what)
            for a, seconds, what in self.cluster.count.hands
        ]
        whole = [*self.spans, *(span for span in operator if span.end_s > span.start_s)]
        return tuple(
            sorted(whole, key=lambda span: (span.start_s, span.kind, span.name, span.end_s))
        )
