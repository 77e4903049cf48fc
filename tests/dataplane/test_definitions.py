"""Of the twelve definitions that decide figures (docs/model.md) what stands in no other test here;
docs/tests.md names the test of each."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.dataplane import draws
from sim.dataplane.arithmetic import attempt_id
from sim.dataplane.codes import JOB_BASE, Algorithm, Does, Kind, Outcome, Persistence, Stream
from sim.dataplane.profile import BreakerRules, Client, Profile, Routing, StoryStep, Workload
from sim.dataplane.reference.plane import ReferencePlane
from tests.dataplane.test_calls import asks, chain, one, service, takes
from tests.dataplane.twins import difference
from tests.dataplane.worlds import (
    at,
    constant,
    drive,
    ends,
    exponential,
    latency,
    poisson,
    world,
)

FAIL = StoryStep(Does.FAIL)
SHED, HTTP_500 = Outcome.SHED, Outcome.HTTP_500


# ---- 1: what a retry keeps, and what it draws anew ----
def test_errors_routes_and_back_off_are_drawn_for_each_try(plane_class):
    """Two replicas chosen at random, of which one fails, or one that fails by chance: of 400
    requests with nine more tries each is lost with 2 ** -10 (with one draw a half of them would
    be). Where nobody listens before 9 the pauses of a second, less what jitter takes, add up."""
    tries = Client(timeout_s=9.0, retries=9, backoff_s=1.0, backoff_factor=1.0, jitter=1.0)
    n, random = 400, Routing(Algorithm.RANDOM)
    work = Workload(3, 60.0, at(*(1.0 + i / 64 for i in range(n))), tries, random)
    good, bad = service(takes(0.0), slots=n), service(FAIL, slots=n)
    for shop in ((good, bad), (service(replace(FAIL, share=0.5), slots=n),)):
        assert drive(plane_class, world(work, *shop)).causes()[Outcome.SUCCEEDED] >= n - 4
    client = replace(tries, retries=99)
    script = [(0.0, "exit", (0,)), (9.0, "start", (0, 0))]
    late = drive(plane_class, world(one(1.0, client=client), good, script=script))
    t, number = 1.0, 0
    while t < 9.0:
        t += 1.0 - draws.u(1, Stream.BACKOFF, attempt_id(0, number))
        number += 1
    assert latency(late, 1.0) == pytest.approx(t - 1.0)


def test_a_job_that_is_given_out_again_is_as_heavy_as_before(plane_class):
    """Its worker dies at 1.01; the other has it at 3 and computes for as long as the first would
    have: the law's draw is the job's."""
    worker = Profile(Kind.WORKER, cpu=exponential(9.0), reliable=True, redelivery_s=2.0)
    api = Profile(Kind.HTTP, push_rate=1.0)
    work = Workload(1, 200.0, at(1.0))
    heavy = world(work, api, Profile(Kind.QUEUE), worker, worker, script=[(1.01, "exit", (2,))])
    run = drive(plane_class, heavy)
    wanted = -9.0 * math.log(draws.u(1, Stream.JOB_CPU, JOB_BASE))
    assert run.jobs() == {"enqueued": 1, "done": 1}
    assert wanted > 0.1
    assert run.plane.container_gauge(3).busy_s == pytest.approx(wanted)


# ---- 3: who is turned away ----
@pytest.mark.parametrize("hop", ["a breaker", "a bulkhead", "a budget"])
def test_who_is_turned_away_is_not_tried_again_by_that_hop(plane_class, hop):
    """Five more tries each, at once. The breaker opens at the failure of 1, so that its retry is
    turned away, as is the call of 2: one try in all. The bulkhead's one place is taken from 1 to
    1.5, so that the call of 1 that came second asks nobody. A budget without income lasts for the
    hundred retries of twenty calls with five each; the twenty-first is tried once."""
    tries = Client(timeout_s=9.0, retries=5, backoff_s=0.0)
    client = {
        "a breaker": replace(tries, breaker=BreakerRules(window=1, open_s=50.0)),
        "a bulkhead": replace(tries, at_most=1),
        "a budget": replace(tries, budget=0.0),
    }[hop]
    times = {"a breaker": (1.0, 2.0), "a bulkhead": (1.0, 1.0), "a budget": range(1, 23)}[hop]
    back = service(takes(0.5)) if hop == "a bulkhead" else service(FAIL)
    run = drive(plane_class, chain(one(*times), service(asks(1, client)), back))
    tried = {"a breaker": 1, "a bulkhead": 1, "a budget": 20 * 6 + 2}[hop]
    assert run.plane.call_gauges(0)[0].tries == tried
    again = Client(timeout_s=9.0, retries=1, backoff_s=1.0, jitter=0.0)
    above = drive(plane_class, chain(one(1.0, 1.0, client=again), service(asks(1, client)), back))
    assert above.plane.gauge().retries == (1 if hop == "a bulkhead" else 2)


# ---- 4: whose a breaker is, and what it does not hear ----
def test_a_breaker_is_one_for_each_service_that_is_asked(plane_class):
    """One process asks two, the first of which fails: that one's opens, the other is asked on."""
    fuse = Client(timeout_s=9.0, breaker=BreakerRules(window=1, open_s=50.0))
    front = service(asks(1, fuse, ignore=True), asks(2, fuse, name="other"))
    run = drive(plane_class, chain(one(1.0, 2.0, 3.0), front, service(FAIL), service(takes(0.0))))
    assert run.causes() == {Outcome.SUCCEEDED: 3}
    assert [gauge.tries for gauge in run.plane.call_gauges(0)] == [1, 3]


def test_an_answer_that_comes_after_its_caller_has_left_is_not_counted(plane_class):
    """Patience of a second against answers after 1.5: given up at 2 and at 3.25, which are two in a
    row, although the good answer to the first comes at 2.5, between them."""
    fuse = Client(timeout_s=1.0, breaker=BreakerRules(window=2, least=2, open_s=50.0, late=True))
    run = drive(
        plane_class, chain(one(1.0, 2.25, 4.0), service(asks(1, fuse)), service(takes(1.5)))
    )
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 2, SHED: 1}
    assert run.plane.container_gauge(1).served == 2


# ---- 9: a change of speed ----
@pytest.mark.parametrize("kind", [Does.CPU, Does.WAIT])
def test_another_speed_holds_for_what_begins_after_it(plane_class, kind):
    """One slot, 2 s each, twice as slow from 2 on: who began at 1 ends at 3 as it would have, who
    waited for the slot takes 4 s, and after 5 who begins takes 2 s again."""
    quick, slow = (service(StoryStep(kind, constant(s)), slots=1) for s in (2.0, 4.0))
    script = [(2.0, "set_profile", (0, 1)), (5.0, "set_profile", (0, 0))]
    w = world(one(1.0, 1.5, 6.0), quick, script=script)
    w = w._replace(profiles=(*w.profiles, slow))
    assert ends(plane_class, w) == [(3.0, 1, 0), (7.0, 2, 0), (9.0, 3, 0)]


def test_a_bad_plan_holds_for_queries_that_begin_after_it(plane_class):
    """A query of 2 s that began at 1 ends at 3; one of 2 takes twice as long."""
    api, db = (
        Profile(Kind.HTTP, slots=9, query=constant(2.0)),
        Profile(Kind.DATABASE, connect_cpu_s=0.0),
    )
    slow = replace(api, query=constant(4.0))
    w = world(one(1.0, 2.0), api, db, script=[(1.5, "set_profile", (0, 2))])
    w = w._replace(profiles=(*w.profiles, slow))
    assert ends(plane_class, w) == [(3.0, 1, 0), (6.0, 2, 0)]


# ---- 12: a job that comes back ----
def test_a_job_that_is_given_out_again_goes_to_the_tail(plane_class):
    """Two workers of one slot, jobs of 4 s. The first dies at 1.5 with the first of four, which is
    back at 3.5, and is done after the two that came meanwhile."""
    worker = Profile(Kind.WORKER, cpu=constant(4.0), reliable=True, redelivery_s=2.0)
    api = Profile(Kind.HTTP, push_rate=1.0)
    work = Workload(1, 60.0, at(1.0, 1.25, 2.0, 3.0))
    script = [(1.5, "exit", (2,))]
    w = world(work, api, Profile(Kind.QUEUE), worker, worker, script=script)
    seen: dict[float, float] = {}
    drive(
        plane_class, w, [5.5, 9.5, 13.5, 17.5],
        lambda plane: seen.setdefault(plane.now, plane.queue_gauge(0).oldest_s),
    )  # fmt: skip
    # it has those of 1.25, 2, 3 and 1 from 1.25, 5.25, 9.25 and 13.25 on
    assert [t - oldest for t, oldest in seen.items()][:3] == [1.0, 1.0, 13.5]


@pytest.mark.parametrize(("deletes", "again"), [(True, 0), (False, 1)])
def test_a_late_acknowledgement_deletes_what_has_not_begun_again(plane_class, deletes, again):
    """A job of 2 s, taken at 1, hangs from 2 to 7; given out again at 6, it waits behind the one
    that the other worker has had since 4 until 14. Done at 8, late: SQS deletes what waits, with
    others it is done once more."""
    first = Profile(
        Kind.WORKER, cpu=constant(2.0), reliable=True, redelivery_s=4.0, late_deletes=deletes
    )
    api, slow = Profile(Kind.HTTP, push_rate=1.0), replace(first, cpu=constant(10.0))
    script = [(0.0, "exit", (3,)), (2.0, "hang", (2,)), (3.0, "start", (3, 3)),
              (7.0, "resume", (2,)), (7.5, "drain", (2,))]  # fmt: skip
    w = world(Workload(1, 60.0, at(1.0, 4.0)), api, Profile(Kind.QUEUE), first, slow, script=script)
    run = drive(plane_class, w)
    assert run.jobs() == {"enqueued": 2, "done": 2} | ({"duplicated": again} if again else {})
    assert run.plane.container_gauge(3).busy_s == 10.0 * (1 + again)


@pytest.mark.parametrize("seed", range(6))
def test_engines_agree_where_late_acknowledgements_delete(seed):
    """Jobs of a second, given out again after half of one, more of them than workers; one hangs,
    and the queue crashes and is back with what its disk has."""
    worker = Profile(
        Kind.WORKER, cpu=exponential(1.0), reliable=True, redelivery_s=2.0, acknowledge_s=0.5,
        max_stalled=3 * seed, prefetch=seed % 3, late_deletes=True,
    )  # fmt: skip
    queue = Profile(Kind.QUEUE, persistence=Persistence(seed % 4), unsent_s=0.5 * (seed % 2))
    script = [(8.0, "hang", (2,)), (12.0, "resume", (2,)), (20.0, "exit", (1,)),
              (21.0, "start", (1, 1)), (25.0, "exit", (3,)), (26.0, "start", (3, 3))]  # fmt: skip
    work = Workload(seed, 40.0, poisson(1.5), Client(), lattice_s=(0.0, 1 / 8)[seed % 2])
    api = Profile(Kind.HTTP, push_rate=1.0)
    w = world(work, api, queue, worker, worker, script=script)
    assert difference(w) == ""
    kept = w._replace(profiles=(api, queue, *[replace(worker, late_deletes=False)] * 2))
    both = [drive(ReferencePlane, each).jobs() for each in (w, kept)]
    assert both[0] != both[1] or seed == 0
