"""What a person sees who looks at a run in the making: plain data, which JSON can hold.

Reads records and gauges; gauges compute and store nothing, so that looking changes no bit of what
follows.
"""

from __future__ import annotations

from typing import Any

from sim.control.core.cluster import Cluster, Container, Server
from sim.control.core.recorder import container_state, server_state


class Panel:
    """Shows a run, and remembers what it has shown."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.shown_s, self.shown = 0.0, cluster.plane.gauge()
        self.rows = 0  # of the timeline

    def look(self) -> dict[str, Any]:
        """The run now, a new dict each time:

        - `t_s`: simulated seconds
        - `gauge`: the whole data plane, the fields of `PlaneGauge`
        - `containers`: for each name, service, server, version, state (as in the spans of `Run`),
          gets_requests, restarts, and the fields of `ContainerGauge`; in order of creation
        - `servers`: for each that is rented name, state, cores, memory (bytes), containers (names)
        - `pending`: services of the replicas that no server has room for
        - `operator`: pages, hands_on_s (seconds), mistakes, doing (what her hands are at, or "")
        - `since`: what happened since the last look: from_s, arrived, succeeded, failed (requests)
          and timeline (rows of t_s, event, subject, text)
        """
        cluster = self.cluster
        now, gauge = cluster.clock.now, cluster.plane.gauge()
        since = {
            "from_s": self.shown_s,
            "arrived": gauge.arrived - self.shown.arrived,
            "succeeded": gauge.succeeded - self.shown.succeeded,
            "failed": gauge.failed - self.shown.failed,
            "timeline": [vars(row).copy() for row in cluster.timeline[self.rows :]],
        }
        self.shown_s, self.shown, self.rows = now, gauge, len(cluster.timeline)
        return {
            "t_s": now,
            "gauge": gauge._asdict(),
            "containers": [container(cluster, c) for c in cluster.containers],
            "servers": [server(cluster, s) for s in cluster.servers if s.released_s is None],
            "pending": [replica.service for replica in cluster.pending],
            "operator": operator(cluster),
            "since": since,
        }


def container(cluster: Cluster, c: Container) -> dict[str, Any]:
    return {
        "name": c.name,
        "service": c.service,
        "server": c.server.name,
        "version": c.version.name,
        "state": container_state(c),
        "gets_requests": any(c.id in front.backends for front in cluster.fronts.values()),
        "restarts": c.restarts,
        **cluster.plane.container_gauge(c.id)._asdict(),
    }


def server(cluster: Cluster, s: Server) -> dict[str, Any]:
    return {
        "name": s.name,
        "state": server_state(s),
        "cores": s.cores,
        "memory": s.memory,
        "containers": [c.name for c in cluster.on(s)],
    }


def operator(cluster: Cluster) -> dict[str, Any]:
    count, now = cluster.count, cluster.clock.now
    doing = [what for began, seconds, what in count.hands if began <= now < began + seconds]
    return {
        "pages": count.pages,
        "hands_on_s": float(count.hands_on_s(now)),
        "mistakes": count.mistakes,
        "doing": "".join(doing[-1:]),
    }
