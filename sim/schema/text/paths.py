"""Dotted paths: the one walker of records. A dataclass, a pydantic record, a mapping and a list are
walked alike: a step is the name of a field, a key, or an index."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, Union

from pydantic import BaseModel

from sim.schema.mechanism import annotation_of

MISSING: Any = object()  # nothing stands there


# --- values ---------------------------------------------------------------------------------------


def is_record(value: object) -> bool:
    """Is it a dataclass' or a pydantic record (and no class)?"""
    return isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type))


def names_below(value: Any) -> list[str]:
    """The steps that lead on from here; none from a plain value."""
    if isinstance(value, BaseModel):
        return list(type(value).model_fields)
    if is_record(value):
        return [field.name for field in fields(value)]
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    return [str(index) for index in range(len(value))] if isinstance(value, list | tuple) else []


def child(value: Any, step: str) -> Any:
    """What stands one step below, or MISSING."""
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if step not in names_below(value):
        return MISSING
    return getattr(value, step) if is_record(value) else value[int(step)]


def value_at(value: Any, steps: Sequence[str], default: Any = MISSING) -> Any:
    """What stands at a path, or `default` where something on the way is missing."""
    for step in steps:
        value = child(value, step)
        if value is MISSING:
            return default
    return value


def with_child(value: Any, step: str, new: Any) -> Any:
    """A copy of a record, a mapping or a list with something else one step below."""
    if isinstance(value, BaseModel):
        return value.model_copy(update={step: new})
    if is_record(value):
        return replace(value, **{step: new})
    if isinstance(value, dict):
        return {**value, step: new}
    return [*value[: int(step)], new, *value[int(step) + 1 :]]


def leaves(value: Any, whole: tuple[type, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every path to a value that has no parts, and the value; what is of a type in `whole` is not
    taken apart."""
    names = [] if isinstance(value, whole) else names_below(value)
    if not names:
        yield (), value
    for name in names:
        for steps, leaf in leaves(child(value, name), whole):
            yield (name, *steps), leaf


def matches(value: Any, pattern: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The paths that a pattern means here, of which every record on the way exists. `*` is every
    step; a role in a mapping of services is the first that plays it, a kind in a list of a story's
    steps each of that kind."""
    if not pattern:
        yield ()
        return
    for step in _meant(value, pattern[0]):
        below = child(value, step)
        if below is not MISSING and (below is not None or len(pattern) == 1):
            yield from ((step, *rest) for rest in matches(below, pattern[1:]))


def _meant(value: Any, step: str) -> list[str]:
    if step == "*":
        return names_below(value)
    if isinstance(value, Mapping) and step not in value:
        return [name for name, part in value.items() if getattr(part, "role", None) == step][:1]
    if isinstance(value, list) and not step.isdecimal():
        return [str(i) for i, part in enumerate(value) if getattr(part, "kind", None) == step]
    return [step]


def is_below(path: Sequence[str], top: Sequence[str]) -> bool:
    """Does a path lead to `top` or to something below it?"""
    return list(path[: len(top)]) == list(top)


# --- types ----------------------------------------------------------------------------------------


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


def record_type(annotation: Any) -> type[Any] | None:
    """The record that an annotation stands for, if it is one."""
    bare = unwrap(annotation)
    is_type = isinstance(bare, type) and (issubclass(bare, BaseModel) or is_dataclass(bare))
    return bare if is_type else None


def types_below(record: Any) -> dict[str, Any]:
    """Name -> type, validators included, of each field of a record."""
    if issubclass(record, BaseModel):
        return {
            name: Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
            for name, info in record.model_fields.items()
        }
    return {field.name: annotation_of(record, field.name) for field in fields(record)}


def type_below(annotation: Any, step: str | int) -> Any:
    """The type at one more step of a dotted path; Any when nothing is known of it."""
    record = record_type(annotation)
    if record is not None:
        return types_below(record).get(str(step), Any)
    bare = unwrap(annotation)
    if typing.get_origin(bare) in (list, dict):
        return typing.get_args(bare)[-1]
    return Any


def type_at(annotation: Any, steps: Sequence[str | int]) -> Any:
    """The type at the end of a path; Any when nothing is known of it."""
    for step in steps:
        annotation = type_below(annotation, step)
    return annotation
