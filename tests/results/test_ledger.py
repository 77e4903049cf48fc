"""Each equation of the ledger: balanced books pass, each kind of cooked books is named."""

from dataclasses import replace

import numpy as np
import pytest

from sim.dataplane.tables import ARRIVED, IN_SLO, SUCCEEDED, ServiceGauge
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
        (
            {"connections_open": 1, "connections_granted": 101},
            {"connection_limit": 0},
            "0 <= connections used <= limit",
        ),
        (
            {"connections_open": -1, "connections_closed": 141},
            {},
            "0 <= connections used <= limit",
        ),
        ({"busy_s": (-0.1, 0.0)}, {}, "server 0: CPU busy <= cores x time"),
        ({"busy_s": (400.001, 0.0)}, {}, "server 0: CPU busy <= cores x time"),
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


@pytest.mark.parametrize(
    ("web", "api", "equation"),
    [
        ((9, 7, 1, 1, 0), (5, 3, 0, 1, 1), ""),
        ((9, 7, 1, 1, 0), (5, 3, 0, 1, 2), "calls of api: asked = succeeded + failed + open + for"),
        ((9, 8, 1, 1, 0), (5, 3, 0, 1, 1), "calls of web: asked"),
        ((9, 7, 2, 0, 0), (5, 3, 0, 1, 1), "requests and calls open, sum of services = books"),
    ],
)
def test_each_service_balances_and_they_are_all_that_there_is(web, api, equation):
    """One user and one service wait for an answer: asked, succeeded, failed, open, forsaken."""
    record = recording(horizon_s=60, down=())
    services = {
        name: ServiceGauge(*counts, retries=0, causes=())
        for name, counts in (("web", web), ("api", api))
    }
    with pytest.raises(LedgerError) as caught:
        check(books(open_requests=1, open_calls=1), record, gauge(record), 60.0, services=services)
    assert ("services" in str(caught.value) or "calls of" in str(caught.value)) is bool(equation)
    assert equation in str(caught.value)


@pytest.mark.parametrize(
    ("column", "equation"),
    [(ARRIVED, "requests arrived, sum of ways in"), (SUCCEEDED, "requests ended, sum of ways in")],
)
def test_the_ways_in_are_all_that_users_ask(column, equation):
    record = recording(horizon_s=60, down=((20.0, 40.0),))
    total = record.requests.sum(axis=0)
    halves = replace(record, endpoints=np.stack([total // 2, total - total // 2]))
    check(books(), halves, gauge(halves), 60.0)
    halves.endpoints[1, column] += 1
    with pytest.raises(LedgerError, match=equation):
        check(books(), halves, gauge(halves), 60.0)


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


@pytest.mark.parametrize("row", [0, 29, 59])
def test_what_is_wrong_in_one_second_is_named_by_it(row):
    record = recording(horizon_s=60, down=())
    record.requests[row, SUCCEEDED] += 1000
    with pytest.raises(LedgerError, match=f"requests of {row} s"):
        check(books(), record, gauge(record), 60.0)


@pytest.mark.parametrize("told", [1, 20, 39])
def test_connections_that_the_counter_forgot_are_named(told):
    record = recording(horizon_s=60, down=())
    with pytest.raises(LedgerError, match="connections used, gauge = books"):
        check(books(), record, gauge(record, connections=told), 60.0)


def test_a_server_that_is_away_counts_none_while_its_clients_still_hold_theirs():
    record = recording(horizon_s=60, down=())
    check(books(connections_held=0), record, gauge(record, connections=0), 60.0)
    with pytest.raises(LedgerError, match="connections used, gauge = books"):
        check(books(), record, gauge(record, connections=0), 60.0)
