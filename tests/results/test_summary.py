"""summary.json, schema 1: its keys, its means over replications, its nulls."""

from dataclasses import replace

import numpy as np
import pytest

from sim.dataplane.codes import JobLoss
from sim.dataplane.tables import ENQUEUED, FIRST_CAUSE, FIRST_LOSS, IN_SLO
from sim.results.figures import METRICS, TOPICS, harms, lookup, shown, total
from sim.results.summary import figures, mean_figures, replication
from sim.results.verdicts import evaluate
from sim.schema.scenario import Claim, Slo
from tests.results.synthetic import gauge, recording, run


def in_order(keys, record):
    """Are these there in this order? Readers of schema 1 rely on it; a new figure is no break."""
    return [key for key in record if key in keys] == keys


def test_the_record_has_the_documented_keys_in_their_order():
    record = figures(run())
    assert in_order(
        [
            "requests", "jobs", "downtime_s", "degraded_s", "availability", "latency_s", "detect_s",
            "recover_s", "connections", "operator", "cost",
        ],
        record,
    )  # fmt: skip
    assert in_order(["arrived", "succeeded", "in_flight", "failed"], record["requests"])
    assert in_order(["p50", "p95", "p99", "max"], record["latency_s"])


def paths(record, prefix=""):
    """Dotted paths of all numbers of a record, whatever stands in it."""
    for name, value in record.items():
        inner = isinstance(value, dict)
        yield from paths(value, f"{prefix}{name}.") if inner else [f"{prefix}{name}"]


def test_every_figure_can_be_claimed_and_every_claimable_figure_exists():
    assert tuple(paths(figures(run()))) == METRICS
    merged = mean_figures(several())
    del merged["intervals"], merged["intervals_are"]
    assert tuple(paths(merged)) == METRICS


def test_no_two_figures_share_a_place_in_the_table_or_a_rank():
    for topic in TOPICS:
        places = [row.place for _, row in shown(topic)]
        assert len(places) == len(set(places)), topic.title
    ranks = [harm.rank for _, harm in harms()]
    assert len(ranks) == len(set(ranks))


def test_causes_are_summed_and_what_does_not_exist_is_nothing():
    record = figures(run(record=recording(5.0, 630, ((300.0, 600.0),))))
    assert total(record, "requests.failed") == sum(record["requests"]["failed"].values()) > 0
    assert lookup(record, "recover_s") is None
    assert total(record, "recover_s") == 0.0


def test_figures_are_plain_numbers():
    record = figures(run())
    for path in paths(record):
        value = record
        for part in path.split("."):
            value = value[part]
        assert value is None or type(value) in (int, float), path


def test_the_figures_of_a_known_run():
    record = figures(run(record=recording(250.0, 1200, ((300.0, 641.0),))))
    assert record["downtime_s"] == pytest.approx(341, abs=1)
    assert record["detect_s"] == 120.5
    assert record["recover_s"] == pytest.approx(341, abs=1)
    assert record["availability"] == pytest.approx(1 - 341 / 1200, abs=0.01)
    assert record["cost"]["server_hours"] == 0.5
    total = record["requests"]["succeeded"] + sum(record["requests"]["failed"].values())
    assert total == record["requests"]["arrived"]


def several(**changed):
    return [
        replication(run(record=recording(5.0, 900, ((300.0, 400.0 + 20 * k),), k), seed=k), k == 0)
        for k in range(5)
    ]


def test_means_over_replications_and_their_intervals():
    found = several()
    merged = mean_figures(found)
    each = [r.figures["downtime_s"] for r in found]
    assert merged["downtime_s"] == pytest.approx(np.mean(each))
    low, high = merged["intervals"]["downtime_s"]
    assert low < merged["downtime_s"] < high
    assert set(merged["intervals"]) <= set(METRICS)


def test_percentiles_are_of_all_requests_not_means_of_percentiles():
    calm, slow = run(), run()
    fast = np.zeros_like(calm.recording.latency)
    fast[300] = 900
    long = np.zeros_like(fast)
    long[600] = 100
    pair = [
        replication(replace(calm, recording=replace(calm.recording, latency=fast)), True),
        replication(replace(slow, recording=replace(slow.recording, latency=long)), False),
    ]
    merged = mean_figures(pair)
    assert merged["latency_s"]["p50"] == pytest.approx(1e-4 * 1.02**300, rel=0.02)
    assert "latency_s.p50" not in merged["intervals"]


def test_a_mean_with_a_never_in_it_is_no_number():
    never = recording(5.0, 630, ((300.0, 600.0),))
    found = [replication(run(), True), replication(run(record=never), False)]
    assert mean_figures(found)["recover_s"] is None
    assert "recover_s" not in mean_figures(found)["intervals"]


def test_one_replication_keeps_whole_counts_and_has_no_intervals():
    record = mean_figures([replication(run(), True)])
    assert "intervals" not in record
    assert type(record["requests"]["arrived"]) is int


def test_intervals_stay_within_what_is_possible():
    found = several()
    assert all(low >= 0.0 for low, _ in mean_figures(found)["intervals"].values())
    assert mean_figures(found)["intervals"]["availability"][1] <= 1.0


def claim(**changed):
    base = {"id": "c", "says": "it is down", "platform": "compose", "metric": "downtime_s"}
    return Claim(**{**base, "low": 120.0, "high": 600.0, **changed})


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"low": 400.0}, False),
        ({"high": 300.0}, False),
        ({"low": None, "high": 341.0}, True),
        ({"metric": "recover_s", "low": 0.0, "high": None}, True),
    ],
)
def test_a_claim_holds_within_its_bounds(changed, holds):
    platforms = {"compose": figures(run(record=recording(250.0, 1200, ((300.0, 641.0),))))}
    (row,) = evaluate([claim(**changed)], platforms)
    assert row["holds"] is holds
    assert list(row) == ["id", "says", "platform", "metric", "low", "high", "measured", "holds"]


def test_a_figure_that_does_not_exist_supports_no_claim():
    never = figures(run(record=recording(5.0, 630, ((300.0, 600.0),))))
    (row,) = evaluate([claim(metric="recover_s", low=None, high=1e9)], {"compose": never})
    assert row["measured"] is None
    assert row["holds"] is False


def test_a_claim_about_a_platform_that_did_not_run_is_left_out():
    assert evaluate([claim(platform="kubernetes")], {"compose": figures(run())}) == []


def test_connection_figures_come_from_the_plane():
    record = recording()
    one = run(record=record, gauge=gauge(record, exhausted_s=12.5), containers_refused=8)
    assert figures(one)["connections"] == {
        "limit": 97, "peak": 60, "refused": 0, "exhausted_s": 12.5, "containers_refused": 8,
    }  # fmt: skip


@pytest.mark.parametrize(("good", "held"), [(97, False), (98, True), (99, True)])
def test_exactly_the_promised_share_holds_the_slo(good, held):
    record = recording(5.0, 100, ())
    record.requests[:] = 0
    record.requests[:, [0, 1, IN_SLO]] = 1
    record.requests[good:, [1, IN_SLO]] = 0
    record.requests[good:, FIRST_CAUSE] = 1
    assert replication(run(record=record, slo=Slo(success=0.98)), False).slo_held is held


def test_an_interval_of_what_cannot_be_negative_begins_at_zero():
    """Twice nothing and once ten minutes: the plain t-interval would begin below 0."""
    outages = ((), (), ((300.0, 900.0),))
    found = [
        replication(run(record=recording(5.0, 1200, down, k), seed=k), k == 0)
        for k, down in enumerate(outages)
    ]
    merged = mean_figures(found)
    low, high = merged["intervals"]["downtime_s"]
    assert low == 0.0
    assert high > merged["downtime_s"] > 0.0
    assert merged["intervals"]["availability"][1] == 1.0


@pytest.mark.parametrize(
    ("wanted", "enqueued", "lost", "never"),
    [
        (100, 90, 3, 13),  # ten requests failed before they left one
        (100, 100, 0, 0),
        (100, 104, 4, 4),  # retries left four more, which make up for no lost one
    ],
)
def test_jobs_never_done(wanted: int, enqueued: int, lost: int, never: int) -> None:
    record = recording(down=())
    record.jobs[:] = 0
    record.jobs[0, ENQUEUED], record.jobs[0, FIRST_LOSS + JobLoss.STALLED] = enqueued, lost
    assert figures(run(record=record, jobs_wanted=wanted))["jobs"]["never_done"] == never
