"""Results that a report must survive: hostile texts, a crowd, nothing at all, no time and much."""

from dataclasses import replace

import numpy as np

from sim.results.run import SERIES, OperatorFigures, Run, Span, TimelineRow
from sim.results.summary import replication
from sim.study.result import Result
from tests.results.results import result
from tests.results.synthetic import gauge, recording

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)> & \"quotes\" {{ 7 * 7 }}"


def of(*runs: Run, **changed) -> Result:
    """A result of these runs, one a platform."""
    base = result(platforms=("compose",))
    kept = {run.platform: (replication(run, keep=True),) for run in runs}
    return replace(base, replications=kept, horizon_s=runs[0].horizon_s, **changed)


def spans(replicas: int, horizon_s: float, fault_s: float) -> tuple[Span, ...]:
    """Three servers full of replicas; the first server is lost at the fault and comes back."""
    back_s = min(fault_s + 60.0, horizon_s)
    found = []
    for k in range(3):
        found.append(Span("server", f"server-{k + 1}", "up", 0.0, horizon_s, "", f"server-{k + 1}"))
    for k in range(replicas):
        server, name = f"server-{k % 3 + 1}", f"api-{k + 1}"
        found.append(Span("container", name, "ready", 0.0, fault_s, "api", server))
        state = "away" if k % 3 == 0 else "ready"
        found.append(Span("container", name, state, fault_s, back_s, "api", server))
        found.append(Span("container", name, "ready", back_s, horizon_s, "api", server))
    return tuple(one for one in found if one.end_s > one.start_s)


def plain() -> Result:
    """Two platforms, with spans."""
    runs = result().runs
    return of(*(replace(run, spans=spans(4, run.horizon_s, 300.0)) for run in runs))


def hostile() -> Result:
    run = result(platforms=("compose",)).runs[0]
    rows = (TimelineRow(300.0, "operator_kill", "api-1", EVIL), TimelineRow(310.0, EVIL, EVIL, ""))
    evil = replace(run, timeline=rows, spans=(Span("server", EVIL, "up", 0, 1200, EVIL, EVIL),))
    return of(
        evil, scenario="x", title=EVIL, lesson=EVIL, stack=EVIL, assumed=(EVIL,), command=EVIL
    )


def crowd() -> Result:
    """A thousand replicas, thousands of events."""
    run = result(platforms=("kubernetes",)).runs[0]
    rows = [
        TimelineRow(300.0 + k / 10, "exit", f"api-{k}", f"api-{k} crashed") for k in range(3000)
    ]
    return of(replace(run, timeline=tuple(rows), spans=spans(1000, run.horizon_s, 300.0)))


def nothing() -> Result:
    """No event, no fault, no request."""
    record = recording(0.0, 600, ())
    run = result(platforms=("compose",)).runs[0]
    return of(
        replace(
            run,
            horizon_s=600.0,
            recording=record,
            gauge=gauge(record),
            timeline=(),
            fault_s=None,
            detected_s=None,
            operator=OperatorFigures(),
            series=series(600, 1.0),
        )
    )


def moment() -> Result:
    """Ten seconds."""
    record = recording(5.0, 10, ((4.0, 7.0),))
    run = result(platforms=("compose",)).runs[0]
    rows = (TimelineRow(4.0, "operator_kill", "api-1", "api-1 killed"),)
    return of(
        replace(
            run,
            horizon_s=10.0,
            recording=record,
            gauge=gauge(record),
            timeline=rows,
            fault_s=4.0,
            detected_s=None,
            series=series(10, 1.0),
            spans=spans(3, 10.0, 4.0),
        )
    )


def month() -> Result:
    """Thirty days in samples of fifteen seconds, noisy all the time, on nine platforms."""
    step, count = 15.0, 172_800
    draw = np.random.default_rng(1)
    record = recording(0.5, count, ((90_000.0, 90_400.0),), noise=0.01)
    record = replace(record, bucket_s=step)
    base = result(platforms=("compose",)).runs[0]
    noisy = series(count, step)
    for name in ("connections", "jobs_queued", "ready", "servers", "in_flight"):
        noisy[name] = np.floor(draw.gamma(2.0, 30.0, count))
    rows = tuple(
        TimelineRow(k * 3600.0, "exit", f"api-{k}", f"api-{k} crashed") for k in range(700)
    )
    names = ("compose", "kubernetes", "swarm", "nomad", "ecs", "systemd", "k3s", "own", "other")
    runs = (
        replace(
            base, platform=name, horizon_s=step * count, gauge=gauge(record),
            recording=replace(record, requests=np.roll(record.requests, 50 * k, axis=0)),
            series=noisy, timeline=rows, fault_s=90_000.0 * step, detected_s=90_020.0 * step,
            spans=spans(5, step * count, 90_000.0 * step),
        )
        for k, name in enumerate(names)
    )  # fmt: skip
    return of(*runs)


def series(count: int, step: float) -> dict[str, np.ndarray]:
    return {"t_s": np.arange(count) * step} | {name: np.zeros(count) for name in SERIES}


CASES = {
    "plain": plain,
    "hostile": hostile,
    "crowd": crowd,
    "nothing": nothing,
    "moment": moment,
    "month": month,
}
