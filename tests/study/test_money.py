"""The formula of a month's money is what a run says of its second 0."""

import pytest

from sim.platforms import names
from sim.study.ask import Ask
from sim.study.decision.money import monthly
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
