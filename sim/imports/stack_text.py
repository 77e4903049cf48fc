"""What was understood of somebody's files, as a stack's file to edit: each value with a comment
that says where it comes from, what is not simulated, and questions marked `# ?`.

The written file is read to the same stack: a number gets a unit where its field asks for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim.imports.evidence import Imported, Origin
from sim.schema.fields import LawSpec
from sim.schema.text.written import law, number

WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./ -]*[A-Za-z0-9_./-]|[A-Za-z]|\d+(\.\d+)?(us|ms|s|m|h)|"
                    r"\d+(\.\d+)?(Ki|Mi|Gi|%)")  # fmt: skip
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_TOLD = ("assumed", "ignored", "questions")  # of a stack: lines, not values


def stack_text(imported: Imported, command: str) -> str:
    """The file. `command`: what made it."""
    return "\n".join(_lines(imported, command)) + "\n"


def _lines(imported: Imported, command: str) -> Iterator[str]:
    stack = imported.stack
    yield f"# What `{command}` understood. Change what is wrong, then"
    yield "#   python -m sim run SCENARIO --stack THIS_FILE"
    yield "# Behind a value stands where it comes from: a place in your file, the default of an"
    yield "# image, or what was assumed. A line that begins with `# ?` asks what no file says."
    yield from _told("# ? ", stack.questions)
    yield from _told("# assumed: ", stack.assumed)
    for link in imported.links:
        yield from _told("# calls: ", [f"{link.caller} -> {link.callee}, by {link.evidence} "
                                       f"({link.confidence} confidence)"])  # fmt: skip
    yield ""
    data = plain(stack, imported.origins, ())
    data = {key: value for key, value in data.items() if key not in _TOLD}
    if stack.ignored:
        data["ignored"] = list(stack.ignored)
    yield from _block(data, imported.origins, ())


def _told(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield mark + " ".join(line.split())


# ---- records to plain data ----
def plain(
    record: BaseModel, origins: Mapping[str, Origin], path: tuple[str, ...]
) -> dict[str, Any]:
    """A record's fields as a file writes them: those that differ from their defaults, or of which
    somebody said where they come from."""
    data: dict[str, Any] = {}
    for name, info in type(record).model_fields.items():
        value, at = getattr(record, name), (*path, name)
        is_default = not info.is_required() and value == info.get_default(call_default_factory=True)
        if is_default and not _known(at, origins):
            continue
        written = _value(value, info, origins, at)
        if written != {} or not is_default:
            data[name] = written
    return data


def _known(path: tuple[str, ...], origins: Mapping[str, Origin]) -> bool:
    key = ".".join(path)
    return key in origins or any(other.startswith(f"{key}.") for other in origins)


def _value(
    value: Any, info: FieldInfo | None, origins: Mapping[str, Origin], path: tuple[str, ...]
) -> Any:
    if isinstance(value, LawSpec):
        return law(value)
    if isinstance(value, BaseModel):
        return plain(value, origins, path)
    if isinstance(value, dict):
        return {key: _value(part, None, origins, (*path, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [_value(part, None, origins, (*path, str(i))) for i, part in enumerate(value)]
    if info is not None and isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, info)
    return value


# ---- plain data to text ----
def _block(
    data: Mapping[str, Any], origins: Mapping[str, Origin], path: tuple[str, ...]
) -> Iterator[str]:
    indent = "  " * len(path)
    for key, value in data.items():
        at = (*path, key)
        comment = _comment(origins, at)
        inside = any(o.startswith(".".join(at) + ".") for o in origins)
        line = f"{indent}{_scalar(key)}: {_flow(value)}"
        is_open = isinstance(value, dict | list) and bool(value)
        if not is_open or (len(line) <= WIDTH and not inside and path):
            yield line + comment
        elif isinstance(value, dict):
            yield f"{indent}{_scalar(key)}:{comment}"
            yield from _block(value, origins, at)
        else:
            yield f"{indent}{_scalar(key)}:{comment}"
            for i, entry in enumerate(value):
                yield f"{indent}  - {_flow(entry)}{_comment(origins, (*at, str(i)))}"


def _comment(origins: Mapping[str, Origin], path: tuple[str, ...]) -> str:
    own = origins.get(".".join(path))
    return f" # {' '.join(str(own).split())}" if own else ""


def _flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
