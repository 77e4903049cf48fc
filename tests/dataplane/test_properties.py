"""What holds in every world: the ledger, pure gauges, ticks that do not matter, determinism.

Worlds come from random_worlds.py; hypothesis chooses seeds, and the first few are always run.
"""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.dataplane.codes import JobLoss, Note, Outcome
from tests.dataplane.balance import Ledger, same
from tests.dataplane.random_worlds import make_world
from tests.dataplane.worlds import World, drive

seeds = st.integers(0, 10**6)
few = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
many = settings(few, max_examples=300)


def end_of(world: World) -> float:
    return world.end_s or world.workload.horizon_s


def random_ticks(seed: int, end: float, n: int, lattice: float = 0.0) -> list[float]:
    """Instants at random; on a lattice they meet events."""
    dice = Random(seed)
    ticks = [dice.uniform(0.0, end) for _ in range(n)]
    return [round(t / lattice) * lattice for t in ticks] if lattice else ticks


def observed(plane) -> None:
    """Every reading there is."""
    plane.gauge()
    plane.books()
    plane.recording()
    plane.container_gauge(0)


def balanced(plane_class, seed: int, lattice: bool) -> None:
    world = make_world(seed, lattice)
    ticks = random_ticks(seed, end_of(world), 40, world.workload.lattice_s)
    drive(plane_class, world, ticks, Ledger())


@few
@given(seed=seeds, lattice=st.booleans())
def test_the_ledger_holds_after_every_advance(plane_class, seed, lattice):
    balanced(plane_class, seed, lattice)


@pytest.mark.slow
@many
@given(seed=seeds, lattice=st.booleans())
def test_the_ledger_holds_in_many_worlds(plane_class, seed, lattice):
    balanced(plane_class, seed, lattice)


@few
@given(seed=seeds, lattice=st.booleans())
def test_reading_gauges_changes_nothing(plane_class, seed, lattice):
    """The same stops with and without readings: only the readings differ."""
    world = make_world(seed, lattice)
    ticks = random_ticks(seed, end_of(world), 30, world.workload.lattice_s)
    read = drive(plane_class, world, ticks, observed)
    same(read, drive(plane_class, world, ticks))


@few
@given(seed=seeds, lattice=st.booleans(), tick=st.sampled_from([0.1, 1.0, 0.125, 0.7]))
def test_ticks_do_not_matter(plane_class, seed, lattice, tick):
    world = make_world(seed, lattice)
    ticks = [float(t) for t in np.arange(0.0, min(end_of(world), 60.0), tick)]
    same(drive(plane_class, world, ticks), drive(plane_class, world))


@few
@given(seed=seeds, lattice=st.booleans())
def test_the_same_seed_tells_the_same_story(plane_class, seed, lattice):
    same(
        drive(plane_class, make_world(seed, lattice)), drive(plane_class, make_world(seed, lattice))
    )


def test_the_worlds_reach_every_outcome_and_notice(plane_class):
    """Guards the generator: a feature that never happens is not tested by anything above."""
    # standing checks are a shortcut of one engine: health_checks/test_standing.py
    wanted = {repr(x) for x in (*list(Outcome)[1:], *Note)} - {repr(Note.HANDED_BACK)}
    wanted |= {"done", "duplicated", *(loss.name.lower() for loss in JobLoss)}
    for seed in (101, 167, 210, *range(100)):  # stalled and doubled jobs are rare
        for lattice in (False, True):
            run = drive(plane_class, make_world(seed, lattice))
            wanted -= {repr(x) for x in (*run.causes(), *(n.note for n in run.notices))}
            wanted -= set(run.jobs())
        if not wanted:
            return
    pytest.fail(f"never seen: {wanted}")
