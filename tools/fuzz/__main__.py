"""Standing fuzz: random values in all kinds of files, and through whole runs on both engines.

    python -m tools.fuzz files  [--count 2000] [--seed 1] [--kind traffic]
    python -m tools.fuzz worlds [--count 20] [--seed 1] [--only N]

An input is accepted or refused in words (InputError); anything else, and ten seconds of processor
time without an answer, is a defect. A world ends on both engines with the same figures, timeline
and series, or is refused by both in the same words; one that takes longer than --limit is counted
and left. What fails is printed as the smallest input that still does, with the seed and the number
that draw it again (--only). The same seed draws the same inputs. Ctrl-C ends it after the input at
hand, with the figures so far. Exit status 0: nothing failed; 1: something did.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from sim.schema.fields import InputError
from tools.fuzz.files import KINDS, SUFFIX, Kind
from tools.fuzz.values import smaller_trees, smallest
from tools.fuzz.worlds import acceptable, differences, draw_world

GOOD, BAD = 0, 1
FILE_LIMIT_S = 10
TRIES = 300  # to make a failing input smaller


class TooLongError(BaseException):
    """No answer in time; a BaseException, so that nobody takes it for one of theirs."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """So many seconds of the processor; of a clock on the wall, which shows who waits for nothing,
    twenty times as many: the machine may be busy."""

    def late(_: int, __: FrameType | None) -> None:
        raise TooLongError

    before = [signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(20 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])


def failure(act: Callable[[], object], limit_s: int) -> str:
    """Where and how it broke (`OverflowError at fields.py:184`), `too long`, `accepted`, `refused`,
    or the text that it returns."""
    try:
        with within(limit_s):
            answer = act()
    except InputError:
        return "refused"
    except TooLongError:
        return "too long"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    return answer if isinstance(answer, str) and answer else "accepted"


def numbers(count: int, only: int | None) -> Iterator[int]:
    """Of the inputs, until Ctrl-C is heard: then what was found so far is told."""
    leaving: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: leaving.append(number))
    try:
        for i in range(count) if only is None else [only]:
            if leaving:
                break
            yield i
    finally:
        signal.signal(signal.SIGINT, before)


def fuzz_files(count: int, seed: int, kinds: Sequence[str], only: int | None, out: Path) -> int:
    """`count` inputs over the kinds in turn; returns how many are defects."""
    tally: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    defects: dict[str, int] = {}
    for i in numbers(count, only):
        name = kinds[i % len(kinds)]
        kind = KINDS[name]
        file = out / f"input{SUFFIX.get(name, '.yaml')}"
        value = kind.draw(Random(f"{seed}/{name}/{i}"))
        got = failure(lambda: _read(kind, file, value), FILE_LIMIT_S)  # noqa: B023 - at once
        tally[name][got if got in ("accepted", "refused") else "defects"] += 1
        if got in ("accepted", "refused"):
            continue
        defects[f"{name}: {got}"] = defects.get(f"{name}: {got}", 0) + 1
        if defects[f"{name}: {got}"] == 1:
            fails = _same_failure(got, lambda v: _read(kind, file, v), FILE_LIMIT_S)  # noqa: B023
            small = smallest(value, kind.smaller, fails, TRIES if got != "too long" else 10)
            _tell(f"{name}: {got}", seed, i, kind.text(small).decode("utf-8", "backslashreplace"))
    for name, counts in tally.items():
        print(
            f"{name:9} {counts.total():6} inputs: "
            + ", ".join(f"{n} {w}" for w, n in counts.items())
        )
    for what, number in defects.items():
        print(f"{number:6} x {what}")
    print(
        f"files: {sum(c.total() for c in tally.values())} inputs, {sum(defects.values())} defects"
    )
    return sum(defects.values())


def _read(kind: Kind, file: Path, value: Any) -> object:
    file.write_bytes(kind.text(value))
    kind.read(file, value)
    return None


def fuzz_worlds(count: int, seed: int, limit_s: int, only: int | None, out: Path) -> int:
    """`count` worlds on both engines; returns in how many they differ or break."""
    tally: Counter[str] = Counter()
    for i in numbers(count, only):
        drawn = draw_world(Random(f"{seed}/world/{i}"))
        world: dict[str, Any] = {}

        def prepare(world: dict[str, Any] = world, drawn: dict[str, Any] = drawn) -> None:
            world.update(acceptable(drawn, out))

        got = failure(prepare, FILE_LIMIT_S)
        if got == "accepted":
            got = failure(lambda: differences(world, out), limit_s)  # noqa: B023 - at once
        else:
            world = drawn
        tally[got] += 1
        if got not in ("accepted", "too long"):
            fails = _same_failure(got, lambda w: differences(w, out), limit_s)
            _tell(got, seed, i, json.dumps(smallest(world, smaller_trees, fails, TRIES)))
    bad = sum(n for got, n in tally.items() if got not in ("accepted", "too long"))
    print(
        f"worlds: {tally['accepted']} the same on both engines, {tally['too long']} longer than "
        f"{limit_s} s, {bad} defects"
    )
    return bad


def _same_failure(got: str, act: Callable[[Any], object], limit_s: int) -> Callable[[Any], bool]:
    def fails(value: Any) -> bool:
        try:
            return failure(lambda: act(value), limit_s) == got
        except KeyError:  # a world without what every world has
            return False

    return fails


def _tell(what: str, seed: int, number: int, text: str) -> None:
    print(f"\n{what} (--seed {seed} --only {number}); the smallest input:\n{text}\n", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("what", choices=("files", "worlds"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=list(KINDS), help="one kind of files alone")
    parser.add_argument("--limit", type=int, default=30, help="processor seconds for a world")
    parser.add_argument("--only", type=int, help="this one input, by its number")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, chdir(name):
        if given.what == "files":
            kinds = [given.kind] if given.kind else list(KINDS)
            bad = fuzz_files(given.count or 2000, given.seed, kinds, given.only, Path(name))
        else:
            bad = fuzz_worlds(given.count or 20, given.seed, given.limit, given.only, Path(name))
    return BAD if bad else GOOD


if __name__ == "__main__":
    sys.exit(main())
