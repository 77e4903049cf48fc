"""Finding and reading scenarios and stacks by name or path; every problem ends as one InputError.

Scenarios are the YAML files in `scenarios/` of a checkout, or `sim/data/scenarios` of an installed
wheel; stacks those in `sim/stacks`. A stack may also be a docker-compose file: it is one when its
`services:` have no `role:`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sim.imports.compose.file import read_compose
from sim.schema.fields import InputError
from sim.schema.scenario import Scenario
from sim.schema.scenario_checks import check_scenario
from sim.schema.settings import Layer, apply_settings, split_settings, stack_for
from sim.schema.stack import Stack
from sim.schema.stack_checks import check_stack
from sim.schema.text.document import Document, Path_, describe, read_text, read_yaml
from sim.schema.text.validation import closest, given, one_of, read_record

_PACKAGE = Path(__file__).resolve().parents[1]
SCENARIO_FOLDERS = (_PACKAGE / "data" / "scenarios", _PACKAGE.parent / "scenarios")
STACK_FOLDERS = (_PACKAGE / "stacks",)
DEFAULT_STACK = "sspp"


def list_scenarios() -> list[str]:
    """Names of the scenarios that come with the program."""
    return _names(SCENARIO_FOLDERS)


def list_stacks() -> list[str]:
    """Names of the stacks that come with the program."""
    return _names(STACK_FOLDERS)


def load_scenario(
    name_or_path: str | os.PathLike[str],
    variant: str | None = None,
    *,
    stack: Stack | None = None,
    settings: Mapping[str, Any] | None = None,
    metrics: Collection[str] | None = None,
    platforms: Collection[str] | None = None,
    layers_of: Callable[[str], Sequence[Layer]] = lambda name: (Layer(name),),
    run_on: Collection[str] | None = None,
) -> Scenario:
    """The scenario, checked against `stack` (default: the stack that it names).

    `NAME:VARIANT` or `variant` applies a variant. Of the scenario's `set:`, the variant's, and
    `settings` (full dotted paths, as from `--set`), in this order, the `scenario.` part is applied;
    `set` of the result holds the rest, for `stack_on` and for the platforms. `metrics`,
    `platforms`: the names that exist, if known: claims about others are refused. `layers_of`: what
    a platform brings to a stack (`sim.platforms.layers`). `run_on`: the platforms for whose sake
    the settings have to fit the stack (default: the scenario's own).
    """
    name_or_path, variant = _split_variant(_text(name_or_path, "scenario"), variant)
    path = _find(name_or_path, SCENARIO_FOLDERS, "scenario")
    document = read_yaml(read_text(path, _shown(path)), _shown(path))
    scenario = _with_variant(read_record(Scenario, document), variant, document)
    sources = _sources(scenario, settings or {}, document)
    for source in sources:
        own = split_settings(source.settings).scenario
        scenario = apply_settings(scenario, own, source.document, source.at, "scenario")
    scenario = scenario.model_copy(update={"set": _left_over(sources)})
    stack = stack or _stack_of(scenario, document)
    for platform in scenario.platforms if run_on is None else run_on:
        if platforms is not None and platform.partition("-")[0] not in platforms:
            continue
        layers = layers_of(platform)
        patched = stack_for(stack, layers)
        for source in sources:
            own = split_settings(source.settings).stack
            patched = apply_settings(patched, own, source.document, source.at, "stack")
        by_hand = split_settings(settings or {}).stack
        told = Document("--set" if by_hand else f"{document.file}: set")
        check_stack(patched.model_copy(update={"on": {}}), told, layers[-1].scales)
    check_scenario(scenario, stack, document, metrics=metrics, platforms=platforms)
    return _with_trace(scenario, path, document)


def load_stack(name_or_path: str | os.PathLike[str]) -> Stack:
    """A stack by name, from a YAML stack file, or from a docker-compose file."""
    path = _find(_text(name_or_path, "stack"), STACK_FOLDERS, "stack")
    text = read_text(path, _shown(path))
    document = read_yaml(text, _shown(path))
    if _is_compose(document.data):
        stack: Stack = read_compose(document, path, load_stack(DEFAULT_STACK))
    else:
        stack = read_record(Stack, document)
    check_stack(stack, document)
    return stack


def stack_on(
    stack: Stack, platform: str | Sequence[Layer], scenario: Scenario | None = None
) -> Stack:
    """The stack as it runs on a platform: what the platform brings (`stack_for`), then the
    scenario's `stack.` settings (those from `--set` among them), checked again."""
    patched = stack_for(stack, platform)
    if scenario is not None:
        own = split_settings(scenario.set).stack
        patched = apply_settings(patched, own, scenario.name, (), "stack")
    scales = isinstance(platform, str) or platform[-1].scales
    check_stack(patched.model_copy(update={"on": {}}), scales=scales)
    return patched


# --- the parts of loading -------------------------------------------------------------------------


def _names(folders: Collection[Path]) -> list[str]:
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})


def _text(name_or_path: str | os.PathLike[str], what: str) -> str:
    """InputError for what is neither."""
    if isinstance(name_or_path, str | os.PathLike):
        return os.fspath(name_or_path)
    expected = (
        f"a name (see sim.list_{'scenarios' if what == 'scenario' else 'stacks'}()) or a path"
    )
    raise InputError(field=what, found=given(name_or_path), expected=expected)


def _split_variant(name: str, variant: str | None) -> tuple[str, str | None]:
    """`container_crash:aof` -> both parts; a path that exists keeps its colon."""
    head, colon, tail = name.rpartition(":")
    if colon and head and os.sep not in tail and not Path(name).exists():
        return head, variant or tail
    return name, variant


def _find(name_or_path: str, folders: Collection[Path], what: str) -> Path:
    """The file of that name in our folders, or the file at that path."""
    is_path = os.sep in name_or_path or name_or_path.endswith((".yaml", ".yml"))
    if is_path:
        path = Path(name_or_path)
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            raise InputError(name_or_path, found=found, expected=f"a {what} file")
        return path
    for folder in folders:
        if (folder / f"{name_or_path}.yaml").is_file():
            return folder / f"{name_or_path}.yaml"
    names = _names(folders)
    raise InputError(
        found=f"the unknown {what} {describe(name_or_path)}",
        expected=f"{one_of(names)}, or a path to a YAML file" if names else "a YAML file's path",
        nearest=closest(name_or_path, names),
    )


def _shown(path: Path) -> str:
    """A path as messages name it: short when it lies below the working folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _is_compose(data: Any) -> bool:
    services = data.get("services")
    if not isinstance(services, dict):
        return "services" not in data and any(_looks_like_v1(one) for one in data.values())
    return not any(isinstance(one, dict) and "role" in one for one in services.values())


def _looks_like_v1(entry: Any) -> bool:
    """A service of the old Compose format, which had no `services:`."""
    return isinstance(entry, dict) and bool({"image", "build"} & set(entry))


class _Source(NamedTuple):
    """Settings, and where they stand."""

    settings: Mapping[str, Any]
    document: Document
    at: Path_


def _sources(scenario: Scenario, settings: Mapping[str, Any], document: Document) -> list[_Source]:
    sources = [_Source(scenario.set, document, ("set",))]
    if scenario.variant:
        own = scenario.variants[scenario.variant].set
        sources.append(_Source(own, document, ("variants", scenario.variant, "set")))
    return [*sources, _Source(settings, Document("--set"), ())]


def _left_over(sources: list[_Source]) -> dict[str, Any]:
    """All settings that are not the scenario's own; later ones win."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged |= source.settings
    return {key: raw for key, raw in merged.items() if key.split(".")[0] != "scenario"}


def _with_variant(scenario: Scenario, name: str | None, document: Document) -> Scenario:
    if scenario.variant is not None:
        found = "a variant chosen by the file"
        raise document.error(("variant",), found, "NAME:VARIANT on the command line instead")
    if name is None:
        return scenario
    variant = scenario.variants.get(name)
    if variant is None:
        names = list(scenario.variants)
        expected = one_of(names) if names else "no variant: this scenario has none"
        found = f"the unknown variant {describe(name)}"
        raise document.error(("variants",), found, expected, closest(name, names))
    own = {"events": variant.events, "claims": variant.claims}
    given = {field: value for field, value in own.items() if value is not None}
    return scenario.model_copy(update={"variant": name, **given})


def _with_trace(scenario: Scenario, path: Path, document: Document) -> Scenario:
    """A trace's path is relative to its scenario's file."""
    if scenario.traffic.trace is None:
        return scenario
    trace = path.parent / scenario.traffic.trace
    if not trace.is_file():
        found = f"no such file {describe(scenario.traffic.trace)}"
        raise document.error(("traffic", "trace"), found, "a CSV file beside the scenario")
    traffic = scenario.traffic.model_copy(update={"trace": str(trace)})
    return scenario.model_copy(update={"traffic": traffic})


def _stack_of(scenario: Scenario, document: Document) -> Stack:
    names = list_stacks()
    if scenario.stack not in names:
        found = f"the unknown stack {scenario.stack!r}"
        raise document.error(("stack",), found, one_of(names), closest(scenario.stack, names))
    return load_stack(scenario.stack)
