"""Where nothing happens nobody looks, and the run is the one in which everybody had looked."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from sim.dataplane.codes import Kind, StandingPlace
from sim.dataplane.plane import DataPlane, StandingCheck, standing_key
from sim.dataplane.profile import Client, Profile, Workload
from sim.dataplane.tables import PlaneGauge
from sim.results.run import Run
from sim.simulation.case import Case
from sim.simulation.simulation import run_case
from sim.study.ask import Ask
from sim.study.plan import plan
from tests.dataplane.worlds import at, constant, drive, world
from tests.simulation.runs import same

pytest.importorskip("numba")
from sim.dataplane.kernel.plane import CompiledPlane

SPARSE = ["scenario.traffic.rate=20/h", "scenario.horizon=5h"]  # fewer than one a window


@pytest.mark.parametrize(
    ("scenario", "platform"),
    [
        ("container_crash", "compose"),
        ("bad_rollout", "compose"),
        ("secret_rotation", "compose"),
        ("container_crash", "kubernetes"),
        ("bad_rollout", "kubernetes_tuned"),
        ("container_crash", "swarm"),
        ("container_crash", "nomad"),
    ],
)
def test_looks_that_find_nothing_are_left_out(
    scenario: str, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plan(Ask(scenario, settings=SPARSE))
    steps = []
    advance = CompiledPlane.advance
    monkeypatch.setattr(
        CompiledPlane, "advance", lambda self, until: steps.append(until) or advance(self, until)
    )

    def run() -> tuple[Run, int]:
        steps.clear()
        made = run_case(Case.of(asked.scenario, asked.stack, platform), 3, engine="compiled")
        return made, len(steps)

    run_of_few, few = run()
    monkeypatch.setattr(CompiledPlane, "stands_until", lambda self, _: self.now)
    run_of_all, all_of_them = run()
    same(run_of_few, run_of_all)
    assert few < all_of_them / 2


def test_a_plane_stands_until_it_says() -> None:
    """Requests that wait in a queue, retry and time out, a database that is full, jobs: a gauge
    changes at no instant before the one that was told, and most of the time one was."""
    seen: list[tuple[float, float, PlaneGauge]] = []

    def observe(plane: DataPlane) -> None:
        seen.append((plane.now, plane.stands_until(), plane.gauge()))

    api = Profile(
        Kind.HTTP, slots=2, backlog=4, cpu=constant(0.3), query=constant(0.5), pool=1, push_rate=0.5
    )
    worker = Profile(Kind.WORKER, slots=1, cpu=constant(2.0), pool=1)
    client = Client(timeout_s=1.5, retries=2, backoff_s=2.0)
    arrivals = at(10.0, 40.0, 40.1, 40.2, 40.3, 100.0, 200.0)
    database = Profile(Kind.DATABASE, connection_slots=2)
    drive(
        CompiledPlane,
        world(Workload(7, 300.0, arrivals, client), database, Profile(Kind.QUEUE), api, worker),
        [k / 8 for k in range(1, 2400)],
        observe,
    )
    stood = 0
    for (_, until, gauge), (t_s, _, later) in pairwise(seen):
        if t_s < until:
            stood += 1
            assert later == gauge
    assert 0.8 * len(seen) < stood < len(seen)
    assert seen[-1][2].retries > 0


CHECKED = Profile(Kind.HTTP, slots=2, backlog=4, cpu=constant(0.1), query=constant(0.1))


@pytest.mark.parametrize(
    ("profile", "deep", "until_s"),
    [
        (CHECKED, False, 97.0),  # the first request
        (CHECKED, True, 10.0),  # its query takes a connection
        (replace(CHECKED, memory_base=90, memory_per_request=10, memory_limit=120), False, 97.0),
        (replace(CHECKED, memory_base=90, memory_per_request=10, memory_limit=119), False, 10.0),
        (replace(CHECKED, probe_cpu_s=0.4), False, 97.0),
        (replace(CHECKED, probe_cpu_s=0.6), False, 10.0),  # late: beyond half of the time-out
        (replace(CHECKED, probe_cpu_s=0.1, cpu_limit=0.1), False, 10.0),
        (replace(CHECKED, slots=1, backlog=1), False, 10.0),  # there are three at most
    ],
)
def test_checks_that_are_bound_to_pass_are_no_happening(
    profile: Profile, deep: bool, until_s: float
) -> None:
    """A question each 10 s from second 10 on, a request at 97: as the plane sees it at 5. Until
    the time that it says it has nothing to tell, and uses no more than it said."""
    check = StandingCheck(
        standing_key(1, StandingPlace.READINESS), deep, 0.0, 10.0, 1.0, k=1, due_s=10.0
    )
    seen: list[tuple[float, float, float]] = []

    def observe(plane: DataPlane) -> None:
        used = plane.container_gauge(1).busy_s
        assert plane.now > 97.0 or used <= plane.checks_use(1, plane.now)
        seen.append((plane.now, plane.stands_until(), used))

    run = drive(
        CompiledPlane,
        world(
            Workload(7, 99.0, at(97.0), Client()),
            Profile(Kind.DATABASE, connection_slots=2),
            profile,
            script=[(1.0, "stand", (check,))],
        ),
        [5.0, 95.0],
        observe,
    )
    (_, until, used), (_, _, later), *_ = seen
    assert (until, used) == (until_s, 0.0)
    assert later > 0.0 or deep
    if until_s == 97.0:
        assert [n for n in run.notices if n.t_s > 1.0] == []
        assert later == pytest.approx(9 * profile.probe_cpu_s)
