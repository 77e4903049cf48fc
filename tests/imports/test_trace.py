"""Profiles and traces."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim.dataplane.profile import Arrivals
from sim.imports.trace import arrivals, profile
from sim.schema.fields import InputError
from sim.schema.traffic import Point, Traffic


def _trace(tmp_path: Path, text: str, scale: float = 1.0) -> Arrivals:
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return arrivals(Traffic(trace=[str(path)], scale=scale))


def _rates(start: tuple[float, ...], rate: tuple[float, ...], end: float) -> Arrivals:
    return Arrivals(start, rate, (0.0,) * len(rate), end)


def test_a_constant_rate() -> None:
    assert profile(Traffic(rate=5.0, scale=2.0)) == Arrivals((0.0,), (10.0,), (0.0,), math.inf)


def test_a_ramp_leads_from_the_rate_before() -> None:
    points = [Point(rate=4.0), Point(at=60.0, rate=204.0, ramp=20.0), Point(at=600.0, rate=4.0)]
    course = profile(Traffic(points=points))
    assert course.start_s == (0.0, 60.0, 80.0, 600.0)
    assert course.rate == (4.0, 4.0, 204.0, 4.0)
    assert course.slope == (0.0, 10.0, 0.0, 0.0)
    half = profile(Traffic(points=points, scale=0.5))
    assert half.rate == (2.0, 2.0, 102.0, 2.0)
    assert half.slope == (0.0, 5.0, 0.0, 0.0)


def test_rows_of_time_and_rate(tmp_path: Path) -> None:
    text = "# from the balancer\ntime,rate\n100,5\n160,7.5\n\n280,0\n"
    assert _trace(tmp_path, text) == _rates((0.0, 60.0, 180.0), (5.0, 7.5, 0.0), 300.0)
    twice = _rates((0.0, 60.0, 180.0), (10.0, 15.0, 0.0), 300.0)
    assert _trace(tmp_path, text, 2.0) == twice


def test_counts_become_rates(tmp_path: Path) -> None:
    text = "timestamp,count\n2014-04-10 00:04:00,60\n2014-04-10 00:05:00,240\n"
    text += "2014-04-10 00:07:00,120\n"
    assert _trace(tmp_path, text) == _rates((0.0, 60.0, 180.0), (1.0, 2.0, 1.0), 300.0)


def test_iso_times_with_and_without_zone(tmp_path: Path) -> None:
    trace = _trace(tmp_path, "2024-01-01T01:00:00+01:00,1\n2024-01-01T00:00:30,2\n")
    assert trace.start_s == (0.0, 30.0)


def test_stamps_begin_at_zero(tmp_path: Path) -> None:
    trace = _trace(tmp_path, "1700000000.5\n1700000001.25\n1700000001.25\n")
    assert trace.times_s is not None
    assert trace.times_s.tolist() == [0.0, 0.75, 0.75]
    assert trace.times_s.dtype == np.float64


def test_whole_seconds_are_spread(tmp_path: Path) -> None:
    trace = _trace(tmp_path, "10\n10\n11\n11\n11\n11\n")
    assert trace.times_s is not None
    assert trace.times_s.tolist() == [0.0, 0.5, 1.0, 1.25, 1.5, 1.75]


def test_an_access_log_may_be_a_little_out_of_order(tmp_path: Path) -> None:
    line = '1.2.3.4 - - [10/Oct/2000:13:55:{:02d} -0700] "GET / HTTP/1.0" 200 5\n'
    trace = _trace(tmp_path, "".join(line.format(second) for second in (36, 39, 37)))
    assert trace.times_s is not None
    assert trace.times_s.tolist() == [0.0, 1.0, 3.0]


def test_arrivals_read_the_trace_of_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("0,5\n60,7\n", encoding="utf-8")
    course = arrivals(Traffic(trace=[str(path)], scale=3.0))
    assert course == _rates((0.0, 60.0), (15.0, 21.0), 120.0)


def test_stamps_are_repeated_or_thinned_by_scale(tmp_path: Path) -> None:
    """Two for each share the stretch until the next; half of them are every second."""
    path = tmp_path / "trace.csv"
    path.write_text("0.5\n60.5\n100.5\n", encoding="utf-8")
    twice = arrivals(Traffic(trace=[str(path)], scale=2.0)).times_s
    assert twice is not None
    assert twice.tolist() == [0.0, 30.0, 60.0, 80.0, 100.0, 100.0]
    half = arrivals(Traffic(trace=[str(path)], scale=0.5)).times_s
    assert half is not None
    assert half.tolist() == [60.0]


def test_a_wrong_file_is_not_told_a_million_times(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _trace(tmp_path, "time,rate\n" + "x,y\n" * 1000)
    assert len(caught.value.issues) <= 11


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('1.2.3.4 - - [10/Oct/2000:13:55:36 -9999] "GET / HTTP/1.0" 200 2326', "a zone of 99 h"),
        ("1" * 1000, "a number that no clock shows, and no date of the year 1111"),
        ("9e99", "a second after the year 9999"),
    ],
)
def test_no_time_is_told_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(InputError, match=r"trace.csv:1: time: found "):
        _trace(tmp_path, line + "\n")


LOG_LINE = '1.2.3.4 - - [10/Oct/2000:{time} {zone}] "GET / HTTP/1.0" 200 5\n'


def test_the_zone_of_a_log_is_counted_its_way(tmp_path: Path) -> None:
    """13:55:36 at -0700 is 20:55:36 in Greenwich, as 22:55:36 at +0200 is."""
    times = (("13:55:36", "-0700"), ("22:55:39", "+0200"), ("20:55:41", "+0000"))
    trace = _trace(tmp_path, "".join(LOG_LINE.format(time=t, zone=z) for t, z in times))
    assert trace.times_s is not None
    assert trace.times_s.tolist() == [0.0, 3.0, 5.0]


def test_lines_of_a_log_may_stand_in_any_order(tmp_path: Path) -> None:
    late = [LOG_LINE.format(time=time, zone="+0000") for time in ("13:05:00", "13:00:00")]
    trace = _trace(tmp_path, "".join(late))
    assert trace.times_s is not None
    assert trace.times_s.tolist() == [0.0, 300.0]
