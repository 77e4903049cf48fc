"""Queueing theory: closed forms inside an interval computed from the sample, over many seeds.

Each figure is the t-interval (99.9 %) of per-seed means; the interval must also be narrow, so that
a wrong model cannot hide in it. Names and formulas: Kleinrock, Queueing Systems I (1975); for
impatience Baccelli and Hebuterne (1981); insensitivity of processor sharing: Kelly (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from sim.dataplane.codes import Cancel, Does, Kind, Outcome
from sim.dataplane.profile import Client, Profile, StoryStep, Way
from sim.dataplane.profile import Workload as Load
from sim.dataplane.tables import ARRIVED, FIRST_CAUSE, SUCCEEDED
from tests.dataplane.twins import compiled
from tests.dataplane.worlds import World, constant, drive, exponential, lognormal, poisson, world

SEEDS = 12
PATIENT = Client(timeout_s=1e7)
SERVICE_S = 0.1
MU = 1 / SERVICE_S
API = Profile(Kind.HTTP, slots=10**6, backlog=10**6, cpu=exponential(SERVICE_S))


def interval(sample: list[float]) -> tuple[float, float]:
    mean, error = float(np.mean(sample)), float(stats.sem(sample))
    reach = float(stats.t.ppf(0.9995, len(sample) - 1)) * error
    return mean - reach, mean + reach


def agrees(sample: list[float], theory: float, narrow: float = 0.12) -> None:
    low, high = interval(sample)
    assert low <= theory <= high, f"theory {theory:.5g} outside {low:.5g} .. {high:.5g}"
    assert (high - low) / 2 < narrow * theory, f"the interval {low:.5g} .. {high:.5g} says little"


def load(seed: int, rate: float, requests: int, client: Client = PATIENT) -> Load:
    horizon = requests / rate
    return Load(seed, horizon, poisson(rate), client, bucket_s=horizon / 10)


def mean_latency(
    plane_class, rate: float, requests: int, *profiles, cores=1.0, script=()
) -> list[float]:
    """Per seed: the mean time in the system of those who came after the first tenth."""
    means = []
    for seed in range(SEEDS):
        w = world(load(seed, rate, requests), *profiles, cores=cores, script=script)
        run = drive(plane_class, w._replace(end_s=4 * w.workload.horizon_s))
        recording = run.recording
        assert recording.requests[:, SUCCEEDED].sum() == recording.requests[:, ARRIVED].sum()
        warm = slice(1, None)
        sums, n = recording.latency_sum[warm].sum(), recording.requests[warm, SUCCEEDED].sum()
        means.append(float(sums / n))
    return means


def share_of(plane_class, worlds: list[World], outcome: Outcome) -> list[float]:
    """Per seed: the share of requests, after the first tenth, that ended so."""
    shares = []
    for w in worlds:
        run = drive(plane_class, w._replace(end_s=w.workload.horizon_s + 60))
        table = run.recording.requests[1:]
        column = FIRST_CAUSE + outcome - Outcome.REFUSED
        shares.append(float(table[:, column].sum() / table[:, ARRIVED].sum()))
    return shares


# ---- formulas ----
def erlang_b(c: int, a: float) -> float:
    b = 1.0
    for k in range(1, c + 1):
        b = a * b / (k + a * b)
    return b


def erlang_c(c: int, a: float) -> float:
    b = erlang_b(c, a)
    return c * b / (c - a * (1 - b))


def mmc_time(c: int, rate: float, mu: float) -> float:
    """Mean time in an M/M/c."""
    return erlang_c(c, rate / mu) / (c * mu - rate) + 1 / mu


def mmck_blocking(c: int, k: int, a: float) -> float:
    weight = [a**n / math.factorial(n) for n in range(c + 1)]
    weight += [weight[c] * (a / c) ** n for n in range(1, k - c + 1)]
    return weight[k] / sum(weight)


# ---- one station ----
@pytest.mark.parametrize("slots", [10**6, 1], ids=["processor sharing", "first come first served"])
def test_mm1_has_the_same_mean_under_both_disciplines(plane_class, slots):
    rate = 0.6 * MU
    got = mean_latency(plane_class, rate, 2500, replace(API, slots=slots))
    agrees(got, 1 / (MU - rate))


def test_mmc(plane_class):
    rate = 0.7 * 3 * MU
    got = mean_latency(plane_class, rate, 2500, replace(API, slots=3), cores=3.0)
    agrees(got, mmc_time(3, rate, MU))


@pytest.mark.parametrize(("c", "k"), [(1, 1), (2, 5)])
def test_mmck_blocks_by_the_erlang_formula(plane_class, c, k):
    rate = 0.9 * c * MU
    shedding = replace(API, slots=c, backlog=k - c, shed=True)
    worlds = [world(load(seed, rate, 2500), shedding, cores=float(c)) for seed in range(SEEDS)]
    blocked = share_of(plane_class, worlds, Outcome.SHED)
    agrees(blocked, mmck_blocking(c, k, rate / MU))


@pytest.mark.parametrize(
    ("law", "requests"),
    [(constant(SERVICE_S), 2500), (lognormal(SERVICE_S, 3.0), 3500)],
    ids=["constant", "lognormal cv 3"],
)
def test_mg1_processor_sharing_is_insensitive_to_the_law(plane_class, law, requests):
    rate = 0.5 * MU
    got = mean_latency(plane_class, rate, requests, replace(API, cpu=law))
    agrees(got, 1 / (MU - rate), narrow=0.2)  # first come first served: three times as long


@pytest.mark.parametrize(
    ("law", "requests"),
    [(constant(SERVICE_S), 2500), (lognormal(SERVICE_S, 3.0), 3500)],
    ids=["constant", "lognormal cv 3"],
)
def test_mgc_processor_sharing_with_a_core_a_job_has_the_mean_of_mmc(plane_class, law, requests):
    rate = 0.6 * 2 * MU
    got = mean_latency(plane_class, rate, requests, replace(API, cpu=law), cores=2.0)
    agrees(got, mmc_time(2, rate, MU), narrow=0.2)


def test_md1_waits_half_as_long_as_mm1_first_come_first_served(plane_class):
    """Pollaczek-Khinchine: with slots = 1 the law matters."""
    rate = 0.6 * MU
    one = replace(API, slots=1, cpu=constant(SERVICE_S))
    wait = 0.6 * SERVICE_S / (2 * (1 - 0.6))
    agrees(mean_latency(plane_class, rate, 2500, one), SERVICE_S + wait)


def test_the_time_in_mm1_first_come_first_served_is_exponential(plane_class):
    """Not only the mean: the latency histogram, over all seeds, at the theory's quantiles."""
    rate = 0.6 * MU
    shares = {q: [] for q in (0.5, 0.9, 0.99)}
    for seed in range(SEEDS):
        w = world(load(100 + seed, rate, 2500), replace(API, slots=1), cores=1.0)
        histogram = drive(plane_class, w._replace(end_s=4 * w.workload.horizon_s)).recording.latency
        edges = 1e-4 * 1.02 ** np.arange(1, len(histogram) + 1)
        for q, found in shares.items():
            bound = -math.log(1 - q) / (MU - rate)
            below = int(np.searchsorted(edges, bound))
            # a bin is 2 % wide: interpolate in it
            into = (bound - edges[below - 1]) / (edges[below] - edges[below - 1])
            part = histogram[:below].sum() + into * histogram[below]
            found.append(float(part / histogram.sum()))
    for q, found in shares.items():
        agrees(found, q)


# ---- deterministic patience: M/M/c+D ----
class Impatient(NamedTuple):
    """Of an M/M/c whose clients leave after D: shares of all, and a mean of those answered."""

    never: float  # never begins service
    left: float  # its client has left before the answer
    answered_s: float  # mean time in the system of an answered one


def mmcd(c: int, rate: float, mu: float, patience: float) -> Impatient:
    """Our server drops an abandoned request when its turn comes (cancel) and finishes what it
    began: patience acts on the wait. So the virtual wait V has the M/M/c+D density rate p[c - 1]
    exp(-(c mu - rate) v) up to D and falls with exp(-c mu v) beyond. The client, however, counts
    the service as well: it has left if T = V + S > D.
    """
    a, gap, d = rate / mu, c * mu - rate, patience
    weight = [a**n / math.factorial(n) for n in range(c)]
    height = rate * weight[-1]
    beyond = height * math.exp(-gap * d) / (c * mu)
    total = sum(weight) + height * (1 - math.exp(-gap * d)) / gap + beyond
    at_once, height = sum(weight) / total, height / total

    def density(t: float) -> float:
        """Of T, up to D: no wait, or a wait and then a service."""
        waited = (math.exp(-gap * t) - math.exp(-mu * t)) / (mu - gap)
        return mu * (at_once * math.exp(-mu * t) + height * waited)

    answered = integrate.quad(density, 0, d)[0]
    spent_s = integrate.quad(lambda t: t * density(t), 0, d)[0]
    return Impatient(beyond / total, 1 - answered, spent_s / answered)


@pytest.mark.parametrize(("c", "load_factor"), [(1, 0.8), (1, 1.3), (3, 1.2)])
def test_deterministic_patience(plane_class, c, load_factor):
    rate, patience = load_factor * c * MU, 3 * SERVICE_S
    client = Client(timeout_s=patience)
    several = replace(API, slots=c, cancel=True)
    worlds = [world(load(s, rate, 2500, client), several, cores=float(c)) for s in range(SEEDS)]
    theory = mmcd(c, rate, MU, patience)
    agrees(share_of(plane_class, worlds, Outcome.CLIENT_TIMEOUT), theory.left)
    # the CPU is busy with those that begin service: rate (1 - never) S of the time
    busy, answered_s = [], []
    for w in worlds:
        run = drive(plane_class, w)
        busy.append(run.plane.books().busy_s[0] / w.workload.horizon_s)
        warm, recording = slice(1, None), run.recording
        answered = recording.requests[warm, SUCCEEDED].sum()
        answered_s.append(float(recording.latency_sum[warm].sum() / answered))
    agrees(busy, rate * (1 - theory.never) * SERVICE_S, narrow=0.04)
    agrees(answered_s, theory.answered_s, narrow=0.05)


def left_of_each(
    c: int, rate: float, mu: float, law: tuple[tuple[float, float], ...]
) -> list[float]:
    """Of an M/M/c whose clients have one of several patiences, `law` (share, seconds): the share
    of each kind that has left before its answer. The virtual wait V has the M/M/c+G density
    rate p[c - 1] exp(rate H(v) - c mu v), H the integral of the share still patient (Baccelli and
    Hebuterne 1981); the client counts its service, too, as in `mmcd`. Integrated by numbers."""
    step, a = 1e-4, rate / mu
    v = np.arange(0.0, 20.0, step)
    patient = sum(share * (v < seconds) for share, seconds in law)
    weight = [a**n / math.factorial(n) for n in range(c)]
    held = np.concatenate([[0.0], np.cumsum(patient)[:-1]]) * step
    density = rate * weight[-1] * np.exp(rate * held - c * mu * v)
    total = sum(weight) + integrate.trapezoid(density, v)
    shares = []
    for _, seconds in law:
        in_time = v < seconds
        served = density[in_time] * -np.expm1(-mu * (seconds - v[in_time]))
        answered = sum(weight) * -math.expm1(-mu * seconds) + integrate.trapezoid(
            served, v[in_time]
        )
        shares.append(1 - float(answered / total))
    return shares


def test_the_general_law_of_patience_is_that_of_one_patience_where_there_is_one():
    (left,) = left_of_each(3, 1.2 * 3 * MU, MU, ((1.0, 3 * SERVICE_S),))
    assert left == pytest.approx(mmcd(3, 1.2 * 3 * MU, MU, 3 * SERVICE_S).left, rel=1e-3)


@pytest.mark.parametrize(("c", "load_factor"), [(1, 0.9), (3, 1.2)])
def test_two_callers_of_a_service_with_a_patience_each(c, load_factor):
    """M/M/c+G: two services that users ask in half of the cases each ask a third, which works for
    the patient one the longer the less the other one waits. The compiled engine alone."""
    rate, patience = load_factor * c * MU, (1.5 * SERVICE_S, 5 * SERVICE_S)
    asked, left = gave_up(c, rate, patience, 60_000)
    law = tuple((0.5, seconds) for seconds in patience)
    for sample, theory in zip((left / asked).T, left_of_each(c, rate, MU, law), strict=True):
        agrees(list(sample), theory, narrow=0.08)


def gave_up(c: int, rate: float, patience: Sequence[float], requests: int) -> NDArray[np.float64]:
    """Of callers that users ask alike, each with its patience: how often the one service behind
    them was asked, and for how many it was too late; shape (2, seeds, callers)."""
    callers = [
        replace(
            API,
            cpu=constant(0.0),
            steps=(StoryStep(Does.CALL, target=len(patience), client=client),),
        )
        for client in map(Client, patience)
    ]
    behind = replace(API, slots=c, cancel=Cancel.HOP)
    mix = tuple(Way(1.0 / len(patience), n) for n in range(len(patience)))
    late = FIRST_CAUSE + Outcome.CLIENT_TIMEOUT - Outcome.REFUSED
    counted = []
    for seed in range(SEEDS):
        work = replace(load(seed, rate, requests), services=len(patience) + 1, mix=mix)
        script = listed(*range(len(patience) + 1))
        w = world(work, *callers, behind, cores=float(c), script=script)
        table = drive(compiled, w._replace(end_s=work.horizon_s + 60)).recording.endpoints
        counted.append(table[:, [ARRIVED, late]].astype(float))
    return np.moveaxis(np.array(counted), 2, 0)


@pytest.mark.parametrize(("c", "load_factor"), [(1, 0.9), (3, 1.2)])
def test_exponential_patience(c, load_factor):
    """M/M/c+M (Erlang-A). A client's patience is a constant, so sixteen have one each: the middles
    of sixteenths of the law (its own numbers are 0.0001 off). Whoever is served has E exp(-theta V)
    of it left at first, and its service fits in with mu / (mu + theta)."""
    rate, theta = load_factor * c * MU, MU / 3.0
    patience = [-math.log(1.0 - (i + 0.5) / 16) / theta for i in range(16)]
    weight = [1.0]
    for n in range(1, 300):
        weight.append(weight[-1] * rate / (min(n, c) * MU + max(0, n - c) * theta))
    queue = sum((n - c) * share for n, share in enumerate(weight) if n > c) / sum(weight)
    served = 1.0 - theta * queue / rate
    asked, left = gave_up(c, rate, patience, 30_000).sum(axis=2)
    agrees(list(left / asked), 1.0 - served * MU / (MU + theta), narrow=0.04)


def test_without_cancellation_abandoned_work_is_done_all_the_same(plane_class):
    """Zombies: the server is a plain M/M/1, and clients leave if their time in it exceeds D."""
    rate, patience = 0.6 * MU, 3 * SERVICE_S
    client = Client(timeout_s=patience)
    one = replace(API, slots=1)
    worlds = [world(load(s, rate, 3000, client), one, cores=1.0) for s in range(SEEDS)]
    left = share_of(plane_class, worlds, Outcome.CLIENT_TIMEOUT)
    agrees(left, math.exp(-(MU - rate) * patience), narrow=0.15)


# ---- more than one station ----
def test_an_open_jackson_network(plane_class):
    """Container (2 cores) then database (1 core): each is as if alone, the times add up."""
    rate = 8.0
    database = Profile(Kind.DATABASE, connection_slots=10**6, connect_cpu_s=0.0)
    api = replace(API, cpu=exponential(0.15), query=exponential(0.075), pool=10**6)
    got = mean_latency(plane_class, rate, 3000, api, database, cores=[2.0, 1.0])
    agrees(got, mmc_time(2, rate, 1 / 0.15) + 1 / (1 / 0.075 - rate))


def listed(*services: int) -> list[tuple[float, str, tuple]]:
    """A container of each, told to its service's balancer at once."""
    return [(0.0, "publish", ((c,), -1, service)) for c, service in enumerate(services)]


@pytest.mark.parametrize(("cores", "law"), [(1, exponential), (2, exponential), (1, constant)])
def test_an_open_jackson_network_with_feedback_over_calls(cores, law):
    """The entry calls the other service with p, and that calls back with q, which may call again,
    and so on: 1 / (1 - pq) visits to the entry in the mean, p times as many to the other, and the
    sojourns add up as if each were alone (Jackson 1957; of constant demands too, where all share
    one core: Baskett, Chandy, Muntz and Palacios 1975). The compiled engine alone, as in
    test_users.py."""
    rate, p, q, entry_s, other_s = 5.0 * cores, 0.5, 0.4, 0.08, 0.15
    visits = 1 / (1 - p * q)

    def serves(seconds: float, whom: int, share: float) -> Profile:
        call = StoryStep(Does.CALL, target=whom, share=share, client=PATIENT)
        steps = (StoryStep(Does.CPU, law(seconds)), call)
        return replace(API, cpu=constant(0.0), steps=steps)

    services = serves(entry_s, 1, p), serves(other_s, 0, q)
    told = listed(0, 1)
    got = mean_latency(compiled, rate, 20_000, *services, cores=float(cores), script=told)
    demands = (visits, entry_s), (visits * p, other_s)
    agrees(got, math.fsum(n * mmc_time(cores, rate * n, 1 / s) for n, s in demands), narrow=0.04)


def held_tandem_time(front: int, back: int, rate: float, front_mu: float, back_mu: float) -> float:
    """Mean time in two stages of which the first keeps its slot until the second has answered.

    A Markov chain, solved: n in the system, j of them at the second stage. Little's law."""
    most = 200  # in the system at once; what lies beyond has no weight at our loads
    index = {s: i for i, s in enumerate((n, j) for n in range(most) for j in range(front + 1))}
    flow = np.zeros((len(index), len(index)))
    for (n, j), i in index.items():
        for to, speed in (
            ((n + 1, j), rate),
            ((n, j + 1), max(min(n, front) - j, 0) * front_mu),
            ((n - 1, j - 1), min(j, back) * back_mu),
        ):
            if to in index:
                flow[index[to], i] += speed
                flow[i, i] -= speed
    flow[0] = 1.0  # ... in place of one balance equation: the shares add up to one
    share = np.linalg.solve(flow, np.eye(len(index))[0])
    return float(sum(n * share[i] for (n, _), i in index.items()) / rate)


def test_a_caller_s_slot_is_held_while_its_call_lasts(plane_class):
    """Not a Jackson network: a slow second stage takes places away from the first."""
    front, back, rate, front_s, back_s = 3, 2, 9.0, 0.08, 0.1
    call = StoryStep(Does.CALL, target=1, client=PATIENT)
    caller = replace(
        API, slots=front, cpu=constant(0.0),
        steps=(StoryStep(Does.CPU, exponential(front_s)), call),
    )  # fmt: skip
    callee = replace(API, slots=back, cpu=exponential(back_s))
    theory = held_tandem_time(front, back, rate, 1 / front_s, 1 / back_s)
    jackson = mmc_time(front, rate, 1 / front_s) + mmc_time(back, rate, 1 / back_s)
    assert theory > 1.1 * jackson
    cores = [float(front), float(back)]
    got = mean_latency(plane_class, rate, 3000, caller, callee, cores=cores, script=listed(0, 1))
    agrees(got, theory)


def test_workers_are_an_mmc_queue_of_jobs(plane_class):
    """Mean number of waiting jobs, sampled each second: Erlang C."""
    rate, c = 0.6 * 2 * MU, 2
    api = replace(API, cpu=constant(0.0), push_rate=1.0)
    worker = Profile(Kind.WORKER, slots=c, cpu=exponential(SERVICE_S))
    means = []
    for seed in range(SEEDS):
        w = world(load(seed, rate, 2500), api, Profile(Kind.QUEUE), worker)
        seen: list[int] = []
        ticks = np.arange(0.1, 1.0, 0.002) * w.workload.horizon_s
        drive(plane_class, w, list(ticks), lambda p, seen=seen: seen.append(p.gauge().jobs_queued))
        means.append(float(np.mean(seen)))
    a = rate / MU
    agrees(means, erlang_c(c, a) * a / (c - a), narrow=0.25)


def test_a_pool_of_connections_is_a_queue_too(plane_class):
    """A pool smaller than the database's cores: an M/M/c whose servers are connections."""
    rate = 0.6 * 3 * MU
    database = Profile(Kind.DATABASE, connect_cpu_s=0.0)
    api = replace(
        API, cpu=constant(0.0), query=exponential(SERVICE_S), pool=3, checkout_timeout_s=1e6
    )
    got = mean_latency(plane_class, rate, 2000, api, database, cores=8.0)
    agrees(got, mmc_time(3, rate, MU))


def test_random_choice_splits_a_poisson_stream_and_one_queue_beats_it(plane_class):
    """Two servers at random are two M/M/1; a queue in the balancer makes them one M/M/2."""
    from sim.dataplane.codes import Algorithm
    from sim.dataplane.profile import Routing

    rate = 0.5 * 2 * MU
    one = replace(API, slots=1)
    pooled = Routing(Algorithm.ROUND_ROBIN, proxy=True, maxconn=1, queue_timeout_s=1e6)
    for routing, theory in (
        (Routing(Algorithm.RANDOM), 1 / (MU - rate / 2)),
        (pooled, mmc_time(2, rate, MU)),
    ):
        means = []
        for seed in range(SEEDS):
            w = replace(load(seed, rate, 2500), routing=routing)
            recording = drive(
                plane_class, world(w, one, one, cores=1.0)._replace(end_s=4 * w.horizon_s)
            ).recording
            means.append(
                float(recording.latency_sum[1:].sum() / recording.requests[1:, SUCCEEDED].sum())
            )
        agrees(means, theory)


def test_the_check_itself_can_fail():
    """A five per cent error is outside of intervals as narrow as ours."""
    sample = list(np.random.default_rng(1).normal(1.0, 0.02, SEEDS))
    agrees(sample, 1.0)
    with pytest.raises(AssertionError, match="outside"):
        agrees(sample, 1.05)
    with pytest.raises(AssertionError, match="says little"):
        agrees([0.1, 3.0, 0.2, 1.0, 2.0, 0.5], 1.0)
