"""A docker-compose file as a stack."""

from __future__ import annotations

from pathlib import Path

from sim.spec.stack import Stack
from sim.spec.yamlfile import Document


def read_compose(document: Document, path: Path, like: Stack) -> Stack:
    """The stack that a Compose file describes; missing demands are those of `like`."""
    raise document.error((), f"a Compose file ({path.name})", f"a stack such as {like.name}")
