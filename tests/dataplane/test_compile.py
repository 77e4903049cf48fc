"""What is changed in numba while the engine compiles is as it was afterwards."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba.core import codegen, compiler
from numba.np.numpy_support import from_dtype

from sim.dataplane.kernel import compile as kernel_compile
from sim.dataplane.kernel.compile import compiling, few_passes


def insides() -> tuple[object, ...]:
    library, passes = codegen.JITCodeLibrary, vars(compiler.DefaultPassBuilder)
    return (
        library.finalize,
        library._optimize_final_module,
        codegen.JITCPUCodegen.set_env,
        passes["define_nopython_pipeline"],
    )


def passes() -> list[str]:
    """Of a function that is compiled now."""
    state: Any = SimpleNamespace(func_ir=None, flags=compiler.Flags())
    manager = compiler.DefaultPassBuilder.define_nopython_pipeline(state)
    assert manager.finalized
    return [part.__name__ for part, _ in manager.passes]


@pytest.mark.quick
def test_numba_is_as_it_was_once_the_engine_is_compiled() -> None:
    record = from_dtype(np.dtype([("first_column", np.float64), ("other", np.int64)]))
    before, in_full, collects, all_passes = insides(), repr(record), gc.isenabled(), passes()
    with compiling():
        assert "first_column" not in repr(record)
        assert not gc.isenabled()
        assert "WithLifting" in all_passes
        assert "WithLifting" not in passes()
        assert "NativeLowering" in passes()
    assert (insides(), repr(record), gc.isenabled()) == (before, in_full, collects)
    assert passes() == all_passes
    assert "first_column" in in_full


@pytest.mark.quick
def test_of_a_pass_that_numba_does_not_have_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = passes()
    monkeypatch.setattr(kernel_compile, "UNNEEDED", frozenset({"PassOfAnotherNumba"}))
    with few_passes():
        assert passes() == before
