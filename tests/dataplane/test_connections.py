"""Connections that stay: a balancer of connections chooses once, and not for each request."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.dataplane.codes import Algorithm, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, Routing, StoryStep, Workload
from tests.dataplane.worlds import at, cause, constant, drive, ends, poisson, world

FAST = Profile(Kind.HTTP, slots=9, cpu=constant(0.125))
KEPT = Client(timeout_s=2.0, connect_timeout_s=0.5, connections=1)
TURNS = Routing(Algorithm.ROUND_ROBIN)
SECONDS = tuple(float(t) for t in range(1, 21))


def served(plane_class, *script, client: Client = KEPT, routing: Routing = TURNS, times=SECONDS):
    """Requests that each of two replicas has answered; both are listed from 0 on."""
    work = Workload(1, 40.0, at(*times), client, routing)
    run = drive(plane_class, world(work, FAST, FAST, script=script))
    return [run.plane.container_gauge(c).served for c in range(2)], run


@pytest.mark.parametrize(
    ("client", "routing", "wanted"),
    [
        # one connection, one choice, for good
        (KEPT, TURNS, [20, 0]),
        (replace(KEPT, connections=0), TURNS, [10, 10]),
        # opened at 1, used at 1, 2, 3 and 4, five seconds old at 6: opened anew, at the other one
        (replace(KEPT, connection_age_s=5.0), TURNS, [10, 10]),
        (replace(KEPT, connection_age_s=16.0), TURNS, [16, 4]),
        # idle for a second between any two; it ends when nobody has used it for so long
        (replace(KEPT, connection_idle_s=1.0), TURNS, [10, 10]),
        (replace(KEPT, connection_idle_s=1.5), TURNS, [20, 0]),
        # who looks at each request balances each request
        (KEPT, replace(TURNS, per_request=True), [10, 10]),
        (KEPT, replace(TURNS, proxy=True), [10, 10]),
    ],
)
def test_a_connection_is_chosen_a_backend_once(plane_class, client, routing, wanted):
    assert served(plane_class, client=client, routing=routing)[0] == wanted


@pytest.mark.parametrize(
    ("closing", "wanted", "refused"),
    [(0.0, [10, 10], 0), (0.25, [10, 10], 0), (0.5, [5, 5], 10)],
)
def test_a_request_meets_the_close_of_an_idle_connection(plane_class, closing, wanted, refused):
    """Idle for 0.75 s, a connection is closed by its server; a second after its last use its client
    has heard so after 0.25 s, not after 0.5: every other request is refused, and those between open
    another. Tried again at once each is answered."""
    idle = replace(KEPT, connection_idle_s=0.75, connection_closing_s=closing)
    counts, run = served(plane_class, client=idle)
    assert (counts, run.causes().get(Outcome.REFUSED, 0)) == (wanted, refused)
    again = served(plane_class, client=replace(idle, retries=1, backoff_s=0.0))[1]
    assert again.causes() == {Outcome.SUCCEEDED: 20}


@pytest.mark.parametrize("whose", ["shared", "its own", "a proxy's"])
def test_so_many_requests_meet_a_close(plane_class, whose):
    """One a second, one connection that is idle for a second at most and closing for another: the
    gap falls there with p = exp(-1) - exp(-2). Who is refused leaves none to the next, so that
    p / (1 + p) = 0.189 are; three deviations of 3,000 are 0.022."""
    client = replace(KEPT, connection_idle_s=1.0, connection_closing_s=1.0)
    client = replace(client, connection_exclusive=whose == "its own")
    server, routing = replace(FAST, cpu=constant(0.0)), TURNS
    if whose == "a proxy's":
        client, routing = Client(), replace(TURNS, proxy=True, keeps=9)
        server = replace(server, keep_alive_s=1.0, closing_s=1.0)
    work = Workload(1, 3000.0, poisson(1.0), client, routing)
    run = drive(plane_class, world(work, server, script=()))
    p = math.exp(-1.0) - math.exp(-2.0)
    refused = run.causes()[Outcome.REFUSED]
    assert refused / sum(run.causes().values()) == pytest.approx(p / (1.0 + p), abs=0.022)


def test_after_a_scale_up_the_new_replica_stays_idle(plane_class):
    """A hundred connections, all open when the second replica is listed, at 60 s: no request gets
    there. Of connections that live for ten seconds half do, when those of before have ended: of the
    2,400 requests of the last minute 1,200 less what is sent until then."""
    listed = ((0.0, "publish", ((0,),)), (60.0, "publish", ((0, 1),)))
    for age, least, most in ((float("inf"), 0, 0), (10.0, 1050, 1250)):
        client = Client(connections=100, connection_age_s=age)
        work = Workload(1, 120.0, poisson(40.0), client, Routing(Algorithm.RANDOM))
        fast = replace(FAST, cpu=constant(0.001))
        run = drive(plane_class, world(work, fast, fast, script=listed))
        assert least <= run.plane.container_gauge(1).served <= most


def test_who_leaves_the_list_keeps_its_clients_and_who_drains_sends_them_away(plane_class):
    """Off the list at 5.5, and served on by its one connection; SIGTERM at 10.5 ends that. Nothing
    fails."""
    leaves = ((5.5, "publish", ((1,),)), (10.5, "drain", (0,)))
    counts, run = served(plane_class, *leaves)
    assert counts == [10, 10]
    assert run.causes() == {Outcome.SUCCEEDED: 20}


def test_the_end_of_a_process_is_seen_and_another_one_is_asked(plane_class):
    """Dead at 5.5 and back at 6.5; its connection is not: who was opened at 6 goes on."""
    dies = ((5.5, "exit", (0,)), (5.5, "publish", ((1,),)), (6.5, "start", (0, 0)))
    counts, run = served(plane_class, *dies, (6.5, "publish", ((0, 1),)))
    assert counts == [5, 15]
    assert run.causes() == {Outcome.SUCCEEDED: 20}


def test_of_a_dead_host_nothing_is_heard_until_patience_ends(plane_class):
    """Its server is lost at 5.5. Nobody connects, so that the connect time-out does not help:
    the request of 6 waits for its two seconds, those of 7 and 8 as well (an arrival comes before
    patience), and the connection is given up at 8; that of 9 opens another one."""
    lost = ((5.5, "server_down", (0,)), (5.5, "publish", ((1,),)))
    counts, run = served(plane_class, *lost)
    assert counts == [5, 12]
    assert [cause(run, t) for t in (6.0, 7.0, 8.0)] == [Outcome.CLIENT_TIMEOUT] * 3
    no_longer = served(plane_class, *lost, client=replace(KEPT, connections=0))[1]
    assert no_longer.causes() == {Outcome.SUCCEEDED: 20}


def test_a_request_that_nobody_answers_in_time_costs_its_client_the_connection(plane_class):
    """The one replica hangs from 4.5 on. The request of 5 is given up at 7, after that of 7 was
    sent (an arrival comes before patience): 5, 6 and 7 are lost, the other has the rest."""
    counts, run = served(plane_class, (4.5, "hang", (0,)), (4.5, "publish", ((1,),)))
    assert counts == [4, 13]
    assert run.causes() == {Outcome.SUCCEEDED: 17, Outcome.CLIENT_TIMEOUT: 3}


def test_a_stream_that_times_out_leaves_its_connection_open(plane_class):
    """HTTP/2: the one replica hangs from 4.5 to 9.5, and nobody goes anywhere else. Of those sent
    at 5 to 9 the patience of 8 and 9 is long enough."""
    http2 = replace(KEPT, connection_stays=True)
    hangs = ((4.5, "hang", (0,)), (9.5, "resume", (0,)))
    counts, run = served(plane_class, *hangs, client=http2)
    assert counts == [20, 0]  # three of them in vain
    assert run.causes() == {Outcome.SUCCEEDED: 17, Outcome.CLIENT_TIMEOUT: 3}


def test_a_dead_host_is_given_up_when_nothing_was_acknowledged_for_so_long(plane_class):
    """Lost at 5.5; what is sent at 6 and until 10 is lost, and at 11, five seconds after the first
    of it, the connection is."""
    pings = replace(KEPT, connection_stays=True, connection_silence_s=5.0)
    counts, run = served(plane_class, (5.5, "server_down", (0,)), client=pings)
    assert counts == [5, 10]
    assert run.causes() == {Outcome.SUCCEEDED: 15, Outcome.CLIENT_TIMEOUT: 5}


def test_connections_of_a_service_end_with_its_process(plane_class):
    """The first asks one of two; from 9.5 to 10.5 it is not there; the new process opens its own,
    and it is the other's turn."""
    asks = StoryStep(Does.CALL, target=1, client=replace(KEPT, timeout_s=9.0))
    first = Profile(Kind.HTTP, slots=9, steps=(asks,))
    script = [
        (0.0, "publish", ((0,),)),
        (0.0, "publish", ((1, 2), -1, 1)),
        (0.0, "set_routing", (TURNS, 1)),
        (9.5, "exit", (0,)),
        (10.5, "start", (0, 0)),
    ]
    work = Workload(1, 40.0, at(*SECONDS), Client())
    run = drive(plane_class, world(work, first, FAST, FAST, script=script))
    assert [run.plane.container_gauge(c).served for c in (1, 2)] == [9, 10]
    assert run.causes() == {Outcome.SUCCEEDED: 19, Outcome.REFUSED: 1}


def test_requests_are_dealt_to_connections_by_who_asks(plane_class):
    """Ten connections in turn over two replicas, five each: the shares are those of the requests
    that hash to them, not halves, and the same in every run."""
    work = Workload(1, 400.0, poisson(10.0, 380.0), Client(connections=3), TURNS)
    runs = [drive(plane_class, world(work, FAST, FAST)) for _ in range(2)]
    shares = [runs[i].plane.container_gauge(0).served for i in range(2)]
    total = sum(runs[0].causes().values())
    assert shares[0] == shares[1]
    assert abs(shares[0] / total - 2 / 3) < 0.05  # two of three connections, each a third


def test_a_process_that_would_keep_too_many_is_refused(plane_class):
    many = StoryStep(Does.CALL, target=1, client=Client(connections=257))
    with pytest.raises(ValueError, match="257 connections: a process keeps 256"):
        plane_class(Workload(1, 1.0, at())).add_profile(Profile(Kind.HTTP, steps=(many,)))


# ---- of one request at a time (HTTP/1.1) ----
ALONE = replace(KEPT, connection_exclusive=True)
SLOW = replace(FAST, slots=9, cpu=constant(0.5))


def counts(plane_class, times, client: Client, *script, slow: Profile = SLOW):
    """Requests that each of three replicas has answered, in turn; all are listed from 0 on."""
    work = Workload(1, 40.0, at(*times), client, TURNS)
    run = drive(plane_class, world(work, slow, slow, slow, script=script))
    return [run.plane.container_gauge(c).served for c in range(3)], run


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        # 1 and 1.25 at once: the second opens another, to the second replica, which only two kept
        # find again. 3 takes the one that was used last, the second's, as does 4; of 5 and 5.25 one
        # has the second's and the other the first's
        (2, [2, 4, 0]),
        # one is kept, that of who was answered first; the other is closed, and 5.25 opens a third
        (1, [4, 1, 1]),
        # none is: a connection for each request
        (0, [2, 2, 2]),
    ],
)
def test_who_finds_none_idle_opens_another_and_so_many_are_kept(plane_class, kept, wanted):
    """Half a second each. The last used is taken first (Node, Go and urllib3 alike), and more than
    `connections` are not kept when they are idle."""
    client = replace(ALONE, connections=kept)
    found, run = counts(plane_class, (1.0, 1.25, 3.0, 4.0, 5.0, 5.25), client)
    assert found == wanted
    assert run.causes() == {Outcome.SUCCEEDED: 6}
    shared = replace(client, connection_exclusive=False, connections=1)
    assert counts(plane_class, (1.0, 1.25, 3.0, 4.0, 5.0, 5.25), shared)[0] == [6, 0, 0]


def test_what_was_not_used_for_long_ends_and_the_next_is_taken(plane_class):
    """Two connections: opened at 1 to the first and at 1.25 to the second replica. At 1.875 the
    second is taken, at 4 it is idle since 2.375, more than a second: both have ended."""
    client = replace(ALONE, connections=2, connection_idle_s=1.0)
    assert counts(plane_class, (1.0, 1.25, 1.875, 4.0), client)[0] == [1, 2, 1]
    # two seconds: the second's has not ended at 4, and that which was used before, at 4.25, has
    client = replace(client, connection_idle_s=2.0)
    assert counts(plane_class, (1.0, 1.25, 1.875, 4.0, 4.25), client)[0] == [1, 3, 1]


def test_a_time_out_closes_it_and_a_failure_that_was_answered_does_not(plane_class):
    """Who asked at 1.5, over the connection of 1, is given up at 3.5. The request of 4 finds none,
    and opens one to the second replica, which that of 5 uses."""
    client = replace(ALONE, connections=9, timeout_s=2.0)
    slow = replace(SLOW, cpu=constant(0.25))
    hangs = ((1.375, "hang", (0,)), (1.375, "publish", ((0, 1),)), (3.75, "resume", (0,)))
    found, run = counts(plane_class, (1.0, 1.5, 4.0, 5.0), client, *hangs, slow=slow)
    assert run.causes() == {Outcome.SUCCEEDED: 3, Outcome.CLIENT_TIMEOUT: 1}
    assert found == [2, 2, 0]  # one of them in vain
    errs = replace(slow, error_rate=1.0)
    found, run = counts(plane_class, (1.0, 2.0, 3.0), client, slow=errs)
    assert (found, run.causes()) == ([3, 0, 0], {Outcome.HTTP_500: 3})


def test_so_many_are_open_at_once_and_the_others_wait_for_one(plane_class):
    """Two at most, half a second each: of five at 1 two are answered at 1.5, two at 2 and one at
    2.5. With a patience of 0.75 s the third and fourth are given up at 1.75, as is the fifth, which
    had the connection of the third for no time; with 0.25 s all are, and three have begun."""
    client = replace(ALONE, connections=9, connections_open=2)
    work = Workload(1, 40.0, at(*[1.0] * 5), client, TURNS)
    w = world(work, SLOW, SLOW)
    assert ends(plane_class, w) == [(1.5, 2, 0), (2.0, 4, 0), (2.5, 5, 0)]
    for patience_s, left, served in ((0.75, [(1.5, 2, 0), (1.75, 2, 3)], [3, 2]),
                                     (0.25, [(1.25, 0, 5)], [3, 2])):  # fmt: skip
        w = world(replace(work, client=replace(client, timeout_s=patience_s)), SLOW, SLOW)
        assert ends(plane_class, w) == left
        run = drive(plane_class, w)
        assert [run.plane.container_gauge(c).served for c in range(2)] == served


def test_a_service_that_waits_for_a_connection_ends_with_its_process(plane_class):
    """One at most: the second of 1 waits when its caller dies at 1.25. The new process of 2 begins
    with none, and asks at once."""
    client = replace(ALONE, timeout_s=9.0, connections_open=1)
    front = Profile(Kind.HTTP, slots=9, steps=(StoryStep(Does.CALL, target=1, client=client),))
    script = [
        (0.0, "publish", ((0,),)), (0.0, "publish", ((1,), -1, 1)),
        (1.25, "exit", (0,)), (2.0, "start", (0, 0)),
    ]  # fmt: skip
    work = Workload(1, 40.0, at(1.0, 1.0, 3.0, 3.0), Client(timeout_s=9.0))
    w = world(work, front, SLOW, script=script)
    assert ends(plane_class, w) == [(1.25, 0, 2), (3.5, 1, 2), (4.0, 2, 2)]
    run = drive(plane_class, w)
    assert run.plane.container_gauge(1).served == 3  # one of them in vain
    assert run.plane.books().open_calls == 0


# ---- a proxy's own ----
BEHIND = replace(SLOW, cpu=constant(0.25), keep_alive_s=2.0, closing_s=0.5)
POOL = Routing(Algorithm.ROUND_ROBIN, proxy=True, keeps=8)


@pytest.mark.parametrize(
    ("gap_s", "pool", "refused"),
    [
        # idle for 1.75, 2, 2.25 s: of the close at 2 the proxy has heard at 2.5
        (2.0, POOL, 0), (2.25, POOL, 5), (2.5, POOL, 5), (2.75, POOL, 0),
        # it closes its own before, or keeps none, or sends again what met a close
        (2.25, replace(POOL, keeps_s=1.5), 0), (2.25, replace(POOL, keeps=0), 0),
        (2.25, replace(POOL, retries=1, redispatch=True, retry_errors=True), 0),
    ],
)  # fmt: skip
def test_a_proxys_request_meets_the_close_of_its_server(plane_class, gap_s, pool, refused):
    """Ten requests, one after the other, with such a gap; an answer takes 0.25 s. Who meets a close
    leaves no connection to the next, which opens one: every other one fails, the second first."""
    times = [1.0 + gap_s * i for i in range(10)]
    work = Workload(1, 60.0, at(*times), Client(timeout_s=9.0), pool)
    run = drive(plane_class, world(work, BEHIND))
    assert run.causes().get(Outcome.REFUSED, 0) == refused
    assert run.plane.container_gauge(0).served == 10 - refused
    if refused:
        assert cause(run, times[1]) == Outcome.REFUSED
    assert drive(plane_class, world(work, replace(BEHIND, keep_alive_s=9.0))).causes() == {
        Outcome.SUCCEEDED: 10
    }


def test_a_proxy_takes_the_connection_that_it_used_last(plane_class):
    """Two at once at 1 leave two; that of 2.5 uses one of them. Two at 4 want the other as well,
    idle since 1.25, of whose close the proxy has heard; at 3.375 it has not."""

    def failed(*times: float) -> int:
        work = Workload(1, 60.0, at(1.0, 1.0, 2.5, *times), Client(timeout_s=9.0), POOL)
        return drive(plane_class, world(work, BEHIND)).causes().get(Outcome.REFUSED, 0)

    assert failed(4.0, 4.0) == 0
    assert failed(3.375, 3.375) == 1


def test_a_proxys_connections_end_with_the_process_behind(plane_class):
    """Idle since 1.25; a new process from 2 on knows none of them, and none is closed at 3.25."""
    work = Workload(1, 60.0, at(1.0, 3.375), Client(timeout_s=9.0), POOL)
    script = [(1.5, "exit", (0,)), (2.0, "start", (0, 0))]
    assert drive(plane_class, world(work, BEHIND)).causes()[Outcome.REFUSED] == 1
    run = drive(plane_class, world(work, BEHIND, script=script))
    assert run.causes() == {Outcome.SUCCEEDED: 2}


def test_connections_in_use_stay_with_their_tries_when_the_record_grows():
    """Rows of a try's own stand behind those that clients keep, of which there are more then."""
    layout = pytest.importorskip("sim.dataplane.kernel.layout")
    box = layout.empty_record(8, 2)
    w = box[0]
    w["work_top"], w["kept_top"], w["containers"] = 3, 1, 1
    w["work"]["kept"][:3] = (0, -1, w["kept_own"] + 2)
    rows = [0, int(w["kept_own"]) + 2]
    w["kept"]["process"][rows], w["kept_since"]["opened"][rows] = (3, 4), (1.0, 2.0)
    new = layout.grown(box, 16, 4)[0]
    shared, none, own = new["work"]["kept"][:3]
    assert (shared, none, own) == (0, -1, new["kept_own"] + 2)
    assert new["kept_own"] > w["kept_own"]
    assert [new["kept"]["process"][row] for row in (shared, own)] == [3, 4]
    assert [new["kept_since"]["opened"][row] for row in (shared, own)] == [1.0, 2.0]
