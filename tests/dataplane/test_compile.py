"""Where numba is unknown inside, the kernel is compiled as numba does it, and a line says so."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba.core import codegen
from numba.np import arrayobj

from sim.dataplane.kernel import compile as kernel_compile
from sim.dataplane.kernel.compile import counted_from_zero, entry, linked_only

VERSION = f"numba {numba.__version__} is not inside as 0.60 to 0.68: the kernel "


@pytest.fixture(autouse=True)
def _told_anew():
    kernel_compile.missed.cache_clear()
    yield
    kernel_compile.missed.cache_clear()


def test_with_the_numba_that_is_installed_nothing_is_said(capsys):
    with linked_only(), counted_from_zero():
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("owner", "name", "guard", "price"),
    [
        (arrayobj, "fix_integer_index", counted_from_zero, "runs a tenth slower"),
        (codegen, "JITCodeLibrary", linked_only, "compiles a third longer"),
        (codegen.JITCPUCodegen, "set_env", linked_only, "compiles a third longer"),
    ],
)
def test_a_part_that_is_gone_is_told_once(monkeypatch, capsys, owner, name, guard, price):
    monkeypatch.delattr(owner, name)
    for _ in range(3):
        with guard():
            pass
    assert capsys.readouterr().err == f"{VERSION}{price}\n"


def test_another_version_is_told_and_works(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(kernel_compile, "KNOWN", set())
    monkeypatch.setattr(kernel_compile, "CACHED", True)

    def doubled(x):
        return 2 * x

    assert list(entry(doubled)(np.arange(3))) == [0, 2, 4]
    assert capsys.readouterr().err == f"{VERSION}loads four times as long\n"
