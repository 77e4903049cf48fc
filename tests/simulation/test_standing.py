"""Where nothing happens nobody looks, and the run is the one in which everybody had looked."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sim.dataplane.codes import Kind
from sim.dataplane.plane import DataPlane
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
