"""Quantities of Kubernetes as Compose writes them."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from sim.imports.compose.values import Node
from sim.schema import bounds
from sim.schema.fields import BYTES, CORES

# kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity, v1.34: one grammar of
# cores and bytes, so that a memory may stand in thousandths, as autoscalers write it
_NUMBER = re.compile(r"\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d\d?)|([numkMGTPE]?|[KMGTPE]i))")
_UNITS = {
    "": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000),
    **{word: Fraction(1000) ** i for i, word in enumerate("kMGTPE", 1)},
    **{f"{word}i": Fraction(1024) ** i for i, word in enumerate("KMGTPE", 1)},
}  # fmt: skip


def cores(node: Node) -> float | None:
    """`500m`, `2`, 0.5; None where there is none, or more than any server has (`4Gi`, which
    Kubernetes takes): not read, it binds nothing. Raises `InputError`."""
    found = _quantity(node, CORES)
    if found is None or found <= bounds.CORES.most:
        return None if found is None else float(found)
    node.read.discard(node.path)
    return None


def size(node: Node) -> int | None:
    """Bytes of `512Mi`, begun ones in full; None where there is none. Raises `InputError`."""
    found = _quantity(node, BYTES)
    return None if found is None else math.ceil(found)


def _quantity(node: Node, expected: str) -> Fraction | None:
    if node.value is None:
        return None
    node.read.add(node.path)
    match = _NUMBER.fullmatch(node.text().strip())
    if match is None:
        raise node.wrong(expected)
    scale = Fraction(10) ** int(match[2]) if match[2] else _UNITS[match[3] or ""]
    return Fraction(match[1]) * scale


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
