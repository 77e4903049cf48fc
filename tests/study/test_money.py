"""The formula of a month's money is what a run says of its second 0."""

import pytest

from sim.library.stacks import load_stack
from sim.platforms import names
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.decision.money import jobs_per_s, monthly
from sim.study.plan import plan
from tests.study.runs import ALONE

SHORT = ("scenario.horizon=6m", "scenario.traffic.scale=0.1")


@pytest.mark.parametrize(
    "settings", [(), ("stack.services.api.replicas=5", "stack.servers.machine.price_per_hour=0.5")]
)
def test_the_formula_is_what_a_run_says(settings):
    planned = plan(Ask("container_crash", names(), settings=(*SHORT, *settings)))
    sample = ALONE(planned.batch)
    for case, (done,) in zip(planned.cases, sample.replications, strict=True):
        assert monthly(case).total == pytest.approx(done.figures["cost"]["usd_month"]), (
            case.platform
        )


def test_jobs_are_counted_along_every_story():
    """Of 10 requests a second 4 buy, and 2 of those pay, which leaves a mail each; so do half of
    the other 6. A mail in five leaves another one; three reports a minute come by the clock."""
    stack = load_stack({
        "name": "shop",
        "mix": {"buy": 0.4},
        "services": {
            "web": {
                "role": "http",
                "steps": [{"cache": "kept", "on_miss": [{"push": "mails", "share": 0.5}]}],
                "endpoints": {
                    "buy": [{"together": [{"call": "pay", "share": 0.5}, {"wait": "1ms"}]}]
                },
            },
            "pay": {"role": "http", "push": {"share": 1.0}},
            "mails": {"role": "queue"},
            "reports": {"role": "queue"},
            "kept": {"role": "cache"},
            "mailer": {"role": "worker", "steps": [{"push": "mails", "share": 0.2}]},
            "reporter": {"role": "worker", "job": {"queue": "reports"}},
        },
        "schedule": {"daily": {"push": "reports", "every": "1m", "jobs": 3}},
    })  # fmt: skip
    mails = 6.0 * 0.5 + 4.0 * 0.5
    assert jobs_per_s(stack, 10.0) == pytest.approx({"mails": mails * 1.2, "reports": 0.05})


def test_a_queue_without_servers_is_priced_before_a_run():
    """A fifth of the requests leave a job, at three requests of $0.40 a million; nothing is queued
    on a server, so that there is no volume."""
    sqs = ("stack.services.redis.engine=sqs",)
    (case,) = plan(Ask("container_crash", ["kubernetes"], settings=(*SHORT, *sqs))).cases
    asked = case.requests / case.scenario.horizon
    assert monthly(case).requests == pytest.approx(asked * 0.2 * 730 * 3600 * 3 * 0.4e-6)
    ((done,),) = ALONE(Batch((case,), (1,))).replications
    assert monthly(case).total == pytest.approx(done.figures["cost"]["usd_month"], rel=0.02)
