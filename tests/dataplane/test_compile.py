"""What is changed in numba while the engine compiles is as it was afterwards."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numba.core import codegen
from numba.np.numpy_support import from_dtype

from sim.dataplane.kernel.compile import compiling


def insides() -> tuple[object, ...]:
    library = codegen.JITCodeLibrary
    return library.finalize, library._optimize_final_module, codegen.JITCPUCodegen.set_env


@pytest.mark.quick
def test_numba_is_as_it_was_once_the_engine_is_compiled() -> None:
    record = from_dtype(np.dtype([("first_column", np.float64), ("other", np.int64)]))
    before, in_full, collects = insides(), repr(record), gc.isenabled()
    with compiling():
        assert "first_column" not in repr(record)
        assert not gc.isenabled()
    assert (insides(), repr(record), gc.isenabled()) == (before, in_full, collects)
    assert "first_column" in in_full
