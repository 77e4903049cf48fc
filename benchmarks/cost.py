"""What a run costs in two checkouts, side by side: medians of processor time, and their ratio.

A run by itself, and one more within the whole product, from the words of a command to its files:
the slope between a few and many, so that what every command does once is not in it.

    python benchmarks/cost.py BEFORE [--after FOLDER] [--runs 7] [--only NAME] [--slow] [--row]

BEFORE and FOLDER (default: this one) are checkouts. Each has a process of its own, and the two take
turns, so that a machine that others use hits both alike; ratios travel, seconds do not. `--slow`
adds what takes minutes, once each: a thousand replicas on two hundred servers, a year. `--row` adds
the ratios to costs.csv, with the commits of both checkouts: some at each landing.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

HERE = Path(__file__).resolve().parent
HISTORY = HERE / "costs.csv"
WIDE = (
    "stack.services.http.replicas=1000", "stack.services.http.scaling=null",
    "stack.servers.count=200", "stack.servers.quota=250",
)  # fmt: skip
YEAR = ("scenario.horizon=8760h", "scenario.traffic.rate=1/h")
CASES = {  # name -> scenario, platform, settings
    "container_crash, compose": ("container_crash", "compose"),
    "container_crash, kubernetes": ("container_crash", "kubernetes"),
    "idle hour, kubernetes": (f"{HERE}/idle.yaml", "kubernetes"),
    "idle hour, compose_hardened": (f"{HERE}/idle.yaml", "compose_hardened"),
    "idle hour, swarm": (f"{HERE}/idle.yaml", "swarm"),
    "idle hour, nomad": (f"{HERE}/idle.yaml", "nomad"),
    "black_friday, kubernetes": ("black_friday", "kubernetes"),
}
ANOTHER = "run container_crash --reps {} --platform "
QUIET = "run {}/idle.yaml --set scenario.traffic.rate=1/h --set scenario.horizon={{}}h --platform "
WHOLE = {  # name -> words, where `{}` is this number or that
    "another run, compose": (ANOTHER + "compose", 1, 41),
    "another run, kubernetes": (ANOTHER + "kubernetes", 1, 41),
    "another idle hour, kubernetes": (QUIET.format(HERE) + "kubernetes", 24, 72),
}
SLOW = {
    "1,000 replicas on 200 servers, an hour": (f"{HERE}/idle.yaml", "kubernetes", *WIDE),
    "a year at one request an hour": (f"{HERE}/idle.yaml", "kubernetes", *YEAR),
    "a year at one request an hour, compose": (f"{HERE}/idle.yaml", "compose", *YEAR),
    "1,000 replicas on 200 servers, an hour at 1,000/s": (
        f"{HERE}/idle.yaml", "kubernetes", *WIDE, "scenario.traffic.rate=1000/s",
    ),
}  # fmt: skip


def serve() -> None:
    """For each name that comes: run it once more, and say what it took.

    The program is the child's own checkout's: only here is it on the path."""
    os.cpu_count = lambda: 1  # no other process: this one's clock sees all
    for seed, line in enumerate(sys.stdin, 1):
        name = line.strip()
        try:
            took = slope(*WHOLE[name]) if name in WHOLE else run(seed, *(CASES | SLOW)[name])
        except ImportError:  # a checkout from before there was a `Case`
            took = math.nan
        print(took, flush=True)


def run(seed: int, scenario: str, platform: str, *settings: str) -> float:
    """A run by itself."""
    from sim.dataplane.engines import prepare  # noqa: PLC0415
    from sim.simulation.case import Case  # noqa: PLC0415
    from sim.simulation.simulation import run_case  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.plan import plan  # noqa: PLC0415

    planned = plan(Ask(scenario, settings=settings))
    case = Case.of(planned.scenario, planned.stack, platform)  # once for all runs of a study
    prepare()
    began = process_time()
    run_case(case, seed, engine="compiled")
    return process_time() - began


def slope(words: str, few: int, many: int) -> float:
    """One more within the whole product."""
    try:
        from sim.cli.app import main  # noqa: PLC0415
    except ImportError:  # a checkout from before it had a folder
        from sim.cli import main  # noqa: PLC0415
    took = []
    with TemporaryDirectory() as out, open(os.devnull, "w") as nowhere:
        for count in (few, many):
            asked = [*words.format(count).split(), "--engine=compiled", "--no-plots", "--out", out]
            began = process_time()
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                assert main(asked) == 0, asked
            took.append(process_time() - began)
    return (took[1] - took[0]) / (many - few)


def server(checkout: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def seconds(process: subprocess.Popen[str], name: str) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(name + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def commit(checkout: Path) -> str:
    """Its short name."""
    asked = ("git", "rev-parse", "--short", "HEAD")
    done = subprocess.run(asked, cwd=checkout, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def add_row(before: Path, after: Path, name: str, ratio: float) -> None:
    """A line at the end of costs.csv, with its header if there is none yet."""
    new = not HISTORY.exists()
    with HISTORY.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["before", "after", "case", "ratio"])
        writer.writerow([commit(before), commit(after), name, f"{ratio:.2f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, nargs="?")
    parser.add_argument("--after", type=Path, default=HERE.parent)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--row", action="store_true", help="add the ratios to costs.csv")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.before is None:
        parser.error("the folder of a checkout to compare with is missing")
    pair = [server(options.before.resolve()), server(options.after.resolve())]
    print(f"{'processor seconds a run':42} {'before':>9} {'after':>9} {'ratio':>7}")
    for name in [*CASES, *WHOLE, *(SLOW if options.slow else ())]:
        if options.only not in name:
            continue
        runs = 1 if name in SLOW else options.runs
        if name not in SLOW:  # once without a clock: what is loaded at first use
            for process in pair:
                seconds(process, name)
        took = [[seconds(process, name) for process in pair] for _ in range(runs)]
        before, after = (median(column) for column in zip(*took, strict=True))
        ratio = median(a / b for a, b in took)
        print(f"{name:42} {before:9.4f} {after:9.4f} {ratio:7.2f}", flush=True)
        if options.row and not math.isnan(ratio):
            add_row(options.before, options.after, name, ratio)
    for process in pair:
        process.stdin.close() if process.stdin else None
        process.wait()


if __name__ == "__main__":
    main()
