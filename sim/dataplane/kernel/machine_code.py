"""Where the kernel's machine code is kept between runs, and what becomes of it when it is damaged.

Numba's own cache looks at one file's date, but a kernel function is made of many files: so the
folder is named by a hash of all of them, of what they share with the reference engine, and of what
compiled them where. Each file ends in a digest of itself: machine code that a full disk or a crash
has garbled would be run.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sys
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import config
from numba.core import codegen
from numba.core.runtime.nrt import rtsys

HERE = Path(__file__).parent
SHARED = ("arithmetic", "codes", "profile", "tables")  # what of dataplane/ is compiled in
KNOWN = {(0, minor) for minor in range(60, 69)}  # versions of numba whose insides `load` fits
ENTRIES = 6  # functions that Python calls: call, fold, more_arrivals, look, look_at, walk
SEAL = sha256().digest_size  # bytes at the end of a file
MOST_KEPT = 16  # kernels of other versions, Pythons and checkouts; chosen
KEPT_S = 60 * 86400.0  # chosen: one that nobody has used for so long goes
STALE_S = 3600.0  # chosen: no file is written for so long


def fingerprint() -> str:
    """Changes with any source that ends up in the machine code, and with what it is made by."""
    compilers = (numba.__version__, np.__version__, sys.implementation.cache_tag)
    digest = sha256(" ".join([*compilers, _processor(), str(HERE)]).encode())
    for path in [*sorted(HERE.glob("*.py")), *(HERE.parent / f"{name}.py" for name in SHARED)]:
        if path != Path(__file__):  # which makes none of it
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    insides: Any = codegen
    return str(insides.ll.get_host_cpu_name())


@cache
def cache_folder() -> Path:
    """Per user; NUMBA_CACHE_DIR overrides."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(chosen) if chosen else Path.home() / ".cache" / "outage-lab"
    return base / fingerprint()


try:
    cache_folder().mkdir(parents=True, exist_ok=True)
    config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    CACHED = os.access(cache_folder(), os.W_OK)
    os.utime(cache_folder())  # it is in use (see `prune`)
except (OSError, RuntimeError):  # no home, or none to write to: compile in every process
    CACHED = False


def is_cached() -> bool:
    """Has this kernel been compiled here before, and can it be loaded?"""
    if not CACHED:
        return False
    code = list(cache_folder().rglob("*.nbc"))
    return len(code) >= ENTRIES and all(map(_is_whole, [*code, *cache_folder().rglob("*.nbi")]))


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if path.suffix == ".nbi":
                pickle.load(file)  # numba's version stands before what is sealed
            return _is_sealed(file.read())
    except Exception:  # whatever bytes that are no pickle make of it
        return False


def _is_sealed(data: bytes) -> bool:
    return sha256(data[:-SEAL]).digest() == data[-SEAL:]


@cache
def tell(text: str) -> None:
    """A line for a person, once, and not once more in each worker."""
    if parent_process() is None:
        print(text, file=sys.stderr)


def keep(dispatcher: Any) -> None:
    """Have an entry's machine code kept on disk, sealed; what cannot be loaded is compiled again,
    what cannot be written is not."""
    stored = dispatcher._cache
    known = numba.version_info.short in KNOWN
    if not known:
        tell(
            f"numba {numba.__version__}: a version whose loader was not tried; "
            "the engine is as right, and slower to start"
        )
    file: Any = getattr(stored, "_cache_file", None)
    if hasattr(file, "_dump") and hasattr(file, "_load_data") and hasattr(file, "_data_path"):
        file._dump = partial(_sealed, file._dump)
        file._load_data = partial(_unsealed, file)
    loader = partial(load, stored) if known else stored.load_overload
    stored.load_overload = partial(_loaded, stored, loader)
    stored.save_overload = partial(_saved, stored.save_overload)


def load(stored: Any, signature: Any, target: Any) -> Any:
    """An entry's machine code from disk; None when it has to be compiled.

    As numba does it, but for getting numba ready to compile first, which takes three quarters of
    the time: code that is compiled needs numba's run time and nothing more."""
    rtsys.initialize(target)
    return stored._load_overload(signature, target)


def _sealed(dump: Any, content: Any) -> bytes:
    data: bytes = dump(content)
    return data + sha256(data).digest()  # who unpickles it stops before


def _unsealed(file: Any, name: str) -> Any:
    data = Path(file._data_path(name)).read_bytes()
    if not _is_sealed(data):
        raise ValueError("not what was written")
    return pickle.loads(data)


def _loaded(stored: Any, loader: Any, signature: Any, target: Any) -> Any:
    try:
        return loader(signature, target)
    except Exception:  # whatever bytes that are no pickle make of it
        tell(f"the compiled kernel in {cache_folder()} is damaged: it is compiled again")
        with suppress(OSError):
            stored.flush()
        return None


def _saved(save: Any, signature: Any, code: Any) -> None:
    try:
        save(signature, code)
    except Exception as error:  # a full disk, or an index that cannot be replaced
        why = getattr(error, "strerror", None) or type(error).__name__
        tell(f"the compiled kernel cannot be kept in {cache_folder()} ({why})")
        return
    prune()


@cache
def prune() -> None:
    """Clear away kernels of other versions that nobody has used for long, and what a process that
    was killed has left of a file; once, when something was compiled."""
    with suppress(OSError):
        now_s = cache_folder().stat().st_mtime  # as good as now
        for path in cache_folder().rglob("*.tmp.*"):
            if now_s - path.stat().st_mtime > STALE_S:
                path.unlink(missing_ok=True)
        others = [
            (now_s - path.stat().st_mtime, path)
            for path in cache_folder().parent.iterdir()
            if re.fullmatch(r"[0-9a-f]{16}", path.name) and path != cache_folder()
        ]
        for place, (age_s, path) in enumerate(sorted(others)):
            if place >= MOST_KEPT or age_s > KEPT_S:
                shutil.rmtree(path, ignore_errors=True)
