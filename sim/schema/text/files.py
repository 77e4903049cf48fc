"""The one reader of files: regular files of a stated size, in UTF-8.

A pipe is never waited for, a device never read to its end: what is no regular file is refused
before it is opened for good, what is too large before it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sim.schema.fields import InputError

# chosen: a Compose file of a hundred services has 0.1 MB, a day's log of 1,000 requests/s 20 GB
MOST_WRITTEN = 2**20  # bytes of what people write: scenarios, stacks, answers, platforms
MOST_LINE = 2**16  # characters of one line of it; nginx takes a request's line of 32 kB at most

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_text(path: Path, file: str, most: int = MOST_WRITTEN) -> str:
    """The text of a regular UTF-8 file of at most so many bytes, line ends as `\\n`; `file` is what
    messages call it. An InputError says why not, with the line where one is to blame."""
    data = _read(path, file, most)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"a byte that is not UTF-8 (0x{error.object[error.start]:02x})"
        raise InputError(file, line, found=found, expected="text in UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(path: Path, file: str, most: int) -> bytes:
    with opened(path, file) as stream:
        data = stream.read(most + 1)  # its size is not asked for: it may grow, /proc says 0
    if len(data) > most:
        found, expected = f"more than {_size(most)}", f"a file of at most {_size(most)}"
        raise InputError(file, found=found, expected=expected)
    return data


@contextmanager
def opened(path: Path, file: str) -> Iterator[BinaryIO]:
    """A regular file, open for reading; an InputError says why not, also of what reading raises."""
    try:
        stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed below
    except IsADirectoryError:
        raise InputError(file, found="a folder", expected="a regular file") from None
    except OSError as error:
        raise _unreadable(file, error) from None
    except ValueError:  # a null character in its name
        raise InputError(file, found="no name of a file", expected="a file") from None
    with stream:
        mode = os.fstat(stream.fileno()).st_mode
        if not stat.S_ISREG(mode):
            found = _KINDS.get(stat.S_IFMT(mode), "something else")
            raise InputError(file, found=found, expected="a regular file")
        try:
            yield stream
        except OSError as error:
            raise _unreadable(file, error) from None


def _unreadable(file: str, error: OSError) -> InputError:
    reason = (error.strerror or "unreadable").lower()
    return InputError(file, found=reason, expected="a file that can be read")


def _without_waiting(path: str, flags: int) -> int:
    """An opener: a pipe that nobody writes to would be waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def real(path: Path) -> Path:
    """The path without links; of a loop of links as far as it leads (`Path.resolve` raises)."""
    return Path(os.path.realpath(path))


def _size(number: int) -> str:
    return f"{number // 2**20} MiB"
