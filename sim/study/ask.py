"""What a study was asked for, before anything is read: kinds, numbers and names of arguments."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

from sim.dataplane.engines import ENGINES
from sim.platforms import written
from sim.schema.fields import InputError, Issue, refuse_all
from sim.schema.scenario import Scenario
from sim.schema.settings import parse_setting
from sim.schema.stack import Stack
from sim.schema.text.validation import given, option
from sim.study.precision import Until, most_replications, until_text

DEFAULT_SEED = 1
SEEDS = 2**63  # one 64-bit word in the draws
MOST_REPS = 1_000_000
TEXT = (str, os.PathLike)


@dataclass(frozen=True)
class Ask:
    """The words of the command line, or of a program; `sim.study.plan.plan` reads it."""

    scenario: str | Scenario  # a name, `name:variant`, a path to a YAML file, or a record
    platforms: Iterable[str] | None = None  # None: the scenario's own; `all`: every one
    seed: int = DEFAULT_SEED  # of the first replication; the others count up
    reps: int | None = 1  # replications; None: as many as its size allows, for a range
    # a name, a path (also of a Compose file), a record, or plain data as a file has it
    stack: str | Stack | Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | Sequence[str] = ()  # dotted paths, or `path=value`
    engine: str = "auto"
    traffic: str | Sequence[str] | None = None  # recordings in place of the scenario's arrivals
    ablate: Sequence[str] = ()  # capabilities that each platform also runs without
    until: Until | None = None  # when it has seen enough: see sim.study.precision
    equal_means: bool = False  # every platform gets the same, as far as it has the field
    roles: Sequence[str] = ()  # NAME=ROLE: how somebody's own files are read, against the guesses
    links: Sequence[str] = ()  # A->B: A asks B
    keep_runs: bool = False  # every replication whole, not one of each platform

    def checked(self) -> Ask:
        """The same with texts for paths, a tuple of platforms, and as many replications as `until`
        may come to. Raises `InputError` for what is of the wrong kind."""
        platforms = self.platforms
        if isinstance(platforms, Iterable) and not isinstance(platforms, str):
            platforms = tuple(platforms)
        listed = replace(self, platforms=platforms)
        refuse_all([
            *_kinds(listed),
            *_whole("seed", self.seed, 0, SEEDS - 1),
            *_whole("reps", 1 if self.reps is None else self.reps, 1, MOST_REPS),
            *_named("engine", self.engine, ENGINES),
        ])  # fmt: skip
        return replace(
            listed,
            scenario=_text(self.scenario),
            stack=_text(self.stack),
            traffic=_texts(self.traffic),
            reps=self.reps if self.until is None else most_replications(self.reps or 1, self.until),
        )

    @property
    def pairs(self) -> dict[str, Any]:
        """The settings by their paths. Raises `InputError` for a text that is none."""
        if isinstance(self.settings, Mapping):
            return dict(self.settings)
        return dict(parse_setting(text) for text in self.settings)

    def with_causes(self) -> Ask:
        """The same, for a post-mortem. InputError where its changes would undo equal means: a
        change is tried on one platform, and what is equal is a matter of all."""
        if self.equal_means:
            found = "equal means and a post-mortem"
            raise InputError(field="equal-means", found=found, expected="one of the two")
        return self

    def command(self, platforms: Sequence[str]) -> str:
        """`python -m sim run ...` for the same on these platforms; empty if one of the arguments
        is a record, which no command line can name."""
        if not isinstance(self.scenario, str) or not isinstance(self.stack, str | None):
            return ""
        words = ["python", "-m", "sim", "run", self.scenario, "--platform"]
        words.append(",".join(written(name) for name in platforms))
        words += ["--seed", str(self.seed)]
        unsaid = None if self.until is None else most_replications(1, self.until)
        words += ["--reps", str(self.reps)] if self.reps not in (None, unsaid) else []
        words += ["--until", until_text(self.until)] if self.until is not None else []
        words += ["--stack", self.stack] if self.stack else []
        words += [word for role in self.roles for word in ("--role", role)]
        words += [word for link in self.links for word in ("--link", link)]
        for path in _texts(self.traffic) or ():
            words += ["--traffic", path]
        words += ["--equal-means"] if self.equal_means else []
        words += ["--engine", self.engine] if self.engine != "auto" else []
        pairs = self.settings.items() if isinstance(self.settings, Mapping) else None
        settings = self.settings if pairs is None else [setting_text(*pair) for pair in pairs]
        for setting in settings:
            words += ["--set", str(setting)]
        return shlex.join(words)


def setting_text(path: str, value: Any) -> str:
    """`path=value` as the command line takes it: `stack.operator.detect=0s`."""
    return f"{path}={value if isinstance(value, str) else json.dumps(value, default=str)}"


def _text(argument: Any) -> Any:
    """A `Path` as the text that it stands for; anything else as it is."""
    return os.fspath(argument) if isinstance(argument, os.PathLike) else argument


def _texts(argument: Any) -> Any:
    """One path or several as a tuple of texts; None as it is."""
    if argument is None:
        return None
    return tuple(map(_text, [argument] if isinstance(argument, TEXT) else argument))


def _kinds(ask: Ask) -> Iterator[Issue]:
    """What a Python program passed that is nothing of the right kind."""
    if not isinstance(ask.scenario, (*TEXT, Scenario)):
        expected = "a name (see sim.list_scenarios()), a path or a Scenario"
        yield Issue(field="scenario", found=given(ask.scenario), expected=expected)
    if not isinstance(ask.stack, (*TEXT, Stack, Mapping, NoneType)):
        expected = "a name (see sim.list_stacks()), a path, a Stack, or its data"
        yield Issue(field="stack", found=given(ask.stack), expected=expected)
    paths = ask.traffic if isinstance(ask.traffic, list | tuple) else (ask.traffic or "",)
    if not all(isinstance(path, TEXT) for path in paths):
        expected = "the path of a recording, or several"
        yield Issue(field="traffic", found=given(ask.traffic), expected=expected)
    names = "names such as ['compose'] (see sim.list_platforms())"
    if isinstance(ask.platforms, tuple):
        strange = [name for name in ask.platforms if not isinstance(name, TEXT)]
        yield from (Issue(field="platform", found=given(s), expected=names) for s in strange)
    elif ask.platforms is not None:
        found = given(ask.platforms)
        yield Issue(field="platforms", found=found, expected=f"a list of {names}")
    settings: object = ask.settings
    keys = settings if isinstance(settings, Iterable) else (settings,)
    if isinstance(settings, str) or not all(isinstance(path, str) for path in keys):
        expected = "{'path': value} or ['path=value'] with texts as paths"
        yield Issue(field="settings", found=given(settings), expected=expected)


def _whole(name: str, value: Any, low: int, high: int) -> Iterator[Issue]:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        expected = f"a whole number from {low} to {high}"
        yield Issue(field=name, found=repr(value), expected=expected)


def _named(name: str, value: str, known: Sequence[str]) -> Iterator[Issue]:
    """One of the names that exist."""
    if value not in known:
        yield option(name).misnamed(repr(value), str(value), known)
