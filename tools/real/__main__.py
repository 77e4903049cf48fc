"""A real system against its stack: HAProxy, Redis, PostgreSQL and small servers of ours on this
machine, what goes wrong with them, and the same in the simulator.

    python -m tools.real [--only web_killed,busy] [--reps 5] [--seed 1]

Some 25 s for each variant of faults.yaml and repetition; everything on 127.0.0.1 (of one variant
also in a network namespace), in one temporary folder that is removed. Exit 1: a figure is not
within what it allows; 2: a program is missing. A machine on which others compute makes times
longer: run it on a quiet one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import sim
from sim.study.signals import endings
from tools.real.experiment import FAULTS, Alone, Experiment, Figures, alone, case_of, simulated
from tools.real.judgement import Figure, Row, row, table
from tools.real.machine import Missing
from tools.real.second import possible

SEEDS = 4  # of the simulator, for each measured run
# Where nothing is drawn a rule is exact. Counts hang on drawn sleeps and phases, which the
# simulated range has; times also on the machine: a sleep ends up to some milliseconds late.
NONE = Figure("requests failed (exact)")
KEPT = Figure("acknowledged votes lost (exact)")
FAILED = Figure("requests failed", slack=0.05, least=1)
LOST = Figure("acknowledged votes lost", slack=0.05, least=1)
BACKLOG = Figure("longest queue, jobs", slack=0.05)
DOWN = Figure("until HAProxy says DOWN, s", least=0.1)
UP = Figure("from serving again until UP, s", least=0.1)
MEDIAN = Figure("answered, median, s", slack=0.05, least=0.005)
TAIL = Figure("answered, 95th percentile, s", slack=0.05, least=0.005)
JUDGED: dict[str, dict[str, Figure]] = {
    "quiet": {"failed": NONE, "lost": KEPT, "p50_s": MEDIAN, "p95_s": TAIL},
    "busy": {"failed": NONE, "p50_s": MEDIAN, "p95_s": TAIL},
    "full_core": {"failed": FAILED, "p50_s": MEDIAN, "p95_s": TAIL},
    "web_killed": {"failed": FAILED, "down_after_s": DOWN, "up_after_s": UP},
    "web_killed_redispatch": {"failed": FAILED},
    "web_stopped": {
        "unanswered": Figure("requests without an answer in 5 s", slack=0.05, least=1),
        "down_after_s": DOWN, "up_after_s": UP, "p95_s": TAIL,
    },
    "network_cut": {
        "unanswered": Figure("requests without an answer in 5 s", slack=0.05, least=1),
        "down_after_s": DOWN, "up_after_s": UP, "p95_s": TAIL,
    },
    "queue_killed": {"failed": FAILED, "lost": LOST},
    "queue_killed_aof": {"failed": FAILED, "lost": KEPT, "backlog": BACKLOG},
    "worker_stopped": {"lost": KEPT, "backlog": BACKLOG},
    "worker_killed": {"lost": LOST, "backlog": BACKLOG},
    "database_killed": {"failed": FAILED, "lost": LOST},
    "connection_limit": {  # one more, where a place is taken that the lock's holder has left
        "connections": Figure("most connections", slack=0.05, least=1), "failed": FAILED,
    },
}  # fmt: skip


NEED_ROOT = ("full_core", "network_cut")  # a core of one's own, a second machine


def rows_of(variant: str, seeds: range, base: Alone) -> list[Row]:
    """One variant, measured and simulated."""
    case = case_of(variant)
    measured: list[Figures] = []
    model: list[list[Figures]] = []
    for seed in seeds:
        experiment = Experiment(case, seed)
        measured.append(asyncio.run(experiment.run()))
        own = [SEEDS * seed + i for i in range(SEEDS)]
        model.append(simulated(case, base, experiment.at_s, own))
        print(f"{variant}, repetition {seed}: measured {measured[-1]}", file=sys.stderr)
    says = sim.load_scenario(f"{FAULTS}:{variant}", stack=case.stack).variants[variant].says
    return [
        row(says, figure, [m[name] for m in measured], [[s[name] for s in same] for same in model])
        for name, figure in JUDGED[variant].items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.real", description="see the docstring")
    parser.add_argument("--only", default=",".join(JUDGED), help="variants of faults.yaml")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    variants = given.only.split(",")
    if unknown := [name for name in variants if name not in JUDGED]:
        parser.error(f"found {unknown[0]}; expected one of {', '.join(JUDGED)}")
    for name in NEED_ROOT if not possible() else ():
        if name in variants:
            print(f"{name} is left out: it needs root, and `ip` of iproute2", file=sys.stderr)
            variants.remove(name)
    if not variants:
        return 2
    if not 1 <= given.reps <= 100:
        parser.error(f"--reps: found {given.reps}; expected 1 to 100")
    with endings() as ending:
        try:
            base = asyncio.run(alone(case_of("quiet")))
            print("Measured alone, the simulator's input:", ", ".join(
                f"{name} {value * 1000:.3g} ms" for name, value in base._asdict().items()
            ))  # fmt: skip
            seeds = range(given.seed, given.seed + given.reps)
            rows = [line for name in variants for line in rows_of(name, seeds, base)]
        except KeyboardInterrupt:  # every program has ended
            return ending.status(130)
        except Missing as missing:
            print(missing, file=sys.stderr)
            return 2
    print(table(rows))
    print(f"{sum(line.within for line in rows)} of {len(rows)} within")
    return 0 if all(line.within for line in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
