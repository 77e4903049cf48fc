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


def deaf_loop(clock: Clock, acted: list[float]) -> list[float]:
    """Looks each 10 s from 3 s on, and is calm as soon as it has seen all that was done."""
    seen: list[float] = []
    looked: list[float] = []
    ticks = Ticks(
        clock, lambda _: 0.0, 10.0, Rank.RUNTIME, 3.0, deaf=True,
        calm=lambda: math.inf if seen == acted else 0.0,
    )  # fmt: skip

    def run():
        for tick in ticks:
            yield tick
            looked.append(clock.now)
            seen[:] = acted

    clock.loop(run())
    return looked


@pytest.mark.parametrize(
    ("rank", "at_s", "looked"),
    [
        (Rank.FAULT, 41.0, [3.0, 13.0, 43.0]),
        (Rank.FAULT, 43.0, [3.0, 13.0, 43.0]),  # fate comes first in its instant
        (Rank.OPERATOR, 43.0, [3.0, 13.0, 53.0]),  # a person comes last
        (Rank.FAULT, 17.0, [3.0, 13.0, 23.0]),
    ],
)
def test_a_loop_that_sleeps_looks_when_somebody_has_acted_at_its_own_times(
    rank: Rank, at_s: float, looked: list[float]
) -> None:
    clock, acted = Clock(), []
    made = deaf_loop(clock, acted)

    def act():
        yield clock.at(at_s, rank)
        acted.append(clock.now)

    clock.loop(act())
    while clock.due() < 70.0:
        if clock.step():
            clock.wake()
    assert made == looked


def test_what_the_data_plane_tells_wakes_it_too() -> None:
    clock, acted = Clock(), []
    made = deaf_loop(clock, acted)
    while clock.due() < 70.0:
        clock.step()
    clock.set(43.0)  # a notice of this instant comes before all who act at it
    acted.append(43.0)
    clock.wake()
    while clock.due() < 70.0:
        clock.step()
    assert made == [3.0, 13.0, 43.0]
