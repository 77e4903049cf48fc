"""How the kernel is compiled; where the machine code is kept is in machine_code.py.

The inner functions have no Python wrappers: nobody but the kernel calls them, and wrappers cost a
third of the compile time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from types import FunctionType
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.core import codegen, compiler
from numba.core.compiler_lock import global_compiler_lock

from sim.dataplane.kernel.machine_code import CACHED, keep, tell

F = TypeVar("F", bound=Callable[..., Any])
INNER: set[str] = set()  # names of the functions below
# numba's passes for what the kernel does not have: `with` for objects, functions in functions,
# literals that decide a type, branches that are taken by type, raises, expressions of arrays
UNNEEDED = frozenset({
    "DeadBranchPrune", "DumpParforDiagnostics", "FindLiterallyCalls", "InlineClosureLikes",
    "InlineInlinables", "InlineOverloads", "LiteralPropagationSubPipelinePass", "LiteralUnroll",
    "MakeFunctionToJitFunction", "NoPythonSupportedFeatureValidation", "NopythonRewrites",
    "RewriteDynamicRaises", "RewriteSemanticConstants", "WithLifting",
})  # fmt: skip


def other_insides(part: str) -> None:
    """One line for a person: `part` of numba is not as it was where this was written."""
    tell(f"numba {numba.__version__}: {part}; the engine is as right, and slower to start")


@contextmanager
def counted_from_zero() -> Iterator[None]:
    """While an entry compiles: an index is taken as it is.

    Python counts a negative index from the end, and numba allows for that at every access: a tenth
    of the kernel's time. The kernel has no such index (-1 means none, and is asked for first):
    with NUMBA_BOUNDSCHECK=1 every access is checked, as tests/dataplane/test_indices.py does."""
    from numba.np import arrayobj  # noqa: PLC0415 - loading does not need it

    insides: Any = arrayobj
    fix = getattr(insides, "fix_integer_index", None)
    if fix is None:
        other_insides("its rule for negative indices has moved")
        yield
        return

    def as_it_is(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp)

    with global_compiler_lock:
        insides.fix_integer_index = as_it_is
        try:
            yield
        finally:
            insides.fix_integer_index = fix


@contextmanager
def linked_only() -> Iterator[None]:
    """While an entry compiles: inner functions are only linked into it, once, and are its own.

    Numba would link all that each calls into each, again and again, optimise it, and make machine
    code of it that nobody runs: half of the compile time. Nor may others call what is linked in: so
    LLVM drops what it has inlined everywhere, inlines at any size what is called once, and sees
    that no call fails, which makes the plane a seventh faster. Where numba's insides have changed,
    none of it happens."""
    library: Any = getattr(codegen, "JITCodeLibrary", None)
    target: Any = getattr(codegen, "JITCPUCodegen", None)
    steps = ("_optimize_final_module", "finalize", "_finalize_dynamic_globals")
    if not all(hasattr(library, step) for step in steps) or not hasattr(target, "set_env"):
        other_insides("its steps of linking have moved")
        yield
        return
    optimise, finalise, set_env = library._optimize_final_module, library.finalize, target.set_env

    def optimise_entry(self: Any) -> None:
        for part in self._final_module.functions:
            if part.linkage.name == "linkonce_odr" and not part.is_declaration:
                part.linkage = "internal"
        optimise(self)

    def finalise_entry(self: Any) -> None:
        if self.name in INNER:
            for part in self._final_module.functions:
                if part.linkage.name == "external" and not part.is_declaration:
                    part.linkage = "linkonce_odr"
            self._shared_module = self._final_module
            self._finalize_dynamic_globals()
            self._finalized = True
        else:
            self._linking_libraries = list(all_called(self, {}))
            finalise(self)

    def set_env_if_loaded(self: Any, name: str, env: Any) -> None:
        if self._engine.get_global_value_address(name):
            set_env(self, name, env)

    with global_compiler_lock:
        library._optimize_final_module = optimise_entry
        library.finalize = finalise_entry
        target.set_env = set_env_if_loaded
        try:
            yield
        finally:
            library._optimize_final_module = optimise
            library.finalize = finalise
            target.set_env = set_env


def all_called(library: Any, found: dict[Any, None]) -> dict[Any, None]:
    """The libraries of all that it calls, and of what these call, in order of appearance."""
    for part in library._linking_libraries:
        if part not in found:
            found[part] = None
            all_called(part, found)
    return found


@contextmanager
def in_short() -> Iterator[None]:
    """While an entry compiles: a record is told in a word, and nothing is collected.

    Numba writes out all columns of all tables for each step that it takes with each function,
    which nobody reads: a fifth of the compile time. A tenth goes to looking for garbage among what
    it keeps."""
    record: Any = types.Record
    in_full, collects = record.__repr__, gc.isenabled()
    with global_compiler_lock:
        record.__repr__ = lambda self: f"a record of {self.size} bytes"
        gc.disable()
        try:
            yield
        finally:
            record.__repr__ = in_full
            if collects:
                gc.enable()


@contextmanager
def few_passes() -> Iterator[None]:
    """While an entry compiles: without the passes that it does not need, each of which looks
    through each function: a twelfth of the compile time. Of a name that this numba lacks nothing is
    left out."""
    builder: Any = getattr(compiler, "DefaultPassBuilder", None)
    define = vars(builder).get("define_nopython_pipeline") if builder else None
    if not isinstance(define, staticmethod):
        other_insides("its list of passes has moved")
        yield
        return

    def needed(state: Any, name: str = "nopython") -> Any:
        manager: Any = define.__func__(state, name)
        manager.passes = [
            (part, why) for part, why in manager.passes if part.__name__ not in UNNEEDED
        ]
        manager.finalize()
        return manager

    with global_compiler_lock:
        builder.define_nopython_pipeline = staticmethod(needed)
        try:
            yield
        finally:
            builder.define_nopython_pipeline = define


@cache
def _digest(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def _names_records() -> bool:
    return isinstance(vars(types.Record).get("mangling_args"), property)


@contextmanager
def named_by_content() -> Iterator[None]:
    """While an entry compiles: a function is named after what its record holds.

    Numba names it after the number that the record's type got in this process. Code from disk, of
    a process that met records of other sizes in another order, would have the names of other code,
    and what is loaded first would be called for both. Where this cannot be, nothing is kept."""
    if not _names_records():
        yield
        return
    record: Any = types.Record
    with global_compiler_lock:
        numbered = record.mangling_args
        record.mangling_args = property(lambda self: ("Record", (_digest(self.name),)))
        try:
            yield
        finally:
            record.mangling_args = numbered


def _general(kind: Any) -> Any:
    """A literal is an int, and so is what a narrow column holds."""
    unliteral: Any = types.unliteral
    known = unliteral(kind)
    return types.int64 if known in types.signed_domain else known


def inner(function: F) -> F:
    """A kernel function that only kernel functions call.

    Numba would compile it anew for each literal argument (`note(w, 3, c)`, `note(w, 4, c)`) and
    for what comes from a narrow column; here each function is compiled once."""
    INNER.add(function.__name__)
    njit: Any = numba.njit  # its stubs do not know the two wrappers
    made: Any = njit(
        error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath=False
    )(function)
    template = made.get_call_template

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return template(tuple(map(_general, args)), kws)

    made.get_call_template = get_call_template
    return made


def shared(function: F, **uses: Any) -> F:
    """A plain function of arithmetic.py for the kernel; `uses`: the compiled ones that it calls."""
    made: Any = FunctionType(function.__code__, {**function.__globals__, **uses})
    return inner(made)


@contextmanager
def compiling() -> Iterator[None]:
    """While an entry compiles."""
    with linked_only(), few_passes(), counted_from_zero(), named_by_content(), in_short():
        yield


def entry(function: F) -> F:
    """A kernel function that Python calls."""
    kept = CACHED and _names_records()
    if CACHED and not kept:
        other_insides("its names of records have moved")
    njit: Any = numba.njit
    made: Any = njit(error_model="numpy", cache=kept, fastmath=False)(function)
    inside: Any = getattr(made, "_compiler", None)
    if hasattr(inside, "compile"):
        inside.compile = compiling()(inside.compile)
    else:
        other_insides("its compiler has moved")
    if kept:
        keep(made)
    return cast(F, made)


def direct(function: Any, *args: Any) -> Any:
    """The machine code of an `entry` for these arguments' types, compiled or from disk.

    Calling it goes past numba's look-up, which hashes the whole record type at every call: ten
    times as long as an uneventful call takes."""
    type_of: Any = numba.typeof
    return function.compile(tuple(type_of(a) for a in args))
