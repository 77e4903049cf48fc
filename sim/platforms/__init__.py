"""Platforms, found by scanning this folder: a module with a PLATFORM is a platform.

Its name is the module's, its title the first line of the module's docstring.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from typing import Any

from sim.platforms.platform import Platform
from sim.spec.fields import InputError, parse_duration


def names() -> list[str]:
    """All platforms, in alphabetical order."""
    found = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "platform")
    return [name for name in found if not name.startswith("_")]


def load(name: str) -> Platform:
    """The ten choices of the platform of that name."""
    platform: Platform = _module(name).PLATFORM
    return platform


def title(name: str) -> str:
    """One line that says what it is."""
    return (_module(name).__doc__ or name).strip().splitlines()[0]


def _module(name: str) -> Any:
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise InputError(
            field="platform",
            found=repr(name),
            expected=f"one of {', '.join(known)}",
            nearest=next(iter(close), ""),
        )
    return import_module(f"{__name__}.{name}")


def configure(platform: Platform, settings: Mapping[str, Any]) -> Platform:
    """The platform with dotted fields set: `autoscaling: null`, `self_healing.cap_s: 60s`."""
    for path, value in settings.items():
        platform = _set(platform, path.split("."), value, path)
    return platform


def _set(record: Any, steps: list[str], value: Any, path: str) -> Any:
    known = [f.name for f in fields(record)]
    step, rest = steps[0], steps[1:]
    if step not in known:
        close = difflib.get_close_matches(step, known, n=1, cutoff=0.4)
        expected = f"one of {', '.join(known)}"
        raise InputError(
            field=path, found=repr(step), expected=expected, nearest=next(iter(close), "")
        )
    old = getattr(record, step)
    if rest:
        if not is_dataclass(old):
            raise InputError(field=path, found=f"{step} has no parts", expected="a shorter path")
        return replace(record, **{step: _set(old, rest, value, path)})
    return replace(record, **{step: _like(old, value, path)})


def _like(old: Any, value: Any, path: str) -> Any:
    """`value` as the old one's type; null empties a choice."""
    if value is None or isinstance(old, bool):
        ok = value is None or isinstance(value, bool)
    elif isinstance(old, float) and isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as error:
            raise InputError(field=path, found=repr(value), expected=str(error)) from None
    elif isinstance(old, int | float):
        ok = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        ok = ok and (isinstance(old, float) or isinstance(value, int))
        value = type(old)(value) if ok else value
    else:
        ok = isinstance(old, str) and isinstance(value, str)
    if not ok:
        kind = "null" if is_dataclass(old) or old is None else f"something like {old!r}"
        raise InputError(field=path, found=repr(value), expected=kind)
    return value
