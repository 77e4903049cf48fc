"""Expectations: read from text, and held against runs whose figures are known."""

import pytest

from sim.results.expectations import expectation, judged, rank
from sim.results.summary import replication
from sim.schema.fields import InputError
from tests.results.synthetic import recording, run

PLATFORMS = ("compose", "kubernetes-rollback")


@pytest.mark.parametrize(
    ("text", "platform", "metric", "relation", "bound", "over"),
    [
        ("compose.downtime_s<60", "compose", "downtime_s", "<", 60.0, "mean"),
        ("downtime_s <= 1m", "", "downtime_s", "<=", 60.0, "mean"),
        ("p95 jobs.lost<10", "", "jobs.lost", "<", 10.0, "p95"),
        (
            "p95 over seeds of compose.jobs.lost.redis_wiped>0",
            "compose",
            "jobs.lost.redis_wiped",
            ">",
            0.0,
            "p95",
        ),
        ("availability>=99.9", "", "availability", ">=", 0.999, "mean"),
        ("availability>=99.9%", "", "availability", ">=", 0.999, "mean"),
        ("availability>=0.5", "", "availability", ">=", 0.5, "mean"),
        ("max operator.minutes<90s", "", "operator.minutes", "<", 1.5, "max"),
        ("kubernetes-rollback.cost.usd<1", "kubernetes-rollback", "cost.usd", "<", 1.0, "mean"),
    ],
)
def test_what_a_text_means(text, platform, metric, relation, bound, over):
    read = expectation(text, PLATFORMS)
    assert read[1:] == (platform, metric, relation, bound, over)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("downtme_s<60", "did you mean downtime_s?"),
        ("compos.downtime_s<60", "did you mean compose?"),
        ("swarm.downtime_s<60", "one of compose, kubernetes-rollback"),
        ("downtime_s", "METRIC<VALUE"),
        ("downtime_s<soon", "a number (s) for downtime_s"),
        ("downtime_s<1e999", "a number"),
        ("availability>=most", "such as 0.999"),
        ("p0 downtime_s<3", "a percentile over seeds"),
        ("p101 downtime_s<3", "a percentile over seeds"),
        ("nearly downtime_s<3", "a percentile over seeds"),
        ("downtime_s<3<4", "METRIC<VALUE"),
    ],
)
def test_what_cannot_be_expected_is_told(text, says):
    with pytest.raises(InputError) as caught:
        expectation(text, PLATFORMS)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("count", "percent", "index"),
    [(1, 95, 0), (20, 95, 18), (100, 95, 94), (20, 100, 19), (20, 1, 0), (4, 50, 1)],
)
def test_the_nearest_rank_is_not_interpolated(count, percent, index):
    assert rank(count, percent) == index


def downs(*lengths):
    """Replications that are down for so long."""
    return tuple(
        replication(
            run("compose", record=recording(10.0, 1200, ((300.0, 300.0 + s),)), seed=k), False
        )
        for k, s in enumerate(lengths, 1)
    )


@pytest.mark.parametrize(
    ("text", "value", "holds", "margin"),
    [
        ("downtime_s<25", 20.0, True, 5.0),
        ("downtime_s<20", 20.0, False, 0.0),
        ("downtime_s<=20", 20.0, True, 0.0),
        ("max downtime_s<=25", 30.0, False, -5.0),
        ("min downtime_s>=5", 10.0, True, 5.0),
        ("p50 downtime_s<=25", 20.0, True, 5.0),
    ],
)
def test_value_and_margin_over_seeds(text, value, holds, margin):
    (judgement,) = judged([expectation(text)], {"compose": downs(30.0, 10.0, 20.0)})
    assert judgement.value == pytest.approx(value)
    assert judgement.margin == pytest.approx(margin)
    assert judgement.holds is holds


def test_a_figure_that_does_not_exist_meets_nothing():
    never = downs(900.0)  # down to the end: it never recovers
    assert never[0].figures["recover_s"] is None
    for text in ("recover_s<1e9", "recover_s>0", "p95 recover_s>0"):
        (judgement,) = judged([expectation(text)], {"compose": never})
        assert (judgement.value, judgement.margin, judgement.holds) == (None, None, False)


def test_one_without_a_platform_is_about_each():
    both = {"compose": downs(30.0), "kubernetes": downs(0.0)}
    assert [each.platform for each in judged([expectation("downtime_s<5")], both)] == list(both)


def test_what_a_stack_has_several_of_is_named_by_its_name() -> None:
    tables = ("services.api.failed", "callers.web.api.tries", "endpoints.web/pay.latency_s.p95")
    read = expectation("compose.endpoints.web/pay.latency_s.p95<250ms", PLATFORMS, tables=tables)
    assert read[1:] == ("compose", tables[2], "<", 0.25, "mean")
    with pytest.raises(InputError, match=r"did you mean services\.api\.failed\?"):
        expectation("services.apj.failed<10", PLATFORMS, tables=tables)
