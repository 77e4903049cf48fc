"""One run: a scenario on a stack under a platform with a seed. The two planes meet here."""

from __future__ import annotations

import math

from sim.dataplane.engines import choose, plane_class
from sim.dataplane.interface import Workload
from sim.platforms import blaming
from sim.results.run import Run
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.simulation.boot import (
    bootstrap,
    client_of,
    cluster_of,
    routing_of,
    start_controllers,
)
from sim.simulation.case import Case
from sim.simulation.finish import finished
from sim.simulation.loop import advance
from sim.simulation.observation import Observer, Progress

SAMPLES = 172_800  # at most so many samples a run: one a second up to 48 h, coarser beyond


def run_once(
    scenario: Scenario,
    stack: Stack,
    platform_name: str,
    seed: int,
    *,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Run:
    """`run_case` for the scenario on `stack` (as loaded) under a platform. Raises `InputError` for
    a platform that does not exist."""
    return run_case(Case.of(scenario, stack, platform_name), seed, engine=engine, progress=progress)


def run_case(
    case: Case, seed: int, *, engine: str = "auto", progress: Progress | None = None
) -> Run:
    """Replay the case once and return all that happened.

    `engine`: reference, compiled, or auto. `progress(simulated_s, requests, glance)` is called each
    simulated minute. Raises `InputError` for a platform whose own file breaks the run.
    """
    # 1. what runs: the stack on this platform, and the platform's ten choices
    scenario, stack, platform = case.scenario, case.stack, case.choices

    # 2. the data plane: everything that acts once per request
    step_s = max(1.0, math.ceil(scenario.horizon / SAMPLES))
    name = choose(engine, case.requests)
    with blaming(case.platform):
        routing = routing_of(stack, platform)
    plane = plane_class(name)(
        Workload(
            seed=seed,
            horizon_s=scenario.horizon,
            arrivals=case.arrivals,
            client=client_of(scenario),
            routing=routing,
            bucket_s=step_s,
        )
    )

    cluster = cluster_of(plane, stack, platform, seed)
    with blaming(case.platform, lambda: cluster.clock.now):
        # 3. the control plane, and the steady state of second 0
        bootstrap(cluster)

        # 4. who acts: the platform's controllers, the operator, and fate
        start_controllers(cluster, scenario)
        observer = Observer(cluster, scenario.horizon, step_s, progress)
        cluster.clock.loop(observer.run())
        cluster.clock.loop(observer.audit())
        cluster.clock.loop(observer.recorder.run())

        # 5. the two-plane loop
        advance(cluster, scenario.horizon)

    # 6. what is left
    observer.check()
    return finished(scenario, stack, case.platform, seed, name, cluster, observer)
