"""Quantities of Kubernetes as Compose writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sim.imports.compose.values import Node
from sim.schema import bounds
from sim.schema.fields import parse_bytes, parse_cores

Number = TypeVar("Number", int, float)


def cores(node: Node) -> float | None:
    """`500m`, `2`, 0.5; None where there is none, or more than any server has (`4Gi`, which
    Kubernetes takes): not read, it binds nothing. Raises `InputError`."""
    found = _quantity(node, _cores)
    if found is None or found <= bounds.CORES.most:
        return found
    node.read.discard(node.path)
    return None


def _cores(text: str) -> float:
    try:
        return parse_cores(text)
    except ValueError as error:
        try:
            return float(parse_bytes(text))
        except ValueError:
            raise error from None


def size(node: Node) -> int | None:
    """Bytes of `512Mi`; None where there is none. Raises `InputError`."""
    return _quantity(node, parse_bytes)


def _quantity(node: Node, parse: Callable[[str], Number]) -> Number | None:
    if node.value is None:
        return None
    node.read.add(node.path)
    try:
        return parse(node.text())
    except ValueError as error:
        raise node.wrong(str(error)) from None


def seconds(node: Node, default: float | None = None) -> float | None:
    """A whole number of seconds. Raises `InputError`."""
    if node.value is None:
        return default
    node.read.add(node.path)
    count = node.count()
    return default if count is None else float(count)


def amount(node: Node) -> int | str | None:
    """A whole number, or a share such as `50%`."""
    if node.value is None:
        return None
    node.read.add(node.path)
    text = node.text().strip()
    if text.isdigit():
        return int(text)
    if text.endswith("%") and text[:-1].isdigit():
        return text
    raise node.wrong("a whole number such as 1, or a share such as 50%")
