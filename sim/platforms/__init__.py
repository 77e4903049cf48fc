"""Platforms, found by scanning this folder: a module with a PLATFORM is a platform.

Its name is the module's, its title the first line of the module's docstring. Two more names may
stand beside PLATFORM:

- `EXTENDS = "kubernetes"`: what a stack says `on: kubernetes`, and what a scenario or `--set` says
  below `kubernetes.`, holds here too, as far as this platform has the field.
- `STACK = {"services.http.restart": "unless-stopped"}`: what the platform's own manifests ask of a
  stack, by role, on every stack that runs here.

`kubernetes-autoscaling` is `kubernetes` without that one choice (`kubernetes-autoscaling-rollback`:
without two): an ablation has a name like any platform and runs beside it.

A user's own file is the same outside this folder (`own/files.py`): in `platforms/` of the working
folder, or given by its path.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sim.control.core.choices import TEN, Conflicting, Maintaining, Refusing
from sim.control.mechanisms import mechanisms, name_of
from sim.platforms.own import blame
from sim.platforms.own import files as own_files
from sim.platforms.own.files import (
    Source,
    built_in,
    misnamed,
    named,
    not_a_platform,
    outside,
    pin,
    refresh,
    written,
)
from sim.platforms.platform import Platform, wrong_choices
from sim.schema.characters import printable
from sim.schema.fields import Complaints, InputError, refuse_all
from sim.schema.layers import Layer
from sim.schema.settings import merged, with_value
from sim.schema.stack import Stack
from sim.schema.text.document import Document, describe
from sim.schema.text.paths import MISSING, names_below, value_at
from sim.schema.text.validation import Spot, closest, given, one_of, option

__all__ = [
    "Source", "ablated", "add", "blaming", "capabilities", "chain", "checked", "configure",
    "configured", "docstring", "headline", "is_added", "layers", "load", "misnamed", "named",
    "names", "not_a_platform", "outside", "own_modules", "pin", "refresh", "sources",
    "taken_away", "takes", "title", "unasked", "written",
]  # fmt: skip

_ADDED: dict[str, ModuleType] = {}  # of this process only


def add(
    name: str,
    platform: Platform,
    title: str = "",
    extends: str | None = None,
    stack: Mapping[str, Any] | None = None,
) -> None:
    """Make a platform known by a name for the rest of this process, without a file: for notebooks.

    As if a module `name` stood in this folder: `platform` is its ten choices, `title` its
    docstring, `extends` and `stack` its EXTENDS and STACK. Adding it again replaces it. InputError
    for a name that a file has, or that is no lower-case word. What runs it stays in this process:
    others would not know it.
    """
    taken = [*built_in(), *outside()]
    if not isinstance(platform, Platform):
        expected = "a sim.Platform with ten choices"
        raise InputError(field=str(name), found=given(platform), expected=expected)
    if name in (*taken, *own_files.ROOTS) or not own_files.NAME.fullmatch(str(name)):
        expected = f"a new lower-case word, not one of {', '.join(taken)}"
        raise InputError(field="platform", found=repr(name), expected=expected)
    module = ModuleType(f"{__name__}.{name}", printable(title or name))
    refuse_all(wrong_choices(platform, name))
    module.PLATFORM = checked(name, platform)  # type: ignore[attr-defined]
    module.EXTENDS = extends  # type: ignore[attr-defined]
    module.STACK = dict(stack or {})  # type: ignore[attr-defined]
    _ADDED[name] = module


def is_added(name: str) -> bool:
    """Is it known to this process only?"""
    return any(base in _ADDED for base in chain(name))


def names() -> list[str]:
    """Names of all platforms, in alphabetical order: a hardened form stands after the plain one."""
    return sorted({*built_in(), *outside(), *_ADDED})


def unasked(*wanted: str) -> list[str]:
    """Those platforms that may be loaded where nobody has asked for one: ours, and of the others
    those that are `wanted`, or that somebody has named in this process before. A file of the
    working folder that nobody has named is code that nobody wants to be run."""
    known = {*_ADDED, *own_files.touched(), *wanted}
    return sorted({*built_in(), *(name for name in (*outside(), *_ADDED) if name in known)})


def sources(names: Iterable[str]) -> dict[str, Source]:
    """The texts of the files from outside behind these platforms: what `pin` takes, in a worker."""
    files = outside()
    behind = {base for name in names for base in chain(name)}
    return own_files.sources({base: files[base] for base in sorted(behind) if base in files})


def own_modules(names: Iterable[str]) -> list[ModuleType]:
    """The files from outside this package behind these platforms, loaded."""
    files = outside()
    bases = dict.fromkeys(base for name in names for base in chain(name) if base in files)
    return [own_files.module(files[base]) for base in bases]


def load(name: str) -> Platform:
    """The ten choices of the platform of that name."""
    base, removed = taken_away(name)
    platform: Platform = _module(base).PLATFORM
    return replace(platform, **dict.fromkeys(removed)) if removed else platform


def capabilities(names: Iterable[str]) -> tuple[str, ...]:
    """The names as they are, if each is one of the ten; hyphens and spaces will do."""
    wanted = tuple(
        dict.fromkeys(name.strip().replace("-", "_").replace(" ", "_") for name in names)
    )
    for name in wanted:
        if name not in TEN:
            found = f"the unknown capability {name!r}"
            raise option("ablate").unknown(name, TEN, found)
    return wanted


def ablated(name: str, without: Iterable[str]) -> str:
    """The name of a platform without some of its choices."""
    return "-".join([name, *without])


def taken_away(name: str) -> tuple[str, tuple[str, ...]]:
    """`kubernetes-autoscaling` -> ("kubernetes", ("autoscaling",))."""
    base, *without = name.split("-")
    return base, capabilities(without)


def chain(name: str) -> tuple[str, ...]:
    """The platform and what it builds on, the base first."""
    bases: list[str] = []
    base: str | None = taken_away(name)[0]
    while base is not None:
        if base in bases:
            again = " -> ".join([*bases, base])
            raise InputError(_file(name), field="EXTENDS", found=again, expected="no cycle")
        bases.append(base)
        base = _extends(base)
    return tuple(reversed(bases))


def layers(name: str) -> tuple[Layer, ...]:
    """What the platform brings to every stack that runs on it, what it builds on first."""
    choices = load(name)  # who maintains some servers only gives each task a machine of its size
    scales, sized = choices.autoscaling is not None, isinstance(choices.scheduling, Maintaining)
    return tuple(Layer(base, _asks(base), _file(base), scales, sized) for base in chain(name))


def _extends(name: str) -> str | None:
    base = getattr(_module(name), "EXTENDS", None)
    if base is not None and base not in names():
        raise InputError(
            _file(name),
            field="EXTENDS",
            found=repr(base),
            expected=f"one of {', '.join(names())}",
            nearest=closest(str(base), names()),
        )
    return base


def _asks(name: str) -> dict[str, Any]:
    settings = getattr(_module(name), "STACK", {})
    if not isinstance(settings, dict) or not all(isinstance(path, str) for path in settings):
        expected = "a dict from dotted paths to values"
        raise InputError(_file(name), field="STACK", found=repr(settings), expected=expected)
    return settings


def _file(name: str) -> str:
    own = outside().get(name)
    return f"sim/platforms/{name}.py" if own is None else own_files.shown(own)


def headline(name: str) -> str:
    """The first line of its docstring, without running its file (which loads simpy)."""
    own = outside().get(name)
    if own is not None:
        return own_files.headline(own)
    if name in _ADDED:
        return title(name)
    tree = ast.parse((Path(__path__[0]) / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def docstring(name: str) -> str:
    """All that its file says of it at the top."""
    return _module(name).__doc__ or ""


def title(name: str) -> str:
    """One line that says what it is."""
    base, removed = taken_away(name)
    line = str(_module(base).__doc__ or base).strip().splitlines()[0]
    without = " and ".join(capability.replace("_", " ") for capability in removed)
    return f"{line.rstrip('.')}; without {without}" if removed else line


def _module(name: str) -> Any:
    known = names()
    if name in _ADDED:
        return _ADDED[name]
    if name not in known:
        not_a_platform(name)
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise InputError(
            field="platform",
            found=repr(name),
            expected=f"one of {', '.join(known)}",
            nearest=next(iter(close), ""),
        )
    own = outside().get(name)
    return import_module(f"{__name__}.{name}") if own is None else own_files.module(own)


def configured(name: str, settings: Mapping[str, Mapping[str, Any]]) -> Platform:
    """The platform of that name with settings, by platform: `{"kubernetes": {"secrets": None}}`.

    Those for what it builds on come first, and hold as far as it has the field (its own mechanism
    may not know a constant of its base's); those for itself come last."""
    own, removed = taken_away(name)
    platform = load(own)
    for base in chain(own)[:-1]:
        for path, value in settings.get(base, {}).items():
            configure(load(base), {path: value}, base)  # wrong for the base is wrong
            if value_at(platform, path.split(".")) is not MISSING:
                platform = configure(platform, {path: value}, base)
    with blaming(name):
        whole = checked(own, configure(platform, settings.get(own, {}), own))
    return replace(whole, **dict.fromkeys(removed)) if removed else whole


def checked(name: str, platform: Platform) -> Platform:
    """The platform, if its choices go together: each may object to the rest (`conflicts`)."""
    for field in fields(platform):
        choice = getattr(platform, field.name)
        why = choice.conflicts(platform) if isinstance(choice, Conflicting) else ""
        if why:
            found, expected = name_of(type(choice)), f"another mechanism, or what it needs: {why}"
            raise InputError(field=f"{name}.{field.name}", found=found, expected=expected)
    return platform


def blaming(
    name: str, now: Callable[[], float | None] = lambda: None
) -> AbstractContextManager[None]:
    """Around code that may be a user's: what goes wrong in the file behind this platform is an
    `InputError` that names file and line, and the simulated time (`now`)."""
    return blame.blaming(lambda: own_modules([name]), now)


def takes(name: str, platform: Platform, stack: Stack) -> None:
    """Raise InputError if one of the choices turns down what the stack asks of it (`refuses`)."""
    for field in fields(platform):
        choice = getattr(platform, field.name)
        with blaming(name):
            why = choice.refuses(stack) if isinstance(choice, Refusing) else ""
        if why:
            expected = f"a stack that it takes: {why}"
            raise InputError(field=f"{name}.{field.name}", found=stack.name, expected=expected)


def configure(platform: Platform, settings: Mapping[str, Any], name: str = "") -> Platform:
    """The platform with dotted fields set: `autoscaling: null`, `self_healing.cap_s: 60s`.

    A choice may also be another mechanism, by name, with or without fields:
    `rolling_updates: canary`, `rolling_updates: {mechanism: canary, pause_s: 60s}`. `name`: of the
    platform, for messages. All wrong settings are told at once, in one InputError."""
    wrong = Complaints()
    for path, raw in settings.items():
        spot = Spot(Document(""), (f"{name}.{path}" if path and name else path or name,))
        with wrong.noted():
            capability, *steps = path.split(".")
            choice = _choice(platform, capability, steps, raw, spot)
            platform = replace(platform, **{capability: choice})
    refuse_all(wrong)
    return platform


def _choice(platform: Platform, capability: str, steps: list[str], raw: Any, spot: Spot) -> Any:
    """What fills a choice when `raw` is said of it, or of a field below it (`steps`)."""
    ten = names_below(platform)
    if not capability:
        raise spot.error("a whole platform", f"a path below it: {one_of(ten)}")
    if capability not in ten:
        raise spot.unknown(capability, ten)
    old = getattr(platform, capability)
    known = mechanisms(capability)
    if steps and old is None:
        found = f"{capability} is left to the operator: nothing there to change"
        head = ".".join(map(str, spot.path)).removesuffix("." + ".".join(steps))
        raise spot.error(found, f"first a mechanism, {head}=NAME, one of {', '.join(known)}")
    if steps or (isinstance(raw, dict) and "mechanism" not in raw and old is not None):
        return with_value(old, type(old), steps, raw, spot)
    if raw is None:
        return None
    parts = dict(raw) if isinstance(raw, dict) else {"mechanism": raw}
    mechanism = parts.pop("mechanism", None)
    if not isinstance(mechanism, str) or mechanism not in known:
        unknown = f"the unknown mechanism {mechanism!r}"
        found = unknown if isinstance(mechanism, str) else describe(mechanism)
        found = "no mechanism" if mechanism is None else found
        near = closest(str(mechanism), known)
        raise spot.error(found, f"null or one of {', '.join(known)}", near)
    return merged(known[mechanism](), known[mechanism], parts, spot)
