"""The verbs of disks: what is full, deleted, lost, restored, or not where its process is.

A database's rows since its newest backup are lost with its disk; how old that is depends on the
seed alone. Nobody has a backup of a queue.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.control.core.containers import Containers
from sim.control.core.records import Change, Container, Server, Volume
from sim.dataplane import draws
from sim.results.run import LostRows


@dataclass
class Disks(Containers):
    """The world, with the verbs of its containers and of their disks."""

    def fill(self, service: str, full: bool) -> None:
        """No space is left on its disk: its process ends; or there is room again."""
        self.volumes[service].full = full
        for c in self.of(service) if full else []:
            self.exit(c, 1, "could not write to its disk: no space left on device")

    def erase(self, service: str) -> None:
        """All that its disk had is deleted: its process ends, and finds nothing to start with."""
        for c in self.of(service):
            self.exit(c, 1, "found its files gone")
        self._lose(self.volumes[service], "deleted")

    def restore(self, service: str, server: Server) -> None:
        """This server has its disk from now: a database's with the rows of the newest backup, a
        queue's empty. What the old one held is given up, if it was not lost."""
        volume, role = self.volumes[service], self.service(service).role
        if not volume.lost:
            self._lose(volume)
        volume.server, volume.lost = server, False
        rows = self.count.lost_rows
        lost = next((i for i, row in enumerate(rows) if row.restored_s is None), None)
        if role == "postgres" and lost is not None:
            rows[lost] = rows[lost]._replace(restored_s=self.clock.now)
            self.say("restored", service, f"{service} has the rows of its newest backup")
        if not volume.pinned:
            self.pin(service)
        self.tell(Change("restored", server=server, service=service))

    def begin_anew(self, service: str, server: Server) -> None:
        """A queue is started where its disk is not: it has an empty one there from now."""
        volume = self.volumes[service]
        if not volume.lost:
            self._lose(volume, f"left on {volume.server.name}")
        volume.server, volume.lost = server, False

    def pin(self, service: str) -> None:
        """What has begun elsewhere is held to the server of its disk from now, and goes there."""
        volume = self.volumes[service]
        volume.pinned = True
        for c in self.of(service):
            if c.server is not volume.server and not c.deleting:
                self.retire(c)

    def _lose(self, volume: Volume, how: str = "") -> None:
        """Nothing of it is left: rows since the newest backup are lost, and jobs that waited."""
        name, service = volume.service, self.service(volume.service)
        volume.lost = True
        text = f"the disk of {name} is {how or f'lost with {volume.server.name}'}"
        if service.role != "postgres":
            self.plane.wipe(self.plays.get(name, self.stack.number(name)))
            if service.persistence == "none":
                return
        else:
            primary = service.follows.primary if service.follows else name
            if name != self.primary_of(primary) or self.standby(primary):
                text += ": another database has its rows"
            else:
                now, every = self.clock.now, service.backup.every
                age = (now + draws.u(self.seed, draws.stream(f"backup/{name}"), 0) * every) % every
                self.count.lost_rows.append(self._written(primary, now - age, now))
                text += f": its newest backup is {age / 3600.0:.1f} h old"
        self.say("disk_lost", name, text)

    def _written(self, database: str, since_s: float, until_s: float) -> LostRows:
        """What its clients have written there meanwhile."""
        writers = {self.service(name).role for name in self.stack.clients(database)}
        return LostRows(since_s, until_s, "http" in writers, "worker" in writers)

    def lag(self, database: str, since_s: float, until_s: float) -> None:
        """What the replica lacked when it was promoted is lost; of a queue jobs, others of which it
        had not heard that they were taken."""
        if self.service(database).role == "redis":
            self.plane.promote(self.stack.number(database), since_s)
            return
        lost = self._written(database, since_s, until_s)
        self.count.lost_rows.append(lost._replace(lag=True, restored_s=self.clock.now))

    def strand(self, database: str) -> None:
        """Another process is to play it, and nobody tells those who are connected to this one."""
        self.plane.strand(self.stack.number(database))

    def part(self, queue: str, old: Container, segments: list[int]) -> None:
        """Another process is its primary, and who pushes from these segments does not know: two
        take jobs at once."""
        self.parted[queue] = number = self.plays[old.service]
        self.reread(old)
        self.plane.part(self.stack.number(queue), number, segments)

    def unite(self, queue: str) -> None:
        """Its old primary is a replica at last; what that has taken since nobody else has."""
        number = self.parted.pop(queue)
        self.plane.part(self.stack.number(queue), number, [])
        self.plane.promote(number, -1.0)
