"""What monitoring counts: gauges of the data plane, by the names that the control plane has."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

from sim.control.core.containers import Containers
from sim.dataplane.tables import CallGauge, PlaneGauge, QueueGauge


@dataclass
class Readings(Containers):
    """The containers, with all that can be read of what they do."""

    def open_requests(self, service: str) -> int:
        """Requests for a service without an answer yet, those that wait for a replica, too."""
        if service == self.entry:
            return self.plane.gauge().in_flight
        return self.plane.service_gauge(self.front(service).number).open

    def fullest_database(self) -> str:
        """The database that has refused most connections so far; the first of equals."""
        databases = self.stack.playing("postgres")
        if len(databases) == 1:
            return databases[0]

        def refused(name: str) -> int:
            return self.plane.database_gauge(self.stack.number(name)).connections_refused

        return max(databases, key=refused)

    def queues(self) -> dict[str, QueueGauge]:
        """What waits in each, in the order of their numbers."""
        return {n: self.plane.queue_gauge(i) for i, n in enumerate(self.stack.playing("redis"))}

    def calls(self) -> dict[str, dict[str, CallGauge]]:
        """What each service asked of each other one, by whatever version of it."""
        edges = {}
        for name, service in self.stack.services.items():
            steps = [step.call for step in service.steps or () if step.call is not None]
            row = dict.fromkeys(steps, CallGauge())
            for profile in self.callers.get(name, ()):
                for callee, seen in zip(steps, self.plane.call_gauges(profile), strict=True):
                    row[callee] = CallGauge(*map(add, row[callee], seen))
            edges[name] = row
        return {name: row for name, row in edges.items() if row}

    def jobs_waiting(self, service: str) -> int:
        """In the queue from which it takes; in all, for one that takes none."""
        if len(self.stack.playing("redis")) > 1 and self.service(service).role == "worker":
            return self.queues()[self.stack.queue_of(service)].queued
        return self.gauge().jobs_queued

    def asked_so_far(self, service: str) -> int:
        """Requests for a service since the start, as whoever stands before it counts them."""
        if service == self.entry:
            return self.plane.gauge().arrived
        seen = self.plane.service_gauge(self.front(service).number)
        return seen.asked + seen.retries

    def gauge(self) -> PlaneGauge:
        """What monitoring counts of requests, jobs and connections."""
        return self.plane.gauge()
