"""Users who stand in line are a place of 48 bytes, and nobody can tell: the same bytes as the
reference, which knows no lines. Here everybody who waits stands in line, from the first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.dataplane.arithmetic import attempt_id, request_of, retry_of
from sim.dataplane.codes import MOST_ATTEMPTS, USER_BASE, Cancel, Kind
from sim.dataplane.kernel import layout
from sim.dataplane.profile import BreakerRules, Client, Profile, Routing, Way, Workload
from tests.dataplane.random_worlds import make_world
from tests.dataplane.twins import compiled, difference
from tests.dataplane.worlds import Run, World, at, constant, drive, exponential, poisson, world

ONE = Profile(Kind.HTTP, slots=1, backlog=10**6, cpu=constant(0.5))
AT_ONCE = replace(ONE, at_once=True)
CROWD = Workload(1, 20.0, at(*[1.0] * 12, *[2.0] * 6), Client(timeout_s=3.0, retries=1))


@pytest.fixture(autouse=True)
def _from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LINE_FROM", 0)


def lined(small: World) -> Run:
    """The run of the compiled engine, in which somebody stood in line, and as the reference's."""
    assert difference(small) == ""
    run = drive(compiled, small)
    assert run.plane.box[0]["line_top"] > 0
    return run


@pytest.mark.parametrize("lattice", [False, True], ids=["continuous", "lattice"])
@pytest.mark.parametrize("seed", range(200, 206))
def test_random_worlds_agree(seed: int, lattice: bool) -> None:
    assert difference(make_world(seed, lattice)) == ""


@pytest.mark.parametrize("request_", [0, 1, 10**9, USER_BASE + 12345])
@pytest.mark.parametrize("retry", [0, 1, 7, 8, MOST_ATTEMPTS - 1])
def test_an_attempt_says_whose_it_is_and_which(request_: int, retry: int) -> None:
    ident = attempt_id(request_, retry)
    assert (request_of(ident), retry_of(ident)) == (request_, retry)


def test_they_are_begun_in_order_of_arrival() -> None:
    """Eight at 1 s, half a second each, one at a time: the last has waited for seven."""
    run = lined(world(Workload(1, 20.0, at(*[1.0] * 8), Client(timeout_s=60.0)), ONE))
    assert run.recording.latency_max_s == pytest.approx(4.0)
    assert [ident for ident, _, _ in run.plane.trace] == list(range(8))


@pytest.mark.parametrize("cancel", list(Cancel))
@pytest.mark.parametrize("profile", [ONE, AT_ONCE], ids=["one by one", "at once"])
def test_who_leaves_is_begun_only_where_nobody_looks(profile: Profile, cancel: Cancel) -> None:
    """Patience of 3 s: of twelve at 1 s six are answered, the sixth at the very instant."""
    lined(world(CROWD, replace(profile, cancel=cancel)))


def test_a_death_is_told_to_all_in_line() -> None:
    run = lined(world(CROWD, ONE, script=[(1.25, "exit", (0,)), (1.5, "start", (0, 0))]))
    assert run.causes()


@pytest.mark.parametrize("retry_errors", [False, True])
def test_a_proxy_asks_another_for_those_in_line(retry_errors: bool) -> None:
    balancer = Routing(proxy=True, retries=2, redispatch=True, retry_errors=retry_errors)
    crowd = replace(CROWD, routing=balancer)
    lined(world(crowd, ONE, ONE, ONE, script=[(1.25, "exit", (0,)), (1.5, "exit", (1,))]))


def test_a_host_takes_them_with_it_and_tells_nobody() -> None:
    """They stand in no line any more, and wait until their patience is over; none is answered."""
    once = Workload(1, 20.0, at(*[1.0] * 12), Client(timeout_s=3.0))
    run = lined(world(once, ONE, ONE, script=[(1.25, "server_down", (0,))]))
    assert {cause.name: n for cause, n in run.causes().items()} == {"CLIENT_TIMEOUT": 12}
    assert {took for _, _, took in run.plane.trace} == {3.0}
    lined(world(CROWD, ONE, ONE, script=[(1.25, "server_down", (0,))]))  # and ask again


@pytest.mark.parametrize("profile", [ONE, AT_ONCE], ids=["one by one", "at once"])
def test_a_process_that_hangs_and_ends_sends_away_whom_it_never_accepted(profile: Profile) -> None:
    script = [(1.25, "hang", (0,)), (2.5, "drain", (0,)), (2.75, "resume", (0,))]
    lined(world(CROWD, profile, ONE, script=script))


def test_more_slots_call_up_more() -> None:
    wide = replace(ONE, slots=5)
    lined(world(CROWD, ONE, wide, script=[(1.75, "set_profile", (0, 1))]))


def test_a_proxy_that_dies_cuts_off_those_in_line() -> None:
    for script in ([(1.25, "exit", (1,))], [(1.25, "server_down", (1,)), (2.25, "exit", (0,))]):
        lined(world(CROWD, ONE, Profile(Kind.PROXY), script=script, via=1))


@pytest.mark.parametrize("again", ["close_gate", "server_down"])
def test_a_gate_that_dies_cuts_off_those_in_line(again: str) -> None:
    """Two of its deaths: first in silence, then told."""
    script = [
        (0.0, "set_gates", ((1,),)),
        (1.25, "server_down", (1,)),
        (1.5, again, (1,)),
        (3.0, "exit", (0,)),
    ]
    for profile in (ONE, replace(ONE, cancel=Cancel.TREE)):
        lined(world(CROWD, profile, ONE, script=script))


def test_kept_connections_and_ways_in_are_drawn_anew() -> None:
    client = Client(timeout_s=2.0, retries=2, connections=3, connection_stays=False, deadline_s=4.0)
    ways = (Way(0.5), Way(0.5, endpoint=1))
    busy = Workload(7, 30.0, poisson(6.0, 20.0), client, Routing(), mix=ways)
    lined(world(busy, replace(ONE, cpu=exponential(0.4))))


def test_patience_that_is_out_of_order_goes_to_the_heap() -> None:
    """A deadline cuts the second try short; who has no ring of timers has only the heap."""
    hasty = Client(timeout_s=2.0, retries=3, backoff_s=0.25, deadline_s=3.0)
    lined(world(Workload(3, 30.0, poisson(8.0, 20.0), hasty), replace(ONE, cpu=exponential(0.3))))


def test_checks_wait_between_those_in_line() -> None:
    script = [(1.0 + k / 4, "probe", (0,)) for k in range(12)]
    lined(world(CROWD, ONE, script=script))
    lined(
        world(
            CROWD,
            replace(AT_ONCE, probe_beside=True),
            script=[(1.1, "hang", (0,)), *script, (3.9, "resume", (0,))],
        )
    )


def test_a_breaker_counts_those_who_leave() -> None:
    breaker = BreakerRules(window=8, least=4, share=0.5, open_s=2.0)
    client = Client(timeout_s=1.0, retries=2, breaker=breaker)
    lined(world(Workload(5, 30.0, poisson(8.0, 20.0), client), replace(ONE, cpu=exponential(0.3))))
