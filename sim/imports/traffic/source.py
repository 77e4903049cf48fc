"""The lines of a recording, however it is packed, in pieces of bounded size.

A day's log does not fit into memory: it is read once, from front to back. What no text can be
(UTF-16, a pipe, a line without an end, a damaged archive) ends in one InputError.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sim.schema.fields import InputError
from sim.schema.text.files import MOST_LINE, opened

PIECE = 2**22  # bytes read at once
MOST_TRAFFIC = 2**36  # bytes of one file when unpacked; chosen: some 300 million lines of a log
_PACKED: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ": ("xz", lzma.LZMAFile),
}
_FOREIGN = {
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}


def pieces(path: Path, file: str) -> Iterator[list[str]]:
    """Whole lines without their ends, some thousands at a time; bytes that are no UTF-8 are kept
    as surrogates. `file`: what messages call it."""
    number, rest = 0, b""
    for data in _unpacked(path, file):
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        lines = _decoded(rest + data[: end + 1]) if end >= 0 else []
        rest = data[end + 1 :] if end >= 0 else rest + data
        longest = max(map(len, lines), default=0)
        if longest > MOST_LINE or len(rest) > MOST_LINE:
            raise _too_long(file, number, [*lines, rest.decode("latin-1")])
        number += len(lines)
        if lines:
            yield lines
    if rest:
        yield _decoded(rest)


def _decoded(data: bytes) -> list[str]:
    text = data.decode("utf-8", errors="surrogateescape")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = lines[:-1] if not lines[-1] else lines
    return [_unwrapped(line) for line in lines] if lines and lines[0][:7] == '{"log":' else lines


def _unwrapped(line: str) -> str:
    """What a container wrote, of a line of Docker's json-file driver."""
    try:
        return str(json.loads(line)["log"]).rstrip("\n")
    except (ValueError, LookupError, TypeError):
        return line


def _too_long(file: str, number: int, lines: list[str]) -> InputError:
    row, line = next((i, line) for i, line in enumerate(lines, 1) if len(line) > MOST_LINE)
    expected = f"lines of at most {MOST_LINE} characters"
    return InputError(file, number + row, found=f"{len(line)} characters", expected=expected)


def _unpacked(path: Path, file: str) -> Iterator[bytes]:
    with opened(path, file) as raw:
        head = raw.read(6)
        raw.seek(0)
        for magic, kind in _FOREIGN.items():
            if head.startswith(magic):
                raise InputError(file, found=kind, expected="text in UTF-8, or that with gzip")
        name, unpack = next(
            (packed for magic, packed in _PACKED.items() if head.startswith(magic)), ("", None)
        )
        stream: IO[bytes] = unpack(raw) if unpack else raw
        try:
            yield from _bounded(stream, file)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            why = f"a {name or 'file'} that ends or breaks off ({error})"
            raise InputError(file, found=why, expected="a whole file") from None


def _bounded(stream: IO[bytes], file: str) -> Iterator[bytes]:
    size = 0
    while data := stream.read(PIECE):
        yield data.removeprefix(b"\xef\xbb\xbf") if size == 0 else data
        size += len(data)
        if size > MOST_TRAFFIC:
            most = f"{MOST_TRAFFIC // 2**30} GiB"
            raise InputError(file, found=f"more than {most}", expected=f"at most {most} unpacked")
