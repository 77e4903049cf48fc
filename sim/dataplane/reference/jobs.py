"""Redis as a job queue, and the workers that take from it.

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

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import (
    COPY_BASE,
    JOB_BASE,
    RDB_SAVE_POINTS,
    REAPER_RETRY_S,
    Due,
    JobLoss,
    Outcome,
    Persistence,
)
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt, Job
from sim.dataplane.tables import DONE, DUPLICATED, ENQUEUED

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane


class Jobs:
    """The queue and its workers; `redis` is the container that plays it."""

    def __init__(self, plane: ReferencePlane) -> None:
        self.plane, self.env, self.recorder = plane, plane.env, plane.recorder
        self.redis: Instance | None = None
        self.entries: deque[Job] = deque()
        self.parked: dict[int, Job] = {}  # waiting for a retry or a redelivery
        self.sequence = 0
        self.epoch = 0
        self.backlog_peak = 0
        self.workers: list[Instance] = []
        self.turn = 0
        self.idle = 0  # free slots of listening workers
        self.pushing = 0  # API calls that wait for a silent queue server
        self.copies_made = self.copies_waiting = self.copies_working = 0
        # the last durable point
        self.saved_s = 0.0
        self.saved_sequence = 0  # entries below it were in the list
        self.changes = 0
        self.taken: list[Job] = []  # taken since, but still in the saved list

    # ---- counting ----
    def queued(self) -> int:
        """Jobs that wait (copies are work, but no jobs)."""
        return len(self.entries) + len(self.parked) - self.copies_waiting

    def recount(self) -> None:
        self.copies_waiting = sum(job.copy for job in (*self.entries, *self.parked.values()))

    def peak(self) -> None:
        self.backlog_peak = max(self.backlog_peak, self.queued())

    def up(self) -> bool:
        redis = self.redis
        return redis is not None and redis.listening and redis.server.alive and not redis.hung

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
    def push(self, work: Attempt) -> Generator[simpy.Event, Any, int]:
        """An API call enqueues a job; the outcome is the request's if it fails."""
        redis = self.redis
        assert redis is not None
        assert work.container is not None
        self.recorder.job(ENQUEUED, self.env.now)
        if not redis.server.alive or redis.hung:
            timeout = work.container.profile.push_timeout_s
            work.wake = self.env.event()
            work.timer_at = self.env.now + timeout
            DueTimer(self.env, timeout, Due.CHECKOUT, work.id, lambda _: self.push_timed_out(work))
            work.pushing = True
            self.pushing += 1
            yield work.wake  # -> push_failed
            self.push_lost(work)
            yield from self.plane.postgres.thaw(work)
            return Outcome.HTTP_500
        if not redis.listening:
            self.recorder.lost(JobLoss.REDIS_DOWN, self.env.now)
            return Outcome.HTTP_500
        if not self.make_room():
            self.recorder.lost(JobLoss.QUEUE_FULL, self.env.now)
            return Outcome.HTTP_500
        job = Job(JOB_BASE + work.id)
        job.fate.entries.append(job)
        self.append(job)
        return Outcome.SUCCEEDED

    def push_lost(self, work: Attempt) -> None:
        work.pushing = False
        self.pushing -= 1
        self.recorder.lost(JobLoss.REDIS_DOWN, self.env.now)

    def push_timed_out(self, work: Attempt) -> None:
        if work.timer_at == self.env.now and work.pushing:
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
        if not profile.evict:
            return False
        for job in [*self.entries, *self.parked.values()]:
            self.lose(job, JobLoss.EVICTED)
        self.entries.clear()
        self.parked.clear()
        self.recount()
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
    def lose(self, job: Job, why: JobLoss) -> None:
        """This entry is gone. The job is lost with the last of them; until then another one (the
        first by id) stands for it."""
        job.park_at = INFINITY
        fate = job.fate
        fate.entries.remove(job)
        if job.copy:
            return
        if fate.entries:
            self.stand_for(min(fate.entries, key=lambda entry: entry.id), True)
        else:
            fate.lost = True
            self.recorder.lost(why, self.env.now)

    def done(self, job: Job) -> None:
        """The first entry that is finished is the job. What was counted as lost and came back from
        an old save stays lost in the books, and is no duplicate either."""
        fate = job.fate
        fate.entries.remove(job)
        if fate.done or not fate.lost:
            self.recorder.job(DUPLICATED if fate.done else DONE, self.env.now)
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
            n = len(self.workers)
            for i in range(n):
                worker = self.workers[(self.turn + i) % n]
                if worker.listening and worker.held < worker.profile.slots:
                    self.turn = (self.turn + i + 1) % n
                    self.take(worker)
                    break
            else:
                return

    def take(self, worker: Instance) -> None:
        self.save_due()
        job = self.entries.popleft()
        if job.sequence < self.saved_sequence and self.restorable():
            self.taken.append(job)
        self.changed()
        self.idle -= 1
        self.copies_waiting -= job.copy
        self.copies_working += job.copy
        job.container, job.epoch = worker, self.epoch
        worker.inside[job.id] = job
        worker.held += 1
        worker.grow(worker.profile.memory_per_request)
        self.env.process(worker.work_job(job))

    def finished(self, job: Job, worker: Instance, well: bool) -> None:
        """Acknowledged, or failed: again after a back-off, as often as the library allows."""
        if worker.listening:
            self.idle += 1
        self.copies_working -= job.copy
        if well:
            self.done(job)
        elif job.tries + 1 < worker.profile.job_attempts:
            wait = worker.profile.job_backoff_s * 2.0**job.tries
            job.tries += 1
            self.park(job, wait)
        else:
            self.lose(job, JobLoss.ATTEMPTS_EXHAUSTED)
            self.peak()
        self.hand_out()

    def orphaned(self, job: Job, worker: Instance) -> None:
        """Its worker died: redelivered after a while, or lost with a plain pop. Who looks for
        stalled jobs counts how often, and gives up (Bull, moveStalledJobsToWait)."""
        self.copies_working -= job.copy
        if worker.profile.reliable and job.epoch == self.epoch:
            job.stalls += 1
            job.given_up = job.stalls > worker.profile.max_stalled
            self.park(job, worker.profile.redelivery_s)
        else:
            self.lose(job, JobLoss.WORKER_KILLED)
            self.peak()

    def park(self, job: Job, wait_s: float) -> None:
        job.container = None
        job.park_at = self.env.now + wait_s
        self.parked[job.id] = job
        self.copies_waiting += job.copy
        self.peak()
        DueTimer(self.env, wait_s, Due.JOB_BACK, job.id, lambda _: self.returned(job))

    def returned(self, job: Job) -> None:
        if job.park_at != self.env.now:
            return  # lost since
        if not self.up():
            job.park_at = self.env.now + REAPER_RETRY_S
            DueTimer(self.env, REAPER_RETRY_S, Due.JOB_BACK, job.id, lambda _: self.returned(job))
            return
        job.park_at = INFINITY
        del self.parked[job.id]
        if job.given_up:
            self.copies_waiting -= job.copy
            self.lose(job, JobLoss.STALLED)
            self.peak()
        else:
            self.append(job)

    # ---- workers come and go ----
    def worker_up(self, worker: Instance) -> None:
        self.idle += worker.profile.slots - worker.held
        self.hand_out()

    def worker_down(self, worker: Instance) -> None:
        """It takes no more (drained or dead); call while it still counts as listening."""
        if worker.listening:
            self.idle -= worker.profile.slots - worker.held

    # ---- the queue's own death ----
    def crashed(self, host: bool) -> None:
        """The process (or its host) died: keep what is on disk."""
        assert self.redis is not None
        self.save_due()
        kind = self.redis.profile.persistence
        if kind == Persistence.AOF_ALWAYS or (kind == Persistence.AOF_EVERYSEC and not host):
            return
        saved = self.saved_sequence if kind != Persistence.NONE else 0
        again = [] if kind == Persistence.NONE else [self.restored(job) for job in self.taken]
        kept = [job for job in self.entries if job.sequence < saved]
        for job in self.entries:
            if job.sequence >= saved:
                self.lose(job, JobLoss.REDIS_WIPED)
        if kind != Persistence.AOF_EVERYSEC:
            for job in self.parked.values():
                self.lose(job, JobLoss.REDIS_WIPED)
            self.parked.clear()
            self.epoch += 1
        self.entries = deque(sorted([*again, *kept], key=lambda job: job.sequence))
        self.taken = []
        self.recount()
        self.peak()
        self.saved_s, self.changes = self.env.now, 0

    def wiped(self) -> None:
        """Its disk went: nothing is left of what waited there, and no save to bring it back."""
        for job in (*self.entries, *self.parked.values()):
            self.lose(job, JobLoss.REDIS_WIPED)
        self.entries.clear()
        self.parked.clear()
        self.taken = []
        self.epoch += 1
        self.recount()
        self.peak()
        self.save(self.env.now)

    def restored(self, job: Job) -> Job:
        """The entry that an old save still holds of a job that was taken since."""
        again = Job(COPY_BASE + self.copies_made, copy=True, fate=job.fate, sequence=job.sequence)
        self.copies_made += 1
        job.fate.entries.append(again)
        return again
