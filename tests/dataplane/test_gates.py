"""Gates: servers by one of which users come in, and what becomes of those who meet a dead one."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.mark.parametrize(
    ("routing", "client", "trips"),
    [
        (Routing(), USERS, (2, 2)),  # the connection goes from end to end
        (PROXIED, USERS, (2, 1)),  # a proxy has one to the replica
        (Routing(), replace(USERS, connections=1), (1, 1)),  # after its first request
        (PROXIED, replace(USERS, connections=1), (1, 1)),
    ],
)
def test_users_have_a_way_of_their_own_to_the_gate(plane_class, routing, client, trips):
    """A quarter of a second to it, an eighth from there to the replica."""
    placed = [(0.5, "place", (0, 1)), (0.5, "place", (2, 2)), (0.5, "set_gates", ((2,),))]
    far = [(0.5, "link", (0, 2, constant(0.25))), (0.5, "link", (2, 1, constant(0.125)))]
    run = drive(plane_class, world(work(client, routing), API, API, API, script=[*placed, *far]))
    assert took(run)[1:] == [0.25 + trips[0] * 0.25 + trips[1] * 0.125] * (N - 1)


def test_users_who_come_straight_in_travel_once_or_twice(plane_class):
    """Twice where they open a connection; a proxy that tries another replica does not make them
    travel again: it waits a second for the dead one."""
    far = [(0.5, "place", (0, 1)), (0.5, "place", (1, 1)), (0.5, "link", (0, 1, constant(0.25)))]
    run = drive(plane_class, world(work(USERS, Routing()), API, API, API, script=far))
    assert took(run) == [0.75] * N
    kept = replace(USERS, connections=1)
    run = drive(plane_class, world(work(kept, Routing()), API, API, API, script=far))
    assert took(run)[1:] == [0.5] * (N - 1)
    off = [*far, (0.5, "server_down", (0,))]
    run = drive(plane_class, world(work(USERS, PROXIED), API, API, API, script=off))
    assert set(took(run)) == {1.75}


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


# ---- connections that stay ----
PLAIN = Routing()
ONE = Client(timeout_s=20.0, connect_timeout_s=3.0, connections=1, connection_stays=True)
HELD = replace(ONE, connection_silence_s=50.0)
MET = next(i for i in range(3) if gate(0, 0) == i)  # by which the first request opens it
OTHERS = tuple(i for i in range(3) if i != MET)


@pytest.mark.parametrize("dies", OTHERS)
def test_a_kept_connection_is_not_opened_again(plane_class, dies):
    """One connection for all, opened before the server died; without it they would meet it."""
    script = [(0.25, "set_gates", ((0, 1, 2),)), (1.5, "server_down", (dies,))]
    backends = (0.0, "publish", ((MET,),))
    kept = world(work(ONE, PLAIN), API, API, API, script=[backends, *script])
    run = drive(plane_class, kept)
    assert set(took(run)) == {0.25}
    fresh = Client(timeout_s=20.0, connect_timeout_s=3.0)
    run = drive(plane_class, world(work(fresh, PLAIN), API, API, API, script=[backends, *script]))
    assert run.causes()[Outcome.CONNECT_TIMEOUT] > 50


def over_one(plane_class, *deeds, client: Client = HELD):
    """What becomes of requests each second, the first at 1 s, all over one connection by MET to a
    replica on another server, each served for 0.25 s; 0.0: nothing."""
    script = [(0.0, "publish", ((OTHERS[0],),)), (0.25, "set_gates", ((0, 1, 2),)), *deeds]
    run = drive(plane_class, world(work(client, PLAIN), API, API, API, script=script))
    return took(run), run.causes()


def test_what_is_open_through_a_server_that_dies_hangs_until_its_client_gives_up(plane_class):
    """At 5.125 the fifth request is inside: it is served, and its answer is lost. The sixth is sent
    at 6 s, and nothing acknowledges it; 50 s later the client opens another. Each of those between
    waits for its 20 s."""
    served, causes = over_one(
        plane_class, (5.125, "server_down", (MET,)), (5.25, "set_gates", (OTHERS,))
    )
    assert served == [0.25] * 4 + [0.0] * 51 + [0.25] * (N - 55)
    assert causes[Outcome.CLIENT_TIMEOUT] == 51


def test_who_boots_resets_what_was_open_and_another_is_opened(plane_class):
    """Dead from 5.125 to 9.5 s: those of 5 to 9 s hang, and that of 10 s opens another."""
    off = [(5.125, "server_down", (MET,)), (9.5, "server_up", (MET,))]
    served, _ = over_one(plane_class, *off)
    assert served == [0.25] * 4 + [0.0] * 5 + [0.25] * (N - 9)


def test_what_is_open_goes_on_until_the_balancer_ends_it(plane_class):
    """It is off the list from 2.5 s on; at 9.125 its connections are reset, with the ninth request
    inside. The tenth opens another, and so would the ninth if it were tried again."""
    drained = [(2.5, "set_gates", (OTHERS,)), (9.125, "close_gate", (MET,))]
    served, causes = over_one(plane_class, *drained)
    assert served == [0.25] * 8 + [0.0] + [0.25] * (N - 9)
    assert causes[Outcome.DROPPED_ON_KILL] == 1
    again = replace(HELD, retries=1, backoff_s=1.0, jitter=0.0)
    served, causes = over_one(plane_class, *drained, client=again)
    assert served == [0.25] * 8 + [1.375] + [0.25] * (N - 9)
    served, causes = over_one(plane_class, (9.125, "close_gate", (OTHERS[0],)))
    assert served == [0.25] * N


def test_what_hangs_behind_a_proxy_is_reset_with_the_rest(plane_class):
    """A proxy's users open a connection each, and that of who waits for its next try is open."""
    cut = [(0.5, "place", (0, 1)), (0.5, "lose", (0, 1, 1.0)), (0.5, "publish", ((0,),))]
    once = replace(USERS, retries=0)
    routing = replace(PROXIED, redispatch=False, connect_timeout_s=5.0)
    script = [(0.25, "set_gates", ((MET,),)), *cut, (3.5, "close_gate", (MET,))]
    run = drive(plane_class, world(work(once, routing), API, API, API, script=script))
    assert run.causes()[Outcome.DROPPED_ON_KILL] == 3


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
