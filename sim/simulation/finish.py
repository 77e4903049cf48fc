"""What is left of a run when it is over."""

from __future__ import annotations

from sim.control.core.cluster import Cluster
from sim.results.run import OperatorFigures, Run
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.simulation.observation import Observer


def finished(
    scenario: Scenario,
    stack: Stack,
    platform: str,
    seed: int,
    engine: str,
    cluster: Cluster,
    observer: Observer,
) -> Run:
    count, end = cluster.count, scenario.horizon
    rented = [
        ((end if s.released_s is None else s.released_s) - s.rented_s, s.price_per_hour)
        for s in cluster.servers
    ]
    seconds = sum(each for each, _ in rented)
    return Run(
        scenario=scenario.name + (f":{scenario.variant}" if scenario.variant else ""),
        stack=stack.name,
        platform=platform,
        seed=seed,
        engine=engine,
        horizon_s=end,
        slo_success=scenario.slo.success,
        slo_latency_s=scenario.slo.latency,
        down_below=scenario.slo.down_below,
        recording=cluster.plane.recording(),
        gauge=cluster.plane.gauge(),
        series=observer.series,
        timeline=tuple(cluster.timeline),
        fault_s=count.fault_s,
        detected_s=count.detected_s,
        containers_refused=count.containers_refused,
        operator=OperatorFigures(count.pages, count.hands_on_s(end) / 60.0, count.mistakes),
        server_seconds=seconds,
        usd=sum(each / 3600.0 * price for each, price in rented),
        spans=observer.recorder.finished(end),
    )
