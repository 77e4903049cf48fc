"""How hard the challenges are for somebody who reads nothing.

    python -m tools.guess [NUMBER ...] [--tries 40] [--seed 1]

Two ways to try without reading: each value of each knob alone, on each platform (what people do
first), and all knobs at once, each left alone or at a value by lot. A try counts as the class
would see it: all goals, with the visitors of all seeds. What passes is printed; whoever needs one
try in twenty or more has not been taught.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple

from sim.schema.fields import InputError
from sim.workshop.challenge import Challenge, challenge, challenges
from sim.workshop.check import check


class Guess(NamedTuple):
    platform: str
    set: dict[str, Any]


def alone(task: Challenge) -> Iterator[Guess]:
    """Each platform as it is, and with each value of each knob."""
    for platform in task.platforms:
        yield Guess(platform, {})
        for path, knob in task.may.items():
            for value in knob.values:
                if value != knob.now:
                    yield Guess(platform, {path: value})


def by_lot(task: Challenge, tries: int, seed: int) -> Iterator[Guess]:
    """All knobs at once: as it is, or one of its values, all equally likely."""
    lots = random.Random(f"{task.number} {seed}")
    for _ in range(tries):
        drawn = {path: lots.choice([None, *knob.values]) for path, knob in task.may.items()}
        settings = {path: value for path, value in drawn.items() if value is not None}
        yield Guess(lots.choice(task.platforms), settings)


def passes(task: Challenge, guess: Guess) -> bool:
    """Whether a student's file with it would have passed; what is refused has not."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "guess.yaml"
        file.write_text(json.dumps(guess._asdict()), encoding="utf-8")
        try:
            return check(task, file, engine="compiled").passed
        except InputError:
            return False


def main() -> None:
    """Print a line a challenge and way, and what passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int)
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with Pool() as pool:
        for number in asked.numbers or [each.number for each in challenges()]:
            task = challenge(number)
            ways = {"alone": alone(task), "by lot": by_lot(task, asked.tries, asked.seed)}
            for way, guesses in ways.items():
                tried = list(guesses)
                passed = pool.map(partial(passes, task), tried, chunksize=1)
                print(f"{number:>2} {way:<6} {sum(passed):>3} of {len(tried)}", flush=True)
                for guess, done in zip(tried, passed, strict=True):
                    if done:
                        print(f"     {guess.platform} {json.dumps(guess.set)}", flush=True)


if __name__ == "__main__":
    main()
