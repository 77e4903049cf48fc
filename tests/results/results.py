"""Synthetic results: compose down for 5 min 41 s, kubernetes for 3 s, on the same customers."""

from sim.results.run import TimelineRow
from sim.results.summary import replication
from sim.schema.scenario import Claim
from sim.study.result import Result
from tests.results.synthetic import recording, run

CLAIMS = (
    Claim(
        id="down",
        says="a killed container stays down for minutes",
        platform="compose",
        metric="downtime_s",
        low=120.0,
        high=600.0,
    ),
    Claim(
        id="instant",
        says="Kubernetes restarts it within a second",
        platform="kubernetes",
        metric="recover_s",
        high=1.0,
        because="the container has to boot, and the endpoint comes back with the readiness probe",
    ),
)


def result(reps=1, platforms=("compose", "kubernetes"), **changed) -> Result:
    """`changed` replaces fields of the runs."""

    def end_s(name):
        """Of the outage, which begins at 300 s."""
        return 300.0 + {"compose": 341.0, "kubernetes": 3.0}.get(name, 20.0)

    replications = {
        name: tuple(
            replication(
                run(
                    name,
                    record=recording(20.0, 1200, ((300.0, end_s(name) + 3 * k),), 7 + k),
                    seed=7 + k,
                    **changed,
                ),
                keep=k == 0,
            )
            for k in range(reps)
        )
        for name in platforms
    }
    return Result(
        scenario="container_crash",
        title="One container dies",
        lesson="Somebody has to restart it.",
        stack="sspp",
        seed=7,
        reps=reps,
        horizon_s=1200.0,
        version="0",
        replications=replications,
        asked=CLAIMS,
        assumed=("postgres has its defaults",),
    )


def busy_timeline(n=60) -> tuple[TimelineRow, ...]:
    """Many events close together, with long and with empty texts."""
    first = TimelineRow(300.0, "operator_kill", "api-1", "api-1 killed by docker kill (exit 137)")
    rest = (
        TimelineRow(301.0 + 7 * k, f"kind_{k % 9}", f"api-{k}", "x " * (k % 40)) for k in range(n)
    )
    return (first, *rest)
