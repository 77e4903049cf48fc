"""Which looks of a loop are left out while the world stands, and which come all the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from sim.control.core.clock import Clock, Rank
from sim.control.core.ticks import Ticks


class Looks:
    """A loop that looks each 10 s from 3 s on; the world is calm up to a time."""

    def __init__(self, calm_until_s: float, kept: int = 0, chained: bool = False) -> None:
        self.clock, self.calm_until_s = Clock(), calm_until_s
        self.made: list[float] = []
        self.left_out: list[float] = []
        self.ticks = Ticks(
            self.clock, self.calm_until, 10.0, Rank.RUNTIME, 3.0,
            calm=lambda: math.inf, left_out=self.forget, kept=kept, chained=chained,
        )  # fmt: skip
        self.clock.loop(self.run())

    def calm_until(self, least_s: float) -> float:
        return self.calm_until_s if self.calm_until_s > least_s else 0.0

    def forget(self, times: Sequence[float]) -> None:
        self.left_out += times

    def run(self):
        for tick in self.ticks:
            yield tick
            self.made.append(self.clock.now)


@pytest.mark.parametrize(
    ("until_s", "kept", "made"),
    [
        (0.0, 0, [3.0, 13.0, 23.0, 33.0, 43.0, 53.0, 63.0]),  # never calm
        (50.0, 0, [3.0, 13.0, 53.0, 63.0]),  # the first two ticks always come
        (53.0, 0, [3.0, 13.0, 53.0, 63.0]),  # at the very instant it may matter
        (50.0, 2, [3.0, 13.0, 33.0, 43.0, 53.0, 63.0]),  # others read the last two
        (50.0, 9, [3.0, 13.0, 23.0, 33.0, 43.0, 53.0, 63.0]),
    ],
)
@pytest.mark.parametrize("chained", [False, True])
def test_looks_go_on_where_one_may_matter(
    until_s: float, kept: int, made: list[float], chained: bool
) -> None:
    looks = Looks(until_s, kept, chained)
    looks.clock.env.run(70.0)
    assert looks.made == made
    assert sorted(looks.made + looks.left_out) == [3.0, 13.0, 23.0, 33.0, 43.0, 53.0, 63.0]


def test_a_tick_is_no_reason_for_others_to_look() -> None:
    looks = Looks(0.0)
    looks.clock.until_s = 100.0
    for _ in range(2):  # the loop begins, and its first tick comes
        looks.clock.env.step()
    assert looks.clock.undisturbed_until() == 100.0
    wait = looks.clock.after(4.0, Rank.RUNTIME)
    assert looks.clock.undisturbed_until() == 7.0
    wait.cancel()
    assert looks.clock.undisturbed_until() == 100.0
