"""`sim.sweep`, `sim.cheapest`, `sim.decide` and `sim.audit`: what the verbs of that name do, from a
program, as an object that shows itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.report.folder import check_folder, replace_folder, write_each
from sim.report.study_page import StudyPage
from sim.schema.fields import InputError, parse_duration
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.schema.text.validation import given
from sim.study.ask import DEFAULT_SEED, TEXT, Ask
from sim.study.batch import Batch, Runner, in_folders
from sim.study.decision import audit as audits
from sim.study.decision import cheapest as races
from sim.study.decision import cheapest_text, decision_text
from sim.study.decision import sweep as sweeps
from sim.study.decision.advice import verdict
from sim.study.decision.decision import Prospects
from sim.study.decision.decision import measure as measure_years
from sim.study.decision.decision import prepare as prepare_years
from sim.study.decision.decision_sentences import sentence
from sim.study.decision.knobs import Dial, check_size, knobs, knobs_file
from sim.study.decision.race import Rule
from sim.study.decision.worth import Terms
from sim.study.quarter.rates import RATES, Rates, load_rates

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_DEPLOYS = 1000.0  # a week; chosen: one in ten minutes, day and night
AnyScenario = str | Scenario
AnyStack = str | Stack | Mapping[str, Any] | None
Options = Mapping[str, Any] | Sequence[str]
Turned = str | Sequence[str] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Finding:
    """What a study that decides has found: read `verdict` (a sentence or two), `table` (DataFrame)
    and `record` (as its JSON); call `text()`, `plot()`, `write()`. `study` has all of it, the runs
    included; `interrupted`: by Ctrl-C, it is what was finished."""

    study: Any
    verdict: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    page: StudyPage[Any] = field(repr=False)

    @property
    def interrupted(self) -> bool:
        """Did Ctrl-C end it early?"""
        return bool(getattr(self.study, "interrupted", False))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a point (sweep), a set-up (cheapest, decide), or a set of faults, platform and
        phase (audit); its columns are those of the study's files."""
        import pandas as pd  # noqa: PLC0415 - 1.5 s that a text-only study does not pay

        return pd.json_normalize([dict(row) for row in self.rows])

    @property
    def record(self) -> Mapping[str, Any]:
        """All figures, as the verb's JSON has them."""
        return self.page.record(self.study)

    def text(self) -> str:
        """What the verb prints: plain text of at most 100 columns."""
        return self.page.text(self.study)

    def plot(self) -> Figure:
        """A matplotlib Figure: a curve, a heat map, set-ups side by side. ValueError where there is
        none (a race, an audit)."""
        if not self.page.picture:
            raise ValueError(f"{self.page.name} has no picture; see table")
        module, _, function = self.page.picture.partition(":")
        drawn: Figure = getattr(import_module(module), function)(self.study)
        return drawn

    def write(self, folder: str | Path) -> Path:
        """Write all that the verb writes to `folder`. InputError if it cannot be written, or holds
        anything but an earlier report."""
        target = Path(folder)
        check_folder(target, self.page.files)
        parts = self.page.parts(self.study, True)
        replace_folder(target, lambda fresh: write_each(parts, fresh), self.page.files)
        return target

    def __repr__(self) -> str:
        return f"<Finding: {self.verdict}>"

    def _repr_markdown_(self) -> str:
        """How Jupyter shows it."""
        return self.page.markdown(self.study)


# ---- what the verbs of the command line and these functions share ----
def prospects(
    ask: Ask, now: str, rates: str | Path | Rates | None, follow_up: str, deploys: float | None
) -> Prospects:
    """A decision, read and checked. Raises `InputError`."""
    _within("--deploys", deploys or 0.0, f"a number a week, 0 to {MOST_DEPLOYS:g}", MOST_DEPLOYS)
    known = rates if isinstance(rates, Rates) else load_rates(Path(rates or RATES))
    if follow_up:
        try:
            told = {"follow_up": parse_duration(follow_up), "follow_up_source": "told"}
        except ValueError as error:
            found = repr(follow_up)
            raise InputError(field="--follow-up", found=found, expected=str(error)) from None
        known = known.model_copy(update=told)
    file = "" if rates is None else "yours" if isinstance(rates, Rates) else str(rates)
    return prepare_years(ask, known, now, deploys)._replace(rates_file=file)


def terms(work_hour: float, down_hour: float, sale: float) -> Terms:
    """What only the reader knows. Raises `InputError`."""
    for option, price in (("--sale", sale), ("--down-hour", down_hour)):
        _within(option, price, "US dollars, at least 0", float("inf"))
    return Terms(work_hour, down_hour, sale)


def _within(option: str, number: float, expected: str, most: float) -> None:
    if not 0.0 <= number <= most or number == float("inf"):
        raise InputError(field=option, found=f"{number:g}", expected=expected)


# ---- the four ----
def sweep(
    scenario: AnyScenario, vary: Turned, metric: str | Sequence[str] = sweeps.METRICS,
    platforms: Sequence[str] | None = None, seed: int = DEFAULT_SEED, reps: int = 5,
    stack: AnyStack = None, settings: Options = (), traffic: str | Sequence[str] | None = None,
    *, store: str | os.PathLike[str] | None = None, executor: Executor | None = None,
    workers: int | None = None,
) -> Finding:  # fmt: skip
    """Turn one knob or two through their values, with the same customers at each point:
    `sim.sweep("container_crash", vary="stack.services.api.replicas=1..8").table`.

    `vary`: `"path=1..8"` or `"path=a|b"`, or several, or `{"path": [1, 2, 4]}`. `metric`: a figure
    or several, the first names the knee. The other parameters are those of `run`, with equal seeds
    on each of the `platforms`. Raises `InputError`.
    """
    ask = Ask(scenario, platforms, seed, reps, stack, settings, traffic=traffic)
    named = (metric,) if isinstance(metric, str) else tuple(metric)
    planned = sweeps.prepare(ask, _dials(vary), named)
    curve = sweeps.measure(planned, _runner(store, executor, workers))
    return Finding(curve, " ".join(sweeps.findings(curve)), sweeps.rows(curve), sweeps.PAGE)


def cheapest(
    scenarios: AnyScenario | Sequence[AnyScenario], slo: str | Sequence[str],
    over: Turned | os.PathLike[str] = (), chance: float = 0.9, propose: int = 0,
    platforms: Sequence[str] | None = None, seed: int = DEFAULT_SEED, stack: AnyStack = None,
    settings: Options = (), traffic: str | Sequence[str] | None = None,
    *, store: str | os.PathLike[str] | None = None, executor: Executor | None = None,
    workers: int | None = None,
) -> Finding:  # fmt: skip
    """The least money a month that holds what you ask for, in each of the `scenarios`:
    `sim.cheapest("container_crash", slo="availability>=0.999").verdict`.

    `slo`: what has to hold, one or several. `over`: knobs as for `sim.sweep`, or a `Path` of a YAML
    file of them (default: what platform and stack have). `chance`: with which it shall hold on a
    seed. `propose`: so many set-ups at most, by an optimiser.
    The other parameters are those of `run`, with `platforms` to try. Raises `InputError`.
    """
    several = [scenarios] if isinstance(scenarios, (*TEXT, Scenario)) else scenarios
    asks = [Ask(each, platforms, seed, 1, stack, settings, traffic=traffic) for each in several]
    space: tuple[Dial, ...] = ()
    if over:
        space = knobs_file(Path(over)) if isinstance(over, os.PathLike) else _dials(over)
    wanted = [slo] if isinstance(slo, str) else slo
    contest = races.prepare(asks, wanted, space, Rule(chance), propose)
    ladder = races.measure(contest, _runner(store, executor, workers))
    found = cheapest_text.finding(ladder)
    return Finding(ladder, found, cheapest_text.rows(ladder), cheapest_text.PAGE)


def decide(
    stack: AnyStack = None, now: str = "compose", rates: str | Path | Rates | None = None,
    sale: float = 0.0, down_hour: float = 0.0, follow_up: str = "", deploys: float | None = None,
    seed: int = DEFAULT_SEED, reps: int = 4, settings: Options = (),
    traffic: str | Sequence[str] | None = None, *, store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None, workers: int | None = None,
) -> Finding:  # fmt: skip
    """Does an orchestrator pay? Your `stack`, a year of incidents, set-ups side by side:
    `sim.decide("docker-compose.yml", deploys=1, follow_up="90m").verdict`.

    `now`: the platform that it runs on today. `rates`: what happens how often, a YAML file or a
    record. `sale`, `down_hour`: US dollars that a lost request and an hour down cost. `follow_up`:
    what an incident takes people in all, such as "90m". `deploys`: a week. `reps`: incidents of
    each kind. The other parameters are those of `run`. Raises `InputError`, and KeyboardInterrupt
    on Ctrl-C: half a year would mislead.
    """
    ask = Ask("", None, seed, reps, stack, settings, traffic=traffic)
    checked = terms(0.0, down_hour, sale)
    decision = prospects(ask, now, rates, follow_up, deploys)
    lived = measure_years(decision, _runner(store, executor, workers))
    advice = verdict(lived, checked._replace(work_hour=decision.stack.prices.work_hour))
    setups = decision_text.record(advice)["setups"]
    return Finding(advice, sentence(advice), setups, decision_text.PAGE)


def audit(
    stack: AnyStack = None, scenario: AnyScenario = "container_crash",
    platforms: Sequence[str] | None = None, faults: str | Path = audits.FILE,
    seed: int = DEFAULT_SEED, reps: int = 1, settings: Options = (),
    traffic: str | Sequence[str] | None = None, *, store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None, workers: int | None = None,
) -> Finding:  # fmt: skip
    """What breaks a `stack`: each single fault and each pair of them, ranked by users hurt:
    `sim.audit("docker-compose.yml", platforms=["compose"]).table`.

    `scenario`: whose traffic, SLO and horizon; its events do not happen. `faults`: a YAML file of
    them. The other parameters are those of `run`, on each of the `platforms`. Raises `InputError`.
    """
    ask = Ask(scenario, platforms, seed, reps, stack, settings, traffic=traffic)
    planned = audits.prepare(ask, audits.faults(Path(faults)))
    found = audits.measure(planned, _runner(store, executor, workers))
    said = " ".join(audits.finding(found, name) for name in found.planned.platforms)
    return Finding(found, said, audits.rows(found), audits.PAGE)


def _dials(vary: Turned) -> tuple[Dial, ...]:
    """Raises `InputError`."""
    if isinstance(vary, Mapping):
        for path, values in vary.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise InputError(field=f"vary {path}", found=given(values), expected="[A, B]")
        dials = tuple(Dial(path, tuple(values)) for path, values in vary.items())
        check_size(dials, "vary")
        return dials
    return knobs([vary] if isinstance(vary, str) else vary, "vary")


def _runner(
    store: str | os.PathLike[str] | None, executor: Executor | None, workers: int | None
) -> Runner:  # fmt: skip
    return in_folders(store, partial(Batch.run, executor=executor, workers=workers))
