"""Scenarios by name or path: read, with a variant and settings, and checked as far as a stack,
platforms and figures decide whether they can run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.library.adaptation import (
    adapted,
    adapted_settings,
    check_told_of,
    stand_ins,
    with_own_primaries,
)
from sim.library.files import as_text, document_of, file_of, names_of
from sim.library.stacks import list_stacks, load_stack
from sim.platforms import blaming, configured, layers, names
from sim.platforms.platform import servers_of
from sim.results.figures import METRICS
from sim.schema.fields import InputError, Issue, refuse_all
from sim.schema.layers import patched_stack
from sim.schema.scenario import Claim, Scenario
from sim.schema.scenario_checks import in_force, scenario_issues, server_issues
from sim.schema.settings import PlacedSettings, apply_settings, split_settings
from sim.schema.stack import Stack
from sim.schema.text.document import Document, Path_, describe
from sim.schema.text.validation import closest, one_of, read_record


def list_scenarios() -> list[str]:
    """Names of the scenarios that come with the program; incidents of the public record stand in
    `list_incidents`."""
    return names_of("scenario")


def list_incidents() -> list[str]:
    """Names of the scenarios that replay an outage of the public record: each has an `incident`
    with its date and source, and published figures as claims."""
    return names_of("incident")


def load_scenario(
    name_or_path: str | os.PathLike[str],
    variant: str | None = None,
    *,
    stack: Stack | None = None,
    settings: Mapping[str, Any] | None = None,
    run_on: Collection[str] | None = None,
) -> Scenario:
    """The scenario of `name_or_path`, checked against `stack` (default: the stack that it names).

    `NAME:VARIANT` or `variant` applies a variant. Of the scenario's `set:`, the variant's, and
    `settings` (full dotted paths, as from `--set`), in this order, the `scenario.` part is applied;
    `set` of the result holds the rest, for `stack_on` and for the platforms. `run_on`: the
    platforms for whose sake the settings have to fit the stack (default: the scenario's own).
    Every problem ends in one InputError.
    """
    text, variant = _split_variant(as_text(name_or_path, "scenario"), variant)
    path = file_of(text, "scenario")
    document = document_of(path)
    scenario = _with_variant(read_record(Scenario, document), variant, document)
    sources = _sources(scenario, settings or {}, document)
    for source in sources:
        own = split_settings(source.settings).scenario
        scenario = apply_settings(scenario, own, source.document, source.at, "scenario")
    if stack is None:
        stack = _stack_of(scenario, document)
        sources = _following(sources, stack)
        scenario = scenario.model_copy(update={"set": _left_over(sources)})
    else:
        scenario, sources = _on(stack, scenario, _following(sources, stack))
    by_hand = split_settings(settings or {}).stack
    blamed = Document("--set" if by_hand else f"{document.file}: set")
    known = names()
    servers: dict[str, int] = {}
    for platform in scenario.platforms if run_on is None else run_on:
        if platform.partition("-")[0] in known:
            there = patched_stack(stack, layers(platform), sources, blamed)
            servers |= _servers(platform, there, scenario)
    issues = [*scenario_issues(scenario, stack, document), *_name_issues(scenario, document)]
    refuse_all(issues or server_issues(scenario, servers, document))
    return _with_trace(scenario, path, document)


def claims_by_run(names: Iterable[str]) -> Iterator[tuple[str, list[Claim]]]:
    """SCENARIO or SCENARIO:VARIANT of these scenarios, with what each claims itself."""
    for name in names:
        scenario = load_scenario(name)
        yield name, scenario.claims
        for word, variant in scenario.variants.items():
            yield f"{name}:{word}", variant.claims or []


def _servers(platform: str, stack: Stack, scenario: Scenario) -> dict[str, int]:
    """How many servers the platform has at second 0; nothing where its settings are wrong, which
    who makes the case will tell."""
    try:
        choices = configured(platform, split_settings(scenario.set).platforms)
        with blaming(platform):
            return {platform: servers_of(choices, stack)}
    except InputError:
        return {}


# --- the parts of loading -------------------------------------------------------------------------


def _split_variant(name: str, variant: str | None) -> tuple[str, str | None]:
    """`container_crash:aof` -> both parts; a path that exists keeps its colon."""
    head, colon, tail = name.rpartition(":")
    if colon and head and os.sep not in tail and not Path(name).exists():
        return head, variant or tail
    return name, variant


def _sources(
    scenario: Scenario, settings: Mapping[str, Any], document: Document
) -> list[PlacedSettings]:
    sources = [PlacedSettings(scenario.set, document, ("set",))]
    if scenario.variant:
        own = scenario.variants[scenario.variant].set
        sources.append(PlacedSettings(own, document, ("variants", scenario.variant, "set")))
    return [*sources, PlacedSettings(settings, Document("--set"))]


def _following(sources: Sequence[PlacedSettings], stack: Stack) -> list[PlacedSettings]:
    return [s._replace(settings=with_own_primaries(s.settings, stack)) for s in sources]


def _on(
    stack: Stack, scenario: Scenario, sources: Sequence[PlacedSettings]
) -> tuple[Scenario, list[PlacedSettings]]:
    """The scenario and its sources for a stack; what is given beside it, the last, stays as it
    is."""
    check_told_of(scenario, stack)
    names = stand_ins(scenario, stack)
    lines = [f"{role} is {name} here, which asks the database" for role, name in names.items()]
    fitting = [PlacedSettings(stack.set, Document(stack.place), ("set",))]
    for source in sources[:-1]:
        adaptation = adapted_settings(source.settings, stack, names)
        names = adaptation.names
        lines += adaptation.lines
        fitting.append(source._replace(settings=adaptation.settings))
    fitting.append(sources[-1])
    told = {"set": _left_over(fitting), "assumed": [*scenario.assumed, *lines]}
    return adapted(scenario.model_copy(update=told), stack, names), fitting


def _left_over(sources: Sequence[PlacedSettings]) -> dict[str, Any]:
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
        variants = list(scenario.variants)
        expected = one_of(variants) if variants else "no variant: this scenario has none"
        found = f"the unknown variant {describe(name)}"
        raise document.error(("variants",), found, expected, closest(name, variants))
    own = {"events": variant.events, "claims": variant.claims}
    replaced = {field: value for field, value in own.items() if value is not None}
    return scenario.model_copy(update={"variant": name, **replaced})


def _with_trace(scenario: Scenario, path: Path, document: Document) -> Scenario:
    """A trace's path is relative to its scenario's file."""
    if not scenario.traffic.trace:
        return scenario
    trace = [str(path.parent / name) for name in scenario.traffic.trace]
    for name, file in zip(scenario.traffic.trace, trace, strict=True):
        if not os.path.lexists(file):  # what else it is says who reads it
            found = f"no such file {describe(name)}"
            raise document.error(("traffic", "trace"), found, "a recording beside the scenario")
    traffic = scenario.traffic.model_copy(update={"trace": trace})
    return scenario.model_copy(update={"traffic": traffic})


def _stack_of(scenario: Scenario, document: Document) -> Stack:
    stacks = list_stacks()
    if scenario.stack not in stacks:
        found = f"the unknown stack {scenario.stack!r}"
        raise document.error(("stack",), found, one_of(stacks), closest(scenario.stack, stacks))
    return load_stack(scenario.stack)


def _name_issues(scenario: Scenario, document: Document) -> Iterator[Issue]:
    """Names of figures and platforms that there are not."""
    platforms, claims_at = names(), in_force(scenario, "claims")
    places: list[tuple[Path_, str]] = [
        *((("platforms", i), name) for i, name in enumerate(scenario.platforms)),
        *(((*claims_at, i, "platform"), c.platform) for i, c in enumerate(scenario.claims)),
    ]
    for path, name in places:
        if name not in platforms:
            found = f"the unknown platform {describe(name)}"
            yield document.issue(path, found, one_of(platforms), closest(name, platforms))
    for i, claim in enumerate(scenario.claims):
        if claim.metric not in METRICS:
            leaf = claim.metric.rpartition(".")[2]
            near = closest(claim.metric, METRICS) or next(
                (metric for metric in METRICS if metric.rpartition(".")[2] == leaf), ""
            )
            found = f"the unknown metric {claim.metric!r}"
            expected = "a number in summary.json such as downtime_s or jobs.lost.redis_wiped"
            yield document.issue((*claims_at, i, "metric"), found, expected, near)
    roots = ("scenario", "stack", *platforms)
    for root, settings in split_settings(scenario.set).platforms.items():
        if root not in platforms:
            key = f"{root}.{next(iter(settings))}".rstrip(".")
            found = f"the unknown root {root!r}"
            yield document.issue(("set", key), found, one_of(roots), closest(root, roots))
