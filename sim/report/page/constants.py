"""The constants that hold in a study, as rows of a table that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sim.constants.facts import Held
from sim.report.text import words

MIB = 1024.0**2


class Constant(NamedTuple):
    """`other`: what the source says, where something else holds here; `paths`: what changes it."""

    name: str
    value: str
    other: str
    says: str
    source: str
    paths: tuple[str, ...]


def constants(held: Sequence[Held]) -> list[Constant]:
    """What was changed first, then what somebody chose, then what has a source."""
    rows = [
        Constant(
            fact.name,
            amount(value, fact.unit),
            amount(fact.value, fact.unit) if value != fact.value else "",
            fact.says,
            fact.source,
            together(paths) or (f"fixed: {fact.fixed}",) * bool(fact.fixed),
        )
        for fact, value, paths in held
    ]
    return sorted(rows, key=lambda row: (not row.other, not row.source.startswith("chosen")))


def amount(value: Any, unit: str) -> str:
    """A value in its unit: `7,875 s`, `200 MiB`, `0.94 s`."""
    if unit in ("bytes", "bytes/s") and value >= MIB:
        return f"{value / MIB:g} MiB{unit.removeprefix('bytes')}"
    if isinstance(value, float) and not value.is_integer():
        text = f"{value:g}"
    elif isinstance(value, float | int) and not isinstance(value, bool):
        text = words.count(value)
    else:
        text = str(value)
    if value == 1 and unit not in ("s", "USD/h"):
        unit = unit.removesuffix("s")  # 1 replica
    return f"{text} {unit}".rstrip()


def together(paths: Sequence[str]) -> tuple[str, ...]:
    """The same field of several services as one: `stack.services.api.backlog (also worker)`."""
    services: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition("stack.services.")
        name, _, field = rest.partition(".")
        services.setdefault(path if head or not rest else f".{field}", []).append(name)
    joined = []
    for field, (first, *others) in services.items():
        more = f" (also {', '.join(others)})" if others else ""
        joined.append(f"stack.services.{first}{field}{more}" if field[0] == "." else field)
    return tuple(joined)
