"""Dotted settings: `--set path=value`, `set:` of scenarios and variants, `on:` of stacks.

A setting names a field by its dotted path and is validated as that field would be in a file. A
mapping merges into the record it names; anything else (a number, a law, a list) replaces. The
first word of a full path is its root: `scenario`, `stack`, or the name of a platform.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NamedTuple, TypeVar, cast, get_args

from pydantic import BaseModel

from sim.schema.fields import Complaints, InputError, LawSpec, refuse_all
from sim.schema.stack import Role, Service, Stack
from sim.schema.steps import placed
from sim.schema.text.document import Document, Path_, describe, parse_value
from sim.schema.text.paths import (
    child,
    is_record,
    names_below,
    record_type,
    type_below,
    unwrap,
    with_child,
)
from sim.schema.text.validation import Spot, one_of, read_value

R = TypeVar("R", bound=BaseModel)


class Settings(NamedTuple):
    """Settings by root; the paths in each are without the root."""

    scenario: dict[str, Any]
    stack: dict[str, Any]
    platforms: dict[str, dict[str, Any]]


class PlacedSettings(NamedTuple):
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
    wrong = Complaints()
    for path, raw in settings.items():
        spot = Spot(document, (*at, f"{root}.{path}" if root else path))
        with wrong.noted():
            steps = _in_story(model, _resolve_alias(model, path.split("."), spot))
            model = with_value(model, type(model), steps, raw, spot)
    refuse_all(wrong)
    return model


def place(model: BaseModel, path: str) -> list[str]:
    """Where a path of settings stands in the record itself: roles by their service's name, short
    forms as the story that they are short for. InputError for a role that nobody plays."""
    spot = Spot(Document("--set"), (path,))
    return _in_story(model, _resolve_alias(model, path.split("."), spot))


def _resolve_alias(model: BaseModel, steps: list[str], spot: Spot) -> list[str]:
    """`services.http.replicas` -> `services.api.replicas` on a stack whose http service is api."""
    if not isinstance(model, Stack) or steps[0] != "services" or len(steps) < 2:
        return steps
    alias = steps[1]
    if alias in model.services or alias not in get_args(Role):
        return steps
    playing = model.playing(cast(Role, alias))
    if not playing and len(steps) == 2:  # one that is added, with the name of its role
        return steps
    if not playing:
        found = f"no service called {alias!r} or with that role in the stack {model.name}"
        raise spot.error(found, one_of(model.services))
    return ["services", playing[0], *steps[2:]]


# short forms of what a service does -> the kind of step that they stand for, and its field
_STEPS = {
    "cpu.demand": ("cpu", "cpu"),
    "database.demand": ("query", "demand"),
    "push.share": ("push", "share"),
}
_POOLS = {"pool": "size", **{name: name for name in ("at_start", "checkout_timeout", "silence")}}


def _in_story(model: BaseModel, steps: list[str]) -> list[str]:
    """Of a service with steps a short form means the first step of its kind, and a pool that of
    the first database: `services.web.cpu.demand` -> `services.web.steps.0.cpu`."""
    service = model.services.get(steps[1]) if isinstance(model, Stack) and steps[1:] else None
    if service is None or steps[0] != "services":
        return steps
    place = short_form(service, steps[2:])
    return [*steps[:2], *place] if place else steps


def short_form(service: Service, path: Sequence[str]) -> list[str]:
    """Where a short form stands in a service with steps; empty: it is none, or nowhere."""
    kind, field = _STEPS.get(".".join(path[:2]), ("", ""))
    story = [(".".join(map(str, at)), step) for at, step in placed(service.steps or [], ("steps",))]
    place = next(([f"{at}.{field}"] for at, step in story if kind and step.kind == kind), [])
    queried = next((step.query for _, step in story if step.query is not None), None)
    if list(path[:1]) == ["database"] and path[1:] and path[1] in _POOLS and queried is not None:
        place = [f"pools.{queried}.{_POOLS[path[1]]}"]
    return [*".".join(place).split("."), *path[2:]] if place else []


def with_value(value: Any, annotation: Any, steps: Sequence[str], raw: Any, spot: Spot) -> Any:
    """`value`, a record of pydantic, a dataclass, a mapping or a list, with the field at `steps`
    below it set to what `raw` stands for. `annotation` is its type. Raises `InputError`."""
    if not steps:
        return merged(value, annotation, raw, spot)
    step, rest = steps[0], steps[1:]
    value = _switched_on(value, annotation, spot)
    names, below = names_below(value), _type_below(value, annotation, step)
    is_new_name = isinstance(value, dict) and (not rest or below is Any)
    if step not in names and not is_new_name:
        if not is_record(value) and not isinstance(value, dict | list):
            raise spot.error(f"{step!r} below {describe(value)}", "a path that ends before it")
        raise spot.unknown(step, names)
    part = child(value, step) if step in names else None
    return with_child(value, step, with_value(part, below, rest, raw, spot))


def merged(value: Any, annotation: Any, raw: Any, spot: Spot) -> Any:
    """`raw` over `value`: mappings merge, everything else replaces."""
    if not isinstance(raw, dict) or isinstance(value, LawSpec):
        return read_value(annotation, raw, spot)
    if value is None and is_dataclass(record_type(annotation)):
        value = _switched_on(value, annotation, spot)
    if is_record(value):
        for key, part in raw.items():
            place = spot.down(key)
            if key not in names_below(value):
                raise place.unknown(key, names_below(value))
            below = _type_below(value, annotation, key)
            value = with_child(value, key, merged(child(value, key), below, part, place))
        return value
    if isinstance(value, dict) and typing.get_origin(unwrap(annotation)) is dict:
        return _merged_names(value, annotation, raw, spot)
    return read_value(annotation, raw, spot)


def _switched_on(value: Any, annotation: Any, spot: Spot) -> Any:
    """An optional record that is empty, as it is when somebody sets a field of it."""
    record = record_type(annotation)
    if value is not None or record is None:
        return value
    if issubclass(record, BaseModel):
        return read_value(record, {}, spot)
    needed = [f for f in fields(record) if f.default is f.default_factory is MISSING]
    return None if needed else record()


def _type_below(value: Any, annotation: Any, step: str) -> Any:
    """A record knows best what its fields take: it may be more than its annotation says."""
    return type_below(type(value) if is_record(value) else annotation, step)


def _merged_names(
    value: dict[str, Any], annotation: Any, raw: dict[str, Any], spot: Spot
) -> dict[str, Any]:
    """A mapping of names to records: known names are patched, a whole record adds a name."""
    result = dict(value)
    record = record_type(type_below(annotation, ""))
    model = record.model_fields if record and issubclass(record, BaseModel) else {}
    required = {name for name, info in model.items() if info.is_required()}
    for key, part in raw.items():
        place = spot.down(key)
        if key in value:
            result[key] = merged(value[key], type_below(annotation, key), part, place)
        elif isinstance(part, dict) and not required <= set(part):
            raise place.unknown(key, list(value))
        else:
            result |= read_value(annotation, {key: part}, spot)
    return result
