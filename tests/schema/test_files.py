"""One reader of files: what is no regular file of some size in UTF-8 is one message, at once.

A reader that waits for a pipe or reads a device to its end would hang these tests.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim.imports.traffic.file import read_file
from sim.schema.fields import InputError
from sim.schema.text.files import MOST_LINE, MOST_WRITTEN, read_text

STRANGE = {
    "a pipe": "a pipe; expected a regular file",
    "a device": "a device; expected a regular file",
    "a folder": "a folder; expected a regular file",
    "a loop of links": "too many levels of symbolic links; expected a file that can be read",
    "too large": "more than 1 MiB; expected a file of at most 1 MiB",
    "not UTF-8": ":2: found a byte that is not UTF-8 (0xff); expected text in UTF-8",
}


def put(kind: str, path: Path) -> Path:
    """A strange file of this kind."""
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a loop of links":
        path.symlink_to(path.name)
    elif kind == "too large":
        path.write_bytes(b"#" * (MOST_WRITTEN + 1))
    else:
        path.write_bytes(b"PLATFORM = 1\n\xff\n")
    return path


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "file")
    with pytest.raises(InputError) as refused:
        read_text(path, "file")
    assert STRANGE[kind] in str(refused.value)
    assert len(refused.value.issues) == 1


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"#" * MOST_WRITTEN)
    assert len(read_text(tmp_path / "file", "file")) == MOST_WRITTEN


def test_a_byte_order_mark_and_line_ends_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text(tmp_path / "file", "file") == "a\nb\nc\n"


def test_a_line_of_traffic_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("5\n" + "1" * (MOST_LINE + 1))
    with pytest.raises(InputError, match=rf"trace.csv:2: found {MOST_LINE + 1} characters"):
        read_file(str(path))
