"""Users who come back: they ask, wait for the end of it, think, and ask again.

Theory with the compiled engine alone: test_twins.py holds that the other does the same."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate

import pytest

from sim.dataplane.codes import Does, Kind
from sim.dataplane.profile import Arrivals, Client, Law, Profile, Stay, StoryStep, Workload
from sim.dataplane.tables import ARRIVED, SUCCEEDED
from tests.dataplane.test_calls import service, takes
from tests.dataplane.test_theory import PATIENT, SEEDS, agrees
from tests.dataplane.twins import compiled
from tests.dataplane.worlds import constant, drive, ends, exponential, world


def crowd(users: int, think: Law, horizon: float = 20.0, client: Client = PATIENT, seed: int = 1):
    return Workload(seed, horizon, Arrivals(), client, users=(Stay(),) * users, think=think)


def test_a_user_asks_thinks_and_asks_again_up_to_the_horizon(plane_class):
    """Thinks 2 s, is served for 1: asks at 2, 5, 8; at 11 the horizon is past."""
    w = world(crowd(1, constant(2.0), 11.0), service(takes(1.0)), end_s=30.0)
    assert ends(plane_class, w) == [(3.0, 1, 0), (6.0, 2, 0), (9.0, 3, 0)]


def test_who_waits_asks_nothing(plane_class):
    """Two users at one slot of a second: both ask at 2, served at 3 and 4, so both again at 5 and
    6, and never two at once from then on."""
    w = world(crowd(2, constant(2.0), 9.0), service(takes(1.0), slots=1), end_s=30.0)
    assert [t for t, *_ in ends(plane_class, w)] == [3.0, 4.0, 6.0, 7.0, 9.0]


def test_who_leaves_waits_for_the_answer_and_asks_no_more(plane_class):
    """Served for 1 s, thinking 2 s: one is there from 1 s on and asks at 3 and 6, one until 5.5 s
    and asks at 2 and 5, and has its answer at 6; one thinks when it leaves, and asks nothing."""
    stays = (Stay(1.0), Stay(end_s=5.5), Stay(4.0, 5.5), Stay(2.0, 4.0))
    work = replace(crowd(0, constant(2.0), 8.0), users=stays)
    w = world(work, service(takes(1.0)), end_s=30.0)
    assert ends(plane_class, w) == [(3.0, 1, 0), (4.0, 2, 0), (6.0, 3, 0), (7.0, 4, 0)]


def test_it_waits_for_all_tries_and_thinks_then(plane_class):
    """Nobody listens: tries at 2 and 3, the next request at 5 and 6."""
    client = Client(retries=1, backoff_s=1.0, jitter=0.0)
    script = [(0.5, "exit", (0,))]
    w = world(crowd(1, constant(2.0), 8.0, client), service(), script=script, end_s=30.0)
    assert ends(plane_class, w) == [(3.0, 0, 1), (6.0, 0, 2)]


def test_thoughts_are_the_same_however_they_are_served(plane_class):
    """Of each user and turn, whatever came between: a slow server shifts, and changes none."""

    def gaps(seconds: float) -> list[float]:
        w = world(crowd(1, exponential(1.0), 60.0), service(takes(seconds)), end_s=90.0)
        times = [t for t, *_ in ends(plane_class, w)]
        return [b - a - seconds for a, b in zip([0.0, *times], times, strict=False)]

    quick, slow = gaps(0.125), gaps(4.0)
    assert 5 < len(slow) < len(quick)
    assert slow == pytest.approx(quick[: len(slow)], abs=1e-9)


def repairs(machines: int, crews: int, mu: float, failing: float) -> float:
    """Repairs a second of the machine-repair model M/M/c//N (Kleinrock I, 3.9; birth and death):
    users are machines, thinking is running, being served is repair."""
    ratios = ((machines - n) * failing / (min(n + 1, crews) * mu) for n in range(machines))
    weights = [1.0, *accumulate(ratios, lambda a, b: a * b)]
    busy = (min(n, crews) * mu * weight for n, weight in enumerate(weights))
    return math.fsum(busy) / math.fsum(weights)


@pytest.mark.parametrize(("crews", "users"), [(1, 5), (1, 20), (3, 20), (4, 8)])
def test_machine_repair_with_several_crews(crews, users):
    """Thinking 1 s in the mean, served 0.1 s: from at ease (5 users, 4.3/s) to full (10/s)."""
    api = Profile(Kind.HTTP, slots=10**6, backlog=10**6, cpu=exponential(0.1))
    rates = []
    for seed in range(SEEDS):
        work = crowd(users, exponential(1.0), 300.0, seed=seed)
        run = drive(compiled, world(work, api, cores=float(crews), end_s=330.0))
        table = run.recording.requests[30:]
        assert table[:, ARRIVED].sum() == table[:, SUCCEEDED].sum()
        rates.append(float(table[:, ARRIVED].sum()) / 270.0)
    agrees(rates, repairs(users, crews, 10.0, 1.0), 0.03)


def by_mean_values(users: int, think_s: float, demands: tuple[float, ...]) -> float:
    """Requests a second of a closed network of single servers (Reiser and Lavenberg 1980)."""
    queues, rate = [0.0] * len(demands), 0.0
    for n in range(1, users + 1):
        times = [demand * (1.0 + queue) for demand, queue in zip(demands, queues, strict=True)]
        rate = n / (think_s + math.fsum(times))
        queues = [rate * time for time in times]
    return rate


@pytest.mark.parametrize("users", [4, 15, 40])
def test_a_closed_network_of_services(users):
    """Thinking 1 s, 50 ms in the entry, and in 60 % of the requests 100 ms of a service that it
    calls, a core each: the callee is full at 16.7/s."""
    cpu, entry_s, callee_s = StoryStep(Does.CPU, exponential(0.05)), 0.05, 0.1
    call = StoryStep(Does.CALL, target=1, client=PATIENT, share=0.6)
    entry = Profile(Kind.HTTP, slots=10**6, steps=(cpu, call))
    callee = Profile(Kind.HTTP, slots=10**6, cpu=exponential(callee_s))
    script = [(0.0, "publish", ((0,), -1, 0)), (0.0, "publish", ((1,), -1, 1))]
    rates = []
    for seed in range(SEEDS):
        work = replace(crowd(users, exponential(1.0), 800.0, seed=seed), services=2)
        w = world(work, entry, callee, cores=1.0, script=script, end_s=830.0)
        table = drive(compiled, w).recording.requests[80:]
        rates.append(float(table[:, ARRIVED].sum()) / 720.0)
    agrees(rates, by_mean_values(users, 1.0, (entry_s, 0.6 * callee_s)), 0.03)
