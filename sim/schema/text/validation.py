"""Plain data to records: pydantic's complaints become issues with place, field and nearest name."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar, Union

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from sim.schema.fields import FROM_TEXT, InputError, Issue
from sim.schema.text.document import Document, Path_, describe

R = TypeVar("R", bound=BaseModel)

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text (put it in quotes)",
}


def read_record(model: type[R], document: Document, prefix: Path_ = ()) -> R:
    """Validate `document.data` as a record; every problem of it is in the one InputError."""
    try:
        return model.model_validate(document.data, context=FROM_TEXT)
    except ValidationError as error:
        issues = issues_of(error, model, document, prefix)
        raise InputError(issues=issues) from None


def read_value(annotation: Any, raw: Any, document: Document, path: Path_) -> Any:
    """Validate one value as a field's type."""
    try:
        return TypeAdapter(annotation).validate_python(raw, context=FROM_TEXT)
    except ValidationError as error:
        issues = issues_of(error, annotation, document, path)
        raise InputError(issues=issues) from None


def issues_of(
    error: ValidationError, annotation: Any, document: Document, prefix: Path_
) -> list[Issue]:
    """One issue for each of pydantic's errors; `annotation` is what was validated."""
    issues = []
    for one in error.errors(include_url=False):
        is_key = bool(one["loc"]) and one["loc"][-1] == "[key]"
        path = tuple(key for key in one["loc"] if key != "[key]")
        kind, ctx, found = one["type"], one.get("ctx", {}), describe(one["input"])
        expected, nearest = _EXPECTED.get(kind, one["msg"].removeprefix("Input should be ")), ""
        if kind == "unit":
            expected, nearest = ctx["expected"], ctx["nearest"]
        elif kind == "missing":
            found, expected = "nothing", f"the field {path[-1]!r}"
            is_key, path = True, path[:-1]
        elif kind == "extra_forbidden":
            names = field_names(annotation, path[:-1])
            found, is_key = f"the unknown field {path[-1]!r}", True
            expected, nearest = one_of(names), closest(str(path[-1]), names)
        elif kind == "literal_error":
            expected = ctx["expected"]
            nearest = closest(str(one["input"]), [part for part in expected.split("'")[1::2]])
        elif kind == "string_pattern_mismatch":
            expected = "an id of letters, digits, -, _ and ."
        issues.append(document.issue((*prefix, *path), found, expected, nearest, key=is_key))
    return issues


def closest(name: str, names: Iterable[str]) -> str:
    """The valid name nearest to a mistyped one, or nothing when none is near."""
    by_lower = {other.lower(): other for other in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else ""


def given(value: object) -> str:
    """How a message calls what a Python program passed: `None`, `5`, `a Stack`."""
    plain = value is None or isinstance(value, bool | int | float | str | bytes)
    return repr(value) if plain else f"a {type(value).__name__}"


def one_of(names: Iterable[str]) -> str:
    listed = list(names)
    return f"one of {', '.join(listed)}" if listed else "no fields here"


# --- what is valid below a path ------------------------------------------------------------------


def unwrap(annotation: Any) -> Any:
    """X of `X | None` and of Annotated[X, ...]; other unions stay."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            rest = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def record_type(annotation: Any) -> type[BaseModel] | None:
    """The record that an annotation stands for, if it is one."""
    bare = unwrap(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def full_annotation(info: FieldInfo) -> Any:
    """A field's type with its validators, as it was written."""
    annotation = info.annotation
    return Annotated[annotation, *info.metadata] if info.metadata else annotation


def below(annotation: Any, key: str | int) -> Any:
    """The type at one more step of a dotted path; Any when nothing is known of it."""
    record = record_type(annotation)
    if record is not None:
        info = record.model_fields.get(str(key))
        return full_annotation(info) if info else Any
    bare = unwrap(annotation)
    if typing.get_origin(bare) in (list, dict):
        return typing.get_args(bare)[-1]
    return Any


def field_names(annotation: Any, path: Iterable[str | int]) -> list[str]:
    """The names of the fields of the record at a path."""
    for key in path:
        annotation = below(annotation, key)
    record = record_type(annotation)
    return list(record.model_fields) if record else []
