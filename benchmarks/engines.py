"""How fast the engines are: everything timed in one run, side by side, medians of several.

    python benchmarks/engines.py [--requests 1000000] [--runs 5] [--row]

W2 (w2.yaml, w2_stack.yaml) goes through the whole product, as `sim run` would do it: controllers,
a sample of every gauge each simulated second, the ledger each minute. Beside it the same workload
as a SimPy program in the style of SimPy's own documentation (a process a customer, resources,
timeouts), and W2 with everything switched on. Ratios travel between machines; rates do not: `--row`
adds those of the commit that is checked out to history.csv, one row a landing.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import simpy

from sim.dataplane import engines
from sim.dataplane.codes import Algorithm, Kind, LawKind
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.profile import Arrivals, Client, Law, Profile, Routing, Workload
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan

HERE = Path(__file__).parent
RATE = 640.0
HISTORY = HERE / "history.csv"
DOCUMENTED = "W2, SimPy as documented"
RATIOS = {  # a column of history.csv -> what is divided by W2 as SimPy's documentation has it
    "product": "W2, whole product, compiled",
    "plane": "W2, compiled plane, control every 1 s",
    "plane_0.1s": "W2, compiled plane, control every 0.1 s",
    "everything": "W2 with everything on, control every 1 s",
}


def product(requests: int, engine: str) -> float:
    """Requests per second of W2 through the whole product."""
    planned = plan(Ask(
        str(HERE / "w2.yaml"), None, 1, 1, str(HERE / "w2_stack.yaml"),
        [f"scenario.horizon={requests / RATE}s"], engine,
    ))  # fmt: skip
    began = perf_counter()
    run = run_once(planned.scenario, planned.stack, "compose", 1, engine=engine)
    return run.gauge.arrived / (perf_counter() - began)


def documented_style(requests: int) -> float:
    """W2 as SimPy's documentation would write it: four servers, a database, a time-out.

    Short runs flatter it: for the first five seconds, a sixth of 20,000 requests, its heap of
    time-outs has yet to fill."""
    env, rng, done = simpy.Environment(), random.Random(1), [0]
    servers = [simpy.Resource(env, 8) for _ in range(4)]
    database = simpy.Resource(env, 32)

    def served(slots: simpy.Resource):
        with slots.request() as slot:
            yield slot
            yield env.timeout(rng.expovariate(1 / 0.030))
            with database.request() as connection:
                yield connection
                yield env.timeout(rng.expovariate(1 / 0.005))

    def customer(number: int):
        work = env.process(served(servers[number % 4]))
        result = yield work | env.timeout(5.0)
        done[0] += work in result

    def source():
        for number in range(requests):
            yield env.timeout(rng.expovariate(RATE))
            env.process(customer(number))

    env.process(source())
    began = perf_counter()
    env.run()
    return requests / (perf_counter() - began)


def plane(requests: int, everything: bool = False, tick_s: float = 1.0) -> float:
    """W2 on the compiled engine alone, advanced every `tick_s` with all gauges read; `everything`:
    binding CPU limits, client retries, pools that bind, jobs, and a kill halfway."""
    horizon = requests / RATE
    client = Client(timeout_s=5.0)
    api = Profile(
        Kind.HTTP, slots=8, backlog=100_000, cpu=Law(LawKind.EXPONENTIAL, 0.030), cpu_limit=8.0,
        query=Law(LawKind.EXPONENTIAL, 0.005), pool=8,
    )  # fmt: skip
    if everything:
        client = Client(timeout_s=1.0, retries=2)
        api = replace(api, backlog=128, cpu_limit=5.6, pool=2, push_rate=0.2)
    made = CompiledPlane(
        Workload(
            1, horizon, Arrivals((0.0,), (RATE,), (0.0,)), client, Routing(Algorithm.ROUND_ROBIN)
        )
    )
    database = made.add_profile(Profile(Kind.DATABASE, connect_cpu_s=0.0))
    queue, http = made.add_profile(Profile(Kind.QUEUE)), made.add_profile(api)
    worker = made.add_profile(
        Profile(
            Kind.WORKER, slots=5, cpu=Law(LawKind.EXPONENTIAL, 0.020), pool=5,
            query=Law(LawKind.EXPONENTIAL, 0.005), reliable=True,
        )
    )  # fmt: skip
    servers = [made.add_server(24.0, 2**40) for _ in range(2)]
    wanted = [(database, 1), (queue, 1), *[(http, 0)] * 4, *[(worker, 1)] * (4 * everything)]
    for profile, server in wanted:
        made.start(made.add_container(profile, servers[server]), profile)
    made.publish([2, 3, 4, 5])
    began, tick, killed = perf_counter(), 0, False
    while tick * tick_s < horizon:
        now, notices = made.advance(tick * tick_s)
        if notices:
            continue
        if everything and not killed and now > horizon / 2:
            made.exit(2)
            made.start(2, http)
            killed = True
        made.gauge()
        tick += 1
    return made.gauge().arrived / (perf_counter() - began)


def ratio(rates: Mapping[str, Sequence[float]], name: str, base: str = DOCUMENTED) -> float:
    """The median over runs of a rate divided by another of the same run."""
    return median(a / b for a, b in zip(rates[name], rates[base], strict=True))


def add_row(rates: Mapping[str, Sequence[float]], path: Path, commit: str, date: str) -> None:
    """A row of ratios at the end of history.csv, with its header if there is none yet."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["commit", "date", *RATIOS])
        writer.writerow([commit, date, *(f"{ratio(rates, name):.1f}" for name in RATIOS.values())])


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--row", action="store_true", help="add the ratios to history.csv")
    options = parser.parse_args()
    if options.row and git("status", "--porcelain", "--untracked-files=no"):
        parser.error("--row: the checkout has changes that no commit names")
    engines.prepare()
    n = options.requests
    few, many = max(10_000, n // 50), max(10_000, n // 5)  # of slow ones; see documented_style
    timed: dict[str, Callable[[], float]] = {
        RATIOS["product"]: lambda: product(n, "compiled"),
        "W2, whole product, reference": lambda: product(few, "reference"),
        DOCUMENTED: lambda: documented_style(many),
        RATIOS["plane"]: lambda: plane(n),
        RATIOS["plane_0.1s"]: lambda: plane(n, tick_s=0.1),
        RATIOS["everything"]: lambda: plane(n, everything=True),
    }
    rates: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(options.runs):  # in turn, so that a drifting machine hits all alike
        for name, run in timed.items():
            rates[name].append(run())
    title = f"requests/s, {options.runs} runs"
    print(f"{title:44} {'median':>10} {'best':>10} {'x SimPy':>8}")
    for name, own in rates.items():
        print(f"{name:44} {median(own):10,.0f} {max(own):10,.0f} {ratio(rates, name):8.1f}")
    cost = ratio(rates, RATIOS["plane"], RATIOS["plane_0.1s"])
    print(f"control every 0.1 s takes {cost:.2f} x the time of control every 1 s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MiB")
    if options.row:
        add_row(
            rates, HISTORY, git("rev-parse", "--short", "HEAD"), git("show", "-s", "--format=%cs")
        )
        print(f"added to {HISTORY.name}: {HISTORY.read_text(encoding='utf-8').splitlines()[-1]}")


if __name__ == "__main__":
    main()
