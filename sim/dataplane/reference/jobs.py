"""Queues of jobs, each a Redis of its own, and the workers that take from them.

What a crash loses is what was not at the last durable point: everything (no persistence), the
changes since the last completed save (RDB: save points need count and age), the last second on a
dead host (AOF everysec; a dead process loses nothing), nothing (AOF always). A job that comes back
after it had been taken has two entries: the first that is finished is the job, the other a
duplicate; it is lost when its last entry is (shared facts, dataplane 2).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import (
    COPY_BASE,
    GIVEN_AWAY,
    JOB_BASE,
    PUSHED_BASE,
    RDB_SAVE_POINTS,
    REAPER_RETRY_S,
    SCHEDULED,
    SILENT,
    Due,
    JobLoss,
    Outcome,
    Persistence,
)
from sim.dataplane.profile import StoryStep
from sim.dataplane.reference.leases import connection_ended, free_places, lease_ended, taken
from sim.dataplane.reference.postgres import thaw
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt, Job, Work, reach
from sim.dataplane.story import salt
from sim.dataplane.tables import (
    DONE,
    DUPLICATED,
    ENQUEUED,
    FIRST_LOSS,
    JOB_COLUMNS,
    QueueGauge,
)

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane


class JobQueue:
    """One queue and its workers; `redis` is the container that plays it."""

    def __init__(self, plane: ReferencePlane) -> None:
        self.plane, self.env, self.recorder = plane, plane.env, plane.recorder
        self.redis: Instance | None = None
        self.entries: deque[Job] = deque()
        self.parked: dict[int, Job] = {}  # waiting for a retry or a redelivery
        self.sequence = self.epoch = self.backlog_peak = 0
        self.turn = 0  # among all workers
        self.idle = 0  # free slots of listening workers
        self.pushing = 0  # API calls that wait for a silent queue server
        self.copies_waiting = self.copies_working = self.scheduled = 0
        self.counts = [0] * JOB_COLUMNS
        # the last durable point: entries below its sequence were in the list
        self.saved_s, self.saved_sequence, self.changes = 0.0, 0, 0
        # taken since, but still in the saved list: with the place it has there
        self.taken: list[tuple[Job, int]] = []
        self.fallen: Persistence | None = None  # it crashed, and what it lost is not decided yet

    # ---- counting ----
    def queued(self) -> int:
        """Jobs that wait (copies are work, but no jobs)."""
        return len(self.entries) + len(self.parked) - self.copies_waiting

    def recount(self) -> None:
        self.copies_waiting = sum(job.copy for job in self.waiting())

    def count(self, column: int) -> None:
        self.counts[column] += 1
        self.recorder.job(column, self.env.now)

    def peak(self) -> None:
        self.backlog_peak = max(self.backlog_peak, self.queued())
        self.plane.backlog_peak = max(self.plane.backlog_peak, self.plane.jobs_queued())

    def workers(self) -> list[Instance]:
        return [worker for worker in self.plane.workers if worker.queue is self]

    def jobs_in_progress(self) -> int:
        held = sum(worker.held + len(worker.backlog) for worker in self.workers())
        return held - self.copies_working + self.pushing

    def gauge(self) -> QueueGauge:
        pushed, done, duplicated, *losses = self.counts
        now = self.env.now
        first_s = min((job.pushed_s for job in self.waiting() if not job.copy), default=now)
        return QueueGauge(
            pushed=pushed,
            done=done,
            duplicated=duplicated,
            lost=sum(losses),
            queued=self.queued(),
            in_progress=self.jobs_in_progress(),
            backlog_peak=self.backlog_peak,
            oldest_s=now - first_s,
            causes=tuple(losses),
        )

    def waiting(self) -> list[Job]:
        """All entries that wait, copies too."""
        return [*self.entries, *self.parked.values()]

    def up(self) -> bool:
        return reach(self.redis, None) == 0

    # ---- durable points ----
    def restorable(self) -> bool:
        """Can a crash bring back what was taken since the durable point?"""
        kinds = (Persistence.RDB, Persistence.AOF_EVERYSEC)
        return self.redis is not None and self.redis.profile.persistence in kinds

    def save(self, at_s: float) -> None:
        self.saved_s, self.saved_sequence, self.changes = at_s, self.sequence, 0
        self.taken.clear()

    def save_due(self) -> None:
        """Move the durable point to the last save before now; the list has not changed since."""
        assert self.redis is not None
        now, kind = self.env.now, self.redis.profile.persistence
        if kind == Persistence.AOF_EVERYSEC and math.floor(now) > self.saved_s:
            self.save(float(math.floor(now)))
        elif kind == Persistence.RDB:
            due = INFINITY
            for age, count in RDB_SAVE_POINTS:
                if self.changes >= count and self.saved_s + age < due:
                    due = self.saved_s + age
            if due <= now:
                self.save(due)

    def changed(self) -> None:
        """One write command. A save point met by its count saves now (redis.conf `save`)."""
        assert self.redis is not None
        if self.redis.profile.persistence == Persistence.RDB:
            self.changes += 1
            self.save_due()

    # ---- pushing ----
    def push(self, work: Work, step: StoryStep) -> Generator[simpy.Event, Any, int]:
        """It enqueues a job, if there is a queue; the outcome is the request's if it fails."""
        redis = self.redis
        if redis is None:
            return Outcome.SUCCEEDED
        assert work.container is not None
        self.count(ENQUEUED)
        if reach(redis, work.container) == SILENT:
            timeout = work.container.profile.push_timeout_s
            work.wake = self.env.event()
            work.timer_at = self.env.now + timeout
            DueTimer(self.env, timeout, Due.CHECKOUT, work.id, lambda _: self.push_timed_out(work))
            work.pushing = self
            self.pushing += 1
            yield work.wake  # -> push_failed
            self.push_lost(work)
            yield from thaw(work)
            return Outcome.HTTP_500
        if not redis.listening:
            self.count(FIRST_LOSS + JobLoss.REDIS_DOWN)
            return Outcome.HTTP_500
        if not self.make_room():
            self.count(FIRST_LOSS + JobLoss.QUEUE_FULL)
            return Outcome.HTTP_500
        if isinstance(work, Attempt) and work.asker is None and not step.name:
            self.add(JOB_BASE + work.id, JOB_BASE + work.id)
        else:
            self.add_next(draws.child(work.tried, salt(step)))
        return Outcome.SUCCEEDED

    def add(self, ident: int, visit: int) -> None:
        """A new job. The one that a user's attempt pushes in an unnamed step is named after it."""
        job = Job(ident, visit=visit, pushed_s=self.env.now)
        job.fate.entries.append(job)
        self.append(job)

    def add_next(self, visit: int) -> None:
        self.plane.pushes += 1
        self.add(PUSHED_BASE + self.plane.pushes, visit)

    def put(self, visit: int) -> None:
        """A job that no request waits to push: by the clock, or a dead letter."""
        if self.redis is None:
            return
        self.count(ENQUEUED)
        if not self.up():
            self.count(FIRST_LOSS + JobLoss.REDIS_DOWN)
        elif not self.make_room():
            self.count(FIRST_LOSS + JobLoss.QUEUE_FULL)
        else:
            self.add_next(visit)

    def enqueue(self, jobs: int) -> None:
        first, self.scheduled = self.scheduled, self.scheduled + jobs
        for number in range(first, first + jobs):
            self.put(draws.child(draws.stream(SCHEDULED), number))

    def push_lost(self, work: Work) -> None:
        work.pushing = None
        self.pushing -= 1
        self.count(FIRST_LOSS + JobLoss.REDIS_DOWN)

    def push_timed_out(self, work: Work) -> None:
        if work.timer_at == self.env.now and work.pushing is self:
            work.timer_at = INFINITY
            work.resume(Outcome.HTTP_500)

    def make_room(self) -> bool:
        """maxmemory: noeviction refuses the push; an evicting policy drops the list's only key."""
        assert self.redis is not None
        profile = self.redis.profile
        if not profile.queue_bytes:
            return True
        if (len(self.entries) + len(self.parked) + 1) * profile.job_bytes <= profile.queue_bytes:
            return True
        if not profile.evict or profile.job_bytes > profile.queue_bytes:
            return False  # nothing to evict, or not enough
        self.lose_all(JobLoss.EVICTED)
        return True

    def append(self, job: Job) -> None:
        self.save_due()
        job.sequence = self.sequence
        self.sequence += 1
        self.entries.append(job)
        self.changed()
        self.peak()
        self.hand_out()

    # ---- what becomes of a job ----
    def lose(self, job: Job, why: JobLoss) -> bool:
        """This entry is gone. The job is lost (True) with the last of them; until then another one
        (the first by id) stands for it."""
        job.park_at = INFINITY
        fate = job.fate
        fate.entries.remove(job)
        if job.copy:
            return False
        if fate.entries:
            self.stand_for(min(fate.entries, key=lambda entry: entry.id), True)
            return False
        fate.lost = True
        self.count(FIRST_LOSS + why)
        return True

    def lose_all(self, why: JobLoss) -> None:
        """Nothing is left of what waited."""
        for job in self.waiting():
            self.lose(job, why)
        self.entries.clear()
        self.parked.clear()
        self.recount()

    def give_up(self, job: Job, why: JobLoss) -> None:
        """It has failed, or stalled, too often: elsewhere it may begin anew as a dead letter."""
        lost = self.lose(job, why)
        self.peak()
        if lost and job.dead_letters >= 0:
            self.plane.queues[job.dead_letters].put(job.visit)

    def done(self, job: Job) -> None:
        """The first entry that is finished is the job. What was counted as lost and came back from
        an old save stays lost in the books, and is no duplicate either."""
        job.park_at = INFINITY
        fate = job.fate
        fate.entries.remove(job)
        if fate.done or not fate.lost:
            self.count(DUPLICATED if fate.done else DONE)
        fate.done = True
        for entry in fate.entries:
            if not entry.copy:
                self.stand_for(entry, False)

    def stand_for(self, entry: Job, stands: bool) -> None:
        """It stands for its job from now, or is a copy from now."""
        entry.copy = not stands
        by = -1 if stands else 1
        if entry.container is None:
            self.copies_waiting += by
        else:
            self.copies_working += by

    # ---- taking ----
    def hand_out(self) -> None:
        """Blocked pops are served in turn; last in its caller, since it starts a process."""
        while self.entries and self.idle and self.up():
            n = len(self.plane.workers)
            for i in range(n):
                worker = self.plane.workers[(self.turn + i) % n]
                if self.takes(worker) and free_places(worker) > 0:
                    self.turn = (self.turn + i + 1) % n
                    self.take(worker)
                    break
            else:
                return

    def take(self, worker: Instance) -> None:
        self.save_due()
        job = self.entries.popleft()
        if job.sequence < self.saved_sequence and self.restorable():
            self.taken.append((job, job.sequence))  # a later try has another
        self.changed()
        self.idle -= 1
        self.copies_waiting -= job.copy
        self.copies_working += job.copy
        job.begin_anew()
        job.container, job.epoch = worker, self.epoch
        job.dead_letters = worker.profile.dead_letters
        job.tried = draws.child(job.visit, job.tries) if job.tries else job.visit
        taken(self, job, worker)

    def finished(self, job: Job, worker: Instance, well: bool) -> None:
        """Acknowledged, or failed: again after a back-off, as often as the library allows."""
        if self.takes(worker):
            self.idle += 1
        if worker.backlog:
            worker.move_up()
        self.copies_working -= job.copy
        if well:
            self.done(job)
        elif job.epoch == GIVEN_AWAY:
            self.give_up(job, JobLoss.STALLED if job.given_up else JobLoss.ATTEMPTS_EXHAUSTED)
        elif job.tries + 1 < worker.profile.job_attempts:
            wait = worker.profile.job_backoff_s * 2.0**job.tries
            job.tries += 1
            job.keeps_place = False
            self.park(job, wait)
        else:
            self.give_up(job, JobLoss.ATTEMPTS_EXHAUSTED)
        self.hand_out()

    def park(self, job: Job, wait_s: float) -> None:
        job.container = None
        self.parked[job.id] = job
        self.copies_waiting += job.copy
        self.peak()
        self.due_back(job, wait_s)

    def due_back(self, job: Job, wait_s: float) -> None:
        def is_due(_: int) -> None:
            if job.park_at != self.env.now:
                return  # lost, finished or heard of since
            if job.container is None:
                self.returned(job)
            else:
                lease_ended(self, job)

        job.park_at = self.env.now + wait_s
        if wait_s < INFINITY:
            DueTimer(self.env, wait_s, Due.JOB_BACK, job.id, is_due)

    def returned(self, job: Job) -> None:
        if not self.up():
            self.due_back(job, REAPER_RETRY_S)
            return
        del self.parked[job.id]
        self.back(job)
        self.hand_out()

    def back(self, job: Job) -> None:
        """To the queue again, unless it stalled too often; call `hand_out` afterwards."""
        job.park_at = INFINITY
        if job.given_up:
            self.copies_waiting -= job.copy
            self.give_up(job, JobLoss.STALLED)
        elif job.keeps_place:
            self.put_in_place(job)
            self.peak()
        else:
            self.append(job)

    def put_in_place(self, job: Job) -> None:
        """To where it was before it was delivered."""
        job.container, job.park_at = None, INFINITY
        at = 0
        while at < len(self.entries) and self.entries[at].sequence <= job.sequence:
            at += 1
        self.entries.insert(at, job)

    # ---- workers come and go ----
    def worker_up(self, worker: Instance) -> None:
        self.idle += free_places(worker)
        self.hand_out()

    def worker_down(self, worker: Instance) -> None:
        """It takes no more (drained or dead); call while it still counts as listening."""
        if self.takes(worker):
            self.idle -= free_places(worker)

    def takes(self, worker: Instance) -> bool:
        return worker.queue is self and worker.listening and not worker.stuck and not worker.away

    def cut_off(self) -> None:
        """The queue is gone: the blocking pop of a client that does not reconnect never ends."""
        for worker in self.workers():
            if worker.profile.by_connection:
                connection_ended(self, worker)
            if not worker.profile.reconnects:
                self.worker_down(worker)
                worker.stuck = True

    # ---- the queue's own death ----
    def crashed(self, host: bool) -> None:
        """The process (or its host) died. What becomes of its jobs is open until it is back; what
        its disk would bring back of those that were taken since its last save is there from now."""
        assert self.redis is not None
        self.cut_off()
        self.save_due()
        kind = self.redis.profile.persistence
        if kind == Persistence.AOF_ALWAYS or (kind == Persistence.AOF_EVERYSEC and not host):
            return
        self.fallen = kind
        again = [self.restored(*taken) for taken in self.taken]
        self.entries = deque(sorted([*again, *self.entries], key=lambda job: job.sequence))
        self.taken = []
        self.recount()

    def recover(self) -> None:
        """It starts with what is on its disk."""
        kind, self.fallen = self.fallen, None
        if kind is None:
            return
        saved = self.saved_sequence if kind != Persistence.NONE else 0
        for job in self.entries:
            if job.sequence >= saved:
                self.lose(job, JobLoss.REDIS_WIPED)
        self.entries = deque(job for job in self.entries if job.sequence < saved)
        if kind != Persistence.AOF_EVERYSEC:
            for job in self.parked.values():
                self.lose(job, JobLoss.REDIS_WIPED)
            self.parked.clear()
            self.epoch += 1
        self.recount()
        self.peak()
        self.saved_s, self.changes = self.env.now, 0

    def wiped(self) -> None:
        """Its disk went, and no save can bring back what waited there."""
        self.lose_all(JobLoss.REDIS_WIPED)
        self.taken, self.fallen = [], None
        self.epoch += 1
        self.peak()
        self.save(self.env.now)

    def restored(self, job: Job, sequence: int) -> Job:
        """The entry that an old save still holds, in its old place, of a job taken since."""
        again = self.another(job)
        again.copy, again.sequence = True, sequence
        return again

    def another(self, job: Job) -> Job:
        """One more entry of the same job."""
        ident = COPY_BASE + self.plane.copies_made
        again = Job(ident, visit=ident, fate=job.fate, pushed_s=job.pushed_s)
        self.plane.copies_made += 1
        job.fate.entries.append(again)
        return again
