"""Random numbers: uniform, independent of each other, of the stated law, and theirs alone.

Laws are measured through the plane (one request per bucket: its latency is its demand), so that
an engine that draws by itself is tested as well.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sim.dataplane import draws
from sim.dataplane.arithmetic import area, backoff, draw, next_arrival
from sim.dataplane.codes import Kind, LawKind
from sim.dataplane.profile import Arrivals, Client, Law, Profile, Routing, Workload
from sim.dataplane.tables import ARRIVED
from tests.dataplane.worlds import at, drive, world

N = 3000
LAWS = [
    Law(LawKind.CONSTANT, 0.5),
    Law(LawKind.EXPONENTIAL, 0.5, 1.0),
    Law(LawKind.LOGNORMAL, 0.5, 0.5),
    Law(LawKind.LOGNORMAL, 0.5, 3.0),
    Law(LawKind.UNIFORM, 0.5, 0.25),
]


def distribution(law: Law):
    """scipy's words for ours."""
    if law.kind == LawKind.EXPONENTIAL:
        return stats.expon(scale=law.mean)
    if law.kind == LawKind.LOGNORMAL:
        s2 = math.log(1 + law.cv**2)
        return stats.lognorm(math.sqrt(s2), scale=law.mean * math.exp(-s2 / 2))
    width = law.mean * law.cv * math.sqrt(3)
    return stats.uniform(law.mean - width, 2 * width)


def demands(plane_class, law: Law, seed: int = 1) -> np.ndarray:
    api = Profile(Kind.HTTP, slots=10**6, cpu=law)
    patient = Client(timeout_s=1e5)
    w = Workload(seed, 2.0 * N, at(*map(float, range(N))), patient)
    return drive(plane_class, world(w, api)._replace(end_s=3.0 * N)).recording.latency_sum[:N]


@pytest.mark.parametrize("law", LAWS[1:], ids=lambda law: f"{law.kind.name}-{law.cv}")
def test_demands_have_the_stated_law(plane_class, law):
    sample = demands(plane_class, law)
    assert stats.kstest(sample, distribution(law).cdf).pvalue > 1e-3


def test_a_constant_is_a_constant(plane_class):
    assert set(demands(plane_class, LAWS[0])) == {0.5}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.kind.name}-{law.cv}")
def test_mean_and_deviation_are_what_the_law_says(law):
    """The plane's own function on many draws; the heavy tail needs them."""
    n = 200_000
    x = np.array(
        [draw(law.kind, law.mean, law.cv, draws.u(7, 0, i), draws.u(7, 64, i)) for i in range(n)]
    )
    assert abs(x.mean() - law.mean) < 5 * law.cv * law.mean / math.sqrt(n) + 1e-12
    assert x.std() == pytest.approx(law.cv * law.mean, rel=0.15 if law.cv > 1 else 0.02)
    assert x.min() >= 0.0


def test_a_wide_uniform_is_cut_at_zero():
    assert draw(LawKind.UNIFORM, 1.0, 1.0, 1e-9, 0.5) == 0.0


def test_u_is_uniform_over_ids_streams_and_seeds():
    for sample in (
        [draws.u(1, 0, i) for i in range(20_000)],
        [draws.u(1, s, 12345) for s in range(20_000)],
        [draws.u(s, 3, 12345) for s in range(20_000)],
        [draws.u(1, 0, i << 44) for i in range(20_000)],  # ids of jobs and copies
    ):
        assert stats.kstest(sample, "uniform").pvalue > 1e-3
        assert min(sample) > 0.0
        assert max(sample) < 1.0


def test_neighbours_are_independent():
    """The next id, the next stream, the next seed: no correlation beyond chance (5 deviations)."""
    n = 20_000
    here = np.array([draws.u(1, 0, i) for i in range(n)])
    for other in (
        [draws.u(1, 0, i + 1) for i in range(n)],
        [draws.u(1, 1, i) for i in range(n)],
        [draws.u(2, 0, i) for i in range(n)],
    ):
        assert abs(np.corrcoef(here, other)[0, 1]) < 5 / math.sqrt(n)


def test_the_same_seed_gives_the_same_customers_and_another_seed_others(plane_class):
    law = LAWS[1]
    assert (demands(plane_class, law) == demands(plane_class, law)).all()
    assert (demands(plane_class, law) != demands(plane_class, law, seed=2)).mean() > 0.99


def test_customers_do_not_change_with_what_the_platform_does(plane_class):
    """Common random numbers: the same demands behind another balancer, with another service."""
    law = LAWS[1]
    api = Profile(Kind.HTTP, slots=10**6, cpu=law)
    script = [(5.0, "exit", (1,)), (9.0, "start", (1, 1))]
    w = Workload(1, 2.0 * N, at(*map(float, range(N))), Client(timeout_s=1e5), Routing(2))
    other = drive(plane_class, world(w, api, api, script=script)._replace(end_s=3.0 * N))
    there = other.recording.latency_sum[:N]
    here = demands(plane_class, law)
    served = there > 0.0
    assert 2 <= (~served).sum() <= 4  # those that the dead one refused
    assert np.allclose(there[served], here[served], rtol=1e-9)


# ---- arrivals ----
def counts(plane_class, arrivals: Arrivals, seeds: int, horizon: float) -> np.ndarray:
    """Arrivals per second, a row for each seed; nobody is there to serve them."""
    rows = []
    for seed in range(seeds):
        w = Workload(seed, horizon, arrivals)
        rows.append(
            drive(plane_class, world(w, Profile(Kind.PLAIN))).recording.requests[:, ARRIVED]
        )
    return np.array(rows)


SHAPES = {
    "flat": (Arrivals((0.0,), (20.0,), (0.0,)), lambda t: 20.0 + 0 * t),
    "ramp up": (Arrivals((0.0,), (0.0,), (2.0,)), lambda t: 2.0 * t),
    "ramp down": (Arrivals((0.0,), (40.0,), (-2.0,)), lambda t: 40.0 - 2.0 * t),
    "late and steps": (
        Arrivals((3.0, 8.0, 12.0), (10.0, 50.0, 0.0), (0.0, 0.0, 0.0)),
        lambda t: np.select([t < 3, t < 8, t < 12], [0.0, 10.0, 50.0], 0.0),
    ),
    "peak with an end": (
        Arrivals((0.0, 5.0, 10.0), (5.0, 5.0, 50.0), (0.0, 9.0, -5.0), end_s=16.0),
        lambda t: np.select([t < 5, t < 10, t < 16], [5.0, 9 * t - 40, 100 - 5 * t], 0.0),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_are_poisson_with_the_stated_rate(plane_class, shape):
    arrivals, rate = SHAPES[shape]
    seeds, horizon = 40, 20
    table = counts(plane_class, arrivals, seeds, float(horizon))
    fine = (np.arange(horizon * 100) + 0.5) / 100
    mean = rate(fine).reshape(horizon, 100).mean(axis=1)
    total = table.sum(axis=0)
    # each second by itself: 5 deviations of a Poisson count
    assert (np.abs(total - seeds * mean) <= 5 * np.sqrt(seeds * mean)).all()
    # the dispersion: sum of (x - m)^2 / m is chi-square with a degree per cell
    cells = mean > 1.0
    chi = ((table[:, cells] - mean[cells]) ** 2 / mean[cells]).sum()
    degrees = seeds * int(cells.sum())
    assert stats.chi2.ppf(0.0005, degrees) < chi < stats.chi2.ppf(0.9995, degrees)


def test_gaps_of_a_flat_rate_are_exponential():
    """The inversion itself, without a plane."""
    t, times = 0.0, []
    for i in range(5000):
        work = -math.log(draws.u(1, 0, i))
        _, t = next_arrival(0, t, work, (0.0,), (3.0,), (0.0,), math.inf)
        times.append(t)
    assert stats.kstest(np.diff(times), stats.expon(scale=1 / 3).cdf).pvalue > 1e-3


def test_the_area_of_a_ramp():
    assert area(2.0, 3.0, 4.0) == 2 * 4 + 3 * 16 / 2


def test_explicit_times_are_kept(plane_class):
    w = Workload(1, 10.0, at(0.5, 0.5, 2.0, 7.25))
    row = drive(plane_class, world(w, Profile(Kind.PLAIN))).recording.requests[:, ARRIVED]
    assert list(row) == [2, 0, 1, 0, 0, 0, 0, 1, 0, 0]


def test_back_off_is_capped_before_the_jitter_shortens_it():
    waits = [backoff(1.0, 2.0, 5.0, k, 0.0, 0.9) for k in range(5)]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff(1.0, 2.0, 5.0, 9, 0.5, 0.8) == 5.0 * (1 - 0.4)


def test_many_at_once_are_the_same_as_one_by_one():
    for seed, stream in ((0, 0), (1, 3), (2**63 - 1, 64), (12345, 3)):
        some = [*range(5, 2_000), 2**61 + 3, 2**62 - 1]
        ids = np.array(some, np.uint64)
        assert draws.uniforms_of(seed, stream, ids).tolist() == [
            draws.u(seed, stream, n) for n in some
        ]
        assert draws.children(ids, stream).tolist() == [draws.child(n, stream) for n in some]
