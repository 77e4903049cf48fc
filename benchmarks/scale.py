"""What a large run costs: a Black Friday of 20 million requests, and memory at 100 million.

    python benchmarks/scale.py [day] [memory]

`day`: black_friday over 24 hours, scaled to 20 million requests, on both platforms, side by side,
plots included, as `sim run` would do it. `memory`: W2 (see engines.py) through the whole
product with 100 million requests, peak resident memory of that process. Neither is a test: both
hang on the machine and on who else uses it.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from sim.cli.app import main as command_line
from sim.dataplane import engines
from sim.imports.trace import arrivals
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan

HERE = Path(__file__).parent
DAY_S, DAY_REQUESTS = 86_400.0, 20e6
MANY, RATE = 100e6, 640.0


def day() -> None:
    """Both platforms side by side, as the command line runs them."""
    planned = plan(Ask("black_friday", settings=[f"scenario.horizon={DAY_S}s"]))
    once = engines.expected_requests(arrivals(planned.scenario.traffic), DAY_S)
    scale = DAY_REQUESTS / once
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        command_line(
            [
                "run", "black_friday", "--engine", "compiled", "--out", f"{folder}/report",
                "--set", f"scenario.horizon={DAY_S}s", "--set", f"scenario.traffic.scale={scale}",
            ]
        )  # fmt: skip
        took = perf_counter() - began
    all_used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = sum(one.ru_utime + one.ru_stime for one in all_used)
    peak = max(one.ru_maxrss for one in all_used) / 1024
    print(f"20 million requests a platform, both platforms, plots: {took:.1f} s elapsed")
    print(f"  processor time of all processes, loading included: {used:.1f} s")
    print(f"  peak memory of the largest: {peak:,.0f} MiB")


def memory() -> None:
    planned = plan(Ask(
        str(HERE / "w2.yaml"), None, 1, 1, str(HERE / "w2_stack.yaml"),
        [f"scenario.horizon={MANY / RATE}s"], "compiled",
    ))  # fmt: skip
    began, used = perf_counter(), process_time()
    run = run_once(planned.scenario, planned.stack, "compose", 1, engine="compiled")
    took, used = perf_counter() - began, process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{run.gauge.arrived:,} requests in {took:.1f} s ({used:.1f} s of processor time)")
    print(f"  peak memory of this process, program and libraries included: {peak:,.0f} MiB")


if __name__ == "__main__":
    asked = sys.argv[1:] or ["day", "memory"]
    engines.prepare()
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name in asked:
        {"day": day, "memory": memory}[name]()
    print(f"load average after: {os.getloadavg()[0]:.1f}")
