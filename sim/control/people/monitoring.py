"""Monitoring: what users got lately, whether that alarms, and how much CPU is in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sim.constants.facts import HOT
from sim.control.core.cluster import Cluster, Container, Server
from sim.control.resource_limits.profiles import cpu_limit
from sim.dataplane.arithmetic import added
from sim.dataplane.tables import PlaneGauge
from sim.schema.operator import Alarm


# ---- rules ----
def users_fail(succeeded: int, failed: int, by: Alarm) -> bool:
    """Are the errors of a window too many?"""
    return failed >= by.failed and failed >= by.share * (succeeded + failed)


# ---- users ----
class Sighting(NamedTuple):
    """What monitoring saw at an instant."""

    t_s: float
    gauge: PlaneGauge
    waiting: tuple[int, ...]  # jobs, in each queue


class Window:
    """What users got lately."""

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.seen: deque[Sighting] = deque()

    def add(self, look: Sighting) -> int:
        """Take a look; returns how many connections were refused within the window."""
        self.seen.append(look)
        while self.seen[0].t_s < look.t_s - self.alarm.window:
            self.seen.popleft()
        return look.gauge.connections_refused - self.seen[0].gauge.connections_refused

    def alarms(self, within_s: float | None = None) -> bool:
        """Was it bad over the last `within_s` (the whole window)?"""
        return self.failing(within_s) or bool(self.waiting(within_s))

    def failing(self, within_s: float | None = None) -> bool:
        """Did too many users get errors?"""
        looks = self._lately(within_s)
        if not looks:
            return False
        first, last = looks[0].gauge, looks[-1].gauge
        return users_fail(last.succeeded - first.succeeded, last.failed - first.failed, self.alarm)

    def waiting(self, within_s: float | None = None) -> list[int]:
        """The queues in which too many jobs waited all the time, by their numbers."""
        looks = self._lately(within_s)
        whole_s = (self.alarm.window if within_s is None else within_s) - self.alarm.look
        if not looks or looks[-1].t_s - looks[0].t_s < whole_s:
            return []
        return [
            number
            for number, jobs in enumerate(looks[-1].waiting)
            if jobs >= self.alarm.jobs
            and min(look.waiting[number] for look in looks) >= self.alarm.jobs
        ]

    def _lately(self, within_s: float | None) -> Sequence[Sighting]:
        if within_s is None:
            return self.seen  # which holds a window, and no more
        latest = self.seen[-1].t_s if self.seen else 0.0
        return [look for look in self.seen if look.t_s >= latest - within_s]

    def quiet(self) -> bool:
        """A whole window without an alarm."""
        span = self.seen[-1].t_s - self.seen[0].t_s if self.seen else 0.0
        return span >= self.alarm.window - self.alarm.look and not self.alarms()

    def settled(self, since_s: float) -> bool:
        """Nothing has happened since then: will no further look alarm, until something does?"""
        if not self.seen or self.seen[-1].t_s < since_s:
            return False
        failed = self.seen[-1].gauge.failed - self.seen[0].gauge.failed
        return failed < self.alarm.failed and all(
            jobs < self.alarm.jobs for jobs in self.seen[-1].waiting
        )

    def stood(self, times: Sequence[float]) -> int:
        """Looks at these times are taken to have seen what the latest saw: as `add`."""
        latest, refused = self.seen[-1], 0
        span = round(self.alarm.window / self.alarm.look) + 2  # looks, before which it forgets all
        for t_s in times[-span:]:
            refused = self.add(latest._replace(t_s=t_s))
        return refused

    def forget(self) -> None:
        """Something was done: count anew from the next look."""
        self.seen.clear()


# ---- CPU ----
def running(cluster: Cluster, service: str) -> list[Container]:
    """Replicas that run, and that nobody retires."""
    return [c for c in cluster.of(service, "running") if c.alive and not c.deleting]


class Usage:
    """CPU in use, per container: from one look to the next (`docker stats`, a dashboard)."""

    LEAST_S = 5.0  # looks that follow sooner show the same

    def __init__(self) -> None:
        self.at_s = 0.0
        self.busy_s: dict[int, float] = {}
        self.cores: dict[int, float] = {}

    def look(self, cluster: Cluster) -> None:
        now = cluster.clock.now
        if now - self.at_s < self.LEAST_S:
            return
        alive = [c for c in cluster.containers if c.alive]
        spent = {c.id: cluster.gauge_of(c).busy_s for c in alive}
        for c in alive:
            since_s = max(self.at_s, c.started_s)
            used = max(0.0, spent[c.id] - self.busy_s.get(c.id, 0.0))
            self.cores[c.id] = used / (now - since_s) if now > since_s else 0.0
        self.busy_s, self.at_s = spent, now

    def of(self, containers: Sequence[Container]) -> float:
        """Cores."""
        return added(self.cores.get(c.id, 0.0) for c in containers)

    def is_full(self, cluster: Cluster, server: Server) -> bool:
        return self.of(cluster.on(server)) >= HOT.value * server.cores

    def is_hot(self, cluster: Cluster, service: str) -> bool:
        """Do its replicas use all the CPU that they can?"""
        replicas = running(cluster, service)
        return bool(replicas) and self.of(replicas) >= HOT.value * reach(cluster, service)


def reach(cluster: Cluster, service: str) -> float:
    """Cores that its replicas can use at most, each on its server."""
    limited = cluster.choices.resource_limits is not None
    most = cpu_limit(cluster.service(service).cpu, limited)
    return added(min(most, c.server.cores) for c in running(cluster, service))
