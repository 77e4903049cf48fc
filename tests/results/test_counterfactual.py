"""When a difference between two runs is more than chance."""

import pytest

from sim.results.counterfactual import gain


@pytest.mark.parametrize(
    ("before", "after", "least", "clear"),
    [
        (100.0, 88.0, 1.0, True),  # a tenth of the larger figure, and more
        (100.0, 90.0, 1.0, True),
        (100.0, 91.0, 1.0, False),  # one seed: may be luck
        (88.0, 100.0, 1.0, True),  # worse is as clear as better
        (3.0, 1.0, 5.0, False),  # too little to speak of
    ],
)
def test_of_one_seed_a_tenth_counts(before, after, least, clear):
    found = gain([before], [after], least)
    assert found.clear is clear
    assert found.mean == before - after
    assert found.low is found.high is None


@pytest.mark.parametrize(
    ("before", "after", "clear"),
    [
        ([10.0, 11.0], [5.0, 6.0], True),  # few: less in each of them
        ([100.0, 110.0], [95.0, 104.0], False),  # ... and by a tenth
        ([10.0] * 5, [9.9, 9.8, 9.9, 9.8, 9.9], True),  # five: an interval
        ([10.0, 11.0, 12.0], [5.0, 6.0, 7.0], True),
        ([5.0, 6.0, 7.0], [10.0, 11.0, 12.0], True),
        ([10.0, 1.0, 12.0], [5.0, 11.0, 7.0], False),  # the interval holds 0
        ([4.0, 4.0], [4.0, 4.0], False),  # ... and ends at 0
    ],
)
def test_of_several_seeds_the_interval_must_leave_zero_out(before, after, clear):
    assert gain(before, after, 0.0).clear is clear
