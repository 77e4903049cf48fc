"""series.csv: one row a second, and each count is of that second."""

import numpy as np

from sim.results.run import SERIES
from sim.results.series import series_columns
from tests.control.outage import replay
from tests.results.synthetic import recording, run


def test_a_sample_that_counts_all_so_far_becomes_a_count_of_each_second():
    made = run(record=recording(5.0, 630, ((300.0, 600.0),)))
    made.series["retries"] = np.minimum(np.arange(630.0), 100.0)  # one a second, until 100
    retries = series_columns(made)["retries"]
    assert retries[:99].tolist() == [1.0] * 99
    assert retries[100:].tolist() == [0.0] * 530


def test_refused_connections_are_counted_in_their_second_and_add_up_to_the_figure():
    settings = {"stack.services.postgres.max_connections": 8}
    surge = [{"at": 0, "rate": 1.0}, {"at": 60, "rate": 60.0}, {"at": 90, "rate": 1.0}]
    made = replay(settings=settings, horizon_s=240.0, traffic={"points": surge})
    refused = series_columns(made)["connections_refused"]
    assert refused.sum() == made.gauge.connections_refused > 0
    assert not refused[:60].any()
    assert not refused[-60:].any(), "nobody is refused any more"


def test_no_column_stands_there_twice():
    columns = series_columns(run())
    assert "refused" not in columns
    assert {*SERIES} <= {*columns}
