"""What workers hold of a queue, and how it comes back: their deaths, their silence, their time.

Who looks for stalled jobs gives out again what a silent (or dead) worker holds, to the end of the
queue (Bull, SQS, Celery on Redis). A broker that holds connections (AMQP 0-9-1) takes back all that
was delivered over one and is not acknowledged as soon as it ends, to its old place; what a worker
has not begun is forgotten by it, and what it has begun it finishes, as a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.dataplane.arithmetic import INFINITY, next_look
from sim.dataplane.codes import GIVEN_AWAY, REAPER_RETRY_S, JobLoss, Life
from sim.dataplane.reference.work import Job

if TYPE_CHECKING:
    from sim.dataplane.profile import Profile
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.jobs import JobQueue


def free_places(worker: Instance) -> int:
    """So many more jobs it takes, begun at once or not."""
    return worker.profile.slots + worker.profile.prefetch - worker.held - len(worker.backlog)


def jobs_of(worker: Instance) -> Iterator[Job]:
    """What it has, in order of delivery."""
    for work in (*worker.inside.values(), *worker.backlog):
        if isinstance(work, Job):
            yield work


def leased(queue: JobQueue, job: Job, rules: Profile) -> bool:
    """Does the queue still count it as delivered? A plain worker acknowledges what it begins."""
    return (rules.reliable or not job.begun) and job.epoch == queue.epoch


def due(queue: JobQueue, rules: Profile, seconds: float) -> float:
    """When somebody finds that a time which runs from now is over."""
    if seconds == INFINITY:
        return INFINITY
    return next_look(queue.env.now + seconds, rules.redelivery_look_s)


def taken(queue: JobQueue, job: Job, worker: Instance) -> None:
    """Delivered: begun at once, or when a place inside is free."""
    rules, now = worker.profile, queue.env.now
    job.begun = worker.held < rules.slots
    job.until = due(queue, rules, rules.acknowledge_s)
    if leased(queue, job, rules):
        silence = due(queue, rules, rules.redelivery_s) if worker.hung else INFINITY
        queue.due_back(job, min(silence, job.until) - now)
    if job.begun:
        worker.enter(job)
    else:
        worker.backlog.append(job)


def stalled(job: Job, rules: Profile) -> None:
    """It was begun, and whoever had it acknowledges nothing: once more, or once too often."""
    job.stalls += 1
    job.given_up = job.stalls > rules.max_stalled


def orphaned(queue: JobQueue, job: Job, worker: Instance, silently: bool) -> None:
    """Its worker died, or takes leave. Who looks for stalled jobs counts how often they were begun,
    and gives up (Bull, moveStalledJobsToWait; the delivery limit of quorum queues)."""
    queue.copies_working -= job.copy
    rules = worker.profile
    if not leased(queue, job, rules):
        queue.lose(job, JobLoss.STALLED if job.given_up else JobLoss.WORKER_KILLED)
        queue.peak()
        return
    if job.begun:
        stalled(job, rules)
    at_once = not silently if rules.by_connection else worker.life == Life.DRAINING and queue.up()
    job.keeps_place = rules.by_connection
    if at_once:
        queue.copies_waiting += job.copy
        queue.back(job)
    else:
        back = min(due(queue, rules, rules.redelivery_s), job.until)
        queue.park(job, max(0.0, back - queue.env.now))


def lease_ended(queue: JobQueue, job: Job) -> None:
    """Its worker is silent, or has had it too long: it may be done twice, by the next one too."""
    worker = job.container
    assert worker is not None
    if not leased(queue, job, worker.profile):
        return  # acknowledged, or the list of what was taken went with the queue
    if not queue.up():
        queue.due_back(job, REAPER_RETRY_S)
        return
    if worker.profile.by_connection:
        connection_ended(queue, worker)
        queue.hand_out()
    elif (again := given_away(queue, job, worker.profile)) is not None:
        queue.append(again)


def given_away(queue: JobQueue, job: Job, rules: Profile) -> Job | None:
    """From now the entry in hand is a copy; what becomes of it is no news to the queue. The entry
    that stands for it, unless it stalled too often."""
    job.park_at, job.epoch = INFINITY, GIVEN_AWAY
    stalled(job, rules)
    if job.given_up:
        return None
    again = queue.another(job)
    again.tries, again.stalls, again.copy = job.tries, job.stalls, job.copy
    again.sequence = job.sequence
    if job.copy:
        queue.copies_waiting += 1
    else:
        queue.stand_for(job, False)
    return again


def connection_ended(queue: JobQueue, worker: Instance) -> None:
    """What it was sent and has not acknowledged goes back; call `hand_out` afterwards. Who hangs,
    or is cut off, opens no other one until it is heard of again."""
    if worker.hung or worker.away:
        queue.worker_down(worker)
        worker.stuck = True
    for job in list(jobs_of(worker)):
        if not job.begun:
            worker.backlog.remove(job)
            queue.idle += queue.takes(worker)
            queue.copies_working -= job.copy
            if leased(queue, job, worker.profile):
                queue.copies_waiting += job.copy
                queue.put_in_place(job)
            else:
                queue.lose(job, JobLoss.REDIS_WIPED)
        elif leased(queue, job, worker.profile):
            again = given_away(queue, job, worker.profile)
            if again is not None:
                queue.put_in_place(again)
    queue.peak()


def fell_silent(queue: JobQueue, worker: Instance) -> None:
    """It hangs: nobody renews the locks of what it holds, nor answers a heartbeat."""
    due_by(queue, worker, due(queue, worker.profile, worker.profile.redelivery_s))


def due_by(queue: JobQueue, worker: Instance, silence: float) -> None:
    """What it holds is given out again at that time, or before if its acknowledgement is due."""
    for job in jobs_of(worker):
        if leased(queue, job, worker.profile):
            queue.due_back(job, max(0.0, min(silence, job.until) - queue.env.now))


def heard_again(queue: JobQueue, worker: Instance) -> None:
    """It goes on: what it still holds stays its own, for as long as it may have it."""
    due_by(queue, worker, INFINITY)
    if worker.stuck and worker.profile.by_connection and worker.profile.reconnects:
        worker.stuck = False
        if queue.takes(worker):
            queue.worker_up(worker)


def rewired(queue: JobQueue, worker: Instance) -> None:
    """The network, or a place in it, is another: is it cut off from its queue now, or no longer?"""
    away = queue.redis is not None and worker.plane.links.torn(worker.server, queue.redis.server)
    if away == worker.away:
        return
    if away:
        queue.worker_down(worker)
        worker.away = True
        if not worker.hung:
            fell_silent(queue, worker)
        return
    worker.away = False
    if queue.takes(worker):
        queue.worker_up(worker)
    if not worker.hung:
        heard_again(queue, worker)
