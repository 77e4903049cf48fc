"""Queues of jobs, each a Redis of its own, and the workers that take from them.

A job that comes back after it had been taken has two entries: the first that is finished is the
job, the other a duplicate; it is lost when its last entry is (shared facts, dataplane 2).
"""

from __future__ import annotations

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
    REAPER_RETRY_S,
    SCHEDULED,
    SILENT,
    Due,
    JobLoss,
    Life,
    Outcome,
    Persistence,
)
from sim.dataplane.profile import StoryStep
from sim.dataplane.reference.durable import changed, remember, save_due
from sim.dataplane.reference.leases import (
    connection_ended,
    free_places,
    lease_ended,
    leased,
    stalled,
    taken,
)
from sim.dataplane.reference.postgres import thaw
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Attempt, Fate, Job, Work, reach
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
        self.played = False  # ... some time; else nobody can push into it
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
        self.unsent: deque[tuple[Job, int, float]] = deque()  # ... that a replica may still hold
        # another one that these segments take for it, whose primary it was
        self.parted: tuple[JobQueue, frozenset[int]] = (self, frozenset())
        self.fallen: Persistence | None = None  # it crashed, and what it lost is not decided yet
        self.from_disk = range(0)  # ... numbers of the copies that its disk would bring back

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
        return reach(self.redis, None) == 0 and not (self.redis and self.redis.profile.read_only)

    # ---- pushing ----
    def seen_from(self, asker: Instance) -> JobQueue:
        other, segments = self.parted
        return other if asker.server.segment in segments else self

    @property
    def process(self) -> Instance | None:
        return self.redis

    def patience(self, asker: Instance, step: StoryStep) -> float:
        return asker.profile.push_timeout_s

    def unheard(self, step: StoryStep) -> int:
        return Outcome.HTTP_500

    def serve(
        self, work: Work, step: StoryStep, lost: bool = False
    ) -> Generator[simpy.Event, Any, int]:
        """It enqueues a job, if there is a queue; the outcome is the request's if it fails.
        `lost`: on the way."""
        redis = self.redis
        if not self.played:
            return Outcome.SUCCEEDED
        assert work.container is not None
        self.count(ENQUEUED)
        if lost or reach(redis, work.container) == SILENT:
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
        if redis is None or not redis.listening or redis.profile.read_only:
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
        if not self.played:
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
        save_due(self)
        job.sequence = self.sequence
        self.sequence += 1
        self.entries.append(job)
        changed(self)
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

    def withdraw(self, fate: Fate) -> None:
        """What waits of a job that is done is deleted, as if somebody had taken it."""
        waiting = [job for job in fate.entries if job in self.entries]
        for job in sorted(waiting, key=lambda job: job.id):
            save_due(self)
            self.entries.remove(job)
            fate.entries.remove(job)
            remember(self, job)
            changed(self)
            self.copies_waiting -= job.copy

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
        save_due(self)
        job = self.entries.popleft()
        remember(self, job)
        changed(self)
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
            if job.epoch == GIVEN_AWAY and worker.profile.late_deletes and self.up():
                self.withdraw(job.fate)
        elif job.epoch == GIVEN_AWAY:
            self.give_up(job, JobLoss.STALLED if job.given_up else JobLoss.ATTEMPTS_EXHAUSTED)
        elif not worker.profile.failures_told and leased(self, job, worker.profile):
            stalled(job, worker.profile)
            job.tries += 1
            job.keeps_place = False
            self.park(job, max(0.0, job.until - self.env.now))
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

    def play(self, redis: Instance) -> None:
        """A process begins, or goes on, as this queue, and is no other any more."""
        for left in self.plane.queues:
            if left is not self and left.redis is redis:
                left.leave()
                left.redis = None
        if self.redis is not redis:
            self.leave()
            self.redis, self.played = redis, True

    def leave(self) -> None:
        """Connections to a process that lives and plays it no more end."""
        if self.redis is not None and self.redis.life != Life.EXITED:
            self.cut_off()

    def cut_off(self) -> None:
        """The queue is gone: the blocking pop of a client that does not reconnect never ends."""
        for worker in self.workers():
            if worker.profile.by_connection:
                connection_ended(self, worker)
            if not worker.profile.reconnects:
                self.worker_down(worker)
                worker.stuck = True

    def another(self, job: Job) -> Job:
        """One more entry of the same job."""
        ident = COPY_BASE + self.plane.copies_made
        again = Job(ident, visit=ident, fate=job.fate, pushed_s=job.pushed_s)
        self.plane.copies_made += 1
        job.fate.entries.append(again)
        return again
