"""Where numba's insides are others than those the kernel was written with, a line says so."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import pytest
from numba.core import codegen, types
from numba.np import arrayobj

from sim.dataplane.kernel import compile as compiler
from sim.dataplane.kernel import machine_code


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    machine_code.tell.cache_clear()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.count("\n") <= 1
    return text


def test_nothing_is_said_where_all_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with compiler.compiling():
        pass
    compiler.entry(lambda x: x)
    assert said(capsys) == ""


@pytest.mark.parametrize(
    ("place", "part", "words"),
    [
        (arrayobj, "fix_integer_index", "its rule for negative indices has moved"),
        (codegen, "JITCodeLibrary", "its steps of linking have moved"),
    ],
)
def test_a_part_that_has_moved_is_told_once_while_an_entry_compiles(
    place: object,
    part: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(place, part)
    for _ in range(2):
        with compiler.compiling():
            pass
    assert f": {words}; the engine is as right" in said(capsys)


def test_a_version_that_was_not_tried_is_told_by_the_process_that_a_person_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine_code, "KNOWN", set())
    compiler.entry(lambda x: x)
    assert "a version whose loader was not tried" in said(capsys)
    machine_code.tell.cache_clear()
    monkeypatch.setattr(machine_code, "parent_process", multiprocessing.current_process)
    compiler.entry(lambda x: x)
    assert said(capsys) == ""


def test_without_names_of_records_nothing_is_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(types.Record, "mangling_args")
    kept: list[object] = []
    monkeypatch.setattr(compiler, "keep", kept.append)
    compiler.entry(lambda x: x)
    assert kept == []
    if compiler.CACHED:
        assert "its names of records have moved" in said(capsys)


NAMES = """
import sys
import numba
from numba.core.itanium_mangler import mangle_type
from sim.dataplane.kernel.compile import compiling
from sim.dataplane.kernel.layout import empty_record

of = {works: numba.typeof(empty_record(works, 8)).dtype for works in map(int, sys.argv[1:])}
with compiling():
    print(*(mangle_type(of[works]) for works in sorted(of)))
"""


def names(order: list[str]) -> str:
    command = [sys.executable, "-c", NAMES, *order]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_function_has_one_name_in_all_processes_and_another_for_another_size() -> None:
    """Or code from disk would call that of another size: it did, without an end."""
    first, second = names(["40960", "65536"]), names(["65536", "40960"])
    assert first == second
    assert len(set(first.split())) == 2
