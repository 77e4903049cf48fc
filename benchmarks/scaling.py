"""How a batch scales: measured at two workers, by a model of its overheads at 64.

    python benchmarks/scaling.py [RUNS]

What is not shared among workers: a worker's start (it imports everything and loads the kernel), and
what the process that asks does for each run (hands it out, takes it in, files it). Both are
measured with an executor of one process; a run itself is timed here. Then n workers need

    start + max(runs / n * (run + hand-over), runs * hand-over)

and their efficiency is runs * run / (n * that). It hangs on the machine, and on who else uses it:
the figure at two workers, measured and by the model, says how far to trust the one at 64.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter, process_time

from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.plan import plan

RUNS = 200
WORKERS = (2, 8, 64)


def took(clock: Callable[[], float], work: Callable[[], object]) -> float:
    began = clock()
    work()
    return clock() - began


def main(runs: int = RUNS) -> None:
    planned = plan(Ask("container_crash", reps=1))
    batch = Batch(planned.cases, tuple(range(1, 1 + runs // 2)), engine="compiled")
    few = Batch(planned.cases[:1], (1,), engine="compiled")
    few.run(workers=1)  # compiled, and loaded here
    alone = took(perf_counter, lambda: batch.run(workers=1))
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        start = took(perf_counter, lambda: few.run(executor=executor, workers=1))
        hand_over = took(process_time, lambda: batch.run(executor=executor, workers=1)) / runs
    run = alone / runs
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        two = took(perf_counter, lambda: batch.run(executor=executor, workers=2))
    print(f"{runs} runs of container_crash: {1e3 * run:.1f} ms each, {1e3 * hand_over:.2f} ms to "
          f"hand over, {start:.1f} s to start a worker")  # fmt: skip
    print(f"2 workers, measured: {alone / (2 * two):.0%}")
    for workers in WORKERS:
        for number in (runs, 100 * runs):
            shared = max(number / workers * (run + hand_over), number * hand_over)
            efficiency = number * run / (workers * (start + shared))
            print(f"{workers} workers, {number} runs, by the model: {efficiency:.0%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
