"""Figures of runs that are small enough to work out by hand, in buckets of any width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.dataplane.codes import LATENCY_BINS, JobLoss
from sim.dataplane.tables import ARRIVED, DONE, ENQUEUED, FIRST_LOSS, IN_SLO, SUCCEEDED, Recording
from sim.results import metrics
from sim.results.figures import figure_at
from sim.results.intervals import EXTREMES, MEAN_95, bounds, interval, kind
from sim.results.run import LostRows, Run
from tests.results.synthetic import REFUSED, recording, run, series

WIDTHS = (0.5, 1.0, 2.0, 5.0)
RATE = 40  # requests a second, half as many jobs


def steady(width: float, horizon_s: int, *down: tuple[float, float]) -> Recording:
    """As many in each bucket; within `down`, whose ends are of buckets, all requests fail and all
    jobs are lost."""
    buckets = int(horizon_s / width)
    record = replace(recording(0.0, buckets, ()), bucket_s=width)
    begins = np.arange(buckets) * width
    hurt = np.zeros(buckets, dtype=bool)
    for start, end in down:
        hurt |= (begins >= start) & (begins < end)
    each = int(RATE * width)
    record.requests[:, ARRIVED] = each
    record.requests[~hurt, SUCCEEDED] = record.requests[~hurt, IN_SLO] = each
    record.requests[hurt, REFUSED] = each
    record.jobs[:, ENQUEUED] = each // 2
    record.jobs[~hurt, DONE] = each // 2
    record.jobs[hurt, FIRST_LOSS + JobLoss.REDIS_WIPED] = each // 2
    return record


def made(record: Recording, horizon_s: float = 1200.0, **changed: Any) -> Run:
    return run(record=record, horizon_s=horizon_s, **changed)


@pytest.mark.parametrize("width", WIDTHS)
def test_two_minutes_are_two_minutes_in_buckets_of_any_width(width: float) -> None:
    one = made(steady(width, 1200, (300.0, 420.0)))
    assert metrics.downtime_s(one) == metrics.degraded_s(one) == metrics.recover_s(one) == 120.0
    assert metrics.availability(one) == metrics.slo_share(one) == pytest.approx(0.9)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("calm_s", "recovered"), [(50.0, 70.0), (60.0, 10.0), (70.0, 10.0)])
def test_a_minute_of_calm_is_a_minute_too(width: float, calm_s: float, recovered: float) -> None:
    down = ((300.0, 310.0), (310.0 + calm_s, 320.0 + calm_s))
    assert metrics.recover_s(made(steady(width, 1200, *down))) == recovered


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("end_s", "recovered"), [(1140.0, 840.0), (1145.0, None)])
def test_the_last_minute_ends_with_the_horizon(
    width: float, end_s: float, recovered: float | None
) -> None:
    assert metrics.recover_s(made(steady(width, 1200, (300.0, end_s)))) == recovered


def test_what_hurt_before_the_fault_is_not_its_doing() -> None:
    record = steady(2.0, 1200, (100.0, 110.0), (400.0, 410.0))
    assert metrics.recover_s(made(record, fault_s=301.0)) == 109.0
    assert metrics.recover_s(made(record, fault_s=401.0)) == 9.0  # within a bucket
    assert metrics.recover_s(made(record, fault_s=500.0)) == 0.0
    assert metrics.recover_s(made(record, fault_s=None)) is None


@pytest.mark.parametrize("width", WIDTHS)
def test_the_horizon_cuts_the_last_bucket(width: float) -> None:
    everyone = np.ones(int(1200 / width), dtype=np.bool_)
    assert metrics.seconds(everyone, made(steady(width, 1200), 1197.5)) == 1197.5
    assert metrics.seconds(everyone, made(steady(width, 1200), 600.0)) == 600.0


def test_answers_that_are_slow_count_for_one_share_only() -> None:
    record = steady(1.0, 1200, (300.0, 420.0))
    record.requests[600:720, IN_SLO] = 0
    one = made(record)
    assert metrics.availability(one) == pytest.approx(0.9)
    assert metrics.slo_share(one) == pytest.approx(0.8)
    assert (metrics.downtime_s(one), metrics.degraded_s(one)) == (120.0, 240.0)


@pytest.mark.parametrize(
    ("fault_s", "detected_s", "expected"),
    [(300.0, 420.5, 120.5), (300.0, 300.0, 0.0), (300.0, 299.0, 0.0)],
)
def test_detection_counts_from_the_fault(
    fault_s: float, detected_s: float, expected: float
) -> None:
    assert metrics.detect_s(run(fault_s=fault_s, detected_s=detected_s)) == expected
    assert metrics.detect_s(run(fault_s=fault_s, detected_s=None)) is None
    assert metrics.detect_s(run(fault_s=None, detected_s=detected_s)) is None


@pytest.mark.parametrize(
    ("ended", "arrived", "expected"),
    [
        ([1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]),  # cut off: as the last that is known
        ([1, 1, 0, 0], [1, 1, 0, 1], [0, 1, 1, 1]),
        ([1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0]),
        ([1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]),
        ([0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]),  # nothing is known
    ],
)
def test_who_is_cut_off_keeps_the_last_verdict(ended: Any, arrived: Any, expected: Any) -> None:
    flags = np.array([0, 1, 0, 0], dtype=np.bool_)
    metrics._cut_off_too(flags, np.array(ended), np.array(arrived))
    assert flags.tolist() == [bool(flag) for flag in expected]


@pytest.mark.parametrize(("apart", "down"), [(59, 60), (60, 61), (61, 62), (62, 62)])
def test_a_verdict_reaches_as_many_seconds_in_wide_buckets(apart: int, down: int) -> None:
    """Of ten seconds each: thirty of them are the five minutes, from either side."""
    due = np.zeros(200, dtype=np.int64)
    due[[50, 50 + apart]] = 1
    assert metrics.under(due, np.zeros_like(due), 0.5, bucket_s=10.0).sum() == down


@pytest.mark.parametrize(("enough", "flagged"), [(1, [3]), (2, [3]), (3, []), (20, [])])
def test_a_quiet_second_borrows_until_it_has_enough(enough: int, flagged: list[int]) -> None:
    """One request a second, of which one fails: alone it is down, and in a loan of a half on
    either side it is half; of three it is a third."""
    due = np.ones(7, dtype=np.int64)
    good = due.copy()
    good[3] = 0
    found = np.flatnonzero(metrics.under(due, good, 0.5 + 1e-6, enough=enough)).tolist()
    assert found == flagged


# ---- the queue ----
def test_a_queue_is_drained_by_the_clock_of_its_samples() -> None:
    record = steady(2.0, 1200)
    samples = series(record)
    samples["t_s"] *= 2.0
    samples["jobs_queued"][[160, 161, 162, 163]] = 5.0, 9.0, 3.0, 1.0
    samples["jobs_queued"][10] = 3.0  # as many as before: that is normal
    assert metrics.drained_at_s(made(record, series=samples)) == 324.0
    assert metrics.drained_at_s(made(record, series=samples, fault_s=None)) == 326.0 + 2.0
    assert metrics.drained_at_s(made(record, series=samples, fault_s=5000.0)) == 5000.0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_age_of_the_head_of_the_line_is_in_seconds(width: float) -> None:
    """20 jobs a second, and from 100 s on nobody works: at 200 s the oldest has waited for 100."""
    record = steady(width, 200)
    samples = series(record)
    time = samples["t_s"] = np.arange(int(200 / width)) * width
    samples["jobs_queued"] = np.maximum(0.0, time - 100.0) * 20.0
    assert metrics.oldest_s(made(record, 200.0, series=samples)) == 100.0 - width


# ---- what a database lost ----
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        (LostRows(100.0, 200.0, True, False), 100 * RATE),
        (LostRows(100.0, 200.0, False, True), 50 * RATE),
        (LostRows(100.0, 200.0, True, True), 150 * RATE),
        (LostRows(100.0, 200.0, False, False), 0),
        (LostRows(-60.0, 100.0, True, False), 160 * RATE),  # before the run as in its first minute
        (LostRows(280.0, 340.0, True, False), 20 * RATE),  # nothing is committed from 300 s on
        (LostRows(198.0, 200.0, True, False, lag=True), 2 * RATE),
        (LostRows(180.0, 200.0, True, True, lag=True), 30 * RATE),
        (LostRows(290.0, 310.0, True, False, lag=True), 10 * RATE),  # half of its lag
    ],
)
def test_rows_that_were_committed_since(width: float, rows: LostRows, lost: float) -> None:
    record = steady(width, 1200, (300.0, 420.0))
    assert metrics.rows_lost(made(record, lost_rows=(rows,))) == lost
    assert metrics.rows_lost(made(record, lost_rows=(rows, rows))) == 2 * lost


def test_a_restore_is_as_long_as_the_longest() -> None:
    short, long = (LostRows(0.0, 100.0, True, True, restored_s=end) for end in (160.0, 400.0))
    away = LostRows(0.0, 100.0, True, True)
    assert metrics.restore_s(run()) == 0.0
    assert metrics.restore_s(run(lost_rows=(short, long))) == 300.0
    assert metrics.restore_s(run(lost_rows=(long, away))) is None


# ---- percentiles and intervals ----
@pytest.mark.parametrize(
    ("share", "failed", "bins"),
    [
        (0.25, 0, 400.5),
        (0.5, 0, 401.0),
        (0.75, 0, 500.5),
        (1.0, 0, 501.0),
        (0.25, 20, 401.0),
        (0.5, 20, 501.0),
        (0.51, 20, None),
    ],
)
def test_a_percentile_is_where_its_rank_falls_in_its_bin(
    share: float, failed: int, bins: float | None
) -> None:
    """Ten answers in bin 400 and ten in bin 500; bins are 2 % wide, the first begins at 0.1 ms."""
    histogram = np.zeros(LATENCY_BINS, dtype=np.int64)
    histogram[[400, 500]] = 10
    found = metrics.percentile(histogram, share, 1e9, failed)
    assert found == (None if bins is None else pytest.approx(1e-4 * 1.02**bins))
    assert metrics.percentile(histogram, 1.0, 0.3) == 0.3  # the longest of all bounds it


def test_of_few_values_the_extremes_are_told() -> None:
    assert (kind(4), kind(5)) == (EXTREMES, MEAN_95)
    assert bounds([4.0, 1.0, 2.0, 3.0]) == (1.0, 4.0)
    half = 2.7764 * 2.5**0.5 / 5**0.5
    assert bounds([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx((3.0 - half, 3.0 + half))
    assert interval([1.0, 3.0]) == pytest.approx((2.0 - 12.7062, 2.0 + 12.7062))


def test_a_peak_is_told_with_the_limit_of_then():
    """All 97 slots are taken once; then somebody raises them to 297, of which 40 are used."""
    record = recording(1.0, 600, ())
    seen = series(record)
    seen["connections"][100] = 97
    seen["connection_limit"][200:] = 297
    figure = figure_at("connections.limit")
    assert figure.of(run(record=record, series=seen)) == 97
    seen["connections"][300] = 98
    assert figure.of(run(record=record, series=seen)) == 297
