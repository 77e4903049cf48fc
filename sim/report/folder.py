"""DIR is replaced whole: its files are written to a folder beside it, which takes its place.

A reader never sees half a file, and a process may be killed at any moment: what it leaves beside
DIR, the next report into DIR clears away. A file that cannot be written does not cost the others.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from sim.schema.fields import InputError

Parts = Mapping[str, Callable[[Path], None]]  # by the name of a file: what writes it
Missing = dict[str, Exception]  # by the name of a file: why it could not be written
OLD = ".old"  # the report that stood there, while the new one takes its place
_locks: Any = import_module("fcntl") if os.name == "posix" else None


def check_folder(folder: Path, ours: frozenset[str]) -> None:
    """Raise `InputError` if `replace_folder` could not put a report there. Leaves nothing behind.

    A folder that holds anything but a report, files of the names `ours`, is refused: replacing it
    would delete that.
    """
    if folder.is_symlink() and not folder.exists():
        raise _refused(folder, "a link to nowhere", "a folder that can be written")
    mode = None  # looked at once: another program may move it meanwhile
    with suppress(OSError):
        mode = folder.stat().st_mode
    if mode is not None and not stat.S_ISDIR(mode):
        raise _refused(folder, "a file", "a folder, or a name that is free")
    if mode is not None:
        names: set[str] = set()
        with suppress(FileNotFoundError):  # another program is just replacing it
            names = {entry.name for entry in folder.iterdir()}
        strangers = sorted(names - ours)
        if strangers:
            found = f"a folder with other files in it ({', '.join(strangers[:3])})"
            raise _refused(folder, found, "an empty folder, an earlier report, or a new name")
    above = folder.resolve().parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise _refused(folder, f"{above.name} is a file", "a path through folders")
    try:  # asking the permission bits is not enough: read-only mounts, /proc, quotas
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        found = f"{above}: {error.strerror or error}"
        raise _refused(folder, found, "a folder that can be written") from None


def _refused(folder: Path, found: str, expected: str) -> InputError:
    return InputError(field=f"--out {folder}", found=found, expected=expected)


def texts(makers: Mapping[str, Callable[[], str]]) -> Parts:
    """What writes the text that each of `makers` makes, by the name of its file."""

    def write(make: Callable[[], str], path: Path) -> None:
        path.write_text(make(), encoding="utf-8")

    return {name: partial(write, make) for name, make in makers.items()}


def write_each(parts: Parts, folder: Path) -> Missing:
    """Write the files one by one, and leave none that is incomplete."""
    missing: Missing = {}
    for name, write in parts.items():
        try:
            write(folder / name)
        except Exception as error:  # a full disk, or a defect of ours: the others are kept
            missing[name] = error
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)
    return missing


def replace_folder(folder: Path, fill: Callable[[Path], Missing], ours: frozenset[str]) -> Missing:
    """`fill` writes into a new folder, which takes the place of `folder`; returns what `fill` could
    not write. Where it wrote nothing, an earlier report stays. Raises `InputError` then.

    `ours`: names of the files that a report may have.
    """
    check_folder(folder, ours)
    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            _collect(target, ours)
        with _fresh(target) as fresh:
            missing = fill(fresh)
            if missing and not any(fresh.iterdir()):
                raise next(iter(missing.values()))
            fresh.chmod(0o777 & ~_umask())
            with _alone(target.parent):
                _swap(fresh, target)
    except OSError as error:
        expected = "a folder that can be written"
        raise _refused(folder, error.strerror or str(error), expected) from None
    return missing


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _swap(fresh: Path, target: Path) -> None:
    """`fresh` becomes `target`; the old one goes only once the new one stands. Of two programs that
    do it at once, the later report stays."""
    old = fresh.with_name(fresh.name + OLD)
    while True:
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            target.rename(old)
        try:
            fresh.rename(target)
            break
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue  # another program's came in between
            if old.exists():
                old.rename(target)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """One program at a time moves folders below `parent`: who clears away what others left must not
    take for it what somebody moves aside at this moment."""
    lock = _lock(parent, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


# ---- what a killed program leaves ----
@contextmanager
def _fresh(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, gone afterwards. It is locked until then, however this process
    ends: so that others know whether somebody still writes there."""
    lock = None
    while lock is None:  # cleared away before it was locked
        path = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        lock = _lock(path, wait=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _lock(path: Path, wait: bool) -> int | None:
    """A file handle that holds the lock of a folder; None where the folder is gone, or, without
    `wait`, where another process has its lock."""
    if _locks is None:  # a system that keeps no locks of folders
        return os.open(os.devnull, os.O_RDONLY) if wait else None
    handle = -1
    try:
        handle = os.open(path, os.O_RDONLY)
        _locks.flock(handle, _locks.LOCK_EX | (0 if wait else _locks.LOCK_NB))
        path.stat()
    except OSError:
        if handle >= 0:
            os.close(handle)
        return None
    return handle


def _collect(target: Path, ours: frozenset[str]) -> None:
    """Clear away what killed programs have left beside `target`. The report that one of them had
    moved aside comes back."""
    left = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}({re.escape(OLD)})?")
    for path in sorted(target.parent.iterdir()):
        if not left.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
            continue
        lock = _lock(path, wait=False)
        if lock is None:
            continue
        with suppress(OSError):
            if path.name.endswith(OLD) and not target.exists():
                path.rename(target)
            elif {entry.name for entry in path.iterdir()} <= ours:
                shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
