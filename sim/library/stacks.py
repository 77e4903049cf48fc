"""Stacks by name, from a YAML stack file, or from a docker-compose file.

A file is a docker-compose file when its `services:` have no `role:`.
"""

from __future__ import annotations

import os
from typing import Any

from sim.imports.compose.file import read_compose
from sim.library.files import FOLDERS, as_text, document_of, file_of, names_of
from sim.schema.layers import check_stack
from sim.schema.stack import Stack
from sim.schema.text.validation import read_record

DEFAULT_STACK = "sspp"


def list_stacks() -> list[str]:
    """Names of the stacks that come with the program."""
    return names_of("stack")


def load_stack(name_or_path: str | os.PathLike[str]) -> Stack:
    """A stack by name, from a YAML stack file, or from a docker-compose file."""
    path = file_of(as_text(name_or_path, "stack"), "stack")
    document = document_of(path)
    if _is_compose(document.data):
        stack: Stack = read_compose(document, path, load_stack(DEFAULT_STACK))
    else:
        stack = read_record(Stack, document)
    check_stack(stack, document)
    return stack


def text_of(name: str) -> str:
    """The file of a stack that comes with the program: its comments say where numbers are from."""
    files = (folder / f"{name}.yaml" for folder in FOLDERS["stack"])
    return next(path.read_text(encoding="utf-8") for path in files if path.is_file())


def _is_compose(data: Any) -> bool:
    services = data.get("services")
    if not isinstance(services, dict):
        return "services" not in data and any(_is_first_compose(entry) for entry in data.values())
    return not any(isinstance(entry, dict) and "role" in entry for entry in services.values())


def _is_first_compose(entry: Any) -> bool:
    """A service of the old Compose format, which had no `services:`."""
    return isinstance(entry, dict) and bool({"image", "build"} & set(entry))
