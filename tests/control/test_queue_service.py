"""A queue without servers (SQS): what touches it, what it gives out again, what it costs."""

from __future__ import annotations

import pytest

from sim.control.resource_limits.profiles import profile_in, with_answers
from sim.dataplane.codes import Does, JobLoss
from sim.dataplane.profile import Law, StoryStep
from sim.library.stacks import load_stack
from sim.schema.scenario import Version
from tests.control.outage import replay, rows

SQS = {"stack.services.redis.engine": "sqs", "stack.services.http.push.share": "100%"}
ACKNOWLEDGES = {"stack.services.worker.job": {"delivery": "reliable"}}
ANSWER, PUSH = Law(mean=0.016), StoryStep(Does.PUSH, target=1, name="push:mails:1")


def stack_with(**job):
    return load_stack(
        {
            "name": "mails",
            "services": {
                "api": {"role": "http", "push": {"share": 0.5}},
                "queue": {"role": "queue", "engine": "sqs"},
                "dead": {"role": "queue"},
                "mailer": {"role": "worker", "job": job},
            },
        }
    )


def test_a_server_that_dies_takes_no_job_with_it():
    """The one server is away for two minutes: what its worker held comes back 30 s after delivery,
    and with its users nobody pushes meanwhile."""
    crash = {"at": 60, "server_crash": {"server": 0}}
    ours = ("api", "worker", "postgres")
    settings = SQS | ACKNOWLEDGES | {f"stack.services.{n}.restart": "always" for n in ours}
    run = replay(crash, settings=settings, horizon_s=600.0, rate=5.0)
    queue = run.queues["redis"]
    assert (queue.lost, queue.queued) == (0, 0)
    assert queue.done == queue.pushed - queue.in_progress > 1500


def test_while_it_is_silent_she_reads_its_providers_page_and_waits():
    silent = {"at": 60, "hang": {"service": "redis", "lasts": "10m"}}
    run = replay(silent, settings=SQS, horizon_s=900.0, rate=5.0)
    said = [row.text for row in rows(run, "operator", "operator")]
    assert any("aws health describe-events" in text for text in said)
    assert any("is its provider's to bring back" in text for text in said)
    assert rows(run, "promoted") == rows(run, "exit", "redis") == []
    assert run.queues["redis"].causes[JobLoss.REDIS_DOWN] > 2000


def test_it_is_paid_for_by_requests_three_a_job():
    run = replay(settings=SQS, horizon_s=300.0, rate=5.0)
    jobs_a_month = run.queues["redis"].pushed / 300.0 * 730.0 * 3600.0
    assert run.month.requests == pytest.approx(jobs_a_month * 3 * 0.4e-6)
    assert run.month.managed == 0.0


@pytest.mark.parametrize(
    ("job", "most"),
    [
        ({}, 10**9),  # nobody gives it up
        ({"attempts": 3}, 2),
        ({"dead_letters": "dead"}, 9),
        ({"dead_letters": "dead", "attempts": 3}, 2),
        ({"dead_letters": "dead", "max_stalled": 4}, 4),
    ],
)
def test_how_often_a_job_is_received(job, most):
    profile = profile_in(stack_with(**job), "mailer", Version(name="v1"))
    assert (profile.max_stalled, profile.failures_told) == (most, False)
    assert (profile.acknowledge_s, profile.redelivery_look_s) == (30.0, 0.0)
    assert [step.name for step in profile.steps] == ["receive", "", "delete"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((PUSH,), [1, 0]),
        ((StoryStep(Does.CPU), PUSH), [0, 1, 0]),
        ((StoryStep(Does.CACHE, covers=1), PUSH), [2, 1, 0]),
        ((StoryStep(Does.PUSH, target=0),), [0]),
    ],
)
def test_an_answer_is_waited_for_only_where_something_is_pushed(steps, expected):
    told = with_answers(steps, {1: ANSWER})
    assert [step.covers for step in told] == expected
    waits = [step for step in told if step.does == Does.WAIT]
    assert [step.law for step in waits] == [ANSWER] * (len(told) - len(steps))
