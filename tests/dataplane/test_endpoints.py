"""What is asked by name: endpoints have stories of their own, and users ask them in a mix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.arithmetic import latency_bin
from sim.dataplane.codes import OF_USERS, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, StoryStep, Way, Workload
from sim.dataplane.story import stories
from sim.dataplane.tables import ARRIVED, FIRST_CAUSE, IN_SLO, SUCCEEDED
from tests.dataplane.worlds import at, constant, drive, exponential, latency, world

CPU, WAIT, CALL, FAIL = Does.CPU, Does.WAIT, Does.CALL, Does.FAIL
QUICK, SLOW = (StoryStep(CPU, constant(0.25)),), (StoryStep(WAIT, constant(2.0)),)
API = Profile(Kind.HTTP, slots=64, cpu=constant(0.5), endpoints=(QUICK, SLOW))
ASKS = tuple(StoryStep(CALL, target=1, name=f"{i}") for i in range(17))
ONE = Workload(1, 30.0, at(1.0), bucket_s=1.0)


def named(*shares: float) -> tuple[Way, ...]:
    """So many users ask endpoint 0, 1, ... of the one service."""
    return tuple(Way(share, endpoint=number) for number, share in enumerate(shares))


@pytest.mark.parametrize(
    ("mix", "took"),
    [
        ((), 0.5),  # nobody asks by name: `cpu`
        ((1.0,), 0.5),
        ((0.0, 1.0), 0.25),
        ((0.0, 0.0, 1.0), 2.0),
        ((0.0, 0.0, 0.0, 1.0), 0.5),  # what it does not know
    ],
)
def test_a_user_is_served_by_the_story_of_the_endpoint_that_is_asked(plane_class, mix, took):
    assert latency(drive(plane_class, world(replace(ONE, mix=named(*mix)), API)), 1.0) == took


def test_a_service_asks_an_endpoint_of_another(plane_class):
    """The caller computes 0.125 s; then the callee answers by its first endpoint, 0.25 s, then by
    its second, 2 s, then by none, 0.5 s."""
    web = Profile(
        Kind.HTTP,
        steps=(
            StoryStep(CPU, constant(0.125)),
            *(StoryStep(CALL, target=1, endpoint=e, name=f"{e}") for e in (1, 2, 0)),
        ),
    )
    script = [(0.0, "publish", ((0,),)), (0.0, "publish", ((1,), -1, 1))]
    run = drive(plane_class, world(ONE, web, API, script=script))
    assert latency(run, 1.0) == 0.125 + 0.25 + 2.0 + 0.5
    assert [(edge.calls, edge.failed) for edge in run.plane.call_gauges(0)] == [(1, 0)] * 3


def test_users_ask_in_shares_and_each_endpoint_is_counted(plane_class):
    """4000 users, a tenth of them at an endpoint that always fails, three tenths at the slow one,
    whose answer at 2 s is later than the SLO of 1 s. The deviation of the first share is
    sqrt(0.1 * 0.9 / 4000), half a percent."""
    n = 4000
    api = replace(API, endpoints=(QUICK, SLOW, (StoryStep(FAIL),)))
    users = Client(slo_s=1.0)
    many = Workload(
        3, n + 10.0, at(*range(n)), client=users, bucket_s=100.0, mix=named(0.0, 0.6, 0.3, 0.1)
    )
    recording = drive(plane_class, world(many, api)).recording
    counts, bins = recording.endpoints, recording.endpoint_latency
    shares = counts[:, ARRIVED] / n
    assert shares[0] == 0.0
    assert shares[1:] == pytest.approx([0.6, 0.3, 0.1], abs=0.025)
    _, quick, slow, failing = counts
    assert quick[SUCCEEDED] == quick[IN_SLO] == quick[ARRIVED] == bins[1, latency_bin(0.25)]
    assert slow[SUCCEEDED] == slow[ARRIVED] == bins[2, latency_bin(2.0)]
    assert slow[IN_SLO] == 0
    causes = failing[FIRST_CAUSE:]
    assert failing[ARRIVED] == causes[Outcome.HTTP_500 - Outcome.REFUSED] == causes.sum()
    assert (counts.sum(axis=0) == recording.requests.sum(axis=0)).all()
    assert (bins.sum(axis=0) == recording.latency).all()


def test_users_ask_several_services(plane_class):
    """Whoever asks the second service finds nobody listed; the first two users of the first one
    keep their one connection to it busy, and the second's retry budget is its own: a token for each
    of its users, so that each is tried twice, while the first spends none."""
    users = Client(connections=1, retries=1, backoff_s=0.25, jitter=0.0, budget=1.0)
    n = 400
    workload = Workload(
        1, n + 10.0, at(*range(n)), client=users, bucket_s=100.0, services=3,
        mix=(Way(0.5, 0), Way(0.25, 2, 1), Way(0.25, 1)),
    )  # fmt: skip
    script = [(0.0, "publish", ((0,),)), (0.0, "publish", ((1,), -1, 2))]
    run = drive(plane_class, world(workload, API, API, script=script))
    web, quick, nobody = run.recording.endpoints
    assert web[SUCCEEDED] == web[ARRIVED] == run.plane.service_gauge(0).succeeded
    assert quick[SUCCEEDED] == quick[ARRIVED] == run.plane.service_gauge(2).succeeded
    assert run.recording.endpoint_latency[1, latency_bin(0.25)] == quick[ARRIVED]
    failed = nobody[FIRST_CAUSE + Outcome.NO_BACKEND - Outcome.REFUSED]
    assert failed == nobody[ARRIVED] == run.plane.service_gauge(1).failed
    assert run.plane.gauge().retries == nobody[ARRIVED]
    assert web[ARRIVED] + quick[ARRIVED] + nobody[ARRIVED] == n
    edges = run.plane.call_gauges(OF_USERS)
    assert [(edge.calls, edge.tries) for edge in edges] == [
        (web[ARRIVED], web[ARRIVED]),
        (quick[ARRIVED], quick[ARRIVED]),
        (nobody[ARRIVED], 2 * nobody[ARRIVED]),
    ]


def test_what_a_request_demands_hangs_on_its_endpoint_alone(plane_class):
    """Nobody's demand changes because others ask something else."""
    demands = (StoryStep(CPU, exponential(0.25), name="page"),)
    api = Profile(Kind.HTTP, slots=64, steps=demands, endpoints=(demands,))
    times = at(1.0, 11.0, 21.0)
    runs = [
        drive(plane_class, world(replace(ONE, arrivals=times, mix=named(*mix)), api))
        for mix in ((), (0.5, 0.5))
    ]
    assert [latency(runs[0], t) for t in (1.0, 11.0, 21.0)] == [
        latency(runs[1], t) for t in (1.0, 11.0, 21.0)
    ]


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((QUICK,) * 16, "17 stories of a service: the engines take 16"),
        (((StoryStep(CALL, target=1),),) * 2, "two calls of a service have one name"),
        ((ASKS[:9], ASKS[9:]), "17 calls of a service: the engines take 16"),
        (((StoryStep(CALL, target=1, endpoint=16),),), "endpoint 16: they are 0 to 15"),
    ],
)  # fmt: skip
def test_what_the_engines_have_no_room_for(endpoints, expected):
    with pytest.raises(ValueError, match=expected):
        stories(replace(API, endpoints=endpoints))
