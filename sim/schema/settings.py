"""Dotted settings: `--set path=value`, `set:` of scenarios and variants, `on:` of stacks.

A setting names a field by its dotted path and is validated as that field would be in a file. A
mapping merges into the record it names; anything else (a number, a law, a list) replaces. The
first word of a full path is its root: `scenario`, `stack`, or the name of a platform.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel

from sim.schema.fields import InputError, Issue, LawSpec
from sim.schema.stack import Role, Stack
from sim.schema.text.document import Document, Path_, describe, parse_value
from sim.schema.text.validation import below, closest, one_of, read_value, record_type, unwrap

R = TypeVar("R", bound=BaseModel)


class Settings(NamedTuple):
    """Settings by root; the paths in each are without the root."""

    scenario: dict[str, Any]
    stack: dict[str, Any]
    platforms: dict[str, dict[str, Any]]


class Source(NamedTuple):
    """Full settings and where they stand; `at` is the path of the mapping that holds them."""

    settings: Mapping[str, Any]
    document: Document
    at: Path_ = ()


def parse_setting(text: str) -> tuple[str, Any]:
    """`stack.services.api.replicas=5` -> ("stack.services.api.replicas", 5)."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        expected = "PATH=VALUE such as stack.services.api.replicas=5"
        raise InputError("--set", found=describe(text), expected=expected)
    return path.strip(), parse_value(value.strip(), f"--set {path.strip()}")


def split_settings(settings: Mapping[str, Any]) -> Settings:
    """Sort full paths by root. Whether a platform of that name exists is the caller's to say."""
    split = Settings({}, {}, {})
    for path, raw in settings.items():
        root, _, rest = path.partition(".")
        if root == "scenario":
            split.scenario[rest] = raw
        elif root == "stack":
            split.stack[rest] = raw
        else:
            split.platforms.setdefault(root, {})[rest] = raw
    return split


def apply_settings(
    model: R,
    settings: Mapping[str, Any],
    where: str | Document = "--set",
    at: Path_ = (),
    root: str = "",
) -> R:
    """The record with each dotted path (without its root) set, validated as if in a file.

    `where` is what messages name; for a Document, `at` is the path of the mapping that holds the
    settings and `root` the word that its keys begin with. All wrong settings are told at once.
    """
    document = where if isinstance(where, Document) else Document(where)
    issues: list[Issue] = []
    for path, raw in settings.items():
        spot = (*at, f"{root}.{path}" if root else path)
        try:
            where_it_stands = _Spot(document, spot)
            steps = _resolve_alias(model, path.split("."), where_it_stands)
            model = _set(model, type(model), steps, raw, where_it_stands)
        except InputError as error:
            issues += error.issues
    if issues:
        raise InputError(issues=issues)
    return model


def merge_settings(model: R, patch: Mapping[str, Any], document: Document, at: Path_) -> R:
    """The record with a mapping of fields merged in, such as a stack's `on:` patch; `at`: where the
    mapping stands in its document."""
    merged: R = _patch(model, type(model), patch, _Spot(document, at))
    return merged


def value_at(record: Any, steps: Sequence[str], default: Any = None) -> Any:
    """What stands at a path now; None where something on the way is missing."""
    for step in steps:
        record = record.get(step) if isinstance(record, dict) else getattr(record, step, None)
    return record


class _Spot(NamedTuple):
    """Where a setting stands, for messages."""

    document: Document
    path: Path_

    def down(self, key: str) -> _Spot:
        return self._replace(path=(*self.path, key))

    def unknown(self, name: str, names: Sequence[str]) -> InputError:
        nearest = closest(name, names)
        found = f"the unknown name {name!r}"
        return self.document.error(self.path, found, one_of(names), nearest)


def _resolve_alias(model: BaseModel, steps: list[str], spot: _Spot) -> list[str]:
    """`services.http.replicas` -> `services.api.replicas` on a stack whose http service is api."""
    if not isinstance(model, Stack) or steps[0] != "services" or len(steps) < 2:
        return steps
    alias = steps[1]
    if alias in model.services or alias not in get_args(Role):
        return steps
    playing = [name for name, service in model.services.items() if service.role == alias]
    if not playing:
        found = f"no service called {alias!r} or with that role in the stack {model.name}"
        raise spot.document.error(spot.path, found, one_of(model.services))
    return ["services", playing[0], *steps[2:]]


def _set(value: Any, annotation: Any, steps: list[str], raw: Any, spot: _Spot) -> Any:
    """`value` with the field at `steps` below it set."""
    if not steps:
        return _patch(value, annotation, raw, spot)
    step, rest = steps[0], steps[1:]
    record = record_type(annotation)
    if value is None and record is not None:
        value = read_value(record, {}, spot.document, spot.path)
    inner = below(annotation, step)
    if isinstance(value, BaseModel):
        _known_field(value, step, spot)
        child = _set(getattr(value, step), inner, rest, raw, spot)
        return value.model_copy(update={step: child})
    if isinstance(value, dict) and (step in value or not rest or inner is Any):
        child = _set(value.get(step), inner, rest, raw, spot)
        return {**value, step: child}
    if isinstance(value, dict):
        raise spot.unknown(step, list(value))
    if isinstance(value, list):
        if not step.isdigit() or int(step) >= len(value):
            raise spot.unknown(step, [str(i) for i in range(len(value))])
        index = int(step)
        child = _set(value[index], inner, rest, raw, spot)
        return [*value[:index], child, *value[index + 1 :]]
    raise spot.document.error(
        spot.path, f"{step!r} below {describe(value)}", "a path that ends before it"
    )


def _patch(value: Any, annotation: Any, raw: Any, spot: _Spot) -> Any:
    """`raw` over `value`: mappings merge, everything else replaces."""
    if not isinstance(raw, dict) or isinstance(value, LawSpec):
        return read_value(annotation, raw, spot.document, spot.path)
    if isinstance(value, BaseModel):
        update = {}
        for key, part in raw.items():
            here = spot.down(key)
            _known_field(value, key, here)
            update[key] = _patch(getattr(value, key), below(annotation, key), part, here)
        return value.model_copy(update=update)
    if isinstance(value, dict) and typing.get_origin(unwrap(annotation)) is dict:
        return _patch_names(value, annotation, raw, spot)
    return read_value(annotation, raw, spot.document, spot.path)


def _patch_names(
    value: dict[str, Any], annotation: Any, raw: dict[str, Any], spot: _Spot
) -> dict[str, Any]:
    """A mapping of names to records: known names are patched, a whole record adds a name."""
    result = dict(value)
    record = record_type(below(annotation, ""))
    fields = record.model_fields if record else {}
    required = {name for name, info in fields.items() if info.is_required()}
    for key, part in raw.items():
        here = spot.down(key)
        if key in value:
            result[key] = _patch(value[key], below(annotation, key), part, here)
        elif isinstance(part, dict) and not required <= set(part):
            raise here.unknown(key, list(value))
        else:
            result |= read_value(annotation, {key: part}, spot.document, spot.path)
    return result


def _known_field(value: BaseModel, name: str, spot: _Spot) -> None:
    names = list(type(value).model_fields)
    if name not in names:
        raise spot.unknown(name, names)
