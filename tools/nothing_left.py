"""How much of all downtime lies after the operator has nothing left to try: every scenario and
variant on every platform, one seed.

    python tools/nothing_left.py                  all of them: the share, what would have helped
    python tools/nothing_left.py 'retry*' --rows  some of them, a row for each run

Downtime after the first such line of a run counts, up to the horizon, whatever she finds later. A
pair of variant and platform that do not go together is named and left out.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sim.library.scenarios import list_scenarios, load_scenario  # noqa: E402
from sim.library.stacks import load_stack  # noqa: E402
from sim.platforms import names  # noqa: E402
from sim.results.metrics import down, downtime_s  # noqa: E402
from sim.results.run import Run  # noqa: E402
from sim.schema.fields import InputError  # noqa: E402
from sim.simulation.simulation import run_once  # noqa: E402

LINES = ("left to her", "has nothing left to try")  # of the program before, and of this one


class Downtime(NamedTuple):
    """Of one run: seconds down, those after the line, and what it says; `issue`: it did not run."""

    scenario: str
    platform: str
    down_s: float = 0.0
    after_s: float = 0.0
    text: str = ""
    issue: str = ""


def measured(run: Run) -> Downtime:
    lines = [row for row in run.timeline if any(line in row.text for line in LINES)]
    if not lines:
        return Downtime(run.scenario, run.platform, downtime_s(run))
    late = down(run)[int(lines[0].t_s / run.recording.bucket_s) :]
    after_s = float(late.sum()) * run.recording.bucket_s
    return Downtime(run.scenario, run.platform, downtime_s(run), after_s, lines[0].text)


def replayed(scenario: str, platform: str, seed: int, engine: str) -> Downtime:
    try:
        loaded = load_scenario(scenario, run_on=[platform])
        return measured(run_once(loaded, load_stack(loaded.stack), platform, seed, engine=engine))
    except InputError as error:
        return Downtime(scenario, platform, issue=str(error).splitlines()[0])


def variants(pattern: str) -> Iterator[str]:
    for name in list_scenarios():
        for variant in ("", *(f":{key}" for key in load_scenario(name).variants)):
            if fnmatch(name + variant, pattern):
                yield name + variant


def report(rows: list[Downtime], listed: bool) -> None:
    for row in rows if listed else []:
        text = f"{row.down_s:9.0f} {row.after_s:9.0f}  {row.text or row.issue}"
        print(f"{row.scenario:36} {row.platform:18} {text}")
    ran = [row for row in rows if not row.issue]
    total, after = sum(row.down_s for row in ran), sum(row.after_s for row in ran)
    runs = sum(bool(row.text) for row in ran)
    share = after / total if total else 0.0
    print(f"{len(ran)} runs, {total / 3600:.1f} h down, {after / 3600:.1f} h of it ({share:.1%})")
    print(f"after nothing was left to her, in {runs} runs; most of it in:")
    for row in sorted(ran, key=lambda row: -row.after_s)[:15]:
        if row.after_s:
            print(f"  {row.after_s / 60:6.0f} min  {row.scenario} on {row.platform}: {row.text}")
    for issue, times in Counter(row.issue for row in rows if row.issue).items():
        print(f"not run, {times} times: {issue}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*", help="of scenarios, such as 'retry*'")
    parser.add_argument("--platform", default=",".join(names()))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="compiled")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", action="store_true", help="a row for each run")
    options = parser.parse_args()
    pairs = [(v, p) for v in variants(options.pattern) for p in options.platform.split(",")]
    scenarios, platforms = zip(*pairs, strict=True) if pairs else ((), ())
    with ProcessPoolExecutor(options.workers) as pool:
        seeds, engines = [options.seed] * len(pairs), [options.engine] * len(pairs)
        report(list(pool.map(replayed, scenarios, platforms, seeds, engines)), options.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
