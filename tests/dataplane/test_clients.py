"""Users: patience, retries with back-off, jitter and budget; what the abandoned still cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from sim.dataplane.arithmetic import attempt_id
from sim.dataplane.codes import ID_BITS, MOST_ATTEMPTS, Kind, Outcome
from sim.dataplane.profile import Client, Profile, Routing, Workload
from sim.dataplane.tables import IN_SLO
from sim.schema.client import ClientSpec
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, world

API = Profile(Kind.HTTP, slots=1, cpu=constant(1.0))
CLIENT = Client(timeout_s=4.0, jitter=0.0)


def load(*times: float, client: Client = CLIENT) -> Workload:
    return Workload(1, 60.0, at(*times), client, bucket_s=1 / 16)


def attempts(plane_class, w) -> list[float]:
    """Instants at which the count of retries grew."""
    seen: list[tuple[float, int]] = [(0.0, 0)]

    def look(plane) -> None:
        retries = plane.gauge().retries
        if retries != seen[-1][1]:
            seen.append((plane.now, retries))

    drive(plane_class, w, [k / 64 for k in range(64 * 60)], look)
    return [t for t, _ in seen[1:]]


DEAD = [(0.5, "exit", (0,))]


def test_retries_back_off_exponentially_up_to_the_cap(plane_class):
    client = replace(CLIENT, retries=5, backoff_s=1.0, backoff_factor=3.0, backoff_cap_s=8.0)
    w = world(load(1.0, client=client), API, script=DEAD)
    # refused at 1; waits 1, 3, 8, 8, 8; a retry is counted when its wait begins
    assert attempts(plane_class, w) == [1.0, 2.0, 5.0, 13.0, 21.0]
    assert ends(plane_class, w) == [(29.0, 0, 1)]


def test_one_request_is_counted_once_however_often_it_is_tried(plane_class):
    client = replace(CLIENT, retries=3)
    run = drive(plane_class, world(load(1.0, client=client), API, script=DEAD))
    assert run.causes() == {Outcome.REFUSED: 1}
    assert run.plane.gauge().arrived == 1
    assert run.plane.gauge().retries == 3


def test_a_retry_that_succeeds_is_a_success_as_slow_as_it_was(plane_class):
    client = replace(CLIENT, retries=3)
    script = [*DEAD, (3.5, "start", (0, 0))]
    # refused at 1 and 2; waits 2 s; answered at 5
    run = drive(plane_class, world(load(1.0, client=client), API, script=script))
    assert latency(run, 1.0) == 1.0 + 2.0 + 1.0


def test_the_last_failure_is_the_cause(plane_class):
    client = replace(CLIENT, retries=1, timeout_s=2.0, connect_timeout_s=1.0)
    script = [*DEAD, (1.5, "server_down", (0,))]
    run = drive(plane_class, world(load(1.0, client=client), API, script=script))
    assert run.causes() == {Outcome.CONNECT_TIMEOUT: 1}


def test_jitter_spreads_retries_over_its_part_of_the_back_off(plane_class):
    """wait = back-off x (1 - jitter U): uniform over 1..2 s for a back-off of 2 and jitter 0.5."""
    times = [1.0 + k / 8 for k in range(400)]
    client = replace(CLIENT, retries=1, backoff_s=2.0, jitter=0.5)
    w = Workload(3, 100.0, at(*times), client, bucket_s=1 / 16)
    instant = Profile(Kind.HTTP, slots=1000, cpu=constant(0.0), error_rate=0.5)
    # an error is drawn per attempt: a quarter fails twice, a quarter succeeds the second time
    run = drive(plane_class, world(w, instant))
    late = [x for x in (latency(run, t) for t in times) if x > 0.0]
    assert 60 < len(late) < 140
    assert 1.0 <= min(late) < 1.05
    assert 1.95 < max(late) <= 2.0
    assert stats.kstest(late, stats.uniform(1.0, 1.0).cdf).pvalue > 1e-3


def test_without_jitter_they_all_come_back_together(plane_class):
    client = replace(CLIENT, retries=1, backoff_s=2.0)
    script = [*DEAD, (2.0, "start", (0, 0))]
    seen: list[int] = []
    w = Workload(1, 20.0, at(*[1.0] * 30), client)
    many = replace(API, slots=100)
    drive(
        plane_class,
        world(w, many, script=script),
        [2.5, 3.0],
        lambda plane: seen.append(plane.container_gauge(0).inside),
    )
    assert seen[:2] == [0, 30]


@pytest.mark.parametrize(("budget", "retries"), [(0.0, 0), (0.25, 10), (1.0, 40)])
def test_a_budget_bounds_retries_to_its_share_of_requests(plane_class, budget, retries):
    times = [1.0 + k / 4 for k in range(40)]
    client = replace(CLIENT, retries=3, backoff_s=0.125, backoff_factor=1.0, budget=budget)
    run = drive(plane_class, world(load(*times, client=client), API, script=DEAD))
    assert run.plane.gauge().retries == retries


def test_a_budget_saves_up_a_hundred_retries_at_most(plane_class):
    """500 good requests would earn 500; the outage that follows may spend 100."""
    good = [1.0 + k / 64 for k in range(500)]
    bad = [20.0 + k / 64 for k in range(200)]
    client = replace(CLIENT, retries=1, budget=1.0, backoff_s=10.0)
    quick = replace(API, slots=10, cpu=constant(0.0))
    w = Workload(1, 60.0, at(*good, *bad), client)
    run = drive(plane_class, world(w, quick, script=[(15.0, "exit", (0,))]), [19.0, 24.0])
    # each of the 200 earns one more at its arrival, when the store is full or just drawn from
    assert run.plane.gauge().retries == 200
    client = replace(client, budget=0.25)
    w = Workload(1, 60.0, at(*good, *bad), client)
    run = drive(plane_class, world(w, quick, script=[(15.0, "exit", (0,))]))
    # 100 saved, and a quarter of the 200; every retry costs one
    assert run.plane.gauge().retries == 100 + 49


def test_the_slo_counts_answers_that_came_in_time(plane_class):
    client = replace(CLIENT, slo_s=1.5)
    run = drive(plane_class, world(load(1.0, 1.25, client=client), API))
    assert run.causes() == {Outcome.SUCCEEDED: 2}
    assert run.recording.requests[:, IN_SLO].sum() == 1  # the second waited 0.75 s
    run = drive(plane_class, world(load(1.0, 1.5, client=client), API))
    assert run.recording.requests[:, IN_SLO].sum() == 2  # 1.5 s is in time


# ---- abandoned requests ----
@pytest.mark.parametrize("cancel", [False, True])
def test_zombie_work_delays_those_who_still_wait(plane_class, cancel):
    """Patience 1.5 s, service 1 s: of three at once the first is served; the others leave at 2.5,
    one of them in service. Without cancellation the server works for both until 4."""
    client = Client(timeout_s=1.5)
    api = replace(API, cancel=cancel)
    w = world(Workload(1, 20.0, at(1.0, 1.0, 1.0, 2.75), client, bucket_s=1 / 16), api)
    run = drive(plane_class, w)
    causes = run.causes()
    if cancel:  # the second ends in vain at 3, the third is never begun: the fourth starts at 3
        assert causes == {Outcome.SUCCEEDED: 2, Outcome.CLIENT_TIMEOUT: 2}
        assert latency(run, 2.75) == 0.25 + 1.0
    else:  # ... at 4: too late as well
        assert causes == {Outcome.SUCCEEDED: 1, Outcome.CLIENT_TIMEOUT: 3}
    assert run.plane.container_gauge(0).busy_s == pytest.approx(3.0 if cancel else 4.0)
    assert run.plane.container_gauge(0).served == (3 if cancel else 4)


def test_an_abandoned_request_with_cancel_spares_the_database(plane_class):
    client = Client(timeout_s=0.5)
    busy = []
    for cancel in (False, True):
        api = Profile(Kind.HTTP, cpu=constant(1.0), query=constant(1.0), cancel=cancel)
        db = Profile(Kind.DATABASE, connect_cpu_s=0.0)
        run = drive(plane_class, world(load(1.0, client=client), api, db))
        busy.append(run.plane.container_gauge(1).busy_s)
        assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1}
    assert busy == [1.0, 0.0]


def test_retries_multiply_the_load_of_an_overloaded_server(plane_class):
    """The metastable loop: patience shorter than the queue, and every retry is work again."""
    times = [1.0 + k / 4 for k in range(80)]  # 4/s, the server does 5/s, but stood still for 4 s
    api = Profile(Kind.HTTP, slots=1, cpu=constant(0.2))
    script = [(1.0, "hang", (0,)), (5.0, "resume", (0,))]
    good = {}
    for retries in (0, 3):
        client = Client(timeout_s=1.0, retries=retries, backoff_s=0.25, jitter=0.0)
        run = drive(plane_class, world(load(*times, client=client), api, script=script))
        last = [t for t in times if t > 12.0]
        good[retries] = sum(cause(run, t) == Outcome.SUCCEEDED for t in last)
    assert good[0] > good[3]


def test_nobody_comes_before_the_first_instant_or_after_the_last(plane_class):
    run = drive(plane_class, world(Workload(1, 10.0, at(0.0, 3.0, 9.75, 10.0, 11.0)), API))
    assert run.plane.gauge().arrived == 3  # the horizon itself is out


def test_a_request_may_be_tried_five_hundred_times(plane_class):
    """Nobody listens: refused at once, again each quarter second, and no id meets another's: the
    501st attempt of each of two users ends with its own request."""
    client = replace(CLIENT, retries=500, backoff_s=0.25, backoff_factor=1.0, jitter=0.0)
    workload = Workload(1, 200.0, at(1.0, 1.125), client, bucket_s=1 / 16)
    run = drive(plane_class, world(workload, API, script=[(0.0, "exit", (0,))]))
    assert run.plane.gauge().retries == 1000
    assert run.causes() == {Outcome.REFUSED: 2}
    ids = {attempt_id(request, retry) for request in range(50) for retry in range(MOST_ATTEMPTS)}
    assert len(ids) == 50 * MOST_ATTEMPTS
    assert max(ids) < 1 << ID_BITS


def test_a_proxy_may_redispatch_ten_thousand_times_in_one_instant(plane_class):
    proxy = Routing(proxy=True, retries=10_000, redispatch=True)
    workload = Workload(1, 20.0, at(1.0), CLIENT, proxy, bucket_s=1 / 16)
    script = [(0.0, "exit", (c,)) for c in range(2)]
    run = drive(plane_class, world(workload, API, API, script=script))
    assert run.causes() == {Outcome.REFUSED: 1}


def test_what_a_scenario_may_ask_for_has_ids():
    field = ClientSpec.model_fields["retries"]
    assert [part.le for part in field.metadata if hasattr(part, "le")] == [MOST_ATTEMPTS - 1]
