"""The queue on disk, and at its replica: what a crash of it, or a promotion, brings back.

What a crash loses is what was not at the last durable point: everything (no persistence), the
changes since the last completed save (RDB: save points need count and age), the last second on a
dead host (AOF everysec; a dead process loses nothing), nothing (AOF always). It is lost at once,
or, where the queue has a replica, when the queue is back: until then the replica may take its
place, which lacks what it had not been sent (Redis' replication is asynchronous): what was pushed
since is lost, what was taken since is there.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import COPY_BASE, GIVEN_AWAY, RDB_SAVE_POINTS, JobLoss, Persistence
from sim.dataplane.reference.work import Job

if TYPE_CHECKING:
    from sim.dataplane.reference.jobs import JobQueue

RESTORABLE = (Persistence.RDB, Persistence.AOF_EVERYSEC)  # a crash may bring back what was taken


# ---- durable points ----
def persistence(queue: JobQueue) -> Persistence:
    assert queue.redis is not None
    return queue.redis.profile.persistence


def save(queue: JobQueue, at_s: float) -> None:
    queue.saved_s, queue.saved_sequence, queue.changes = at_s, queue.sequence, 0
    queue.taken.clear()


def save_due(queue: JobQueue) -> None:
    """Move the durable point to the last save before now; the list has not changed since."""
    now, kind = queue.env.now, persistence(queue)
    if kind == Persistence.AOF_EVERYSEC and math.floor(now) > queue.saved_s:
        save(queue, float(math.floor(now)))
    elif kind == Persistence.RDB:
        due = INFINITY
        for age, count in RDB_SAVE_POINTS:
            if queue.changes >= count and queue.saved_s + age < due:
                due = queue.saved_s + age
        if due <= now:
            save(queue, due)


def changed(queue: JobQueue) -> None:
    """One write command. A save point met by its count saves now (redis.conf `save`)."""
    if persistence(queue) == Persistence.RDB:
        queue.changes += 1
        save_due(queue)


def remember(queue: JobQueue, job: Job) -> None:
    """It is taken: what its disk, or its replica, does not know of yet. A later try has another
    place in the list."""
    assert queue.redis is not None
    if job.sequence < queue.saved_sequence and persistence(queue) in RESTORABLE:
        queue.taken.append((job, job.sequence))
    now, unsent_s = queue.env.now, queue.redis.profile.unsent_s
    if unsent_s > 0.0:
        while queue.unsent and queue.unsent[0][2] < now - unsent_s:
            queue.unsent.popleft()
        queue.unsent.append((job, job.sequence, now))


# ---- its death ----
def crashed(queue: JobQueue, host: bool) -> None:
    """The process (or its host) died: what its disk brings back of those that were taken since its
    last save is there from now. Where a replica may know more, what is lost is open until one of
    both is the queue."""
    queue.cut_off()
    save_due(queue)
    kind, first = persistence(queue), queue.plane.copies_made
    if kind == Persistence.AOF_ALWAYS or (kind == Persistence.AOF_EVERYSEC and not host):
        return
    queue.fallen = kind
    again = [restored(queue, *taken) for taken in queue.taken]
    queue.from_disk = range(first, queue.plane.copies_made)
    queue.entries = deque(sorted([*again, *queue.entries], key=lambda job: job.sequence))
    queue.taken = []
    queue.recount()
    if not followed(queue):
        recover(queue)


def followed(queue: JobQueue) -> bool:
    """Has it a replica?"""
    return queue.redis is not None and queue.redis.profile.unsent_s > 0.0


def recover(queue: JobQueue) -> None:
    """It has what is on its disk, and nothing else."""
    kind, queue.fallen, queue.from_disk = queue.fallen, None, range(0)
    if kind is None:
        return
    saved = queue.saved_sequence if kind != Persistence.NONE else 0
    for job in queue.entries:
        if job.sequence >= saved:
            queue.lose(job, JobLoss.REDIS_WIPED)
    queue.entries = deque(job for job in queue.entries if job.sequence < saved)
    if kind != Persistence.AOF_EVERYSEC:
        for job in queue.parked.values():
            queue.lose(job, JobLoss.REDIS_WIPED)
        queue.parked.clear()
        queue.epoch += 1
    queue.recount()
    queue.peak()
    queue.saved_s, queue.changes = queue.env.now, 0


def wiped(queue: JobQueue) -> None:
    """Its disk went, and no save can bring back what waited there; a replica may."""
    queue.fallen = Persistence.NONE
    if not followed(queue):
        recover(queue)
        save(queue, queue.env.now)


def promoted(queue: JobQueue, since_s: float) -> None:
    """Its replica has all that it did up to then, and nothing of what came later."""
    for job, sequence, taken_s in queue.unsent:
        if taken_s <= since_s:
            continue
        waits = job.pushed_s > since_s
        for entry in job.fate.entries:
            if entry.container is not None:
                entry.epoch = GIVEN_AWAY  # the replica does not know who has it
            elif entry.id - COPY_BASE not in queue.from_disk:
                waits = True
        if not waits:
            queue.put_in_place(restored(queue, job, sequence))
    queue.unsent.clear()

    def unknown(job: Job) -> bool:
        return job.pushed_s > since_s or job.id - COPY_BASE in queue.from_disk

    for job in [job for job in queue.waiting() if unknown(job)]:
        queue.lose(job, JobLoss.NOT_REPLICATED)
    queue.entries = deque(job for job in queue.entries if not unknown(job))
    queue.parked = {ident: job for ident, job in queue.parked.items() if not unknown(job)}
    queue.fallen, queue.from_disk = None, range(0)
    queue.recount()
    queue.peak()


def restored(queue: JobQueue, job: Job, sequence: int) -> Job:
    """The entry that an old save, or the replica, still holds in its old place of a job taken
    since."""
    again = queue.another(job)
    again.copy, again.sequence = True, sequence
    return again
