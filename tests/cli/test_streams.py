"""What was computed is never lost: not by a closed or full output, nor by a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sim
from sim.cli.delivery import deliver
from sim.schema.fields import InputError
from sim.study.signals import endings, held

ROOT = Path(sim.__file__).parents[1]
RUN = (
    "run container_crash --platform compose --engine reference --no-plots --out r "
    "--set scenario.horizon=6m"
)  # fmt: skip
MANY = ("--reps", "400", "--workers", "2", "--store", "s")
FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="a system without /dev/full")


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    program = f'PYTHONPATH="{ROOT}" "{sys.executable}" -m sim'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("SIM", program)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def is_whole(folder: Path) -> bool:
    return {"summary.json", "report.html", "series.csv"} <= {p.name for p in folder.iterdir()}


@pytest.mark.parametrize(
    ("output", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_an_output_that_takes_nothing_is_told_in_a_line(
    tmp_path: Path, output: str, why: str
) -> None:
    done = shell(tmp_path, f"SIM {RUN} {output}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2:] == ["report: r", f"standard output takes no more: {why}"]
    assert is_whole(tmp_path / "r")


def test_a_listing_into_a_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    done = shell(tmp_path, "SIM list >/dev/full")
    assert (done.returncode, done.stderr) == (
        2, "standard output takes no more: No space left on device\n",
    )  # fmt: skip


def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    done = shell(tmp_path, f"SIM {RUN} | head -1")
    assert done.returncode == 0
    assert done.stdout.startswith("Compose: ")
    assert done.stdout.count("\n") == 1
    assert is_whole(tmp_path / "r")


@pytest.mark.parametrize("errors", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_without_anybody_to_tell_the_figures_are_printed_all_the_same(
    tmp_path: Path, errors: str
) -> None:
    done = shell(tmp_path, f"SIM {RUN} {errors}")
    assert done.returncode == 0
    assert "container_crash: The API container is killed" in done.stdout
    assert "report: r" not in done.stdout
    assert is_whole(tmp_path / "r")


def test_files_that_are_too_large_are_named_and_the_others_are_there(tmp_path: Path) -> None:
    done = shell(tmp_path, f"ulimit -f 160; SIM {RUN.replace('=6m', '=30m')}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "report: r, without series.csv (File too large)"
    assert "container_crash: The API container is killed" in done.stdout
    assert {"summary.json", "report.html"} <= {path.name for path in (tmp_path / "r").iterdir()}


def test_where_no_file_can_be_written_the_figures_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full() -> dict[str, Exception]:
        raise InputError(field="--out r", found="No space left on device", expected="room")

    assert deliver("report", Path("r"), full, lambda: print("down: 4 min")) == 2
    said = capsys.readouterr()
    assert said.out == "down: 4 min\n"
    assert said.err == "--out r: found No space left on device; expected room\n"


def test_a_defect_of_ours_is_no_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    missing: dict[str, Exception] = {
        "a.png": ValueError("no such colour\n^"),
        "b": OSError(28, "full"),
    }
    assert deliver("report", Path("r"), lambda: missing, lambda: None) == 70
    assert capsys.readouterr().err == (
        "report: r, without a.png (ValueError: no such colour); b (full); "
        "please report it with the command\n"
    )


# ---- signals ----
def test_term_ends_as_ctrl_c_does_with_143(tmp_path: Path) -> None:
    """Four hundred runs; when it has ended nobody and nothing is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", *RUN.split(), *MANY],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    finished = tmp_path / "s" / "replications.jsonl"
    while not (finished.exists() and finished.stat().st_size):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()  # until no child has the other end, either
    assert process.returncode == 143
    assert errors.splitlines()[-1] == "interrupted: what was finished is in r"
    assert is_whole(tmp_path / "r")
    assert {path.name for path in tmp_path.iterdir()} == {"r", "s"}


@pytest.mark.parametrize(
    "verb",
    [
        # text that is executed, as dataclasses make their methods: CPython remembers what left it
        "exec('import signal; signal.raise_signal(signal.SIGTERM)')",
        # a class that is being made wraps it in a RuntimeError (before 3.12)
        "type('T', (), {'x': type('D', (), {'__set_name__': lambda *_: "
        "__import__('signal').raise_signal(15)})()})",
    ],
)
def test_term_at_an_awkward_moment_of_an_import_is_143(tmp_path: Path, verb: str) -> None:
    patch = f"from sim.cli import app\napp.app = lambda words: {verb}\n"
    (tmp_path / "sitecustomize.py").write_text(patch)
    done = subprocess.run(
        [sys.executable, "-m", "sim", "list"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (143, "interrupted: no run was finished\n")


def test_what_comes_while_something_is_held_is_heard_afterwards() -> None:
    steps = []
    with endings() as ending:
        try:
            with held():
                signal.raise_signal(signal.SIGTERM)
                steps.append("written")
        except KeyboardInterrupt:
            steps.append("heard")
        assert ending.status(130) == 143
        assert ending.status(0) == 0
        signal.raise_signal(signal.SIGTERM)  # the same, once more by another way
    assert steps == ["written", "heard"]


def test_a_signal_that_was_switched_off_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with endings():
            signal.raise_signal(signal.SIGINT)
            time.sleep(0)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
