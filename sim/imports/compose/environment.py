"""Variables of a Compose file: `${X}`, `${X:-default}`, `${X?message}`, `$$`, and `.env`.

Rules: compose-spec 12-interpolation.md. Values come from `.env` beside the file only: the shell of
whoever runs the simulator must not change a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.schema.fields import InputError, Issue
from sim.schema.text.document import Document, Path_, describe
from sim.schema.text.files import read_text

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])(.*))?", re.DOTALL)


def read_env(path: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """KEY=VALUE lines of a `.env` file; an absent file is an empty one. A value may name variables
    of the lines above it and those `known`, but for one in single quotes (compose-spec
    12-interpolation.md). Raises `InputError` for one that must have a value and has none."""
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(read_text(path, str(path)).splitlines(), 1):
        match = None if line.lstrip().startswith("#") else _LINE.fullmatch(line)
        if match:
            value = match[2]
            quote = value[0] if len(value) > 1 and value[0] == value[-1] else ""
            value = value[1:-1] if quote in ("'", '"') else re.sub(r"\s+#.*", "", value)
            try:
                values[match[1]] = (
                    value if quote == "'" else expand(value, {**(known or {}), **values}, {})
                )
            except ValueError as error:
                raise InputError(str(path), number, found=line[:60], expected=str(error)) from None
    return values


def substitute(document: Document, variables: Mapping[str, str]) -> tuple[Document, list[str]]:
    """The document with all variables in its values replaced, and the names that have no value."""
    unset: dict[str, None] = {}  # ordered
    issues: list[Issue] = []

    def walk(value: Any, path: Path_) -> Any:
        if isinstance(value, dict):
            return {key: walk(part, (*path, key)) for key, part in value.items()}
        if isinstance(value, list):
            return [walk(part, (*path, i)) for i, part in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            return expand(value, variables, unset)
        except ValueError as error:
            if str(error) not in (issue.expected for issue in issues):  # each variable once
                issues.append(document.issue(path, describe(value), str(error)))
            return value

    data = walk(document.data, ())
    if issues:
        raise InputError(issues=issues)
    return replace(document, data=data), list(unset)


def expand(text: str, variables: Mapping[str, str], unset: dict[str, None]) -> str:
    """One value. ValueError says what would do; names without a value are added to `unset`."""
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        rest = text[dollar + 1 :]
        name = _NAME.match(rest)
        if rest.startswith("$"):
            parts.append("$")
            at = dollar + 2
        elif rest.startswith("{"):
            end = _closing(rest)
            parts.append(_braced(rest[1:end], variables, unset))
            at = dollar + 2 + end
        elif name:
            parts.append(_value(name[0], variables, unset))
            at = dollar + 1 + name.end()
        else:
            parts.append("$")
            at = dollar + 1
    return "".join([*parts, text[at:]])


def _closing(text: str) -> int:
    """Index of the brace that closes the one at 0."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return i
    raise ValueError("a closing } after ${ (write $$ for a plain dollar sign)")


def _braced(body: str, variables: Mapping[str, str], unset: dict[str, None]) -> str:
    match = _BRACED.fullmatch(body)
    if not match:
        raise ValueError("${NAME}, ${NAME:-default} or ${NAME:?message}")
    name, operator, word = match[1], match[2] or "", match[3] or ""
    value = variables.get(name)
    is_set = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("-"):
        return variables[name] if is_set else expand(word, variables, unset)
    if operator.endswith("+"):
        return expand(word, variables, unset) if is_set else ""
    if operator.endswith("?") and not is_set:
        said = expand(word, variables, unset) or "it is required"
        raise ValueError(f"a value for {name} in .env ({said})")
    return _value(name, variables, unset)


def _value(name: str, variables: Mapping[str, str], unset: dict[str, None]) -> str:
    if name not in variables:
        unset[name] = None
    return variables.get(name, "")
