"""How fast the engines are: everything timed in one run, side by side, medians of several.

    python benchmarks/engines.py [--requests 1000000] [--runs 5] [--row]

W2 (w2.yaml, w2_stack.yaml) goes through the whole product, as `sim run` would do it: controllers,
a sample of every gauge each simulated second, the ledger each minute. Beside it the same workload
as a SimPy program in the style of SimPy's own documentation (a process a customer, resources,
timeouts), W2 with everything switched on, and chains of services that call each other
(chain_stack.yaml), without and with connections that stay. Ratios travel between machines; rates do
not: `--row` adds those of the commit that is checked out to history.csv and chains.csv, one row a
landing. Seconds are those of the processor: others may work beside.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import simpy

from sim.dataplane import engines
from sim.dataplane.codes import Algorithm, Does, Kind, LawKind
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.profile import Arrivals, Client, Law, Profile, Routing, StoryStep, Workload
from sim.simulation.simulation import run_once
from sim.study.ask import Ask
from sim.study.plan import plan

HERE = Path(__file__).parent
RATE = 640.0
DOCUMENTED = "W2, SimPy as documented"
PLANE = "W2, compiled plane, control every 1 s"
CHAIN = "chain of 3, compiled plane"
PLACED = "chain of 3, each call placed at random"
KEPT = (4, 100, 1000)  # connections of the four processes of a service: one each, 25, 250


class Column(NamedTuple):
    """Of a history: the median of how many times as fast `what` is as `by` in the same round."""

    what: str
    by: str = DOCUMENTED
    asked: float = 0.0  # at least


HISTORIES = {
    "history.csv": {
        "product": Column("W2, whole product, compiled"),
        "plane": Column(PLANE),
        "plane_0.1s": Column("W2, compiled plane, control every 0.1 s"),
        "everything": Column("W2 with everything on, control every 1 s"),
    },
    # 1.5, 0.9 and 0.8 million users a second are asked where W2's plane does 3.25 (quiet machine)
    "chains.csv": {
        "chain_3": Column(CHAIN, PLANE, 1.5 / 3.25),
        "chain_5": Column("chain of 5, compiled plane", PLANE, 0.9 / 3.25),
        "chain_3_product": Column("chain of 3, whole product, compiled", PLANE, 0.8 / 3.25),
        "placed": Column(PLACED, CHAIN),  # by a draw, as kept ones are chosen: it takes as long
        **{f"kept_{n}": Column(f"chain of 3, {n} kept connections", CHAIN, 0.97) for n in KEPT},
    },
}  # fmt: skip


def product(requests: int, engine: str, stack: str = "w2_stack.yaml") -> float:
    """Users' requests per second of W2 through the whole product; or as many who ask a `stack`."""
    planned = plan(Ask(
        str(HERE / "w2.yaml"), None, 1, 1, str(HERE / stack),
        [f"scenario.horizon={requests / RATE}s"], engine,
    ))  # fmt: skip
    began = process_time()
    run = run_once(planned.scenario, planned.stack, "compose", 1, engine=engine)
    return run.gauge.arrived / (process_time() - began)


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
    began = process_time()
    env.run()
    return requests / (process_time() - began)


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
    began, tick, killed = process_time(), 0, False
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
    return made.gauge().arrived / (process_time() - began)


def chain(
    requests: int, services: int, kept: int = 0, placed: Algorithm = Algorithm.ROUND_ROBIN
) -> float:
    """User requests per second of chain_stack.yaml on the compiled engine alone, of so many
    services. Their processes keep `kept` connections in all to the next one."""
    horizon, replicas = requests / RATE, 4
    made = CompiledPlane(
        Workload(
            1, horizon, Arrivals((0.0,), (RATE,), (0.0,)), Client(timeout_s=5.0), Routing(placed),
            services=services,
        )
    )  # fmt: skip
    client = Client(timeout_s=5.0, connections=kept // replicas)
    server = made.add_server(16.0 * replicas * services, 2**40)
    for number in range(services):
        steps = [StoryStep(Does.CPU, Law(LawKind.EXPONENTIAL, 0.010))]
        if number + 1 < services:
            steps.append(StoryStep(Does.CALL, target=number + 1, client=client))
        version = made.add_profile(
            Profile(Kind.HTTP, slots=64, backlog=100_000, cpu_limit=16.0, steps=tuple(steps))
        )
        own = [made.add_container(version, server) for _ in range(replicas)]
        for container in own:
            made.start(container, version)
        made.set_routing(Routing(placed), number)
        made.publish(own, service=number)
    began, tick = process_time(), 0
    while tick < horizon:
        _, notices = made.advance(tick)
        if not notices:
            made.gauge()
            tick += 1
    return made.gauge().arrived / (process_time() - began)


def ratio(rates: Mapping[str, Sequence[float]], column: Column) -> float:
    """The median over rounds of a rate divided by another of the same round."""
    return median(a / b for a, b in zip(rates[column.what], rates[column.by], strict=True))


def add_row(
    rates: Mapping[str, Sequence[float]],
    path: Path,
    columns: Mapping[str, Column],
    commit: str,
    date: str,
) -> None:
    """A row of ratios at the end of a history, with its header if there is none yet."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["commit", "date", *columns])
        writer.writerow([commit, date, *(f"{ratio(rates, c):.3g}" for c in columns.values())])


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--row", action="store_true", help="add the ratios to both histories")
    options = parser.parse_args()
    if options.row and git("status", "--porcelain", "--untracked-files=no"):
        parser.error("--row: the checkout has changes that no commit names")
    engines.prepare()
    n = options.requests
    few, many = max(10_000, n // 50), max(10_000, n // 5)  # of slow ones; see documented_style
    w2, chains = HISTORIES["history.csv"], HISTORIES["chains.csv"]
    timed: dict[str, Callable[[], float]] = {
        w2["product"].what: lambda: product(n, "compiled"),
        "W2, whole product, reference": lambda: product(few, "reference"),
        DOCUMENTED: lambda: documented_style(many),
        PLANE: lambda: plane(n),
        w2["plane_0.1s"].what: lambda: plane(n, tick_s=0.1),
        w2["everything"].what: lambda: plane(n, everything=True),
        CHAIN: lambda: chain(n, 3),
        chains["chain_5"].what: lambda: chain(n, 5),
        chains["chain_3_product"].what: lambda: product(n, "compiled", "chain_stack.yaml"),
        PLACED: lambda: chain(n, 3, placed=Algorithm.RANDOM),
        **{chains[f"kept_{k}"].what: partial(chain, n, 3, k) for k in KEPT},
    }
    rates: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(options.runs):  # in turn, so that a drifting machine hits all alike
        for name, run in timed.items():
            rates[name].append(run())
    title = f"requests/s, {options.runs} runs"
    print(f"{title:44} {'median':>10} {'best':>10}")
    for name, own in rates.items():
        print(f"{name:44} {median(own):10,.0f} {max(own):10,.0f}")
    for file, columns in HISTORIES.items():
        print(f"\n{file:18} {'ratio':>7} {'asked':>7}")
        for name, column in columns.items():
            asked = f"{column.asked:7.3g}" if column.asked else ""
            print(f"{name:18} {ratio(rates, column):7.3g} {asked:7} of {column.by}")
    cost = ratio(rates, Column(PLANE, w2["plane_0.1s"].what))
    print(f"\ncontrol every 0.1 s takes {cost:.2f} x the time of control every 1 s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MiB")
    for file, columns in HISTORIES.items() if options.row else ():
        commit, date = git("rev-parse", "--short", "HEAD"), git("show", "-s", "--format=%cs")
        add_row(rates, HERE / file, columns, commit, date)
        print(f"added to {file}: {(HERE / file).read_text(encoding='utf-8').splitlines()[-1]}")


if __name__ == "__main__":
    main()
