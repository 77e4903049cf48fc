"""The kernel's machine code on disk: what is damaged or foreign is compiled again, and told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest
from numba import config

import sim
from sim.dataplane.kernel import machine_code

ROOT = Path(sim.__file__).parents[1]
DAY_S = 86400.0


def triple(number: int) -> int:
    return 3 * number


def entry() -> Any:
    """A function that numba keeps on disk as it keeps the kernel's."""
    compiler: Any = numba.njit
    dispatcher = compiler(cache=True)(triple)
    machine_code.keep(dispatcher)
    return dispatcher


def misses(dispatcher: Any) -> int:
    return sum(dispatcher.stats.cache_misses.values())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test alone, in which nothing has been compiled or said."""
    base = tmp_path / ("0" * 16)
    base.mkdir()
    monkeypatch.setattr(config, "CACHE_DIR", str(base))
    monkeypatch.setattr(machine_code, "cache_folder", lambda: base)
    monkeypatch.setattr(machine_code, "CACHED", True)
    monkeypatch.setattr(machine_code, "ENTRIES", 1)
    machine_code.tell.cache_clear()
    machine_code.prune.cache_clear()
    return base


def flip(data: bytes) -> bytes:
    """One bit, in the middle of the machine code."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("suffix", ["nbc", "nbi"])
@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: b"not what was written", lambda data: data[:40], flip],
    ids=["empty", "text", "cut", "a bit"],
)
def test_what_is_damaged_is_compiled_again_with_one_line(
    folder: Path, suffix: str, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry()(14) == 42
    assert machine_code.is_cached()
    (file,) = folder.rglob(f"*.{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    assert not machine_code.is_cached()
    again = entry()
    assert again(14) == 42
    assert misses(again) == 1
    said = capsys.readouterr().err
    assert said.count("\n") <= 1
    assert "is damaged: it is compiled again" in said or (suffix, damage) == ("nbi", flip)
    assert machine_code.is_cached()
    third = entry()
    assert third(14) == 42
    assert misses(third) == 0
    assert capsys.readouterr().err == ""


def test_without_room_for_it_the_engine_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: object) -> bytes:
        raise OSError(28, "No space left on device")

    dispatcher = entry()
    monkeypatch.setattr(dispatcher._cache._cache_file, "_dump", full)
    assert dispatcher(14) == 42
    assert "cannot be kept in" in capsys.readouterr().err


def test_another_python_numpy_or_processor_has_a_kernel_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [machine_code.fingerprint()]
    for part, other in (
        ("sys", SimpleNamespace(implementation=SimpleNamespace(cache_tag="cpython-399"))),
        ("np", SimpleNamespace(__version__="99.0")),
        ("_processor", lambda: "another"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(machine_code, part, other)
            names.append(machine_code.fingerprint())
    assert len(set(names)) == 4


def test_kernels_that_nobody_used_for_long_go(folder: Path) -> None:
    now_s = folder.stat().st_mtime
    ages_s = {f"{place:016x}": place * DAY_S for place in range(1, 20)}
    ages_s[f"{99:016x}"] = 61 * DAY_S
    for name, age_s in ages_s.items():
        (folder.parent / name).mkdir()
        (folder.parent / name / "kernel").touch()
        os.utime(folder.parent / name, (now_s - age_s, now_s - age_s))
    (folder.parent / "thesis").mkdir()
    assert entry()(14) == 42  # compiled
    left = {path.name for path in folder.parent.iterdir()}
    assert left == {folder.name, "thesis", *list(ages_s)[: machine_code.MOST_KEPT]}


@pytest.mark.slow
def test_two_that_compile_at_once_both_end_well(tmp_path: Path) -> None:
    words = "run container_crash --engine compiled --platform compose --no-plots --json --out"
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", "sim", *words.split(), str(tmp_path / name)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "c")},
        )
        for name in ("a", "b")
    ]  # fmt: skip
    said = [program.communicate() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert "damaged" not in said[0][1] + said[1][1]
