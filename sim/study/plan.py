"""A plan: what was asked for, read and checked. All that can fail by bad input fails here.

Replication k runs with `seed + k` on every platform, so that platforms meet the very same
customers (common random numbers) and their paired differences need few replications.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any

from sim.dataplane.codes import MOST_USERS
from sim.dataplane.engines import MOST_REQUESTS
from sim.dataplane.profile import Arrivals
from sim.imports.evidence import Corrections, Imported
from sim.imports.trace import profile, recording, stays
from sim.imports.traffic.endpoints import AskedPath
from sim.imports.traffic.replay import figures
from sim.library.scenarios import load_scenario
from sim.library.stacks import drawn, list_stacks, load_stack, read_stack
from sim.platforms import ablated, capabilities, configured, load, named, refresh
from sim.platforms import names as platform_names
from sim.schema.fields import Complaints, InputError, Issue, refuse_all
from sim.schema.layers import check_stack
from sim.schema.scenario import Claim, Scenario
from sim.schema.settings import apply_settings, split_settings
from sim.schema.stack import Stack
from sim.schema.text.validation import closest, one_of
from sim.simulation.case import Case
from sim.study.ask import Ask, setting_text
from sim.study.batch import Batch
from sim.study.identity import case_key, joint_key, plan_key
from sim.study.precision import seeds_for_a_range

ALL = ("all",)  # every platform there is, the scenario's own first


@dataclass(frozen=True)
class Plan:
    """All that decides a study."""

    ask: Ask
    scenario: Scenario
    stack: Stack  # as loaded; a case has it as it runs on its platform
    cases: tuple[Case, ...]  # a platform each
    command: str = ""  # the command line that asks for the same; empty for records of a program
    notes: tuple[str, ...] = ()  # what the user should know before it runs
    recorded: Mapping[str, Any] = field(default_factory=dict)  # of the recording that it replays
    ranged: bool = False  # nobody said how many replications: of all of them, one tells the story
    imported: Imported | None = None  # what was understood of somebody's own files

    @property
    def name(self) -> str:
        """The scenario's name, `:variant` included."""
        return self.cases[0].name

    @property
    def platforms(self) -> tuple[str, ...]:
        return tuple(case.platform for case in self.cases)

    @property
    def told(self) -> tuple[str, ...]:
        """`path=value` of the settings that were given beside the scenario."""
        return tuple(setting_text(path, value) for path, value in self.ask.pairs.items())

    @property
    def preset(self) -> tuple[str, ...]:
        """The same, of the scenario itself."""
        own = self.ask.pairs
        rest = {path: value for path, value in self.scenario.set.items() if path not in own}
        return tuple(setting_text(path, value) for path, value in rest.items())

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Those of the article, which are about its own stacks: somebody's file is asked none."""
        stack = self.ask.stack
        own = stack is None or (isinstance(stack, str) and stack in list_stacks())
        return tuple(self.scenario.claims) if own else ()

    @property
    def drawing(self) -> str:
        """An SVG of somebody's own files as they were understood; empty of any other stack."""
        return drawn(self.imported)

    @property
    def key(self) -> str:
        """The same for two plans whose replications may stand side by side."""
        key = plan_key(self.scenario, self.stack, self.cases[0].arrivals)
        if self.ask.equal_means:  # what is equal is a matter of all that take part
            return joint_key([key, *map(case_key, self.cases)])
        return key

    @property
    def batch(self) -> Batch:
        """Each platform with each seed; the first runs are kept whole, or all that one is chosen
        from."""
        reps = self.ask.reps or 1
        seeds = tuple(range(self.ask.seed, self.ask.seed + reps))
        keep = reps if self.ranged or self.ask.keep_runs else 1
        return Batch(self.cases, seeds, keep=keep, engine=self.ask.engine, key=self.key)


def plan(ask: Ask, known: Case | None = None) -> Plan:
    """Read and check everything that a study needs. `known`: a case that may have the same traffic,
    whose trace is then not read again. Raises `InputError`."""
    ask = ask.checked()
    refresh()
    names = None if ask.platforms is None else _names(tuple(ask.platforms))
    stack, imported = _stack(ask)
    scenario = _scenario(ask, stack, platform_names() if names == ALL else names)
    if ask.traffic is not None:
        scenario = _with_trace(scenario, ask.traffic)
    recorded = None
    if known is not None and known.scenario.traffic == scenario.traffic:
        come = known.arrivals
    else:
        recorded = recording(scenario.traffic)
        come = profile(scenario.traffic) if recorded is None else recorded.arrivals
    stack = stack or load_stack(scenario.stack)
    if recorded is not None and recorded.asked:
        scenario, stack = _by_path(scenario, stack, recorded.asked)
    if names == ALL:
        names = tuple(dict.fromkeys((*_in_pairs(scenario.platforms), *platform_names())))
    chosen = names or tuple(scenario.platforms)
    settings = split_settings(scenario.set).platforms
    for name in settings:
        if name not in chosen:  # what is wrong is wrong, run or not
            configured(name, settings)
    cases, notes = _cases(scenario, stack, chosen, come, capabilities(ask.ablate))
    if ask.equal_means:
        from sim.study.equal_means import equalised  # noqa: PLC0415 - loads the control plane

        cases, unequal = equalised(cases)
        notes += unequal
    command = ask.command([case.platform for case in cases])
    replayed = figures(recorded, scenario.horizon) if recorded else {}
    decided = ask.reps is None
    if ask.reps is None:
        ask = replace(ask, reps=seeds_for_a_range(fsum(case.cpu_s for case in cases)))
    return Plan(ask, scenario, stack, cases, command, notes, replayed, decided, imported)


def _cases(
    scenario: Scenario,
    stack: Stack,
    platforms: Sequence[str],
    come: Arrivals,
    without: Sequence[str],
) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Each platform, after it the same without those capabilities that it has; and notes of those
    that it has not."""
    cases: dict[str, Case] = {}
    notes = []
    for name in platforms:
        case = cases[name] = Case.of(scenario, stack, name, come)
        notes += [f"{name}: {line}" for line in case.stack.assumed if line not in stack.assumed]
        has = [part for part in without if getattr(case.choices, part) is not None]
        missing = [part.replace("_", " ") for part in without if part not in has]
        if missing:
            notes.append(f"{name} has no {' and no '.join(missing)} to take away")
        if has:
            ablation = ablated(name, has)
            cases[ablation] = Case.of(scenario, stack, ablation, come)
    _not_too_many(next(iter(cases.values())))
    return tuple(cases.values()), tuple(notes)


def _not_too_many(case: Case) -> None:
    users = len(stays(case.scenario.traffic, case.scenario.horizon))
    if users > MOST_USERS:
        found, expected = f"{users} users, who come and go", f"at most {MOST_USERS}"
        raise InputError(field="scenario.traffic.scale", found=found, expected=expected)
    if case.requests > MOST_REQUESTS:
        found = f"{case.requests:.3g} requests over {case.scenario.horizon:g} s"
        expected = f"at most {MOST_REQUESTS:.3g}: a lower rate or a shorter horizon"
        raise InputError(field="scenario.traffic", found=found, expected=expected)


def _names(platforms: Sequence[str]) -> tuple[str, ...]:
    """The names of the platforms, all of which exist; `all` as it is."""
    names = named(platforms)
    wrong = Complaints()
    if not names:
        wrong.append(Issue(field="platform", found="none", expected=one_of(platform_names())))
    for name in names if names != ALL else ():
        with wrong.noted():
            load(name)
    refuse_all(wrong)
    return names


def _in_pairs(platforms: Sequence[str]) -> Iterator[str]:
    """Each, and beside it those that are named after it: compose, compose_hardened."""
    for platform in platforms:
        yield platform
        yield from (name for name in platform_names() if name.startswith(f"{platform}_"))


def _stack(ask: Ask) -> tuple[Stack | None, Imported | None]:
    """The stack that was asked for (None: the scenario's own), and what was understood of
    somebody's own files."""
    corrections = Corrections.of(ask.roles, ask.links)
    if isinstance(ask.stack, str):
        return read_stack(ask.stack, corrections)
    if corrections:
        option = "--role" if ask.roles else "--link"
        raise InputError(option, found="no file of yours", expected="--stack FILE beside it")
    return load_stack(ask.stack) if isinstance(ask.stack, Mapping) else ask.stack, None


def _scenario(ask: Ask, stack: Stack | None, run_on: Sequence[str] | None) -> Scenario:
    """The scenario with its settings and those that were asked for."""
    settings = ask.pairs
    _check_roots(settings, platform_names())
    if not isinstance(ask.scenario, Scenario):
        return load_scenario(ask.scenario, stack=stack, settings=settings, run_on=run_on)
    scenario = ask.scenario
    changed = apply_settings(scenario, split_settings(settings).scenario, root="scenario")
    rest = {path: raw for path, raw in settings.items() if not path.startswith("scenario.")}
    return changed.model_copy(update={"set": {**scenario.set, **rest}})


def _check_roots(settings: Mapping[str, Any], platforms: Sequence[str]) -> None:
    roots = ("scenario", "stack", *platforms)
    for path in settings:
        root = path.partition(".")[0]
        if root not in roots:
            raise InputError(
                field=f"--set {path}",
                found=f"the unknown root {root!r}",
                expected=f"a path below {', '.join(roots)}",
                nearest=closest(root, roots) or _path_of(path),
            )


def _path_of(name: str) -> str:
    """Somebody typed a constant's name (`hpa.tolerance`) for the path that changes it."""
    from sim.constants.catalogue import everywhere  # noqa: PLC0415 - loads all mechanisms

    return next((place.path for place in everywhere().get(name, ()) if place.path), "")


def _by_path(
    scenario: Scenario, stack: Stack, paths: Sequence[AskedPath]
) -> tuple[Scenario, Stack]:
    """Users ask what the log says, of endpoints that the stack has, or that are served as its rest
    is."""
    if scenario.traffic.mix:
        found, expected = "mix beside replay.endpoints", "one of them"
        raise InputError(field="scenario.traffic", found=found, expected=expected)
    entry, shares = stack.services[stack.entry], {each.name: each.share for each in paths}
    endpoints, doors = {**dict.fromkeys(shares), **entry.endpoints}, stack.doors
    name = {n: f"{stack.entry}/{n}" if n in stack.services else n for n in shares}
    mix = {name[n]: share for n, share in shares.items()}
    services = {**stack.services, stack.entry: entry.model_copy(update={"endpoints": endpoints})}
    stack = stack.model_copy(update={"services": services, "mix": mix})
    check_stack(stack)
    if doors[1:]:
        told = f"all paths are asked of {doors[0]}, and of {' and '.join(doors[1:])} none (mix:)"
        stack = stack.model_copy(update={"assumed": [*stack.assumed, told]})
    replay = scenario.traffic.replay.model_copy(update={"endpoints": None})
    traffic = scenario.traffic.model_copy(update={"mix": mix, "replay": replay})
    return scenario.model_copy(update={"traffic": traffic}), stack


def _with_trace(scenario: Scenario, paths: str | Sequence[str]) -> Scenario:
    """The scenario with a trace in place of its own arrivals; its clients and scale stay."""
    nobody: dict[str, Any] = {"rate": None, "points": [], "users": None, "think": None}
    trace: dict[str, Any] = {"trace": list(paths), **nobody}
    traffic = scenario.traffic.model_copy(update=trace)
    return scenario.model_copy(update={"traffic": traffic})
