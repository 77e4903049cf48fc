"""Does a program that is told to stop, at any moment, leave everything in order?

    python tools/signals.py [--count 300] [--seed 1] [--workers 2]

Starts commands of the program in folders of their own, each with an earlier report, and sends INT,
TERM or KILL at a random moment: half of them in the first SPAN_S seconds, half while a report is
written. Then it looks at what is left, and prints a table. Exit status 0: all is in order; 1: a
line on standard error for each that is not.

Not in order is: an exit status that is none of STATUS; a process of it alive ALIVE_S later; a
traceback; a report that is neither the earlier nor the new one, whole; a folder left beside the
report, after KILL: beside the next report. Needs /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sim.report import files  # noqa: E402
from sim.report.folder import Missing, replace_folder  # noqa: E402
from sim.schema.fields import InputError  # noqa: E402
from sim.study.article import claims_text, table_text  # noqa: E402
from sim.study.quarter import text as quarter_text  # noqa: E402

SPAN_S = 15.0  # of the first half
WRITING_S = 0.5  # from the moment at which a folder for the new report is there
LONGEST_S = 60.0  # a command that has come to nothing by then is told to stop
ALIVE_S = 1.0
HANG_S = 30.0  # after the signal, on a machine that does other things as well
ENDED = {0, 1}  # done before the signal came; 1: something did not hold
STATUS = {
    signal.SIGINT: {130, *ENDED},
    signal.SIGTERM: {143, *ENDED},
    signal.SIGKILL: {-9, *ENDED},
}
EARLIER = "an earlier report\n"


class Command(NamedTuple):
    """What is run, where its report goes, and the names of the report's files."""

    words: str
    out: str
    ours: frozenset[str]


RUN = "container_crash --set scenario.horizon=6m"
SHARED = f"run {RUN} --platform kubernetes,compose --reps 3 --workers 2"
COMMANDS = (
    Command(
        f"run {RUN} --platform kubernetes,compose --reps 3 --workers 2", "reports/r", files.OURS
    ),
    Command(f"run {RUN} --no-plots --engine reference", "reports/r", files.OURS),
    Command(f"compare {RUN}", "reports/r", files.OURS),
    Command("quarter --platform compose --reps 1", "reports/q", quarter_text.PAGE.files),
    Command("table --platform compose", "reports/t", table_text.PAGE.files),
    Command("claims --measure", "reports/c", claims_text.PAGE.files),
    Command("challenge 1 --check answer.yaml", "reports/challenge-1", files.OURS),
)


class Trial(NamedTuple):
    command: Command
    number: int  # of the signal
    while_written: bool
    delay_s: float


class Outcome(NamedTuple):
    trial: Trial
    status: int | None
    issues: tuple[str, ...]


def trials(count: int, seed: int) -> Iterator[Trial]:
    rng = random.Random(seed)
    for _ in range(count):
        command, number = rng.choice(COMMANDS), rng.choice(list(STATUS))
        written = rng.random() < 0.5
        yield Trial(command, number, written, rng.uniform(0.0, WRITING_S if written else SPAN_S))


def attempt(trial: Trial) -> Outcome:
    """Start it, send the signal, and look at what is left."""
    with tempfile.TemporaryDirectory(prefix="signals.", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        out = folder / trial.command.out
        out.mkdir(parents=True)
        for file in trial.command.ours:
            (out / file).write_text(EARLIER)
        words = trial.command.words.split()
        if words[0] != "challenge":
            words += ["--out", trial.command.out]
        else:
            _program(folder, "challenge", "1", "--start", "answer.yaml").wait()
        with (folder / "stderr").open("w") as errors:
            process = _program(folder, *words, stderr=errors)
            _wait_for_the_moment(process, out, trial)
            process.send_signal(trial.number)
            status: int | None = None
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(HANG_S)
        time.sleep(ALIVE_S)
        alive = _session(process.pid)
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        text = (folder / "stderr").read_text(errors="replace")
        issues = tuple(_issues(trial, out, status, len(alive), text))
        return Outcome(trial, status, issues)


def _program(folder: Path, *words: str, stderr: Any = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sim", *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr or subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _wait_for_the_moment(process: subprocess.Popen[bytes], out: Path, trial: Trial) -> None:
    """Counted from when the program has taken the signals over: before that they are Python's."""
    end_s = time.monotonic() + LONGEST_S
    while process.poll() is None and not _catches_term(process.pid):
        time.sleep(0.01)
    if trial.while_written:
        while process.poll() is None and time.monotonic() < end_s:
            if any(path.name.startswith(f".{out.name}.") for path in out.parent.iterdir()):
                break
            time.sleep(0.002)
    with suppress(subprocess.TimeoutExpired):
        process.wait(trial.delay_s)


def _catches_term(pid: int) -> bool:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def _session(leader: int) -> list[int]:
    """Processes that the program has started, and itself, that live."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                pids.append(int(path.parent.name))
    return pids


def _issues(trial: Trial, out: Path, status: int | None, alive: int, errors: str) -> Iterator[str]:
    if status is None:
        yield f"no end {HANG_S:g} s after the signal"
    elif status not in STATUS[signal.Signals(trial.number)]:
        yield f"exit status {status}"
    if alive and status is not None:
        yield f"{alive} alive {ALIVE_S:g} s later"
    if "Traceback" in errors:
        yield f"a traceback: {errors.splitlines()[-1]}"
    if trial.number == signal.SIGKILL:  # what it left is the next report's business
        with suppress(InputError):
            replace_folder(out, _nothing, trial.command.ours)
    litter = {path.name for path in out.parent.iterdir()} - {out.name, "workshop.json"}
    if litter:
        yield f"left beside the report: {', '.join(sorted(litter))}"
    if not _is_whole(out):
        yield "a report that is neither the earlier one nor the new one"


def _nothing(_: Path) -> Missing:
    return {"nothing": OSError("to be written")}


def _is_whole(out: Path) -> bool:
    if not out.is_dir():
        return False
    earlier = [path.read_bytes() == EARLIER.encode() for path in out.iterdir()]
    sizes = [path.stat().st_size for path in out.iterdir()]
    return bool(sizes) and all(sizes) and (all(earlier) or not any(earlier))


def table(outcomes: Sequence[Outcome]) -> str:
    """A line a command: signals by kind, how many found the program done, and what is wrong."""
    lines = [
        f"{'command':<12}{'INT':>6}{'TERM':>6}{'KILL':>6}{'writing':>9}{'done':>6}{'wrong':>7}"
    ]
    verbs = dict.fromkeys(command.words.split()[0] for command in COMMANDS)
    for verb in (*verbs, "all"):
        rows = [o for o in outcomes if verb in ("all", o.trial.command.words.split()[0])]
        kinds = Counter(o.trial.number for o in rows)
        cells = [
            *(kinds[number] for number in STATUS),
            sum(o.trial.while_written for o in rows),
            sum(o.status in ENDED for o in rows),
            sum(bool(o.issues) for o in rows),
        ]
        lines.append(f"{verb:<12}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="commands at once")
    chosen = parser.parse_args(arguments)
    # children inherit an INT that a shell's background job ignores
    signal.signal(signal.SIGINT, signal.default_int_handler)
    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(chosen.workers)
    attempts = [pool.submit(attempt, trial) for trial in trials(chosen.count, chosen.seed)]
    try:
        for finished in as_completed(attempts):
            outcomes.append(finished.result())
            print(*told(outcomes[-1]), sep="", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:  # the table of what was tried
        pool.shutdown(wait=False, cancel_futures=True)
    print(table(outcomes), flush=True)
    return int(any(outcome.issues for outcome in outcomes))


def told(outcome: Outcome) -> Iterator[str]:
    """A line for each thing that is not in order."""
    trial = outcome.trial
    name = signal.Signals(trial.number).name
    moment = "while it wrote" if trial.while_written else f"at {trial.delay_s:.2f} s"
    for issue in outcome.issues:
        yield f"{trial.command.words}: {name} {moment}: {issue}\n"


if __name__ == "__main__":
    sys.exit(main())
