"""Caches: what is held is a hit; cold after a death or a flush, and filled by what is served."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.dataplane.arithmetic import ranked
from sim.dataplane.codes import MOST_KEYS, Does, Kind, Outcome
from sim.dataplane.profile import CacheRules, Client, Profile, StoryStep, Workload
from sim.dataplane.story import stories
from sim.dataplane.tables import CacheGauge
from tests.dataplane.twins import difference
from tests.dataplane.worlds import at, cause, constant, drive, ends, latency, poisson, world

ONE = Profile(Kind.CACHE)  # of one key, which everybody asks for
PLAIN = CacheRules()
QUERY = StoryStep(Does.QUERY, constant(1.0))
DATABASE = Profile(Kind.DATABASE, connect_cpu_s=0.0)


def users(*times: float, timeout_s: float = 50.0) -> Workload:
    return Workload(1, 60.0, at(*times), Client(timeout_s=timeout_s))


def api(rules: CacheRules = PLAIN, *misses: StoryStep, **rest) -> Profile:
    """It looks into cache 0, and asks a database for a second where that does not help."""
    look = StoryStep(Does.CACHE, cache=rules, covers=len(misses or (QUERY,)))
    return Profile(Kind.HTTP, slots=99, steps=(look, *(misses or (QUERY,))), **rest)


def gauge(run) -> CacheGauge:
    return run.plane.cache_gauge(0)


def test_what_was_found_once_is_there_from_its_answer_on(plane_class):
    """At 1 a miss, answered at 2; the look at 1.5 comes too early, both ask, each query on a core
    of its own; at 3 a hit, at once."""
    run = drive(plane_class, world(users(1.0, 1.5, 3.0), api(), DATABASE, ONE))
    assert gauge(run) == CacheGauge(hits=1, misses=2, fills=2, stored=1)
    assert [latency(run, t) for t in (1.0, 3.0)] == [2.0, 0.0]  # of both in that second


@pytest.mark.parametrize(("when", "hits"), [(11.9, 1), (12.0, 0)])
def test_its_time_to_live_counts_from_the_fill(plane_class, when, hits):
    """Asked for at 1, filled at 2, it is too old at 12, and was not asked for between."""
    short = replace(ONE, ttl_s=10.0)
    run = drive(plane_class, world(users(1.0, when), api(), DATABASE, short))
    assert (gauge(run).hits, gauge(run).expired) == (hits, 1 - hits)


def test_an_answer_that_nobody_waits_for_any_more_fills_it(plane_class):
    run = drive(plane_class, world(users(1.0, 3.0, timeout_s=0.5), api(), DATABASE, ONE))
    assert run.causes() == {Outcome.CLIENT_TIMEOUT: 1, Outcome.SUCCEEDED: 1}
    assert gauge(run).hits == 1


def test_who_drops_what_nobody_waits_for_fills_nothing(plane_class):
    """The processor's second ends at 2, after its user has left: dropped before it is put in."""
    costly = api(CacheRules(), StoryStep(Does.CPU, constant(1.0)), cancel=True)
    run = drive(plane_class, world(users(1.0, 3.0, timeout_s=0.5), costly, ONE))
    assert gauge(run) == CacheGauge(misses=2)


def test_a_replica_in_its_place_is_warm(plane_class):
    """Filled at 2, dead at 4, asked in vain at 4.5 (and filled again with the answer, at 5.5); from
    5 on a replica is it, with what it held. The old one is back at 7 as another cache."""
    copy = replace(ONE, number=1)
    script = [(4.0, "exit", (2,)), (5.0, "set_profile", (3, 2)), (7.0, "start", (2, 3))]
    w = world(users(1.0, 4.5, 6.0, 8.0), api(), DATABASE, ONE, copy, script=script)
    run = drive(plane_class, w)
    assert gauge(run) == CacheGauge(hits=2, misses=1, unanswered=1, fills=2, stored=1)


@pytest.mark.parametrize(
    "script",
    [[(5.0, "flush", (0,))], [(4.0, "exit", (2,)), (5.0, "start", (2, 2))],
     [(4.0, "server_down", (2,)), (4.5, "server_up", (2,)), (5.0, "start", (2, 2))]],
)  # fmt: skip
def test_a_flush_a_death_and_a_lost_host_make_it_cold(plane_class, script):
    w = world(users(1.0, 3.0, 6.0, 8.0), api(), DATABASE, replace(ONE, warm=True), script=script)
    run = drive(plane_class, w)
    assert gauge(run) == CacheGauge(hits=3, misses=1, fills=1, stored=2, lost=1)


@pytest.mark.parametrize(
    ("fails", "outcome"), [(False, Outcome.SUCCEEDED), (True, Outcome.HTTP_500)]
)
@pytest.mark.parametrize(
    ("fault", "waited_s"), [(("exit", 2), 0.0), (("hang", 2), 2.0), (("server_down", 2), 2.0)]
)
def test_one_that_is_down_is_a_miss_or_an_error(plane_class, fault, waited_s, fails, outcome):
    """Refused at once where its host is up; else after the time-out. A miss is a second more."""
    asks = api(CacheRules(timeout_s=2.0, fails=fails))
    script = [(0.5, fault[0], (fault[1],))]
    w = world(users(1.0), asks, DATABASE, ONE, script=script)
    run = drive(plane_class, w)
    assert gauge(run) == CacheGauge(unanswered=1)
    assert cause(run, 1.0) == outcome
    instants = [t for t, _, _ in ends(plane_class, w)]
    assert instants == [1.0 + waited_s + (0.0 if fails else 1.0)]


def test_leases_let_one_ask_and_the_others_look_again(plane_class):
    """Ten at once, one query; each of the others looks at 1, 1.4, 1.8, and has it at 2.2."""
    leased = api(CacheRules(lease_s=10.0, retry_s=0.4))
    run = drive(plane_class, world(users(*[1.0] * 10), leased, DATABASE, ONE))
    assert gauge(run) == CacheGauge(hits=9, misses=1, waits=27, fills=1, stored=1)
    together = drive(plane_class, world(users(*[1.0] * 10), api(), DATABASE, ONE))
    assert gauge(together) == CacheGauge(misses=10, fills=10, stored=1)


def test_who_is_left_while_it_waits_for_a_lease_hears_no_answer(plane_class):
    """One is out from 1 to 10. That of 2 is left at 2.5 and dropped when it would look again, at 3:
    nothing is on its way back that could be lost, as nearly all is that the cache sends."""
    slow = CacheRules(lease_s=20.0, retry_s=1.0)
    leased = api(slow, StoryStep(Does.WAIT, constant(9.0)), cancel=True)
    script = [(0.0, "place", (1, 1)), (1.5, "lose", (1, 0, 0.999))]
    inside: list[int] = []
    w = world(users(1.0, 2.0, timeout_s=0.5), leased, ONE, script=script)
    drive(
        plane_class, w, [2.75, 3.25], lambda plane: inside.append(plane.container_gauge(0).inside),
    )  # fmt: skip
    assert inside[:2] == [2, 1]


def test_a_lease_of_who_died_ends_by_itself(plane_class):
    """Its holder dies at 1.5 with the process; the next one comes at 3 to another process, and is
    let through when the lease of 1 ends at 6."""
    leased = api(CacheRules(lease_s=5.0, retry_s=0.5))
    w = world(
        users(1.0, 3.0), leased, DATABASE, ONE, script=[(1.5, "exit", (0,)), (2.0, "start", (0, 0))]
    )
    assert [(t, ok) for t, ok, _ in ends(plane_class, w)] == [(1.5, 0), (7.0, 1)]


def test_what_no_cache_keeps_is_always_a_miss(plane_class):
    """A share of what is asked for is asked for once: half of 400, 5 deviations of 10."""
    half = api(CacheRules(hit=0.5), StoryStep(Does.WAIT, constant(0.01)))
    times = [1.0 + i / 10 for i in range(400)]
    run = drive(plane_class, world(users(*times), half, replace(ONE, warm=True)))
    seen = gauge(run)
    assert seen.hits + seen.misses == 400
    assert 150 < seen.hits < 250
    assert seen.fills == 0  # nobody puts them in


def test_a_full_one_forgets_what_was_not_asked_for_longest():
    """By hand, of two places: 0 1, asked 0, then 2 takes the place of 1."""
    from tests.dataplane.twins import compiled, reference

    seed, keys = 1, 3
    small = replace(ONE, keys=keys, keys_held=2)
    times = [float(t) for t in range(1, 41)]
    held: list[int] = []
    hits = 0
    from sim.dataplane import draws

    for number in range(40):
        key = ranked(draws.u(seed, draws.stream("law:CACHE"), number), keys, 0.0)
        if key in held:
            hits += 1
            held.remove(key)
        elif len(held) == 2:
            del held[0]
        held.append(key)
    assert 5 < hits < 35
    for plane_class in (reference, compiled):
        w = world(users(*times), api(CacheRules(), StoryStep(Does.WAIT, constant(0.5))), small)
        seen = gauge(drive(plane_class, w))
        assert (seen.hits, seen.evicted) == (hits, 40 - hits - 2)


def test_two_caches_are_two(plane_class):
    """The second look's misses stand within those of the first."""
    outer = StoryStep(Does.CACHE, covers=2)
    inner = StoryStep(Does.CACHE, target=1, covers=1, name="second")
    asks = Profile(Kind.HTTP, slots=9, steps=(outer, inner, QUERY))
    script = [(5.0, "flush", (0,))]
    w = world(users(1.0, 3.0, 6.0), asks, DATABASE, ONE, replace(ONE, number=1), script=script)
    run = drive(plane_class, w)
    assert (gauge(run).hits, gauge(run).misses) == (1, 2)
    second = run.plane.cache_gauge(1)
    assert (second.hits, second.misses, second.fills) == (1, 1, 1)


def test_a_fill_stands_after_what_a_hit_leaves_out():
    outer = StoryStep(Does.CACHE, covers=2)
    inner = StoryStep(Does.CACHE, target=1, covers=1, name="second")
    (steps,) = stories(Profile(Kind.HTTP, steps=(outer, inner, QUERY, StoryStep(Does.CPU))))
    assert [step.does for step in steps] == [
        Does.CACHE, Does.CACHE, Does.QUERY, Does.FILL, Does.FILL, Does.CPU,
    ]  # fmt: skip
    assert [step.target for step in steps[3:5]] == [1, 0]
    assert [step.covers for step in steps[:2]] == [4, 2]


def test_what_the_engines_cannot_hold_is_refused(plane_class):
    plane = plane_class(users())
    with pytest.raises(ValueError, match="a look into cache 16: they are 0 to 15"):
        plane.add_profile(Profile(Kind.HTTP, steps=(StoryStep(Does.CACHE, target=16),)))
    with pytest.raises(ValueError, match="a cache of 0 keys: they are 1 to 131072"):
        plane.add_profile(Profile(Kind.CACHE, keys=0))


def test_the_law_of_ranks():
    """Uniform without a skew; with 1, of 1,023 keys the first has log 2 / log 1024 = a tenth."""
    assert [ranked(u, 4, 0.0) for u in (0.0, 0.249, 0.251, 0.999)] == [0, 0, 1, 3]
    assert [ranked(u, 1023, 1.0) for u in (0.0999, 0.1001)] == [0, 1]
    assert ranked(1.0 - 1e-16, MOST_KEYS, 1.3) == MOST_KEYS - 1


# ---- theory ----
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_time_to_live_and_poisson_keys_give_the_closed_form(plane_class, seed):
    """A key asked for at rate r is filled by a miss and held for T: of r T + 1 looks one misses.
    20 keys, 40 looks/s, T = 1 s: hits are 2 / 3 of 24,000; the number of misses of a key is that
    of a renewal process, and its deviation below that of a Poisson number."""
    rate, keys, ttl = 40.0, 20, 1.0
    load = Workload(seed, 600.0, poisson(rate), Client())
    asks = api(CacheRules(), StoryStep(Does.CPU, constant(0.0)))
    run = drive(plane_class, world(load, asks, replace(ONE, keys=keys, ttl_s=ttl)))
    seen = gauge(run)
    looks = seen.hits + seen.misses
    expected = looks / (1.0 + rate / keys * ttl)
    assert abs(seen.misses - expected) < 4.0 * math.sqrt(expected)
    assert looks > 23_000


@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_on_a_stampede(seed):
    """Popular keys run out of time under load, with leases and without, while it is flushed."""
    load = Workload(seed, 60.0, poisson(150.0, 55.0), Client(timeout_s=1.0, retries=2))
    leased = api(
        CacheRules(hit=0.9, lease_s=1.0 * (seed % 2)), StoryStep(Does.QUERY, constant(0.05))
    )
    many = Profile(Kind.CACHE, keys=5000, skew=0.99, ttl_s=5.0, keys_held=800, warm=True)
    script = [(20.0, "flush", (0,)), (40.0, "exit", (2,)), (42.0, "start", (2, 2))]
    assert difference(world(load, leased, DATABASE, many, cores=2.0, script=script)) == ""
