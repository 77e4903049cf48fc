"""Connections that stay: a balancer of connections chooses once, and not for each request."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.dataplane.codes import Algorithm, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, Routing, StoryStep, Workload
from tests.dataplane.worlds import at, cause, constant, drive, poisson, world

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


def test_so_many_requests_meet_a_close(plane_class):
    """One a second, one connection that is idle for a second at most and closing for another: the
    gap falls there with p = exp(-1) - exp(-2). Who is refused leaves none to the next, so that
    p / (1 + p) = 0.189 are; three deviations of 3,000 are 0.022."""
    client = replace(KEPT, connection_idle_s=1.0, connection_closing_s=1.0)
    work = Workload(1, 3000.0, poisson(1.0), client, TURNS)
    run = drive(plane_class, world(work, replace(FAST, cpu=constant(0.0)), script=()))
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
