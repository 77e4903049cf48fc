"""A file with one of its leaves taken away or changed, and what is understood of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from sim.imports.evidence import Imported
from sim.schema.fields import InputError
from sim.schema.text.document import Path_


def understood(read: Callable[[Any], Imported], data: Any) -> str:
    """All that `read` makes of the data: the stack, its links and origins, or the refusal."""
    try:
        imported = read(data)
    except InputError as error:
        return str(error)
    origins = sorted(str(origin) for origin in imported.origins.items())
    return f"{imported.stack!r} {imported.links} {origins}"


def without(data: Any, path: Path_) -> Any:
    result = deepcopy(data)
    above = result
    for key in path[:-1]:
        above = above[key]
    del above[path[-1]]
    return result


def changed(data: Any, path: Path_, value: Any) -> Any:
    result = deepcopy(data)
    above = result
    for key in path[:-1]:
        above = above[key]
    above[path[-1]] = value
    return result


def others(value: Any) -> Iterator[Any]:
    """Values in place of one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif value in ("yes", "no"):
        yield "yes" if value == "no" else "no"
    elif isinstance(value, str) and value.isdigit():
        yield str(int(value) + 1)
    else:
        yield f"{value or ''}x"
        yield "other"
