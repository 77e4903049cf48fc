"""Steps side by side: the last one ends them, the first failure fails them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.codes import Cancel, Does, Kind, Outcome
from sim.dataplane.profile import CacheRules, Client, Profile, StoryStep, Workload
from sim.dataplane.story import MOST_STEPS, stories
from tests.dataplane.worlds import (
    World,
    at,
    cause,
    constant,
    drive,
    ends,
    latency,
    world,
)

FAIL = StoryStep(Does.FAIL)
DATABASE = Profile(Kind.DATABASE, connect_cpu_s=0.0)
PATIENT = Client(timeout_s=100.0)


def takes(seconds: float, name: str = "", **rest) -> StoryStep:
    return StoryStep(Does.WAIT, constant(seconds), name=name, **rest)


def asks(service: int, **rest) -> StoryStep:
    rules = {"client": PATIENT, "name": f"call:{service}"} | rest
    return StoryStep(Does.CALL, target=service, **rules)


def together(*steps: StoryStep, **rest) -> tuple[StoryStep, ...]:
    return StoryStep(Does.TOGETHER, covers=len(steps), **rest), *steps


def service(*steps: StoryStep, slots: int = 9, **rest) -> Profile:
    return Profile(Kind.HTTP, slots=slots, steps=steps, **rest)


def shop(front: Profile, *others: Profile, times=(1.0,), script=(), client=PATIENT) -> World:
    """One service asks the others, each of which is service 1, 2, ..."""
    lists = [(0.0, "publish", ((i,), -1, i)) for i in range(len(others) + 1)]
    work = Workload(1, 200.0, at(*times), client)
    return world(work, front, *others, script=[*lists, *script])


FIRST, SECOND = service(takes(2.0)), service(takes(3.0))
BOTH = together(asks(1), asks(2))


def test_it_takes_as_long_as_the_longest_and_one_slot(plane_class):
    """Two users, one slot: of 2 s and 3 s at once the first has 3, then half a second by itself;
    the second begins after that."""
    front = service(*BOTH, takes(0.5, "after"), slots=1)
    assert ends(plane_class, shop(front, FIRST, SECOND, times=(1.0, 1.0))) == [
        (4.5, 1, 0),
        (8.0, 2, 0),
    ]


@pytest.mark.parametrize(("ignore", "end", "outcome"), [(False, 3.0, 0), (True, 3.5, 1)])
def test_it_fails_at_its_first_failure_and_the_others_go_on_in_vain(
    plane_class, ignore, end, outcome
):
    """The first of 2 s fails at 3. The other is served until 4 all the same."""
    front = service(*together(asks(1), asks(2), ignore=ignore), takes(0.5, "after"))
    run = drive(plane_class, shop(front, service(takes(2.0), FAIL), SECOND))
    assert run.plane.gauge().succeeded == outcome
    assert latency(run, 1.0) == end - 1.0 if outcome else cause(run, 1.0) == Outcome.HTTP_500
    asked = [run.plane.service_gauge(i) for i in (1, 2)]
    assert [(g.asked, g.succeeded, g.failed, g.open) for g in asked] == [(1, 0, 1, 0), (1, 1, 0, 0)]


@pytest.mark.parametrize(
    ("cancel", "open_calls"), [(Cancel.NO, 1), (Cancel.HOP, 1), (Cancel.TREE, 0)]
)
def test_who_is_cancelled_as_a_tree_leaves_the_others_at_once(plane_class, cancel, open_calls):
    """The first fails at 3, the second would answer at 4."""
    seen: list[int] = []
    world = shop(service(*BOTH, cancel=cancel), service(takes(2.0), FAIL), SECOND)
    run = drive(plane_class, world, [3.5], lambda p: seen.append(p.service_gauge(2).open))
    assert seen[0] == open_calls
    assert run.plane.service_gauge(2).succeeded == open_calls
    assert run.plane.books().open_calls == 0


@pytest.mark.parametrize(("cancel", "busy_s"), [(Cancel.NO, 1.0), (Cancel.HOP, 0.0)])
@pytest.mark.parametrize("ends_first", ["a failure", "the user"])
def test_who_looks_takes_no_step_that_nobody_waits_for(plane_class, cancel, busy_s, ends_first):
    """At 2 one of them fails, or the user leaves; the other's processor would be due at 4."""
    steps = takes(3.0, covers=1), StoryStep(Does.CPU, constant(1.0))
    failing = takes(1.0, "short", covers=1), replace(FAIL, share=float(ends_first == "a failure"))
    client = replace(PATIENT, timeout_s=1.0 if ends_first == "the user" else 9.0)
    run = drive(
        plane_class, shop(service(*together(*steps, *failing), cancel=cancel), client=client)
    )
    assert run.plane.container_gauge(0).busy_s == busy_s
    assert run.plane.container_gauge(0).inside == 0


def test_a_user_who_leaves_cancels_all_that_was_asked(plane_class):
    seen: list[int] = []
    front = service(*BOTH, cancel=Cancel.TREE)
    run = drive(
        plane_class, shop(front, FIRST, SECOND, client=replace(PATIENT, timeout_s=1.0)), [2.125],
        lambda p: seen.extend(p.service_gauge(i).open for i in (1, 2)),
    )  # fmt: skip
    assert seen[:2] == [0, 0]
    assert cause(run, 1.0) == Outcome.CLIENT_TIMEOUT


@pytest.mark.parametrize("death", ["exit", "server_down"])
def test_a_death_in_the_middle_forgets_all_of_them(plane_class, death):
    """At 2 the caller dies, and is back at 3 for the user of 5, whom it answers at 8. What was
    asked for goes on in vain."""
    back = [(2.5, "server_up", (0,))] if death == "server_down" else []
    script = [(2.0, death, (0,)), *back, (3.0, "start", (0, 0))]
    client = replace(PATIENT, timeout_s=4.0)
    run = drive(
        plane_class,
        shop(service(*BOTH), FIRST, SECOND, times=(1.0, 5.0), script=script, client=client),
    )
    expected = Outcome.DROPPED_ON_KILL if death == "exit" else Outcome.CLIENT_TIMEOUT
    assert cause(run, 1.0) == expected
    assert latency(run, 5.0) == 3.0
    for number in (1, 2):
        gauge = run.plane.service_gauge(number)
        assert (gauge.asked, gauge.succeeded, gauge.forsaken, gauge.open) == (2, 1, 1, 0)
        assert run.plane.container_gauge(number).served == 2


def test_a_hung_caller_notices_when_it_goes_on(plane_class):
    """Both have answered by 4; it hangs from 2 to 6."""
    script = [(2.0, "hang", (0,)), (6.0, "resume", (0,))]
    assert ends(plane_class, shop(service(*BOTH), FIRST, SECOND, script=script)) == [(6.0, 1, 0)]


@pytest.mark.parametrize(("pool", "end"), [(1, 3.0), (2, 2.0)])
def test_two_queries_at_once_need_two_connections(plane_class, pool, end):
    queries = [StoryStep(Does.QUERY, constant(1.0), name=name) for name in ("one", "two")]
    front = service(*together(*queries), pool=pool)
    assert ends(plane_class, shop(front, DATABASE)) == [(end, 1, 0)]


def test_a_look_into_a_cache_is_one_of_them_with_its_miss(plane_class):
    """The miss takes 3 s beside a wait of 2 s, and fills; the next user has the wait alone."""
    look = StoryStep(Does.CACHE, cache=CacheRules(), covers=1)
    front = service(*together(look, takes(3.0), takes(2.0, "other")))
    run = drive(plane_class, shop(front, Profile(Kind.CACHE), times=(1.0, 10.0)))
    assert [latency(run, t) for t in (1.0, 10.0)] == [3.0, 2.0]
    assert (run.plane.cache_gauge(0).fills, run.plane.cache_gauge(0).hits) == (1, 1)


def test_a_push_at_once_with_a_call_makes_a_job_that_does_two_things_at_once(plane_class):
    push = StoryStep(Does.PUSH)
    job = (takes(1.0, "long"), takes(0.5, "short"))
    worker = Profile(Kind.WORKER, steps=together(*job))
    seen: list[int] = []
    run = drive(
        plane_class, shop(service(*together(push, asks(1))), FIRST, Profile(Kind.QUEUE), worker),
        [1.9, 2.1], lambda plane: seen.append(plane.queue_gauge(0).done),
    )  # fmt: skip
    assert seen[:2] == [0, 1]
    assert latency(run, 1.0) == 2.0


@pytest.mark.parametrize(
    "steps",
    [
        (StoryStep(Does.TOGETHER), takes(1.0)),
        (StoryStep(Does.TOGETHER, covers=2), *together(takes(1.0))),
        (StoryStep(Does.TOGETHER, covers=1), takes(1.0, covers=1), takes(1.0, "more")),
        (takes(1.0, covers=2), *together(takes(1.0, "one"), takes(1.0, "two"))),
    ],
)
def test_what_is_half_side_by_side_is_refused(steps):
    with pytest.raises(ValueError, match="side by side"):
        stories(Profile(Kind.HTTP, steps=steps))


def test_their_ends_count_as_steps():
    waits = [takes(1.0, f"{i}") for i in range(MOST_STEPS // 2)]
    with pytest.raises(ValueError, match=f"a story of {MOST_STEPS + 1} steps"):
        stories(Profile(Kind.HTTP, steps=together(*waits)))
