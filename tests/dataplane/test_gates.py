"""Gates: servers by one of which users come in, and what becomes of those who meet a dead one."""

from __future__ import annotations

import pytest

from sim.dataplane import draws
from sim.dataplane.arithmetic import attempt_id
from sim.dataplane.codes import Algorithm, Does, Kind, Outcome, Stream
from sim.dataplane.profile import Client, Profile, Routing, StoryStep, Workload
from sim.dataplane.tables import ARRIVED, SUCCEEDED
from tests.dataplane.worlds import at, constant, drive, world

SEED, N = 5, 300
API = Profile(Kind.HTTP, slots=512, cpu=constant(0.25))
USERS = Client(timeout_s=20.0, connect_timeout_s=3.0, retries=1, backoff_s=1.0, jitter=0.0)
PROXIED = Routing(proxy=True, retries=3, redispatch=True, connect_timeout_s=1.0)
GATES = (0.5, "set_gates", ((0, 1, 2),))
DOWN = (0.5, "server_down", (2,))


def work(client: Client = USERS, routing: Routing = PROXIED, first: float = 1.0) -> Workload:
    times = at(*(first + n for n in range(N)))
    return Workload(SEED, N + 40.0, times, client, routing, bucket_s=1.0, services=2)


def gate(request: int, retry: int) -> int:
    """Of three, drawn for the try."""
    return int(3 * draws.u(SEED, Stream.GATE, attempt_id(request, retry)))


def took(run) -> list[float]:
    return [float(x) for x in run.recording.latency_sum[1 : N + 1]]


APART = (0.5, "place", (2, 1))
SENT, ANSWERED = ((0.5, "lose", (*ends, 1.0)) for ends in ((0, 1), (1, 0)))


@pytest.mark.parametrize("trouble", [[DOWN], [APART, SENT], [APART, ANSWERED]])
def test_who_meets_a_dead_server_tries_another_after_the_connect_timeout(plane_class, trouble):
    """Every third try meets it, for 3 s; the next comes a second later, and of those who meet it
    twice nothing comes. No proxy tries again, since none has heard of it."""
    run = drive(plane_class, world(work(), API, API, API, script=[GATES, *trouble]))
    expected = []
    for request in range(N):
        late = 4.0 if gate(request, 0) == 2 else 0.0
        lost = late and gate(request, 1) == 2
        expected.append(0.0 if lost else late + 0.25)
    assert took(run) == expected
    assert 20 < expected.count(0.0) < 50
    assert run.causes()[Outcome.CONNECT_TIMEOUT] == expected.count(0.0)
    assert expected.count(4.25) == pytest.approx(N * 2 / 9, rel=0.3)


def test_from_a_gate_on_it_is_the_proxys_way(plane_class):
    """The first replica, which all ask first, is cut off from the third server, and from it alone:
    who comes by it gets another after the second that the proxy on it waits. A round trip of a half
    from there to the second one is not the users' from the others."""
    cut = [(0.5, "place", (0, 2)), APART, (0.5, "lose", (2, 1, 1.0))]
    slow = [(0.5, "link", (1, 0, constant(0.5)))]
    run = drive(plane_class, world(work(), API, API, API, script=[GATES, *cut, *slow]))
    assert took(run) == [1.75 if gate(n, 0) == 2 else 0.25 for n in range(N)]


def test_a_list_without_it_lets_everybody_in(plane_class):
    """The balancer has noticed after 100 s; later there is no list at all."""
    script = [GATES, DOWN, (100.5, "set_gates", ((0, 1),)), (200.5, "set_gates", ((),))]
    run = drive(plane_class, world(work(), API, API, API, script=script))
    assert set(took(run)[100:]) == {0.25}
    assert 4.25 in took(run)[:100]


def test_only_users_come_by_a_gate(plane_class):
    """One service asks another, whose server is no gate and lives."""
    web = Profile(Kind.HTTP, slots=512, steps=(StoryStep(Does.CALL, target=1),))
    script = [
        (0.0, "publish", ((0,),)),
        (0.0, "publish", ((1,), -1, 1)),
        (0.0, "add_server", (1.0, 1)),
    ]
    script += [(0.5, "set_gates", ((0, 2),)), (0.5, "server_down", (2,))]  # fmt: skip
    run = drive(plane_class, world(work(), web, API, script=script))
    totals = run.recording.requests.sum(axis=0)
    called = run.plane.service_gauge(1)
    assert called.asked == called.succeeded == totals[SUCCEEDED]
    assert totals[ARRIVED] == N > totals[SUCCEEDED]


def test_a_kept_connection_is_not_opened_again(plane_class):
    """One connection for all, opened before the server died; without it they would meet it."""
    plain = Routing()
    kept = Client(timeout_s=20.0, connect_timeout_s=3.0, connections=1)
    script = [(0.25, "set_gates", ((0, 1, 2),)), (1.5, "server_down", (2,))]
    run = drive(plane_class, world(work(kept, plain), API, API, API, script=script))
    assert set(took(run)) == {0.25}
    fresh = Client(timeout_s=20.0, connect_timeout_s=3.0)
    run = drive(plane_class, world(work(fresh, plain), API, API, API, script=script))
    assert run.causes()[Outcome.CONNECT_TIMEOUT] > 50


# ---- that keep to themselves ----
LOCAL = (0.5, "set_gates", ((0, 1, 2), True))


def test_one_without_a_backend_swallows_and_the_others_serve_with_their_own(plane_class):
    """Replicas stand on the first two servers, two on the first, one on the second; whoever comes
    by the third is lost. Each serves what comes by its server, evenly, which the demands tell."""
    quick, slow, slower = (Profile(Kind.HTTP, slots=512, cpu=constant(d)) for d in (0.25, 0.5, 1.0))
    even = Routing(algorithm=Algorithm.RANDOM)
    fresh = Client(timeout_s=20.0, connect_timeout_s=3.0)
    script = [(0.5, "add_server", (1.0, 1)), LOCAL]
    on = (0, 0, 1)
    run = drive(plane_class, world(work(fresh, even), quick, slow, slower, on=on, script=script))
    expected = []
    for request in range(N):
        half = draws.u(SEED, Stream.ROUTE, attempt_id(request, 0)) >= 0.5
        expected.append((0.5 if half else 0.25, 1.0, 0.0)[gate(request, 0)])
    assert took(run) == expected
    assert {expected.count(x) > 20 for x in (0.25, 0.5, 1.0, 0.0)} == {True}
    assert run.causes()[Outcome.CONNECT_TIMEOUT] == expected.count(0.0)


def test_where_nobody_is_listed_at_all_there_is_no_backend(plane_class):
    more = [(0.5, "add_server", (1.0, 1))] * 2
    script = [*more, (0.5, "publish", ((),)), LOCAL]
    once = Client(timeout_s=20.0, connect_timeout_s=3.0)
    run = drive(plane_class, world(work(once), API, script=script))
    assert run.causes() == {Outcome.NO_BACKEND: N}
