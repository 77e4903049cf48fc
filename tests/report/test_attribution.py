"""Where the time went: each degraded second has one place, and the sum is the table's."""

import numpy as np
import pytest

from sim.report.postmortem.attribution import KINDS, attributed, seconds_by_kind, states, unanswered
from sim.results import metrics
from sim.results.run import Span
from tests.results.synthetic import run


def seconds(bad, **going_on):
    """Of ten seconds, by kind; kinds with nothing are left out."""
    flags = np.zeros(10, dtype=bool)
    flags[list(bad)] = True
    words = {name.replace("_", "-"): value for name, value in going_on.items()}
    found = attributed(flags, 1.0, 10.0, words)
    assert list(found) == list(KINDS)
    assert sum(found.values()) == flags.sum()
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("bad", "going_on", "expected"),
    [
        ((), {"detection": [(0, 10)]}, {}),
        (range(2, 8), {}, {"other": 6}),
        (range(2, 8), {"detection": [(2, 5)]}, {"detection": 3, "other": 3}),
        # the cure is nearer than the search for it
        (range(2, 8), {"detection": [(2, 8)], "start_up": [(6, 8)]},
         {"detection": 4, "start-up": 2}),
        (range(2, 8), {"hands_on": [(0, 10)], "back_off": [(3, 5)]},
         {"back-off": 2, "hands-on": 4}),
        (range(2, 8), {"acknowledgement": [(2, 4)], "hands_on": [(4, 8)]},
         {"acknowledgement": 2, "hands-on": 4}),
        # overlapping stretches of one kind count once; a stretch beyond the end does no harm
        (range(8, 10), {"start_up": [(7, 9), (8, 99)]}, {"start-up": 2}),
    ],
)  # fmt: skip
def test_a_second_counts_under_what_is_nearest_to_the_cure(bad, going_on, expected):
    assert seconds(bad, **going_on) == expected


def test_the_last_bucket_may_be_cut_off_by_the_horizon():
    found = attributed(np.array([True, True]), 2.0, 3.0, {})
    assert found["other"] == 3.0


def test_states_become_kinds():
    def span(state, a, b, name="api-1"):
        return Span("container", name, state, a, b, "api", "server-1")

    spans = [
        span("ready", 0, 5), span("back_off", 5, 15), span("starting", 15, 20),
        span("not_ready", 20, 23), span("ready", 23, 40), span("not_ready", 40, 50),
        span("away", 5, 45, "api-2"), span("evicting", 45, 300, "api-2"),
        span("away", 5, 100, "api-3"), span("starting", 100, 110, "api-3"),
        Span("pending", "api", "pending", 300, 320, "api"),
        Span("operator", "operator", "acknowledge", 60, 90),
        Span("operator", "operator", "hands_on", 90, 95, "logs in"),
    ]  # fmt: skip
    assert states(spans) == {
        "back-off": [(5, 15)],
        # running and not ready yet is start-up; not ready any more is not
        "start-up": [(15, 20), (20, 23), (100, 110)],
        # on Compose nobody will notice a lost server: only the operator's times say what went on
        "detection": [(5, 45)],
        "eviction wait": [(45, 300)],
        "acknowledgement": [(60, 90)],
        "hands-on": [(90, 95)],
        "wait for a server": [(300, 320)],
    }


def test_each_fault_waits_for_its_own_reaction():
    assert unanswered([10.0, 50.0, 70.0], [0.0, 20.0, 60.0], 100.0) == [
        (10.0, 20.0), (50.0, 60.0), (70.0, 100.0),
    ]  # fmt: skip


def test_the_sum_is_the_degraded_time_of_the_table():
    one = run()
    found = seconds_by_kind(one)
    assert sum(found.values()) == metrics.seconds(metrics.degraded(one), one)
    # fault at 300 s, paged at 420.5 s, served again at 641 s; nobody recorded what she did
    assert found["detection"] == pytest.approx(120.0, abs=2)
    assert found["other"] == pytest.approx(221.0, abs=2)
