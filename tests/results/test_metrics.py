"""What users of the figures would notice: true lengths, quiet seconds, honest nulls."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.dataplane.codes import LATENCY_BINS, JobLoss
from sim.dataplane.tables import ENQUEUED, FIRST_LOSS, IN_SLO
from sim.results import metrics
from tests.results.synthetic import recording, run, series

RATES = (0.2, 1.0, 5.0, 250.0)


def length(record, threshold=0.5, column=1):
    one = run(record=record)
    due = metrics.due(one)
    return float(metrics.under(due, record.requests[:, column], threshold).sum())


@pytest.mark.parametrize("threshold", [0.5, 0.98])
@pytest.mark.parametrize("rate", RATES)
def test_a_five_minute_outage_measures_five_minutes_in_expectation(rate, threshold):
    seeds = 10 if rate > 100 else 60
    found = [
        length(recording(rate, 1200, ((400.0, 700.0),), seed), threshold) for seed in range(seeds)
    ]
    allowed = 3 * np.std(found) / seeds**0.5 + 0.02  # the mean's own sampling error
    assert np.mean(found) == pytest.approx(300.0, abs=max(allowed, 0.5))
    assert np.std(found) <= 1.5 / rate + 0.5  # the gap between two arrivals at each end


@pytest.mark.parametrize("rate", RATES)
def test_a_quiet_second_is_no_outage(rate):
    record = recording(rate, 1200, down=())
    assert length(record) == length(record, 0.98) == 0.0


def test_quiet_seconds_between_two_failures_are_no_recovery():
    record = recording(0.2, 1800, ((300.0, 900.0),), seed=3)
    flags = metrics.down(run(record=record))
    edges = np.flatnonzero(np.diff(flags.astype(int)))
    assert edges.size == 2  # one outage, in one piece


def test_a_jump_of_the_rate_does_not_move_the_edge_of_an_outage():
    quiet, busy = recording(0.5, 600, (), 1), recording(50.0, 600, ((0.0, 300.0),), 2)
    good = np.concatenate([quiet.requests[:, 1], busy.requests[:, 1]])
    due = np.concatenate([quiet.requests[:, 0], busy.requests[:, 0]])
    flags = metrics.under(due, good, 0.5)
    assert flags.sum() == pytest.approx(300, abs=3)
    assert not flags[:597].any()


def test_one_failed_request_costs_its_own_second_of_the_slo_and_no_downtime():
    requests = np.full(600, 1)
    good = requests.copy()
    good[300] = 0
    assert not metrics.under(requests, good, 0.5).any()
    assert np.flatnonzero(metrics.under(requests, good, 0.98)).tolist() == [300]


def test_errors_within_the_slo_degrade_little_and_errors_beyond_it_a_lot():
    little = length(recording(250.0, 600, (), noise=0.005), 0.98)
    lots = length(recording(250.0, 600, (), noise=0.10), 0.98)
    assert little < 20
    assert lots > 590


def test_nobody_came():
    empty = recording(0.0, 60, ())
    one = run(record=empty, fault_s=None)
    assert metrics.seconds(metrics.down(one), one) == 0.0
    assert metrics.availability(one) == 1.0
    assert metrics.percentile(empty.latency, 0.5, 0.0) is None


def test_requests_in_flight_at_the_horizon_are_neither_good_nor_bad():
    record = recording(5.0, 600, ())
    record.requests[-3:, 1:] = 0  # three seconds of arrivals without an outcome
    one = run(record=record)
    assert metrics.availability(one) == 1.0
    assert metrics.seconds(metrics.down(one), one) == 0.0


def test_an_outage_until_the_horizon_counts_to_the_horizon():
    record = recording(5.0, 600, ((300.0, 600.0),))
    record.requests[-5:, 1:] = 0  # the last ones still wait for their time-out
    one = run(record=record)
    assert metrics.seconds(metrics.down(one), one) == pytest.approx(300.0, abs=1)
    assert metrics.recover_s(one) is None


def test_slow_answers_are_degraded_and_not_down():
    record = recording(5.0, 600, ())
    record.requests[100:200, IN_SLO] = 0
    one = run(record=record)
    assert metrics.seconds(metrics.down(one), one) == 0.0
    assert metrics.seconds(metrics.degraded(one), one) == pytest.approx(100.0, abs=1)


def test_percentiles_match_the_sample_within_a_bin():
    values = np.random.default_rng(5).lognormal(-3, 1, 200_000)
    histogram = np.zeros(LATENCY_BINS, dtype=np.int64)
    np.add.at(histogram, (np.log(values / 1e-4) / np.log(1.02)).astype(int), 1)
    for share in (0.5, 0.95, 0.99):
        found = metrics.percentile(histogram, share, values.max())
        assert found == pytest.approx(np.quantile(values, share), rel=0.005)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, LATENCY_BINS - 1), min_size=1, max_size=50), st.floats(0, 1))
def test_no_percentile_leaves_its_bin_or_passes_the_maximum(bins, share):
    histogram = np.bincount(bins, minlength=LATENCY_BINS)
    longest = 1e-4 * 1.02 ** (max(bins) + 0.5)
    found = metrics.percentile(histogram, share, longest)
    assert 1e-4 * 1.02 ** min(bins) * 0.999 <= found <= longest


def test_recovery_is_from_the_fault_to_the_end_of_the_damage():
    one = run(record=recording(250.0, 1200, ((300.0, 641.0),)))
    assert metrics.recover_s(one) == pytest.approx(341.0, abs=1)


def test_recovery_waits_for_a_sustained_minute():
    down = ((300.0, 400.0), (430.0, 500.0), (700.0, 710.0))  # 30 s of calm is no recovery
    one = run(record=recording(250.0, 1200, down))
    assert metrics.recover_s(one) == pytest.approx(200.0, abs=1)


@pytest.mark.parametrize(("calm_s", "recovered"), [(55, 165.0), (59, 169.0), (60, 100.0)])
def test_a_minute_of_calm_is_a_minute(calm_s, recovered):
    down = ((300.0, 400.0), (400.0 + calm_s, 410.0 + calm_s))
    assert metrics.recover_s(run(record=recording(250.0, 1200, down))) == recovered


@pytest.mark.parametrize(("apart_s", "down_s"), [(560, 561), (600, 601), (700, 602)])
def test_a_verdict_reaches_five_minutes_into_quiet_and_no_further(apart_s, down_s):
    """Two requests, both failed, and nobody between them."""
    due = np.zeros(1200, dtype=np.int64)
    due[[100, 100 + apart_s]] = 1
    flags = metrics.under(due, np.zeros_like(due), 0.5)
    assert flags.sum() == down_s
    assert not flags[:100].any()
    assert not flags[101 + apart_s :].any()


def test_a_verdict_reaches_into_an_idle_hour_no_further_than_its_own_gaps_explain():
    """Users at 5/s leave for an hour, come back to ten seconds of failures, and go on: what is
    known of the hour is 4 s before the first one, 20 requests' worth; so the other way round."""
    due = np.full(4800, 5, dtype=np.int64)
    due[600:4200] = 0
    woken, gone = due.copy(), due.copy()
    woken[4200:4210] = 0
    gone[590:600] = 0
    for good in (woken, gone):
        assert metrics.under(due, good, 0.5).sum() == 10 + 4
    assert metrics.under(due, np.minimum(woken, gone), 0.5).sum() == 20 + 300 + 300  # down on both


@pytest.mark.parametrize(("good", "down"), [(9, True), (10, False)])
def test_exactly_the_threshold_is_not_under_it(good, down):
    due = np.full(60, 20, dtype=np.int64)
    assert metrics.under(due, np.full(60, good, dtype=np.int64), 0.5).all() == down


def test_a_fault_that_nobody_notices_recovers_at_once():
    assert metrics.recover_s(run(record=recording(5.0, 600, ()))) == 0.0


def test_a_fault_that_hurts_late_is_not_recovered_before_it_hurts():
    one = run(record=recording(250.0, 1800, ((900.0, 1000.0),)))
    assert metrics.recover_s(one) == pytest.approx(700.0, abs=1)


def test_never_recovered_is_null():
    assert metrics.recover_s(run(record=recording(5.0, 630, ((300.0, 600.0),)))) is None


def backlog(*pieces):
    return np.concatenate([np.full(n, level, dtype=float) for n, level in pieces])


@pytest.mark.parametrize(
    ("queue", "drained"),
    [
        (backlog((300, 2), (300, 50), (600, 2)), 600.0),
        (backlog((100, 5), (200, 2), (300, 50), (600, 4)), 600.0),  # the longest before counts
        (backlog((1200, 2)), 300.0),  # never longer than before: drained all the time
        (backlog((300, 2), (900, 50)), None),  # still there at the horizon
    ],
)
def test_backlog_is_drained_when_it_is_as_short_as_before_the_fault(queue, drained):
    record = recording(5.0, 1200, ())
    assert metrics.drained_at_s(run(record=record, series=series(record, queue))) == drained


def jobs_of(horizon_s: int, per_second: int, refused_s: tuple[int, ...] = ()):
    """So many jobs a second; in some seconds the queue turns them away."""
    record = recording(5.0, horizon_s, ())
    record.jobs[:] = 0
    record.jobs[:, ENQUEUED] = per_second
    record.jobs[list(refused_s), FIRST_LOSS + JobLoss.REDIS_DOWN] = per_second
    return record


@pytest.mark.parametrize(
    ("refused_s", "queue", "oldest"),
    [
        ((), backlog((600, 0)), 0.0),
        ((), backlog((600, 1)), 1.0),  # the one that has just come
        # for a minute nobody works: 120 jobs wait, then 120 are always before a new one
        ((), np.concatenate([np.zeros(100), np.arange(0, 122, 2), np.full(439, 120)]), 60.0),
        # the queue is away for the minute after: what stands in it grows older
        (tuple(range(160, 220)), backlog((160, 0), (60, 4), (380, 0)), 61.0),
    ],
)
def test_the_oldest_job_is_the_head_of_the_line(refused_s, queue, oldest):
    record = jobs_of(600, 2, refused_s)
    assert metrics.oldest_s(run(record=record, series=series(record, queue))) == oldest


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 40.0), st.integers(0, 10_000), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_more_failures_never_mean_less_downtime(rate, seed, threshold, failing):
    record = recording(rate, 300, ((100.0, 200.0),), seed, failing=failing)
    due, good = record.requests[:, 0], record.requests[:, 1]
    before = metrics.under(due, good, threshold)
    worse = good.copy()
    worse[150:] = 0
    assert (metrics.under(due, worse, threshold) >= before).all()


def test_a_request_that_failed_waits_for_ever():
    """Ten answers in one bin, and ninety failures: a tenth got one, and nobody beyond."""
    histogram = np.zeros(LATENCY_BINS, dtype=np.int64)
    histogram[400] = 10
    alone = metrics.percentile(histogram, 1.0, 1.0)
    assert metrics.percentile(histogram, 0.10, 1.0, failed=90) == alone
    assert metrics.percentile(histogram, 0.11, 1.0, failed=90) is None
    assert metrics.percentile(histogram, 0.5, 1.0) == metrics.percentile(
        histogram, 0.25, 1.0, failed=10
    )


def test_redundancy_is_lost_only_where_nobody_felt_it():
    """A replica away from 100 to 500, users hurt from 200 to 260: 340 s in which nobody knew."""
    record = recording(5.0, 600, ((200.0, 260.0),))
    samples = series(record)
    samples["missing"][100:500] = 1
    bare = run(record=record, series=samples)
    assert metrics.redundancy_lost_s(bare) == pytest.approx(340, abs=4)
    assert metrics.redundancy_lost_s(run(record=record)) == 0.0
