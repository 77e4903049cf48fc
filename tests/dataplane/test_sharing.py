"""Processor sharing: small worlds with finish times by hand, and slow oracles.

The oracles know nothing of virtual clocks: one finds the water level by bisection, the other
steps from event to event and takes every request's share off its remaining work.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dataplane.arithmetic import share_cores
from sim.dataplane.codes import Algorithm, Kind
from sim.dataplane.profile import Client, Profile, Routing, Workload
from tests.dataplane.worlds import at, constant, drive, latency, world

PATIENT = Client(timeout_s=1e6)
DEAL = Routing(algorithm=Algorithm.ROUND_ROBIN)


def api(demand_s: float, limit: float = math.inf, weight: float = 1024.0) -> Profile:
    return Profile(
        Kind.HTTP, slots=1000, cpu=constant(demand_s), cpu_limit=limit, cpu_weight=weight
    )


def load(*times: float) -> Workload:
    """One request per 1/16 s bucket, dealt to the containers in turn."""
    return Workload(1, 100.0, at(*times), PATIENT, DEAL, bucket_s=1 / 16)


def test_two_requests_share_one_core(plane_class):
    run = drive(plane_class, world(load(0.0, 0.5), api(1.0), cores=1.0))
    # alone until 0.5, then half a core each: the first has 0.5 left, 1 s; the second the rest
    assert latency(run, 0.0) == 1.5
    assert latency(run, 0.5) == 1.5


def test_a_request_uses_one_core_at_most(plane_class):
    run = drive(plane_class, world(load(0.0, 0.5), api(1.0), cores=8.0))
    assert (latency(run, 0.0), latency(run, 0.5)) == (1.0, 1.0)


def test_a_container_limit_binds_on_an_idle_server(plane_class):
    run = drive(plane_class, world(load(0.0, 1.0), api(1.0, limit=0.5), cores=8.0))
    # half a core: 0.5 done by 1.0, then a quarter each: the first ends at 3, the second has
    # had 0.5 by then and the half core alone from there
    assert (latency(run, 0.0), latency(run, 1.0)) == (3.0, 3.0)


def test_two_containers_split_a_server_evenly_however_many_requests_they_have(plane_class):
    # at 0, 1/8, 1/4 to containers 0, 1, 0 on one core
    times = (0.0, 0.125, 0.25)
    run = drive(plane_class, world(load(*times), api(1.0), api(1.0), cores=1.0, on=(0, 0)))
    # 0 has 1/8 by 1/8, half a core until 1/4: 3/16; then container 0 gives a quarter to each.
    # container 1 (half a core from 1/8 on): done at 1/8 + 2.
    assert latency(run, 0.125) == 2.0
    # first of container 0: 13/16 left at 1/4, a quarter core until 17/8, half a core after
    got = 3 / 16 + (17 / 8 - 1 / 4) / 4
    assert latency(run, 0.0) == pytest.approx(17 / 8 + (1 - got) / 0.5)


def test_cpu_weights_split_a_full_server(plane_class):
    light, heavy = api(1.0, weight=256.0), api(3.0, weight=768.0)
    run = drive(plane_class, world(load(0.0, 0.0625), light, heavy, cores=1.0, on=(0, 0)))
    # a quarter and three quarters from 1/16 on: both have 15/16 and 3 to go
    assert latency(run, 0.0) == pytest.approx(1 / 16 + (15 / 16) / 0.25)
    # the heavy one has had 3/4 x 15/4 by then, and the core alone after
    done = 0.75 * 3.75
    assert latency(run, 0.0625) == pytest.approx(3.75 + (3.0 - done))


def test_what_a_limited_container_leaves_goes_to_the_other(plane_class):
    limited, free = api(1.0, limit=0.25), api(1.5)
    run = drive(plane_class, world(load(0.0, 0.0625), limited, free, cores=1.0, on=(0, 0)))
    assert latency(run, 0.0) == 4.0
    assert latency(run, 0.0625) == pytest.approx(1.5 / 0.75)


def test_a_cpu_limit_changed_midway(plane_class):
    script = [(1.0, "set_cpu_limit", (0, 0.5)), (2.0, "set_cpu_limit", (0, 8.0))]
    run = drive(plane_class, world(load(0.0), api(2.0), cores=1.0, script=script))
    assert latency(run, 0.0) == 2.5


def test_a_hung_process_keeps_its_work_and_goes_on(plane_class):
    script = [(0.5, "hang", (0,)), (2.5, "resume", (0,))]
    run = drive(plane_class, world(load(0.0, 1.0), api(1.0), cores=1.0, script=script))
    # 0.5 left at 2.5, and the one that came meanwhile: shared until 3.5, then 0.5 alone
    assert (latency(run, 0.0), latency(run, 1.0)) == (3.5, 3.0)


def test_busy_time_is_the_work_done(plane_class):
    seen: list[float] = []
    drive(
        plane_class,
        world(load(0.0, 0.5), api(1.0), cores=1.0),
        [0.25, 1.0, 2.0, 50.0],
        lambda plane: seen.append(plane.container_gauge(0).busy_s),
    )
    assert seen[:3] == [0.25, 1.0, 2.0]
    assert seen[3] == 2.0


# ---- oracles ----
def water_level(n: list[int], cap: list[float], weight: list[float], cores: float) -> list[float]:
    """Cores per request by bisection on the level, independent of share_cores' loop."""
    want = [min(float(a), b) for a, b in zip(n, cap, strict=True)]

    def given_at(level: float) -> list[float]:
        return [min(w, level * share) for w, share in zip(want, weight, strict=True)]

    low, high = 0.0, max(want, default=0.0) / min(weight) + 1.0
    if sum(want) > cores:
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(given_at(middle)) < cores else (low, middle)
    return [g / a if a else 1.0 for g, a in zip(given_at(high), n, strict=True)]


stations = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 7.0, math.inf]),
        st.sampled_from([2.0, 256.0, 512.0, 1024.0, 1024.0, 2048.0]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(stations, st.sampled_from([0.5, 1.0, 2.0, 4.0, 16.0]))
def test_share_cores_is_weighted_max_min(stations, cores):
    n, cap, weight = (list(column) for column in zip(*stations, strict=True))
    rate = [-7.0] * len(n)
    share_cores(len(n), n, cap, weight, cores, rate)
    expected = water_level(n, cap, weight, cores)
    for k in range(len(n)):
        if n[k]:
            assert rate[k] == pytest.approx(expected[k], rel=1e-9, abs=1e-12)
    used = sum(a * b for a, b in zip(n, rate, strict=True))
    assert used <= cores * (1 + 1e-12)
    wanted = sum(min(a, b) for a, b in zip(n, cap, strict=True))
    assert used == pytest.approx(min(cores, wanted))  # no core idles while somebody wants it


def by_hand(
    times: list[float], demand: list[float], cap: list[float], weight: list[float], cores: float
) -> list[float]:
    """Latency of each request, by small steps from event to event."""
    k, now, n = len(demand), 0.0, len(times)
    left = {}
    finish = [0.0] * n
    coming = list(range(n))
    while left or coming:
        counts = [sum(i % k == c for i in left) for c in range(k)]
        rate = water_level(counts, cap, weight, cores)
        step = min([left[i] / rate[i % k] for i in left] + [times[i] - now for i in coming[:1]])
        for i in list(left):
            left[i] -= step * rate[i % k]
            if left[i] <= 1e-12:
                del left[i]
                finish[i] = now + step
        now += step
        while coming and times[coming[0]] <= now + 1e-12:
            left[coming[0]] = demand[coming[0] % k]
            coming.pop(0)
    return [end - start for end, start in zip(finish, times, strict=True)]


containers = st.lists(
    st.tuples(
        st.sampled_from([0.25, 1.0, 2.5]),
        st.sampled_from([0.5, 1.0, 2.0, math.inf]),
        st.sampled_from([256.0, 1024.0]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(containers, st.lists(st.integers(1, 30), min_size=1, max_size=12), st.sampled_from([1, 2.5]))
def test_finish_times_equal_the_oracle(plane_class, containers, gaps, cores):
    demand, cap, weight = (list(column) for column in zip(*containers, strict=True))
    times = [sum(gaps[:i]) / 16 for i in range(len(gaps))]
    apis = [api(*row) for row in containers]
    run = drive(plane_class, world(load(*times), *apis, cores=cores, on=[0] * len(apis)))
    expected = by_hand(times, demand, cap, weight, cores)
    assert [latency(run, t) for t in times] == pytest.approx(expected, rel=1e-9)
