"""Standard output and standard error that may be closed, full, or a pipe whose reader has left."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OUTPUT, ERRORS = 1, 2  # their numbers; 0 is standard input


class OutputError(Exception):
    """Standard output takes no more; says why."""


class _Output(io.FileIO):
    """Standard output: that it fails is told from any other file's failing."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:  # the reader has what it wanted
            raise
        except OSError as error:
            raise OutputError(error.strerror) from None


class _Errors(io.FileIO):
    """Standard error: what cannot be told is left untold, and costs no run."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def ready() -> None:
    """Have all three, whatever the shell has closed: the next file that is opened would get a
    closed one's number, and what is printed. A terminal without our dots and dashes gets `?`."""
    for number in (0, OUTPUT, ERRORS):
        try:
            os.fstat(number)
        except OSError:  # takes the lowest free number, which is this one
            os.open(os.devnull, os.O_WRONLY if number == ERRORS else os.O_RDONLY)
    if _is_pythons(sys.stdout, sys.__stdout__):
        sys.stdout = _text(_Output(OUTPUT, "w", closefd=False), sys.stdout)
    if _is_pythons(sys.stderr, sys.__stderr__):
        sys.stderr = _text(_Errors(ERRORS, "w", closefd=False), sys.stderr)


def _is_pythons(stream: TextIO | None, own: TextIO | None) -> bool:
    """Not somebody's who calls us, and not a console of Windows, which is no file."""
    return stream is own and os.name == "posix"


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    encoding = "utf-8" if before is None else before.encoding
    lines = raw.isatty() or isinstance(raw, _Errors)
    buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, encoding=encoding, errors="replace", line_buffering=lines)


def abandon() -> None:
    """Print nothing more: the interpreter would try at its end, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
