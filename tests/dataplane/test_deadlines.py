"""A deadline over all tries, and one that is handed down. Answers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Cancel, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, StoryStep
from tests.dataplane.test_calls import asks, chain, one, service, takes
from tests.dataplane.test_together import together
from tests.dataplane.worlds import constant, drive, ends

CLIENT = Client(timeout_s=1.0, retries=9, backoff_s=2.0, backoff_factor=1.0, jitter=0.0)


@pytest.mark.parametrize(
    ("deadline_s", "end", "tries", "retries"),
    [
        (0.75, 1.75, 1, 0),  # shorter than the patience of a try
        (1.0, 2.0, 1, 0),  # no pause after a try that has ended with it
        (2.5, 3.5, 1, 0),  # it ends in the pause: nobody tries again
        (3.0, 4.0, 1, 0),  # ... with the pause
        (3.5, 4.5, 2, 1),  # half a second is left for the second try
        (4.0, 5.0, 2, 1),
        (7.25, 8.25, 3, 2),
    ],
)
def test_all_tries_together_end_with_the_deadline(plane_class, deadline_s, end, tries, retries):
    """Asked at 1 of who never answers: tries from 1, 4, 7, ..., each for a second."""
    client = replace(CLIENT, deadline_s=deadline_s)
    w = chain(one(1.0, client=client), service(takes(50.0), slots=99))
    run = drive(plane_class, w)
    assert ends(plane_class, w) == [(end, 0, 1)]
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1}
    assert run.plane.container_gauge(0).served == tries
    assert run.plane.gauge().retries == retries


def test_a_pause_that_the_deadline_ends_costs_no_retry_budget(plane_class):
    """Ten requests save five tokens; what dies in its pause spends none of them."""
    client = replace(CLIENT, deadline_s=2.0, budget=0.5)
    w = chain(one(*map(float, range(1, 11)), client=client), service(takes(50.0), slots=99))
    run = drive(plane_class, w)
    assert (run.plane.gauge().retries, run.plane.gauge().failed) == (0, 10)


@pytest.mark.parametrize(
    ("deadline_s", "inherits", "attempts"),
    [(99.0, False, 27), (99.0, True, 12), (5.0, False, 18), (5.0, True, 5)],
)
def test_a_hang_through_three_hops_ends_sooner(plane_class, deadline_s, inherits, attempts):
    """Three tries at each of three hops, patience 4, 2 and 1 s, no pauses: 27 at the bottom.

    Handed down, nobody tries when its asker is gone: 3 x 2 x 2, as if all cancelled. With 5 s for
    the user's tries the second has one second left: 2 x 9; or handed down 2 x 2 + 1 x 1."""
    rules = Client(retries=2, backoff_s=0.0, jitter=0.0)
    user = replace(rules, timeout_s=4.0, deadline_s=deadline_s)
    inner = [replace(rules, timeout_s=s, inherits_deadline=inherits) for s in (2.0, 1.0)]
    first, second = (service(asks(i + 1, inner[i])) for i in (0, 1))
    bottom = service(takes(0.0), slots=99)
    w = chain(one(1.0, client=user), first, second, bottom, script=[(0.5, "hang", (2,))])
    run = drive(plane_class, w)
    assert run.plane.container_gauge(2).waiting == attempts
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1}
    if deadline_s < 99.0:
        assert [t for t, _, _ in ends(plane_class, w)] == [6.0]


@pytest.mark.parametrize(("inherits", "tries"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("cancel", [Cancel.NO, Cancel.HOP])
def test_a_deadline_that_is_past_asks_nobody(plane_class, inherits, tries, cancel):
    """One slot, each request 2 s in it, patience 3 s. The second begins at 3 and would ask at 5,
    a second after its user has left: it fails at once, or cancelled it never asks."""
    step = asks(1, Client(timeout_s=9.0, inherits_deadline=inherits))
    entry = service(StoryStep(Does.CPU, constant(2.0)), step, slots=1, cancel=cancel)
    w = chain(one(1.0, 1.0, client=Client(timeout_s=3.0)), entry, service())
    run = drive(plane_class, w)
    asked = run.plane.call_gauges(0)[0]
    assert asked.tries == (1 if cancel else tries)
    assert (asked.calls, asked.given_up) == ((1, 0) if cancel else (2, int(inherits)))
    assert ends(plane_class, w) == [(3.0, 1, 0), (4.0, 1, 1)]


def test_a_job_has_no_deadline_to_hand_down(plane_class):
    """Its lease of half a second is not one: the call takes a second and is answered."""
    step = asks(1, Client(timeout_s=9.0, inherits_deadline=True))
    worker = Profile(Kind.WORKER, slots=1, steps=(step,), acknowledge_s=0.5, reliable=True)
    pushes = StoryStep(Does.PUSH)
    w = chain(
        one(1.0), service(pushes), service(takes(1.0)), worker, Profile(Kind.QUEUE),
        script=[(0.0, "publish", ((1,), -1, 1))],
    )  # fmt: skip
    run = drive(plane_class, w)
    gauge = run.plane.service_gauge(1)
    assert (gauge.asked, gauge.succeeded) == (gauge.asked, gauge.asked)
    assert gauge.asked >= 1


def test_calls_side_by_side_have_the_deadline_of_their_request(plane_class):
    """The user waits 3 s: both calls, each with a patience of 9 s, are given up then."""
    long = Client(timeout_s=9.0, inherits_deadline=True)
    calls = [asks(i, long, name=f"call:{i}") for i in (1, 2)]
    silent = service(takes(50.0))
    entry = service(*together(*calls))
    user = Client(timeout_s=3.0)
    w = chain(one(1.0, client=user), entry, silent, silent)
    run = drive(plane_class, w._replace(end_s=4.0))
    assert [edge.given_up for edge in run.plane.call_gauges(0)] == [1, 1]
