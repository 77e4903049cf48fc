"""Jobs, as people write them: who pushes them, how a worker does them, which come by the clock."""

from __future__ import annotations

from typing import Annotated, Literal

from sim.constants import facts
from sim.constants.facts import default
from sim.schema import bounds
from sim.schema.fields import (
    Count,
    Duration,
    Fraction,
    Interval,
    Name,
    Positive,
    Record,
    Span,
    Tries,
    at_most,
)


class JobPush(Record):
    share: Fraction = 0.0  # of requests
    timeout: Duration = 2.0


class JobWork(Record):
    queue: Name | None = None  # from which it takes; null: the stack's first
    delivery: Literal["plain", "reliable"] = "plain"
    redelivery: Duration = default(facts.REDELIVERY)
    # silence: a lock that the worker renews (Bull); delivery: a visibility time-out (SQS, Celery)
    redelivery_from: Literal["silence", "delivery"] = "silence"
    redelivery_look: Duration = default(facts.REDELIVERY_LOOK)
    # so long after delivery an unacknowledged job is given out again; null: RabbitMQ's 30 min, of
    # another queue never
    acknowledge: Span | None = None
    # delivered and not acknowledged at most; 0: any number; null: of RabbitMQ Celery's 4 for each
    # that is done at once, of another queue those alone
    prefetch: Annotated[Count, at_most(bounds.PREFETCH)] | None = None
    # what the acknowledgement of who has it no more does to a job that waits again
    late_acknowledgement: Literal["ignored", "deletes"] = "ignored"
    max_stalled: Count = default(facts.MAX_STALLED)  # reliable: more deaths of workers fail a job
    errors: Fraction = 0.0  # of tries fail; another try may succeed
    attempts: Tries = 1
    backoff: Duration = 2.0
    dead_letters: Name | None = None  # the queue where what is given up begins anew; null: lost
    poison: Fraction = 0.0
    reconnects: bool = True  # false: takes no job after Redis was away, until it is restarted


class ScheduledJobs(Record):
    """Jobs that come by the clock (cron), whoever uses the stack."""

    push: Name  # into this queue
    every: Interval
    first: Duration = 0.0  # after second 0
    jobs: Annotated[Positive, at_most(bounds.SCHEDULED)] = 1  # at once
