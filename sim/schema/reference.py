"""Every field of what people write, from the records themselves: its kind, default and meaning, as
a JSON Schema for editors and as a page for people.

What a field means is written once, in the comment behind it in the source, or by its `Fact`.
"""

from __future__ import annotations

import inspect
import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim.constants.facts import fact_of
from sim.schema import fields
from sim.schema.fields import LawSpec
from sim.schema.text.written import law, number

DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that yaml-language-server knows best
_QUANTITY = {"type": ["number", "string"]}


class FieldKind(NamedTuple):
    """What may stand in a field: in words, and as JSON Schema."""

    words: str
    schema: dict[str, Any]


def _kind(annotated: Any, words: str, schema: dict[str, Any]) -> tuple[int, FieldKind]:
    """By the validator that makes a kind of number what it is; what is built on it has it, too."""
    return id(annotated.__metadata__[-1]), FieldKind(words, schema)


def _written(form: str, expected: str, *types: str, most: float | None = None) -> dict[str, Any]:
    """Text of a form, or a bare number of one of these types. An editor says what was expected by
    `patternErrorMessage`, a word of vscode-json-languageservice 4 that others pass over."""
    bounds = {"minimum": 0} | ({} if most is None else {"maximum": most}) if types else {}
    said = {"pattern": f"^({form})$", "patternErrorMessage": f"expected {expected}"}
    return {"type": [*types, "string"] if types else "string", **bounds, **said}


_NUMBER = r"(\d+(\.\d*)?|\.\d+)"
_SHARE = r"(100(\.0*)?|\d{1,2}(\.\d*)?|\.\d+)\s*%|0?\.\d+|0(\.\d*)?|1(\.0*)?"
_RATE = r"\d+(\.\d+)?\s*/\s*(s|sec|second|min|minute|m|h|hour)"
_DURATION = {
    "anyOf": [
        _written(r"(\d+(\.\d+)?(us|µs|ms|s|m|h|d|w))+", fields.DURATION),
        {"const": 0},
    ]
}
_TEXT = {"type": "string"}
_KINDS = dict(
    [
        _kind(fields.Duration, "a duration", _DURATION),
        _kind(fields.Rate, "a rate", _written(_RATE, fields.RATE)),
        _kind(fields.Bytes, "a size",
              _written(rf"{_NUMBER}([KMGTP]i|[kMGTP])|\d+", fields.BYTES, "integer")),
        _kind(fields.Cores, "cores", _written(f"{_NUMBER}m?", fields.CORES, "number")),
        _kind(fields.Ratio, "a ratio", _written(rf"{_NUMBER}\s*%?", fields.RATIO, "number")),
        _kind(fields.Fraction, "a share",
              _written(_SHARE, fields.FRACTION, "number", most=1)),
        _kind(fields.Amount, "a number or a share", _QUANTITY),
        _kind(fields.Money, "US dollars", _QUANTITY),
        _kind(fields.Count, "a whole number", {"type": "integer", "minimum": 0}),
        _kind(fields.Limit, "a number", {"type": "number"}),
        _kind(fields.Priority, "a whole number", {"type": "integer"}),
        _kind(fields.Name, "a name", {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}),
        _kind(fields.Files, "a path, or several",
              {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
    ]
)  # fmt: skip
_PLAIN = {
    bool: FieldKind("true or false", {"type": "boolean"}),
    int: FieldKind("a whole number", {"type": "integer"}),
    float: FieldKind("a number", {"type": "number"}),
    str: FieldKind("text", _TEXT),
}


@dataclass(frozen=True)
class FieldRow:
    """One field of a record."""

    name: str
    kind: FieldKind
    default: str  # as a file writes it; empty: it must be there
    meaning: str
    required: bool


# ---- what a field takes ----
def kind_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> FieldKind:
    """What may stand in a field of this type."""
    for part in reversed(metadata):
        if id(part) in _KINDS:
            return _KINDS[id(part)]
    origin, parts = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return kind_of(parts[0], annotation.__metadata__)
    if origin in (Union, UnionType):
        return _either([part for part in parts], metadata)
    if origin is Literal:
        return FieldKind(f"one of {', '.join(map(str, parts))}", {"enum": list(parts)})
    if origin is list:
        inner = kind_of(parts[0])
        return FieldKind(f"a list of {inner.words}", {"type": "array", "items": inner.schema})
    if origin is dict:
        inner = kind_of(parts[1])
        below = {"type": "object", "additionalProperties": inner.schema}
        return FieldKind(f"a mapping to {inner.words}", below)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        words = "a law" if annotation is LawSpec else annotation.__name__
        return FieldKind(words, {"$ref": f"#/definitions/{annotation.__name__}"})
    return _PLAIN.get(annotation, FieldKind("anything", {}))


def _either(parts: list[Any], metadata: tuple[Any, ...]) -> FieldKind:
    kinds = [kind_of(part, metadata) for part in parts if part is not NoneType]
    words = " or ".join(dict.fromkeys(kind.words for kind in kinds))
    null = [{"type": "null"}] if NoneType in parts else []
    return FieldKind(words, {"anyOf": [*(kind.schema for kind in kinds), *null]})


def rows(record: type[BaseModel]) -> list[FieldRow]:
    """The fields of a record, in its order."""
    comments = _comments(record)
    listed = []
    for name, info in record.model_fields.items():
        kind = kind_of(info.annotation, tuple(info.metadata))
        fact = fact_of(record, name)
        meaning = comments.get(name, "")
        if fact is not None:
            meaning = f"{fact.says}{f'; {meaning}' if meaning else ''} ({fact.source})"
        listed.append(FieldRow(name, kind, _default(info), meaning, info.is_required()))
    return listed


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return ""
    value = info.get_default(call_default_factory=True)
    if isinstance(value, LawSpec):
        return str(law(value))
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if value == 0 else str(number(value, info))
    return value if isinstance(value, str) and value else json.dumps(value)


@cache
def _comments(record: type[BaseModel]) -> dict[str, str]:
    """Field -> the comment behind it, after those in lines of their own above it. A comment `; or`
    joins alternatives and says nothing of one."""
    comments: dict[str, str] = {}
    above: list[str] = []
    field = ""
    tokens = tokenize.generate_tokens(io.StringIO(inspect.getsource(record)).readline)
    begins = True
    depth = 0
    for token in tokens:
        if token.type == tokenize.COMMENT:
            words = token.string.lstrip("# ")
            if words.startswith("noqa") or words.startswith("---"):
                continue
            if begins:
                above.append(words)
            elif field:
                comments[field] = " ".join(
                    [comments.get(field, ""), words.partition("  # ")[0]]
                ).strip()
        elif token.type == tokenize.NAME and begins and depth == 1:
            field = token.string if token.string in record.model_fields else ""
            if field and above:
                comments[field] = " ".join(above)
            above, begins = [], False
        elif token.type in (tokenize.NEWLINE, tokenize.NL):
            begins = token.type == tokenize.NEWLINE or begins
        elif token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        else:
            begins = False
    return comments


# ---- JSON Schema ----
def json_schema(record: type[BaseModel]) -> dict[str, Any]:
    """A JSON Schema (draft 7) of a file of this record, with descriptions and defaults."""
    definitions = {
        below.__name__: _law_schema() if below is LawSpec else _object(below)
        for below in below_of(record)
    }
    return {"$schema": DRAFT, **_object(record), "definitions": definitions}


def _object(record: type[BaseModel]) -> dict[str, Any]:
    properties = {}
    listed = rows(record)
    for row in listed:
        schema = dict(row.kind.schema)
        sentences = [text for text in (row.meaning, row.kind.words and f"{row.kind.words}") if text]
        if row.default and row.default != "as below":
            sentences.append(f"default {row.default}")
        if "$ref" in schema:  # beside a $ref draft 7 reads nothing
            schema = {"allOf": [schema]}
        properties[row.name] = {**schema, "description": "; ".join(sentences)}
    required = [row.name for row in listed if row.required]
    own = {"title": record.__name__, "description": summary(record)}
    return {**own, **_mapping(properties, required), **_CLOSED}


_CLOSED = {"additionalProperties": False}


def _mapping(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _law_schema() -> dict[str, Any]:
    span = _mapping({"low": _DURATION, "high": _DURATION}, ["low", "high"])
    lognormal = _mapping({"mean": _DURATION, "cv": {"type": "number"}}, ["mean", "cv"])
    forms = {"constant": _DURATION, "exponential": _DURATION, "lognormal": lognormal,
             "uniform": span}  # fmt: skip
    fields_ = {"law": {"enum": list(forms)}, "mean": _DURATION, "cv": {"type": "number"}}
    # without `mean` an editor takes an empty law for this form and offers no other
    closed = [_mapping({name: form}, [name]) for name, form in forms.items()]
    closed.append(_mapping(fields_, ["mean"]))
    listed = [_DURATION, *({**form, **_CLOSED} for form in closed)]
    return {"title": "law", "description": fields.LAW, "anyOf": listed}


def below_of(record: type[BaseModel]) -> list[type[BaseModel]]:
    """All records below this one, each once, in the order in which they are met."""
    met: dict[type[BaseModel], None] = {}

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation in met:
                return
            met[annotation] = None
            if annotation is not LawSpec:
                for info in annotation.model_fields.values():
                    walk(info.annotation)
        for part in get_args(annotation):
            walk(part)

    for info in record.model_fields.values():
        walk(info.annotation)
    return list(met)


def summary(record: type[BaseModel]) -> str:
    """The docstring of a record, on one line; empty of one without."""
    doc = record.__doc__ or ""
    return "" if doc == BaseModel.__doc__ else " ".join(doc.split())


# ---- the page ----
def page(records: list[tuple[str, type[BaseModel]]]) -> str:
    """A page of all fields: a table a record; `records`: heading and record."""
    lines = [
        "# Every field",
        "",
        "Made from the records by `python -m sim schema reference`; a test compares it with them.",
        "Units: a duration `250ms`, `5m`, `1h30m`; a rate `5/s`, `300/min`; a size `512Mi`, `1Gi`;",
        "cores `500m` or `2`; a ratio `70%` or `0.7`; a law `20ms`, `{exponential: 20ms}`,",
        "`{lognormal: {mean: 20ms, cv: 0.5}}` or `{uniform: {low: 1s, high: 3s}}`. An editor with",
        "a YAML language server takes what `python -m sim schema stack` and `scenario` print.",
        "",
    ]
    shown: set[type[BaseModel]] = {LawSpec}
    for heading, record in records:
        lines += [f"## {heading}", ""]
        for part in [record, *below_of(record)]:
            if part not in shown:
                shown.add(part)
                lines += [*_table(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(record: type[BaseModel]) -> Iterator[str]:
    yield f"### {record.__name__}"
    yield ""
    if summary(record):
        yield summary(record)
        yield ""
    listed = rows(record)
    if not listed:
        yield "No fields."
        return
    yield "| field | what | default | meaning |"
    yield "|---|---|---|---|"
    for row in listed:
        default = row.default if row.default == "as below" else f"`{row.default}`"
        default = "(must be there)" if row.required else default
        yield f"| `{row.name}` | {_cell(row.kind.words)} | {default} | {_cell(row.meaning)} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
