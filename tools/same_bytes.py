"""Does a change of the program's insides leave every byte that it writes as it was?

    python tools/same_bytes.py record --at REVISION_OR_FOLDER --out FOLDER
    python tools/same_bytes.py compare BEFORE AFTER
    python tools/same_bytes.py check --before REVISION_OR_FOLDER_OR_RECORD

`record` runs the commands of commands.txt in a checkout, each in a folder of its own, and keeps
what they wrote: files, standard output, standard error, exit status. A revision is checked out to
a temporary folder for it. `compare` holds two records against each other; `check` does both, for
the working tree that this file stands in. Exit status 0: the same; 1: the first file and the first
line that differ are named; 2: it cannot be said.

What may differ: the program's own version and those of Python and numpy where they are printed, the
names of the folders, and the order in which runs that share the processors report that they are
done. Nothing else is overlooked. Use one NUMBA_CACHE_DIR for both: what is compiled already is not
compiled again, and it is compiled before the first command, so that `--engine auto` chooses alike.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
INPUTS = (HERE / "inputs", ROOT / "tests" / "data" / "compose")
ABOUT = "record.json"  # of a record: where it ran, and the version that ran
FIRST = ("status", "stderr", "stdout")  # what is compared first of a command: it says most
WARM_UP = ("run", "container_crash", "--engine", "compiled", "--json", "--no-plots")
VERSION = re.compile(rb'("version": ?|Outage Lab |Python |numpy )("?)\d[\w.+]*')
LEFT = re.compile(rb"( of \d+ runs), some [\w ]+ left")
DONE = re.compile(rb"[\w.-]+: .* simulated, [\d,]+ requests")  # the end of one platform's runs
SAME, DIFFERENT, CANNOT_SAY = 0, 1, 2  # exit statuses
SHOWN = 160  # characters of a line that differs
LISTED = 20  # names of further files that differ


class CannotSayError(Exception):
    """What was asked for cannot be recorded or compared; the message says why."""


class Command(NamedTuple):
    """A line of commands.txt."""

    words: tuple[str, ...]
    stdin: str  # a file of `tools/inputs`, or nothing

    @property
    def name(self) -> str:
        """Its folder in a record: `run_bad_rollout_canary_reps_3`."""
        return re.sub(r"\W+", "_", " ".join(self.words)).strip("_")


def read_commands(text: str) -> list[Command]:
    """The commands of commands.txt, in its order."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    parts = [line.partition(" < ") for line in lines]
    return [Command(tuple(shlex.split(words)), stdin.strip()) for words, _, stdin in parts]


# --- record ---------------------------------------------------------------------------------------


@contextmanager
def checkout(at: str) -> Iterator[Path]:
    """The folder `at`, or the git revision `at` in a temporary folder for as long as it is used."""
    if Path(at).is_dir():
        yield Path(at).resolve()
        return
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp).resolve() / "checkout"
        git = ("git", "-C", str(ROOT), "worktree")
        added = subprocess.run([*git, "add", "--quiet", "--detach", str(folder), at], check=False)
        if added.returncode != 0:
            raise CannotSayError(f"{at} is neither a folder nor a revision that git can check out")
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def record(folder: Path, out: Path, python: str, only: str, workers: int) -> None:
    """Run the commands whose text matches `only` with the program in `folder`; write `out` anew."""
    commands = [
        command
        for command in read_commands((HERE / "commands.txt").read_text(encoding="utf-8"))
        if fnmatch(" ".join(command.words), only)
    ]
    if not commands:
        raise CannotSayError(f"no command matches {only!r}")
    if out.exists() and any(out.iterdir()) and not (out / ABOUT).exists():
        raise CannotSayError(f"{out} is a folder with other things in it")
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temp:
        warm_up = run(Command(WARM_UP, ""), Path(temp), folder, python)
    if warm_up.returncode != 0:
        raise CannotSayError(f"the program does not run in {folder}:\n{warm_up.stderr.decode()}")
    out.mkdir(parents=True, exist_ok=True)
    about = {"checkout": str(folder), "record": str(out.resolve())}
    (out / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with ThreadPoolExecutor(workers) as pool:
        for command in pool.map(lambda command: keep(command, out, folder, python), commands):
            print(f"ran: {' '.join(command.words)}", file=sys.stderr)


def keep(command: Command, out: Path, folder: Path, python: str) -> Command:
    """Run one command in a folder of its own below `out`, and keep all that it writes there."""
    own = out.resolve() / command.name
    own.mkdir()
    inputs = [file for place in INPUTS for file in place.iterdir() if file.is_file()]
    for file in inputs:
        shutil.copy(file, own)
    ended = run(command, own, folder, python)
    for file in inputs:
        (own / file.name).unlink()
    (own / "stdout").write_bytes(ended.stdout)
    (own / "stderr").write_bytes(ended.stderr)
    (own / "status").write_text(f"{ended.returncode}\n", encoding="utf-8")
    return command


def run(
    command: Command, own: Path, folder: Path, python: str
) -> subprocess.CompletedProcess[bytes]:
    """`python -m sim ...` of the checkout `folder` in the working folder `own`."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    environment |= {"PYTHONPATH": str(folder), "MPLBACKEND": "Agg"}
    return subprocess.run(
        [python, "-m", "sim", *command.words],
        cwd=own,
        env=environment,
        input=(own / command.stdin).read_bytes() if command.stdin else b"",
        capture_output=True,
        check=False,
    )


# --- compare --------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A file that is not the same in two records."""

    file: str
    where: str  # "line 12", "byte 40", or which record does not have it
    before: str = ""
    after: str = ""


class Record:
    """What the commands wrote, as `record` kept it in `folder`."""

    def __init__(self, folder: Path) -> None:
        if not (folder / ABOUT).is_file():
            raise CannotSayError(f"{folder} is not a record: it has no {ABOUT}")
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.folder = folder
        self.commands = {path.name for path in folder.iterdir() if path.is_dir()}
        self.places = sorted((place.encode() for place in about.values()), key=len, reverse=True)

    def files(self, command: str) -> set[str]:
        own = self.folder / command
        return {path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file()}

    def content(self, command: str, file: str) -> bytes:
        """The bytes of a file without what may differ: see the top of this module."""
        content = (self.folder / command / file).read_bytes()
        if b"\0" in content:
            return content
        for place in self.places:
            content = content.replace(place, b"FOLDER")
        content = VERSION.sub(rb"\1\2VERSION", content)
        return in_one_order(content) if file == "stderr" else content


def in_one_order(content: bytes) -> bytes:
    """Standard error with the lines that say that a platform is done in one order, and no word of
    how long the rest takes."""
    content = content.replace(b" \nrequests", b" requests")  # a long one is folded
    lines = LEFT.sub(rb"\1", content).split(b"\n")
    places = [index for index, line in enumerate(lines) if DONE.fullmatch(line)]
    for index, line in zip(places, sorted(lines[index] for index in places), strict=True):
        lines[index] = line
    return b"\n".join(lines)


def differences(before: Record, after: Record) -> Iterator[Difference]:
    """Every file of the commands that both records have which is not the same in both."""
    for command in sorted(before.commands & after.commands):
        files = before.files(command), after.files(command)
        for file in sorted(files[0] | files[1], key=lambda file: (file not in FIRST, file)):
            path = f"{command}/{file}"
            if file not in files[0] or file not in files[1]:
                record = before if file not in files[0] else after
                yield Difference(path, f"missing in {record.folder}")
                continue
            contents = before.content(command, file), after.content(command, file)
            if contents[0] != contents[1]:
                yield first_difference(path, *contents)


def first_difference(path: str, before: bytes, after: bytes) -> Difference:
    """Where two contents part: a line, or a byte of what is no text."""
    if b"\0" in before or b"\0" in after:
        byte = parting(before, after)
        return Difference(path, f"byte {byte} of {len(before)} and {len(after)}")
    lines = [content.decode("utf-8", "replace").split("\n") for content in (before, after)]
    line = parting(*lines)
    texts = [side[line] if line < len(side) else "(the file has ended)" for side in lines]
    column = parting(*texts)
    start = max(0, column - SHOWN // 2) if max(map(len, texts)) > SHOWN else 0
    where = f"line {line + 1}" + (f", column {column + 1}" if start else "")
    return Difference(path, where, *(text[start : start + SHOWN] for text in texts))


def parting(before: Sequence[object], after: Sequence[object]) -> int:
    """The first index at which two sequences are not the same."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(before), len(after)))


def compare(before: Path, after: Path) -> int:
    """Print how two records compare; returns the exit status."""
    records = Record(before), Record(after)
    count = len(records[0].commands & records[1].commands)
    if count == 0:
        raise CannotSayError(f"{before} and {after} have no command in common")
    first, *others = [*differences(*records)] or [None]
    if first is None:
        print(f"the same bytes: {count} commands")
        return SAME
    print(f"differs: {first.file}, {first.where}")
    if first.before or first.after:
        print(f"  before: {first.before}\n  after:  {first.after}")
    if others:
        print(f"and {len(others)} more of the files of {count} commands:")
        for other in others[:LISTED]:
            print(f"  {other.file}, {other.where}")
    return DIFFERENT


# --- the command line -----------------------------------------------------------------------------


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--python", default=sys.executable, help="one with the dependencies")
    running.add_argument("--only", default="*", metavar="PATTERN", help="'run *', '*hpa'")
    running.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    verb = verbs.add_parser("record", parents=[running], help="run the commands")
    verb.add_argument("--at", default=str(ROOT), metavar="REVISION_OR_FOLDER")
    verb.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    verb = verbs.add_parser("compare", help="hold two records against each other")
    verb.add_argument("before", type=Path)
    verb.add_argument("after", type=Path)
    verb = verbs.add_parser("check", parents=[running], help="record, and compare")
    verb.add_argument("--before", required=True, metavar="REVISION_OR_FOLDER_OR_RECORD")
    verb.add_argument("--out", type=Path, metavar="FOLDER", help="keep the records here")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)

    def recorded(at: str, out: Path) -> Path:
        with checkout(at) as folder:
            record(folder, out, options.python, options.only, options.workers)
        return out

    try:
        if options.verb == "compare":
            return compare(options.before, options.after)
        if options.verb == "record":
            recorded(options.at, options.out)
            return SAME
        with tempfile.TemporaryDirectory() as temp:
            folder = options.out or Path(temp)
            before = Path(options.before)
            if not (before / ABOUT).is_file():
                before = recorded(options.before, folder / "before")
            return compare(before, recorded(str(ROOT), folder / "after"))
    except CannotSayError as error:
        print(error, file=sys.stderr)
        return CANNOT_SAY


if __name__ == "__main__":
    sys.exit(main())
