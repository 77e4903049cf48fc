"""A network that is cut: who is silent to whom, what runs on, and what happens when it is back."""

from __future__ import annotations

from typing import Any

import pytest

from sim.control.core.wires import late_s
from sim.dataplane.codes import Outcome
from sim.results.run import Run
from tests.control.outage import replay, rows, when
from tests.dataplane.worlds import causes

ZONES: dict[str, Any] = {
    "stack.servers.zones": ["a", "b", "c"],
    "stack.services.http.replicas": 3,
}


def cut(lasts: str = "100s", **sides: Any) -> dict[str, Any]:
    return {"at": 100, "partition": {"lasts": lasts, **sides}}


def ended(run: Run) -> list[float]:
    """When replicas of the API did."""
    return [row.t_s for row in rows(run, "exit") if row.subject.startswith("api")]


LOST, PASSED = 0.1, 0.9  # draws, where each way loses a half or nothing


@pytest.mark.parametrize(
    ("there", "back", "drawn", "seconds"),
    [
        (0.5, 0.5, [PASSED, PASSED, PASSED], 0.0),
        (0.5, 0.5, [LOST, LOST, PASSED, PASSED, PASSED], 2.0),  # two SYNs, or answers to them
        (0.5, 0.0, [PASSED, LOST, LOST, PASSED, PASSED], 0.2 + 0.4),  # the question
        (0.0, 0.5, [PASSED, PASSED, LOST, LOST, LOST, PASSED], 0.2 + 0.4 + 0.8),  # its answer
        (0.5, 0.5, [LOST] * 5, 5.0),  # nobody waits any longer
    ],
)
def test_a_check_is_late_by_what_it_loses(
    there: float, back: float, drawn: list[float], seconds: float
) -> None:
    left = iter(drawn)
    assert late_s(there, back, 5.0, lambda: next(left)) == pytest.approx(seconds)
    assert list(left) == []


# ---- the control plane ----
@pytest.mark.parametrize(
    ("platform", "noticed_s"),
    [("kubernetes", (40, 56)), ("swarm", (9, 17)), ("nomad", (10, 31))],
)
def test_a_server_that_is_cut_off_is_silent_and_runs_on(
    platform: str, noticed_s: tuple[float, float]
) -> None:
    """The lease of Kubernetes is 50 s, heartbeats of Swarm and Nomad some 10 to 30."""
    run = replay(cut(side=["c"]), platform=platform, horizon_s=500.0, settings=ZONES)
    (lost,) = when(run, "not_ready")
    assert noticed_s[0] <= lost - 100.0 <= noticed_s[1]
    assert not [t for t in ended(run) if t < 200.0], "nothing ends meanwhile"
    assert min(when(run, "ready")) >= 200.0


@pytest.mark.parametrize("platform", ["swarm", "nomad"])
def test_what_is_given_up_begins_elsewhere_while_it_runs_on_where_it_was(platform: str) -> None:
    """Both stop first and start then, but wait for nobody who cannot hear them."""
    run = replay(cut("300s", side=["c"]), platform=platform, horizon_s=600.0, settings=ZONES)
    (lost,) = when(run, "not_ready")
    begun = [row.t_s for row in rows(run, "placed", "api") if row.t_s > 100.0]
    assert begun
    assert -0.1 < begun[0] - lost < 5.1
    assert not [t for t in ended(run) if t < 400.0]
    assert [t for t in ended(run) if t >= 400.0], "the old one ends when it is told so"


def test_what_was_evicted_stops_when_its_server_is_heard_again() -> None:
    """300 s of toleration after the taint; the pods of the other side get the order at the end."""
    run = replay(cut("500s", side=["c"]), platform="kubernetes", horizon_s=900.0, settings=ZONES)
    (evicted,) = when(run, "eviction")
    assert 440.0 < evicted < 480.0
    assert min(ended(run)) >= 600.0


def test_one_that_is_back_in_time_serves_on() -> None:
    run = replay(cut("30s", side=["c"]), platform="kubernetes", horizon_s=400.0, settings=ZONES)
    assert not when(run, "not_ready")
    assert not ended(run)


def test_a_server_that_is_named_meanwhile_is_cut_off_on() -> None:
    """It stands apart from its zone from then on, and the zone's cut holds for it."""
    slow = {"at": 120, "latency": {"round_trip": "1ms", "side": ["server-3"], "lasts": "10s"}}
    alone, both = (
        replay(*events, platform="kubernetes", horizon_s=500.0, settings=ZONES)
        for events in ([cut(side=["c"])], [cut(side=["c"]), slow])
    )
    assert when(both, "ready") == when(alone, "ready") != []
    assert causes(both.recording) == causes(alone.recording)
    assert causes(both.recording)[Outcome.CONNECT_TIMEOUT] > 5


@pytest.mark.parametrize("mended", [{}, {"side": ["c"]}, {"side": ["http", "internet"]}])
def test_somebody_mends_what_is_cut(mended: dict[str, Any]) -> None:
    """At 170 s, of a cut that would last for 100 s or for good: as one that lasts for 70. One of
    another zone is not mended by it."""
    hand = {"at": 170, "mend_network": mended}

    def ran(*events: dict[str, Any]) -> Run:
        return replay(*events, platform="kubernetes", horizon_s=500.0, settings=ZONES)

    short = ran(cut("70s", side=["c"]))
    for_good = {"at": 100, "partition": {"side": ["c"]}}
    for run in (ran(cut(side=["c"]), hand), ran(for_good, hand)):
        assert when(run, "mend_network") == [170.0]
        assert when(run, "partition_ends") == []
        assert when(run, "ready") == when(short, "ready") != []
        assert causes(run.recording) == causes(short.recording)
    elsewhere = {"at": 170, "mend_network": {"side": ["a"]}}
    apart = {"side": ["c"], "other_side": ["b"], "lasts": "100s"}
    assert when(ran({"at": 100, "partition": apart}, elsewhere), "partition_ends") == [200.0]


def test_a_cut_between_zones_hides_nothing_from_the_control_plane() -> None:
    event = cut("200s", side=["b"], other_side=["c"])
    run = replay(event, platform="kubernetes", horizon_s=500.0, settings=ZONES)
    assert not when(run, "not_ready")


# ---- users ----
def test_a_server_that_is_cut_off_from_users_serves_nobody() -> None:
    one = replay(cut(side=["internet"]), horizon_s=300.0)
    assert [row.text for row in rows(one, "partition_ends")]
    ended = causes(one.recording)
    assert 80 <= ended[Outcome.CONNECT_TIMEOUT] + ended.get(Outcome.CLIENT_TIMEOUT, 0) <= 130
