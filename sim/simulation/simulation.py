"""One run: a case with a seed. The two planes meet here."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

from sim.control.core.clock import Rank
from sim.control.resource_limits.profiles import law
from sim.dataplane.engines import choose, plane_class
from sim.dataplane.profile import Workload
from sim.imports.trace import stays
from sim.platforms import blaming
from sim.results.run import Run
from sim.schema.fields import LawSpec
from sim.schema.scenario import Event, Scenario
from sim.schema.stack import Stack
from sim.simulation.boot import (
    bootstrap,
    cluster_of,
    routing_of,
    start_controllers,
    users_of,
    ways_of,
)
from sim.simulation.case import Case
from sim.simulation.finish import finished
from sim.simulation.loop import advance
from sim.simulation.observation import Observer, Progress
from sim.simulation.panel import Panel

SAMPLES = 172_800  # at most so many samples a run: one a second up to 48 h, coarser beyond


class Simulation:
    """One run in the making: `advance`, `do` and `look` as often as you like, then `finish`.

    At each stop the instant is open: the data plane has acted and fate too (`Rank.FAULT`); those
    who react to it come with the next step. So an event that is done now stands where it would
    have stood in the scenario, and stepping changes no bit of what follows.

    `engine`: reference, compiled, or auto. `progress(simulated_s, requests, glance)` is called each
    simulated minute. All that is called here raises `InputError` for a platform whose own file
    breaks the run, and `LedgerError` for a run that does not balance; after an exception of any
    kind a simulation is of no more use.
    """

    def __init__(
        self, case: Case, seed: int, *, engine: str = "auto", progress: Progress | None = None
    ) -> None:
        # 1. what runs: the stack on this platform, and the platform's ten choices
        self.case, self.seed = case, seed
        scenario, stack, platform = case.scenario, case.stack, case.choices

        # 2. the data plane: everything that acts once per request
        step_s = max(1.0, math.ceil(scenario.horizon / SAMPLES))
        self.engine = choose(engine, case.requests)
        with blaming(case.platform):
            routing = routing_of(stack, platform)
        plane = plane_class(self.engine)(
            Workload(
                seed=seed,
                horizon_s=scenario.horizon,
                arrivals=case.arrivals,
                client=users_of(scenario),
                routing=routing,
                bucket_s=step_s,
                services=len(stack.asked()),
                mix=ways_of(stack),
                users=stays(scenario.traffic, scenario.horizon),
                think=law(scenario.traffic.think or LawSpec()),
            )
        )

        self.cluster = cluster_of(plane, stack, platform, seed, case.profiles)
        with self.blaming():
            # 3. the control plane, and the steady state of second 0
            bootstrap(self.cluster)

            # 4. who acts: the platform's controllers, the operator, and fate
            self.faults = start_controllers(self.cluster, scenario)
            self.observer = Observer(self.cluster, step_s, progress)
            self.observer.start()
        self.panel = Panel(self.cluster)

    @property
    def now(self) -> float:
        """Simulated seconds."""
        return self.cluster.clock.now

    def blaming(self) -> AbstractContextManager[None]:
        return blaming(self.case.platform, lambda: self.now)

    def advance(self, to_s: float) -> None:
        """Run on to `to_s`, from now up to the horizon."""
        with self.blaming():
            advance(self.observer, to_s, Rank.FAULT)

    def do(self, event: Event) -> None:
        """`event` happens now; its `at` is the time that it is."""
        self.faults.add(event)
        self.advance(self.now)

    def look(self) -> dict[str, Any]:
        """See `Panel.look`."""
        return self.panel.look()

    def finish(self, at_s: float | None = None) -> Run:
        """Run on to the end (default: the horizon), and hand over what is left."""
        end_s = self.case.scenario.horizon if at_s is None else at_s
        with self.blaming():
            advance(self.observer, end_s)
        recording = self.observer.check()
        return finished(self.case, self.seed, self.engine, self.observer, recording, end_s)


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
    """Replay the case once and return all that happened. See `Simulation`."""
    return Simulation(case, seed, engine=engine, progress=progress).finish()
