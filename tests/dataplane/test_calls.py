"""Services that call each other: who waits for whom, who tries again, and what a death means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import UNLIMITED, Algorithm, Cancel, Does, Kind, Outcome
from sim.dataplane.profile import BreakerRules, Client, Profile, Routing, StoryStep, Workload
from sim.dataplane.tables import CallGauge
from tests.dataplane.worlds import (
    World,
    at,
    cause,
    constant,
    drive,
    ends,
    exponential,
    latency,
    poisson,
    world,
)  # fmt: skip

CPU, WAIT, QUERY, PUSH, FAIL, POISON, CALL, *_ = Does
PATIENT = Client(timeout_s=100.0)


def asks(service: int, client: Client = PATIENT, **rest) -> StoryStep:
    return StoryStep(CALL, target=service, client=client, **rest)


def service(*steps: StoryStep, slots: int = 9, **rest) -> Profile:
    return Profile(Kind.HTTP, slots=slots, steps=steps, **rest)


def takes(seconds: float) -> StoryStep:
    return StoryStep(WAIT, constant(seconds))


def chain(work: Workload, *profiles: Profile, script=(), replicas: int = 1, on=()) -> World:
    """Profile i is service i, on a server of its own; the last one with so many replicas."""
    several = [*profiles, *[profiles[-1]] * (replicas - 1)]
    lists = [(i,) for i in range(len(profiles) - 1)]
    lists.append(tuple(range(len(profiles) - 1, len(several))))
    steps = [(0.0, "publish", (listed, -1, i)) for i, listed in enumerate(lists)]
    return world(work, *several, script=[*steps, *script], on=on)


def one(*times: float, client: Client = PATIENT) -> Workload:
    return Workload(1, 200.0, at(*times), client)


# ---- an answer ----
def test_the_caller_keeps_its_slot_while_it_waits(plane_class):
    """Two users, one slot before a service that takes a second: the second waits for the first."""
    w = chain(one(1.0, 1.0), service(takes(0.25), asks(1), slots=1), service(takes(1.0)))
    assert ends(plane_class, w) == [(2.25, 1, 0), (3.5, 2, 0)]


def test_the_cause_that_the_user_meets_is_that_of_the_service_that_failed(plane_class):
    shop = (service(asks(1)), service(asks(2)), service(takes(0.5), StoryStep(FAIL)))
    run = drive(plane_class, chain(one(1.0), *shop))
    assert run.causes() == {Outcome.HTTP_500: 1}
    gauges = [run.plane.service_gauge(i) for i in range(3)]
    assert [(g.asked, g.failed, g.causes[Outcome.HTTP_500 - 2]) for g in gauges] == [(1, 1, 1)] * 3
    dead = drive(plane_class, chain(one(1.0), *shop, script=[(0.5, "exit", (2,))]))
    assert dead.causes() == {Outcome.REFUSED: 1}


def test_a_failed_call_may_be_ignored(plane_class):
    shop = (service(asks(1, ignore=True), takes(0.5)), service(StoryStep(FAIL)))
    assert ends(plane_class, chain(one(1.0), *shop)) == [(1.5, 1, 0)]


def test_inner_calls_are_no_requests_and_each_is_counted_once(plane_class):
    again = Client(timeout_s=100.0, retries=3, backoff_s=0.0)
    run = drive(plane_class, chain(one(1.0), service(asks(1, again)), service(StoryStep(FAIL))))
    gauge = run.plane.gauge()
    assert (gauge.arrived, gauge.failed, gauge.retries) == (1, 1, 0)
    inner = run.plane.service_gauge(1)
    assert (inner.asked, inner.failed, inner.retries, inner.open) == (1, 1, 3, 0)
    assert run.plane.container_gauge(1).served == 4
    assert run.plane.call_gauges(0) == (CallGauge(calls=1, tries=4, failed=1, given_up=0),)
    assert run.plane.call_gauges(1) == ()


def test_a_retry_counts_to_the_version_that_called(plane_class):
    """The process goes on by another version during the back-off from 1 to 3."""
    again = Client(timeout_s=9.0, retries=1, backoff_s=2.0, jitter=0.0)
    shop = (service(asks(1, again)), service(StoryStep(FAIL)), service(asks(1, again), slots=9))
    run = drive(plane_class, chain(one(1.0), *shop, script=[(2.0, "set_profile", (0, 2))]))
    assert run.plane.call_gauges(0) == (CallGauge(calls=1, tries=2, failed=1, given_up=0),)
    assert run.plane.call_gauges(2) == (CallGauge(),)


def test_a_later_call_counts_to_the_version_whose_story_it_is_in(plane_class):
    """Two calls of a second each from 1 on; the process goes on by another version, which asks the
    same, from 1.5 on."""
    story = takes(0.25), asks(1, name="first"), asks(1, name="second")
    shop = (service(*story), service(takes(1.0)), service(*story, slots=7))
    run = drive(plane_class, chain(one(1.0), *shop, script=[(1.5, "set_profile", (0, 2))]))
    assert run.plane.call_gauges(0) == (CallGauge(calls=1, tries=1),) * 2
    assert run.plane.call_gauges(2) == (CallGauge(),) * 2


# ---- who is tired of waiting ----
def test_a_call_times_out_is_tried_again_and_holds_the_slot_through_its_back_off(plane_class):
    """Asked at 1, given up at 2, asked again at 4, and given up at 5; the slot is free then."""
    short = Client(timeout_s=1.0, retries=1, backoff_s=2.0, jitter=0.0)
    shop = (service(asks(1, short), slots=1), service(takes(50.0)))
    assert ends(plane_class, chain(one(1.0, 1.5), *shop)) == [(5.0, 0, 1), (9.0, 0, 2)]


NO, HOP, TREE = Cancel


@pytest.mark.parametrize(("cancel", "attempts"), [(NO, 27), (HOP, 12), (TREE, 12)])
def test_a_hang_through_three_hops(plane_class, cancel, attempts):
    """Three tries at each of three hops, patience 4, 2 and 1 s, no back-off: 27 at the bottom.

    Who drops what nobody waits for: the middle one is left at 2 s, as it gives up its second try,
    and the first at 4 s likewise (the outer patience ends first): 3 x 2 x 2."""
    tries = [
        Client(timeout_s=seconds, retries=2, backoff_s=0.0, jitter=0.0) for seconds in (4, 2, 1)
    ]
    first, second = (service(asks(i, tries[i]), cancel=cancel) for i in (1, 2))
    bottom = service(takes(0.0), slots=99)
    w = chain(one(1.0, client=tries[0]), first, second, bottom, script=[(0.5, "hang", (2,))])
    run = drive(plane_class, w)
    assert run.plane.container_gauge(2).waiting == attempts
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1}
    asked = attempts // (2 if cancel else 3)
    assert run.plane.service_gauge(2).asked == asked
    edge = run.plane.call_gauges(1)[0]
    assert (edge.calls, edge.tries) == (asked, attempts)


@pytest.mark.parametrize(("cancel", "waiting", "busy_s"), [(HOP, 1, 1.0), (TREE, 0, 0.0)])
def test_a_cancelled_tree_ends_what_was_asked_further_down(plane_class, cancel, waiting, busy_s):
    """The user leaves at 2. Hop by hop the two between wait for the answer of the last, who takes
    until 4 and then computes for a second; a tree ends there and then, but for the step that the
    last is at, after which it computes nothing. A hung one sees it when it goes on."""
    middle = service(asks(1), cancel=cancel), service(asks(2), cancel=cancel)
    last = service(takes(3.0), StoryStep(CPU, constant(1.0)), cancel=cancel)
    user = one(1.0, client=Client(timeout_s=1.0))
    for script in ([], [(1.5, "hang", (1,)), (2.25, "resume", (1,))]):
        seen: dict[float, list[int]] = {}
        run = drive(
            plane_class, chain(user, *middle, last, script=script), [2.125, 2.5, 4.5],
            lambda plane, seen=seen: seen.setdefault(
                plane.now, [plane.container_gauge(c).inside for c in range(3)]
            ),
        )  # fmt: skip
        hung = 1 if script else waiting
        assert seen[2.125] == [waiting, hung, 1]
        assert seen[2.5] == [waiting, waiting, 1]
        assert seen[4.5] == [waiting, waiting, waiting]
        assert run.plane.container_gauge(2).busy_s == busy_s
        assert run.plane.service_gauge(2).open == 0


@pytest.mark.parametrize(("cancel", "waiting"), [(HOP, 1), (TREE, 0)])
def test_a_cancelled_tree_does_not_wait_for_a_back_off(plane_class, cancel, waiting):
    """Its call fails at 1 and would be tried again at 6; the user leaves at 2."""
    slow = Client(timeout_s=9.0, retries=1, backoff_s=5.0, jitter=0.0)
    shop = (service(asks(1, slow), cancel=cancel), service(StoryStep(FAIL)))
    seen = []
    w = chain(one(1.0, client=Client(timeout_s=1.0)), *shop)
    run = drive(
        plane_class, w, [3.0], lambda plane: seen.append(plane.container_gauge(0).inside)
    )  # fmt: skip
    assert seen[0] == waiting
    assert run.plane.container_gauge(1).served == 1
    assert run.plane.service_gauge(1).open == 0


@pytest.mark.parametrize(("cancel", "later"), [(HOP, Outcome.SHED), (TREE, Outcome.SUCCEEDED)])
def test_a_trial_that_is_cancelled_gives_its_place_back(plane_class, cancel, later):
    """Open from 1 to 3; the user of the trial leaves at 4, and nobody knows how it would have
    ended: another is let through at 4.5, or none until the first has timed out."""
    fuse = Client(timeout_s=9.0, breaker=BreakerRules(window=1, open_s=2.0))
    front = service(asks(1, fuse), cancel=cancel)
    shop = (front, service(StoryStep(FAIL)), service(takes(50.0)), service(takes(0.0)))
    w = chain(
        one(1.0, 3.0, 4.5, client=Client(timeout_s=1.0)), *shop, script=swaps((2.0, 2), (4.25, 3))
    )
    assert cause(drive(plane_class, w), 4.5) == later


def test_a_budget_is_one_process_s_and_begins_full(plane_class):
    """A hundred tokens are there at first, a call earns a tenth: 120 calls may be tried again 112
    times (100 and a tenth of a call each, as they are spent), and after a restart anew."""
    rare = Client(timeout_s=9.0, retries=1, backoff_s=0.0, budget=0.1)
    work = Workload(1, 400.0, at(*range(1, 121), *range(201, 221)), PATIENT)
    shop = (service(asks(1, rare)), service(StoryStep(FAIL)))
    still = drive(plane_class, chain(work, *shop))
    anew = drive(
        plane_class, chain(work, *shop, script=[(150.0, "exit", (0,)), (151.0, "start", (0, 0))])
    )
    # the first call finds the purse full: 119 earn 11.9, of which 11 can be spent by the 120th
    assert still.plane.service_gauge(1).retries == 111 + 2
    assert anew.plane.service_gauge(1).retries == 111 + 20


# ---- who is turned away before it asks ----
SHED = Outcome.SHED


def test_a_bulkhead_has_so_many_places_and_the_next_is_turned_away_at_once(plane_class):
    """Two places: of three at 1 one is refused there and then; at 3 there is room again."""
    shop = (service(asks(1, Client(timeout_s=9.0, at_most=2))), service(takes(1.0)))
    w = chain(one(1.0, 1.0, 1.0, 3.0), *shop)
    assert ends(plane_class, w) == [(1.0, 0, 1), (2.0, 2, 1), (4.0, 3, 1)]
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 3, SHED: 1}
    assert run.plane.container_gauge(1).served == 3


def test_a_place_is_free_when_its_caller_stops_waiting(plane_class):
    short = Client(timeout_s=0.5, at_most=1)
    run = drive(
        plane_class, chain(one(1.0, 1.25, 1.625), service(asks(1, short)), service(takes(9.0)))
    )
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 2, SHED: 1}


def test_who_is_turned_away_is_not_tried_again_by_that_hop_but_above_it_may_be(plane_class):
    narrow = Client(timeout_s=9.0, retries=5, backoff_s=0.0, at_most=1)
    shop = (service(asks(1, narrow)), service(takes(1.0)))
    assert ends(plane_class, chain(one(1.0, 1.0), *shop))[0] == (1.0, 0, 1)
    again = Client(timeout_s=9.0, retries=1, backoff_s=2.0, jitter=0.0)
    patient = chain(one(1.0, 1.0, client=again), *shop)
    assert ends(plane_class, patient) == [(2.0, 1, 0), (4.0, 2, 0)]


FUSE = Client(timeout_s=9.0, breaker=BreakerRules(window=2, least=2, open_s=4.0))


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_through_later(plane_class):
    """Failures at 1 and 2 open it until 6: turned away at 3 and 5.5; let through at 6, which fails:
    open until 10. The callee is well from 8: let through at 10, closed."""
    times = (1.0, 2.0, 3.0, 5.5, 6.0, 9.0, 10.0, 11.0, 12.0)
    script = [(8.0, "exit", (1,)), (8.0, "start", (1, 2))]
    shop = (service(asks(1, FUSE)), service(StoryStep(FAIL)), service(takes(0.0)))
    w = chain(one(*times), *shop, script=script)
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.SUCCEEDED: 3, Outcome.HTTP_500: 3, SHED: 3}
    assert run.plane.service_gauge(1).causes[SHED - 2] == 3


def test_while_one_is_let_through_the_others_are_turned_away(plane_class):
    slow = service(takes(1.0), StoryStep(FAIL))
    run = drive(plane_class, chain(one(1.0, 1.0, 7.0, 7.5, 8.5), service(asks(1, FUSE)), slow))
    assert run.causes() == {Outcome.HTTP_500: 3, SHED: 2}  # 8.5: open again since 8


def test_a_success_between_failures_is_a_new_beginning(plane_class):
    """Half of all tries fail: two in a row open it every six calls or so, and then thirty-two of
    eight a second are turned away."""
    shop = (service(asks(1, FUSE)), service(StoryStep(FAIL, share=0.5)))
    mixed = drive(plane_class, chain(one(*(i / 8 for i in range(8, 400))), *shop)).plane
    said = mixed.service_gauge(1)
    assert said.causes[SHED - 2] > 0 < said.succeeded
    assert said.causes[SHED - 2] > said.asked / 2


def test_a_breaker_belongs_to_a_process_and_dies_with_it(plane_class):
    shop = (service(asks(1, FUSE)), service(StoryStep(FAIL)))
    script = [(2.5, "exit", (0,)), (2.5, "start", (0, 0))]
    run = drive(plane_class, chain(one(1.0, 2.0, 3.0, 4.0, 5.0), *shop, script=script))
    assert run.causes() == {Outcome.HTTP_500: 4, SHED: 1}
    two = chain(one(1.0, 2.0, 3.0, 4.0, 5.0), *shop)
    both = [(0.0, "add_server", (9.0, 2**50)), (0.0, "add_container", (0, 2)),
            (0.0, "start", (2, 0)), (0.0, "publish", ((0, 2), -1, 0)),
            (0.0, "set_routing", (Routing(Algorithm.ROUND_ROBIN), 0))]  # fmt: skip
    two = chain(one(1.0, 2.0, 3.0, 4.0, 5.0), *shop, script=both)
    assert drive(plane_class, two).causes() == {Outcome.HTTP_500: 4, SHED: 1}


def swaps(*changes: tuple[float, int]):
    """Service 1 is told another story."""
    return [(t, "set_profile", (1, profile)) for t, profile in changes]


RATE = BreakerRules(window=4, least=4, share=0.5, open_s=4.0, trials=2, late=True)
WELL, BROKEN = service(takes(0.0)), service(StoryStep(FAIL))


def test_a_breaker_by_rate_opens_when_a_share_of_the_last_tries_has_failed(plane_class):
    """1 and 2 are well, 3 and 4 fail: half of four, open until 8. The trials of 8 and 9 succeed:
    closed, with an empty window. One success and failures at 10 and 11 are too few to tell; with
    that of 12 it is three of four."""
    front = service(asks(1, Client(timeout_s=9.0, breaker=RATE)))
    times = (1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 8.0, 9.0, 9.25, 10.0, 11.0, 12.0, 13.0)
    script = swaps((2.5, 2), (6.0, 1), (9.5, 2))
    run = drive(plane_class, chain(one(*times), front, WELL, BROKEN, script=script))
    # well: 1, 2, 8, 9, 9.25; failed: 3, 4, 10, 11, 12; turned away: 5, 7.5, 13
    assert run.causes() == {Outcome.SUCCEEDED: 5, Outcome.HTTP_500: 5, SHED: 3}


@pytest.mark.parametrize(("least", "failed"), [(4, 4), (2, 2), (9, 4)])
def test_it_judges_nothing_before_it_knows_enough(plane_class, least, failed):
    """Of tries that all fail it opens at the second, or the fourth; no window holds nine of four,
    which count as four (resilience4j: the lesser of the two)."""
    breaker = replace(RATE, least=least)
    front = service(asks(1, Client(timeout_s=9.0, breaker=breaker)))
    run = drive(plane_class, chain(one(1.0, 1.5, 2.0, 2.5, 3.0, 3.5), front, BROKEN))
    assert run.causes() == {Outcome.HTTP_500: failed, SHED: 6 - failed}


def test_so_many_trials_are_let_through_and_decide_by_the_same_share(plane_class):
    """Open from 4 to 8; of three at 8 two are let through. Both take a second and fail: open until
    13, when two more are let through, and succeed."""
    front = service(asks(1, Client(timeout_s=9.0, breaker=RATE)))
    times = (1.0, 2.0, 3.0, 4.0, 8.0, 8.0, 8.0, 8.5, 12.5, 13.0, 13.0, 13.0, 14.5)
    slow = service(takes(1.0), StoryStep(FAIL))
    script = swaps((4.5, 2), (12.75, 3))
    w = chain(one(*times), front, BROKEN, slow, service(takes(1.0)), script=script)
    run = drive(plane_class, w)
    assert run.causes() == {Outcome.HTTP_500: 6, SHED: 4, Outcome.SUCCEEDED: 3}


@pytest.mark.parametrize(("late", "at_9"), [(True, SHED), (False, Outcome.SUCCEEDED)])
def test_an_answer_to_a_try_of_another_state(plane_class, late, at_9):
    """Asked at 1, it fails at 7.5, when a trial of 7 is out that succeeds at 8: resilience4j counts
    it (open until 11.5), gobreaker does not (closed at 8)."""
    breaker = BreakerRules(window=2, least=2, open_s=4.0, late=late)
    front = service(asks(1, Client(timeout_s=9.0, breaker=breaker)))
    late_failure = service(takes(6.5), StoryStep(FAIL))
    script = swaps((1.5, 2), (5.0, 3))
    w = chain(one(1.0, 2.0, 3.0, 7.0, 9.0), front, late_failure, BROKEN, service(takes(1.0)),
              script=script)  # fmt: skip
    run = drive(plane_class, w)
    assert cause(run, 9.0) == at_9
    assert cause(run, 7.0) == Outcome.SUCCEEDED


# ---- deaths ----
def test_the_callee_dies_and_the_caller_hears_of_it(plane_class):
    shop = (service(asks(1)), service(takes(5.0)))
    run = drive(plane_class, chain(one(1.0), *shop, script=[(2.0, "exit", (1,))]))
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1}
    again = Client(timeout_s=100.0, retries=1, backoff_s=0.5, jitter=0.0)
    shop = (service(asks(1, again)), shop[1])
    script = [(2.0, "exit", (1,)), (2.25, "start", (1, 1))]
    assert ends(plane_class, chain(one(1.0), *shop, script=script)) == [(7.5, 1, 0)]


def test_of_a_host_that_dies_nobody_hears(plane_class):
    shop = (service(asks(1, Client(timeout_s=3.0))), service(takes(1.0)))
    script = [(1.5, "server_down", (1,))]
    assert ends(plane_class, chain(one(1.0), *shop, script=script)) == [(4.0, 0, 1)]


@pytest.mark.parametrize(("cancel", "served_s"), [(False, 3.0), (True, 2.0)])
def test_what_a_dead_caller_asked_for_goes_on_in_vain_unless_it_is_cancelled(
    plane_class, cancel, served_s
):
    """The caller dies at 1.5, while the callee waits until 3 before it computes for a second."""
    callee = service(takes(2.0), StoryStep(CPU, constant(1.0)), cancel=cancel)
    w = chain(one(1.0), service(asks(1)), callee, script=[(1.5, "exit", (0,))])
    seen = []
    run = drive(
        plane_class, w, [k / 4 for k in range(40)],
        lambda plane: seen.append((plane.now, plane.container_gauge(1).inside)),
    )  # fmt: skip
    assert max(t for t, inside in seen if inside) == served_s + 0.75
    assert run.causes() == {Outcome.DROPPED_ON_KILL: 1}
    inner = run.plane.service_gauge(1)
    assert (inner.asked, inner.forsaken, inner.open, inner.succeeded) == (1, 1, 0, 0)


def test_the_dead_callers_host_does_not_tell_the_callee(plane_class):
    callee = service(takes(2.0), StoryStep(CPU, constant(1.0)), cancel=True)
    w = chain(one(1.0), service(asks(1)), callee, script=[(1.5, "server_down", (0,))])
    assert drive(plane_class, w).plane.container_gauge(1).busy_s == 1.0


def test_what_waits_in_the_balancer_goes_with_its_caller(plane_class):
    """One connection a server: the second caller's attempt waits, and is gone with its process,
    so that the third is served as soon as the first has ended."""
    script = [
        (0.0, "set_routing", (Routing(maxconn=1, queue_timeout_s=50.0), 1)),
        (2.0, "exit", (0,)), (2.0, "start", (0, 0)),
    ]  # fmt: skip
    w = chain(one(1.0, 1.25, 3.0), service(asks(1)), service(takes(4.0)), script=script)
    assert ends(plane_class, w) == [(2.0, 0, 2), (9.0, 1, 2)]  # 1..5 in vain, then 5..9


def test_an_answer_that_finds_its_caller_dead_wakes_nobody(plane_class):
    """Caller and callee are one process, which ends: its callee's end is an answer to its caller
    in the very instant in which that has died, and its place may be taken at once."""
    nested = service(asks(1), slots=4)
    script = [
        (0.0, "publish", ((0,), -1, 0)), (0.0, "publish", ((0, 1), -1, 1)),
        (2.0, "exit", (0,)), (2.5, "start", (0, 0)),
    ]  # fmt: skip
    w = world(one(1.0, 3.0), nested, nested, script=script)
    run = drive(plane_class, w)
    books = run.plane.books()
    tally = run.plane.service_gauge(1)
    assert tally.asked == tally.succeeded + tally.failed + tally.open + tally.forsaken
    assert tally.open == books.open_calls
    assert tally.forsaken > 0


def test_a_back_off_whose_caller_died_ends_in_nothing(plane_class):
    slow = Client(timeout_s=9.0, retries=1, backoff_s=4.0, jitter=0.0)
    shop = (service(asks(1, slow)), service(StoryStep(FAIL)))
    script = [(2.0, "exit", (0,)), (2.0, "start", (0, 0))]
    run = drive(plane_class, chain(one(1.0, 3.0), *shop, script=script))
    inner = run.plane.service_gauge(1)
    # the first is dropped with its process; the second is tried again at 7
    assert (inner.asked, inner.forsaken, inner.failed, inner.retries) == (2, 1, 1, 2)
    assert run.plane.container_gauge(1).served == 3


def test_a_hung_caller_does_not_try_again_until_it_goes_on(plane_class):
    """Its call fails at 2; it notices at 6, waits a second, asks once more until 8."""
    again = Client(timeout_s=9.0, retries=1, backoff_s=1.0, jitter=0.0)
    shop = (service(asks(1, again)), service(takes(1.0), StoryStep(FAIL)))
    script = [(1.5, "hang", (0,)), (6.0, "resume", (0,))]
    assert ends(plane_class, chain(one(1.0), *shop, script=script)) == [(8.0, 0, 1)]


# ---- draws ----
def test_an_inner_retry_changes_no_draw_of_what_comes_after(plane_class):
    """Whatever the first call goes through, the second step takes as long, and so does a retried
    call itself: a heavy request stays heavy."""

    def run(first: Profile, replicas: int = 1) -> float:
        again = Client(timeout_s=100.0, retries=20, backoff_s=0.0)
        front = service(asks(1, again), StoryStep(WAIT, exponential(1.0)), asks(2, name="second"))
        shop = (front, first, service(StoryStep(WAIT, exponential(1.0))))
        return latency(drive(plane_class, chain(one(1.0), *shop, replicas=replicas)), 1.0)

    alone, several = run(service(takes(0.0))), run(service(takes(0.0)), replicas=3)
    assert alone == several > 0.0
    failing = service(StoryStep(FAIL, share=0.7))
    assert run(failing) == alone


def test_a_worker_calls_too(plane_class):
    api, redis = service(StoryStep(PUSH)), Profile(Kind.QUEUE)
    worker = Profile(Kind.WORKER, slots=3, steps=(asks(1),), job_attempts=2, job_backoff_s=1.0)
    bad = service(takes(1.0), StoryStep(FAIL, share=0.5))
    w = world(
        Workload(1, 200.0, at(*[1.0] * 60), PATIENT), replace(api, slots=99), redis, worker, bad,
        script=[(0.0, "publish", ((0,), -1, 0)), (0.0, "publish", ((3,), -1, 1))],
    )  # fmt: skip
    run = drive(plane_class, w)
    inner, jobs = run.plane.service_gauge(1), run.jobs()
    assert jobs["enqueued"] == 60 == jobs["done"] + jobs["attempts_exhausted"]
    assert inner.succeeded == jobs["done"]
    assert inner.asked == 60 + (inner.failed - jobs["attempts_exhausted"])


# ---- theory ----
def test_two_services_in_a_row_whose_slots_do_not_bind_are_two_queues_in_a_row(plane_class):
    """Jackson: a tandem of M/M/1 (one core each, processor sharing) has mean 1 / (mu - lambda) at
    each. The caller's slot is held but never the last one, and the call itself costs nothing."""
    n, rate = (40_000 if plane_class.__name__ == "CompiledPlane" else 4_000), 10.0
    front = service(StoryStep(CPU, exponential(0.05)), asks(1), slots=UNLIMITED)
    back = service(StoryStep(CPU, exponential(0.08)), slots=UNLIMITED)
    work = Workload(3, n / rate, poisson(rate), PATIENT)
    w = chain(work, front, back)
    one_core = [
        step._replace(args=(1.0, 2**50)) if step.verb == "add_server" else step for step in w.script
    ]
    recording = drive(plane_class, w._replace(script=tuple(one_core))).recording
    mean = recording.latency_sum.sum() / recording.latency.sum()
    exact = 1 / (20.0 - rate) + 1 / (12.5 - rate)
    assert mean == pytest.approx(exact, rel=0.05 if n > 10_000 else 0.15)


def test_a_call_is_forsaken_once_however_often_its_job_comes_back(plane_class):
    """The worker dies at 3 while it waits, and at 4.25 with the same job, before it asks again."""
    job = (StoryStep(CPU, constant(1.0)), asks(1))
    worker = Profile(
        Kind.WORKER, steps=job, reliable=True, redelivery_s=0.5, max_stalled=9, job_attempts=9
    )
    shop = Profile(Kind.HTTP, push_rate=1.0)
    script = [(0.0, "publish", ((0,), -1, 0)), (0.0, "publish", ((1,), -1, 1))]
    script += [(3.0, "exit", (2,)), (3.25, "start", (2, 2)), (4.25, "exit", (2,))]
    run = drive(
        plane_class,
        world(one(1.0), shop, service(takes(50.0)), worker, Profile(Kind.QUEUE), script=script),
    )
    inner = run.plane.service_gauge(1)
    assert (inner.asked, inner.forsaken, inner.open) == (1, 1, 0)
    assert run.plane.books().open_calls == 0
