"""Stories as data: what each kind of step does, what it takes, and what its draws hang on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.dataplane import draws
from sim.dataplane.codes import JOB_BASE, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, StoryStep, Workload
from sim.dataplane.story import stories
from tests.dataplane.worlds import at, constant, drive, ends, exponential, latency, world

CPU, WAIT, QUERY, PUSH, FAIL, POISON, CALL, *_ = Does
API = Profile(Kind.HTTP, slots=4, cpu=constant(0.25), pool=1)
DB = Profile(Kind.DATABASE, connect_cpu_s=0.0)
ONE = Workload(1, 30.0, at(1.0), bucket_s=1.0)


def steps(*made: StoryStep) -> Profile:
    return replace(API, steps=made)


def test_steps_follow_each_other(plane_class):
    api = steps(
        StoryStep(CPU, constant(0.25)),
        StoryStep(WAIT, constant(0.5)),
        StoryStep(QUERY, constant(0.125)),
        StoryStep(CPU, constant(1.0), name="render"),
        StoryStep(QUERY, constant(0.125), name="save"),
    )
    run = drive(plane_class, world(ONE, api, DB))
    assert latency(run, 1.0) == 2.0
    assert run.plane.container_gauge(0).busy_s == 1.25  # waiting uses nothing
    assert run.plane.container_gauge(1).busy_s == 0.25


def test_waiting_keeps_the_slot_and_a_hung_process_does_not_notice(plane_class):
    """Two requests, one slot: the second is served after the first; the hang from 1.25 to 4 covers
    the end of the first one's wait."""
    api = replace(steps(StoryStep(WAIT, constant(1.0))), slots=1)
    script = [(1.25, "hang", (0,)), (4.0, "resume", (0,))]
    two = replace(ONE, arrivals=at(1.0, 1.0))
    assert ends(plane_class, world(two, api, script=script)) == [(4.0, 1, 0), (5.0, 2, 0)]


def test_a_process_that_dies_while_it_waits_drops_the_request_and_the_timer_is_void(plane_class):
    api = steps(StoryStep(WAIT, constant(2.0)))
    script = [(1.5, "exit", (0,)), (1.75, "start", (0, 0))]
    again = replace(ONE, client=Client(retries=1, backoff_s=0.5, jitter=0.0, timeout_s=9.0))
    # dropped at 1.5, tried again at 2, done at 4; the first timer is due at 3
    assert ends(plane_class, world(again, api, script=script)) == [(4.0, 1, 0)]


def test_a_failed_step_ends_the_story_unless_it_is_ignored(plane_class):
    after = StoryStep(WAIT, constant(0.5))
    for ignore, outcome, took in ((False, Outcome.HTTP_500, 0.0), (True, Outcome.SUCCEEDED, 0.5)):
        api = steps(StoryStep(QUERY, constant(0.1), ignore=ignore), after)
        run = drive(plane_class, world(ONE, api))  # no database: it fails at once
        assert run.causes() == {outcome: 1}
        assert latency(run, 1.0) == took


def test_a_story_may_end_in_the_instant_in_which_it_began(plane_class):
    run = drive(plane_class, world(ONE, steps(StoryStep(FAIL, share=0.0, name="never"))))
    assert run.causes() == {Outcome.SUCCEEDED: 1}
    assert latency(run, 1.0) == 0.0


def test_what_is_left_out_takes_what_it_covers_with_it(plane_class):
    """A cache: one read in four misses, and only then is the database asked and the page drawn."""
    n = 4000
    api = replace(
        steps(
            StoryStep(CPU, constant(0.0)),
            StoryStep(QUERY, constant(0.001), share=0.25, covers=1),
            StoryStep(CPU, constant(0.002), name="draw"),
        ),
        pool=0,
    )
    run = drive(plane_class, world(Workload(5, 99.0, at(*(i / 64 for i in range(n)))), api, DB))
    queries, pages = (run.plane.container_gauge(c).busy_s for c in (1, 0))
    assert pages == pytest.approx(2 * queries)
    assert queries / 0.001 == pytest.approx(n / 4, abs=4 * (n * 3 / 16) ** 0.5)


def test_the_short_form_is_the_story_that_it_always_meant(plane_class):
    short = replace(API, cpu=exponential(0.1), query=exponential(0.05), push_rate=0.5)
    told = replace(
        short, cpu=constant(9.0), query=constant(9.0), push_rate=0.0,
        steps=(
            StoryStep(CPU, short.cpu), StoryStep(QUERY, short.query), StoryStep(PUSH, share=0.5),
        ),
    )  # fmt: skip
    work = Workload(3, 60.0, at(*(0.25 * i for i in range(200))))
    rest = (DB, Profile(Kind.QUEUE), Profile(Kind.WORKER, cpu=exponential(0.1)))
    one, two = (drive(plane_class, world(work, api, *rest)) for api in (short, told))
    assert one.recording.latency_sum.tobytes() == two.recording.latency_sum.tobytes()
    assert one.plane.gauge() == two.plane.gauge()
    assert one.jobs()["enqueued"] > 60


def test_a_step_put_between_two_others_changes_no_draw_of_theirs(plane_class):
    one = steps(StoryStep(WAIT, exponential(0.1)), StoryStep(WAIT, exponential(0.2), name="far"))
    two = steps(
        one.steps[0], StoryStep(CPU, constant(0.0), name="new"),
        StoryStep(FAIL, share=0.0, name="no"),
        one.steps[1],
    )  # fmt: skip
    runs = [drive(plane_class, world(ONE, api)) for api in (one, two)]
    assert latency(runs[0], 1.0) == latency(runs[1], 1.0) > 0.0


@pytest.mark.parametrize(("by_try", "share"), [(True, math.exp(-3.0)), (False, math.exp(-1.0))])
def test_a_heavy_request_stays_heavy_unless_the_step_draws_for_each_try(plane_class, by_try, share):
    """Exponential with mean 1 s, patience 1 s, three tries: a try fails with e^-1, three that know
    nothing of each other with e^-3, three of the same request with e^-1. So do inner calls."""
    n = 4000
    tries = Client(timeout_s=1.0, retries=2, backoff_s=0.0)
    law = StoryStep(WAIT, exponential(1.0), by_try=by_try)
    back = replace(API, slots=n, steps=(law,))
    front = replace(back, steps=(StoryStep(CALL, target=1, client=tries),))
    users, patient = (
        Workload(7, 60.0, at(*(i / 100 for i in range(n))), client)
        for client in (tries, Client(timeout_s=9.0))
    )
    lists = [(0.0, "publish", ((i,), -1, i)) for i in range(2)]
    for w in (world(users, back), world(patient, front, back, script=lists)):
        given_up = drive(plane_class, w).causes()[Outcome.CLIENT_TIMEOUT]
        assert given_up == pytest.approx(n * share, abs=4 * (n * share * (1 - share)) ** 0.5)


def test_the_tries_of_a_job_draw_alike_unless_the_step_draws_for_each(plane_class):
    """The job is that of attempt 0; its tries are who it is, and then its children."""
    job = JOB_BASE
    law, key = StoryStep(CPU, exponential(1.0), name="work"), draws.stream("law:work")
    for by_try, who in ((False, [job] * 3), (True, [job, *(draws.child(job, k) for k in (1, 2))])):
        worker = Profile(
            Kind.WORKER, steps=(replace(law, by_try=by_try), StoryStep(FAIL)), job_attempts=3
        )
        run = drive(plane_class, world(ONE, steps(StoryStep(PUSH)), worker, Profile(Kind.QUEUE)))
        taken = [-math.log(draws.u(1, key, one)) for one in who]
        assert run.plane.container_gauge(1).busy_s == pytest.approx(sum(taken))


def test_a_job_has_a_story_too_and_may_push_another(plane_class):
    """Each job waits 1 s and pushes one more with half a chance: the worker's jobs are as many as
    all that were pushed, and each is a job of its own."""
    api = steps(StoryStep(PUSH))
    worker = Profile(
        Kind.WORKER, slots=99,
        steps=(StoryStep(WAIT, constant(1.0)), StoryStep(PUSH, share=0.5, name="more")),
    )  # fmt: skip
    many = Workload(2, 200.0, at(*[1.0] * 500))
    jobs = drive(plane_class, world(many, api, Profile(Kind.QUEUE), worker)).jobs()
    assert jobs["enqueued"] == jobs["done"]
    assert 900 < jobs["done"] < 1100


def test_a_poisonous_step_ends_with_its_process_only(plane_class):
    worker = Profile(Kind.WORKER, steps=(StoryStep(WAIT, constant(1.0)), StoryStep(POISON)))
    run = drive(plane_class, world(ONE, steps(StoryStep(PUSH)), Profile(Kind.QUEUE), worker))
    assert [(n.t_s, n.note.name, n.id) for n in run.notices if n.note.name == "POISONED"] == [
        (2.0, "POISONED", 2)
    ]
    assert run.plane.books().jobs_in_progress == 1


def test_the_versions_own_errors_come_after_the_first_cpu():
    (made,) = stories(
        Profile(
            Kind.HTTP, error_rate=0.5,
            steps=(
                StoryStep(WAIT, covers=1), StoryStep(CPU), StoryStep(QUERY),
                StoryStep(CPU, name="b"),
            ),
        )
    )  # fmt: skip
    assert [step.does for step in made] == [WAIT, CPU, FAIL, QUERY, CPU]
    assert made[0].covers == 1  # ends before it
    wide = replace(Profile(Kind.HTTP, error_rate=0.5), steps=(StoryStep(CPU, covers=1), made[3]))
    assert [step.covers for step in stories(wide)[0]] == [2, 0, 0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ((StoryStep(CPU), StoryStep(CPU)), "two steps of a story are called CPU"),
        (
            (StoryStep(CPU, name="a"), StoryStep(WAIT, name="a")),
            "two steps of a story are called a",
        ),
        ((StoryStep(CPU, covers=1),), "a step covers more steps than follow it"),
        (tuple(StoryStep(WAIT, name=str(i)) for i in range(25)), "a story of 25 steps"),
    ],
)
def test_a_story_that_cannot_be_told_is_refused(plane_class, made, words):
    with pytest.raises(ValueError, match=words):
        plane_class(ONE).add_profile(steps(*made))
