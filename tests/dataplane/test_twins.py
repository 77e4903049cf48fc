"""Two engines, one outcome: every request, notice, counter and gauge, to the last bit.

Half of the random worlds draw on a lattice, so that hundreds of events share an instant:
continuous draws alone cannot see a wrong tie rule. A failure names the first request that differs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from sim.dataplane.codes import Kind, LawKind
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.profile import Client, Law, Profile, Routing, Workload
from tests.dataplane import random_worlds
from tests.dataplane.random_worlds import make_world
from tests.dataplane.twins import compiled, difference, reference
from tests.dataplane.worlds import at, constant, drive, exponential, poisson, world

FEW = range(0, 24)
MANY = range(24, 124)
WIDE = range(124, 500)  # two of each, with those above a thousand
DEEP = (126, 137, 139)  # of these, whose requests reach all eight services


@pytest.mark.parametrize("lattice", [False, True], ids=["continuous", "lattice"])
@pytest.mark.parametrize("seed", FEW)
def test_random_worlds_agree(seed: int, lattice: bool) -> None:
    assert difference(make_world(seed, lattice)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("lattice", [False, True], ids=["continuous", "lattice"])
@pytest.mark.parametrize("seed", MANY)
def test_many_random_worlds_agree(seed: int, lattice: bool) -> None:
    assert difference(make_world(seed, lattice)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("lattice", [False, True], ids=["continuous", "lattice"])
@pytest.mark.parametrize("seed", WIDE)
def test_random_worlds_of_up_to_eight_services_agree(seed: int, lattice: bool) -> None:
    assert difference(make_world(seed, lattice, random_worlds.MANY)) == ""


@pytest.mark.parametrize("seed", DEEP)
def test_random_worlds_of_eight_services_agree(seed: int) -> None:
    assert difference(make_world(seed, seed == 137, random_worlds.MANY)) == ""


def test_requests_reach_many_services_in_wide_worlds() -> None:
    """Of forty: in as many as one in four at least six services are asked, in one in six all."""
    reached = []
    for seed, lattice in product(WIDE[:20], (False, True)):
        plane = drive(compiled, make_world(seed, lattice, random_worlds.MANY)).plane
        gauges = map(plane.service_gauge, range(random_worlds.MANY))
        reached.append(sum(gauge.asked > 0 for gauge in gauges))
    assert sum(services >= 6 for services in reached) >= 10
    assert sum(services == 8 for services in reached) >= 6


@pytest.mark.parametrize("seed", range(6))
def test_ticks_ten_times_as_often_change_nothing(seed: int) -> None:
    assert difference(make_world(seed, lattice=True), 1.0, kernel_tick_s=0.125) == ""


HTTP = Profile(Kind.HTTP, slots=1, cpu=constant(0.5))


def test_an_answer_exactly_at_the_deadline() -> None:
    """A completion comes before patience: the answer wins, in both engines."""
    patient = Workload(1, 10.0, at(1.0, 2.0), Client(timeout_s=0.5))
    one = world(patient, HTTP)
    assert difference(one) == ""
    run = drive(compiled, one)
    assert int(run.recording.requests[:, 1].sum()) == 2  # both succeed


def test_a_kill_exactly_at_an_arrival() -> None:
    """The data plane acts first at an instant: the request is inside when the process dies."""
    hit = world(Workload(1, 10.0, at(1.0, 2.0)), HTTP, script=[(2.0, "exit", (0,))])
    assert difference(hit) == ""
    assert {o.name for o in drive(compiled, hit).causes()} >= {"DROPPED_ON_KILL"}


def test_everything_at_one_instant() -> None:
    """Forty requests at once, constant demands, four replicas: all completions tie."""
    crowd = Workload(
        3, 60.0, at(*[1.0] * 40, *[2.0] * 40), Client(timeout_s=4.0, retries=2), Routing()
    )
    same = replace(HTTP, slots=4, backlog=3, cpu=constant(0.25))
    assert difference(world(crowd, same, same, same, cores=2.0)) == ""


@pytest.mark.slow
def test_the_kernel_grows_when_its_places_run_out() -> None:
    """More requests in flight than the smallest record holds: it moves into a larger one, for which
    it is compiled anew."""
    flood = Workload(5, 60.0, poisson(900.0, 60.0), Client(timeout_s=50.0))
    stuck = Profile(Kind.HTTP, slots=2**20, backlog=10, cpu=Law(LawKind.EXPONENTIAL, 40.0))
    wide = world(flood, stuck, cores=1e6)
    small = drive(lambda w: CompiledPlane(w, works=1 << 15 | 1 << 13), wide)
    large = drive(compiled, wide)
    assert small.plane.works > 1 << 15
    assert (small.recording.requests == large.recording.requests).all()
    assert small.recording.latency_max_s == large.recording.latency_max_s


def test_a_long_queue_and_a_pooler_agree() -> None:
    """What random worlds seldom reach: a job backlog of thousands, a pooler that binds."""
    work = Workload(9, 120.0, poisson(60.0, 100.0), Client(timeout_s=3.0, retries=1))
    api = Profile(
        Kind.HTTP, slots=64, cpu=exponential(0.01), query=exponential(0.02), pool=10, push_rate=0.9
    )
    worker = Profile(
        Kind.WORKER, slots=2, cpu=exponential(0.1), query=exponential(0.02), pool=2, reliable=True
    )
    db = Profile(Kind.DATABASE, connection_slots=97, pooler_size=2, pooler_wait_s=1.0)
    redis = Profile(Kind.QUEUE)
    assert difference(world(work, api, worker, db, redis, cores=2.0)) == ""


def test_the_reference_is_the_default_twin() -> None:
    """Both planes start from the same empty books."""
    nothing = Workload(1, 1.0, at())
    assert reference(nothing).books() == compiled(nothing).books()


@pytest.mark.slow
def test_an_instant_that_tells_more_than_its_ring_holds() -> None:
    """70,000 requests are in one process when it is killed: all fail in that instant."""
    crowd = Workload(5, 5.0, at(*[1.0] * 70_000), Client(timeout_s=50.0))
    stuck = replace(HTTP, slots=2**20, backlog=2**20, cpu=constant(1e9))
    both = [
        drive(plane, world(crowd, stuck, cores=1.0, script=[(2.0, "exit", (0,))]))
        for plane in (reference, compiled)
    ]
    assert both[0].causes() == both[1].causes()
    assert sum(both[1].causes().values()) == 70_000
    assert (both[0].recording.requests == both[1].recording.requests).all()


@pytest.mark.slow
def test_more_jobs_at_once_than_the_kernel_has_places_for() -> None:
    """Four jobs a place: of 200,000 that are enqueued at once, 36,000 would be past the end."""
    script = [(1.0, "enqueue", (0, 40_000))] * 5
    many = world(Workload(5, 5.0, at()), Profile(Kind.QUEUE), script=script)
    small = drive(lambda w: CompiledPlane(w, works=1 << 15 | 1 << 13), many)
    assert small.jobs() == drive(reference, many).jobs()
    assert small.plane.queue_gauge(0).queued == 200_000
