"""Each equation of the ledger: balanced books pass, each kind of cooked books is named."""

import pytest

from sim.dataplane.interface import ENQUEUED, IN_SLO, SUCCEEDED
from sim.results.ledger import LedgerError, check
from tests.results.synthetic import books, gauge, recording


def test_balanced_books_pass():
    record = recording(horizon_s=60, down=((20.0, 40.0),))
    check(books(), record, gauge(record), 60.0)


@pytest.mark.parametrize(
    ("of_books", "of_gauge", "equation"),
    [
        ({"open_requests": 1}, {}, "requests arrived = succeeded + failed + open"),
        ({}, {"arrived": 1}, "requests arrived, gauge = recording"),
        ({}, {"in_flight": 2}, "requests in flight, gauge = books"),
        ({}, {"succeeded": 2}, "requests succeeded, gauge = recording"),
        ({}, {"failed": 2}, "requests failed, gauge = recording"),
        ({"jobs_queued": 3}, {"jobs_queued": 3, "backlog_peak": 3}, "jobs enqueued = done + lost"),
        ({"jobs_in_progress": 1}, {}, "jobs in progress, gauge = books"),
        ({}, {"jobs_queued": 1}, "jobs queued, gauge = books"),
        ({}, {"jobs_queued": 9, "backlog_peak": 8}, "backlog peak >= jobs queued"),
        ({"connections_closed": 99}, {}, "connections granted = closed + open"),
        ({}, {"connection_limit": 39}, "0 <= connections used <= limit"),
        ({}, {"connections": 41}, "connections used, gauge = books"),
        ({}, {"connections_refused": 1}, "connections refused, gauge = recording"),
        ({}, {"connections_peak": 39}, "connections peak >= used"),
        ({"busy_s": (10.0, 400.1)}, {}, "server 1: CPU busy <= cores x time"),
        ({"memory": (100, 201)}, {}, "server 1: memory counted = memory summed"),
    ],
)
def test_cooked_books_are_named_with_both_sides_and_the_time(of_books, of_gauge, equation):
    record = recording(horizon_s=60, down=((20.0, 40.0),))
    with pytest.raises(LedgerError) as caught:
        check(books(**of_books), record, gauge(record, **of_gauge), 42.5)
    message = str(caught.value)
    assert equation in message
    assert "at 42.500 s" in message
    assert " against " in message


@pytest.mark.parametrize("column", [SUCCEEDED, IN_SLO])
def test_a_bucket_that_answers_more_than_arrived_is_named(column):
    record = recording(horizon_s=60, down=())
    record.requests[7, column] += 1000
    with pytest.raises(LedgerError, match="requests of 7 s"):
        check(books(), record, gauge(record), 60.0)


def test_a_lowered_limit_lets_the_connections_above_it_stay():
    record = recording(horizon_s=60, down=())
    check(books(), record, gauge(record, connection_limit=20), 60.0, highest_limit=97)


def test_rounding_of_busy_time_is_no_error():
    record = recording(horizon_s=60, down=())
    check(books(busy_s=(400.0 + 1e-6, 0.0)), record, gauge(record), 60.0)


def test_without_a_time_the_message_says_where_arrivals_ended():
    record = recording(horizon_s=60, down=())
    record.jobs[3, ENQUEUED] += 1
    with pytest.raises(LedgerError, match="near 59 s"):
        check(books(), record, gauge(record))
