"""`Measurements`: what one scenario did on one or several platforms, over one or several seeds.

Pure data: the runs' figures, and of the first seed all of it. Everything that tells or draws a
study (sim.report) takes this record; the public `Result` (sim.study.result) adds the ways in which
it shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from statistics import fmean
from typing import Any, NamedTuple

from sim.constants.facts import Held
from sim.results.counterfactual import Counterfactual
from sim.results.figures import METRICS, Figures, figure_at, lookup
from sim.results.intervals import bounds
from sim.results.ladder import Ladder
from sim.results.preference import Preference, preferences
from sim.results.run import Means, Run
from sim.results.spread import spread
from sim.results.summary import SCHEMA, Replication, mean_figures
from sim.results.verdicts import evaluate
from sim.schema.scenario import Claim, Slo
from sim.schema.traffic import Traffic


class Unknowns(NamedTuple):
    """What a verdict hangs on, in words: a row a number, the widest first, below its
    heads."""

    finding: str
    table: tuple[tuple[str, ...], ...]
    note: str


@dataclass(frozen=True)
class Difference:
    """How far `platform` is from `baseline` in one figure: mean over the same seeds, and its bounds
    (sim.results.intervals) over so many pairs."""

    metric: str
    platform: str
    baseline: str
    mean: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class Measurements:
    """All that a study measured, what it ran, and what it was asked. Times: simulated seconds."""

    scenario: str
    title: str
    lesson: str
    stack: str
    seed: int  # of the first replication; the others count up from it
    reps: int  # finished, at least on one platform
    horizon_s: float
    version: str
    replications: Mapping[str, tuple[Replication, ...]]  # by platform, at least one each
    asked: tuple[Claim, ...] = ()
    assumed: tuple[str, ...] = ()  # said to the user: what the stack left open
    ignored: tuple[str, ...] = ()  # read and not simulated
    drawing: str = ""  # an SVG: what was understood of somebody's own files
    interrupted: bool = False
    command: str = ""  # what makes this result again
    versions: tuple[tuple[str, str], ...] = ()  # of what made it: name, version
    choices: Mapping[str, Any] = field(default_factory=dict)  # by platform: its ten, as they ran
    traffic: Traffic | None = None  # who came; None in a result that was made by hand
    recorded: Mapping[str, Any] = field(default_factory=dict)  # of the recording it replays
    slo: Slo = field(default_factory=Slo)
    facts: tuple[Held, ...] = ()  # the constants that hold in it, with their sources
    told: tuple[str, ...] = ()  # `path=value`: what --set said
    preset: tuple[str, ...] = ()  # the same, of the scenario itself
    plan: str = ""  # a key: results of one plan can be merged; empty in one that was made by hand
    ended: str = ""  # what a study that was to stop by itself stopped at
    # by platform: what one change would have done; None if that was not asked
    counterfactuals: Mapping[str, tuple[Counterfactual, ...]] | None = None
    ladder: Ladder | None = None  # of two platforms: from one to the other, if that was asked
    unknowns: Unknowns | None = None  # what it hangs on, if that was asked

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """A replication of each platform, whole: what plots and files show. That of the first seed,
        or where nobody said how many seeds, of the one nearest to the mean."""
        kept = (next((r.run for r in some if r.run), None) for some in self.replications.values())
        return tuple(run for run in kept if run is not None)

    @property
    def shown_seed(self) -> int:
        """Of the runs that plots and files show."""
        return self.runs[0].seed if self.runs else self.seed

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json as a dict, schema 2. Seconds, bytes, US dollars."""
        platforms = {name: mean_figures(runs) for name, runs in self.replications.items()}
        engines = {r.engine for runs in self.replications.values() for r in runs}
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "stack": self.stack,
            "seed": self.seed,
            "reps": self.reps,
            "horizon_s": float(self.horizon_s),
            "engine": ",".join(sorted(engines)),
            "version": self.version,
            "platforms": platforms,
            "claims": evaluate(self.asked, platforms),
            **({"traffic": dict(self.recorded)} if self.recorded else {}),
            "means": {name: means.record() for name, means in self.means.items()},
            "spread": self.spread,
            "verdict": None if self.decision is None else self.decision.record(),
            **({} if self.ladder is None else {"rungs": self.ladder.record()}),
        }

    @cached_property
    def spread(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Of each platform and figure the least and the most over the seeds."""
        return {name: spread(runs) for name, runs in self.replications.items()}

    @cached_property
    def preferences(self) -> tuple[Preference, ...]:
        """Which platform did better in each harm that clearly differs, the weightiest first."""
        return tuple(preferences(self.replications))

    @property
    def decision(self) -> Preference | None:
        """Which platform did better, if one clearly did."""
        return next(iter(self.preferences), None)

    @property
    def means(self) -> dict[str, Means]:
        """What each platform had at second 0."""
        return {run.platform: run.means for run in self.runs if run.means is not None}

    @property
    def shown(self) -> dict[str, Replication]:
        """Of each platform the run that is told; its first, where that seed is not among its."""
        return {
            name: next((r for r in runs if r.seed == self.shown_seed), runs[0])
            for name, runs in self.replications.items()
        }

    @property
    def platforms(self) -> dict[str, Figures]:
        """The records of `summary["platforms"]`."""
        return dict(self.summary["platforms"])

    @property
    def verdicts(self) -> list[tuple[dict[str, Any], str]]:
        """Each row of the summary's claims with the claim's `because`, if the run shows it."""
        events = {run.platform: {row.event for row in run.timeline} for run in self.runs}
        reasons = [
            claim.because if events.get(claim.platform, set()).issuperset(claim.shown_by) else ""
            for claim in self.asked
            if claim.platform in self.replications
        ]
        return list(zip(self.summary["claims"], reasons, strict=True))

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Paired differences between platforms, over the seeds both finished (at least two).

        The same seed means the same customers on both, so the pairs differ by the platform only.
        """
        differences: list[Difference] = []
        for baseline, platform in combinations(self.replications, 2):
            before = {r.seed: r.figures for r in self.replications[baseline]}
            pairs = [
                (before[r.seed], r.figures) for r in self.replications[platform] if r.seed in before
            ]
            if len(pairs) > 1:
                differences += _differences(baseline, platform, pairs)
        return tuple(differences)


def _differences(
    baseline: str, platform: str, pairs: list[tuple[Figures, Figures]]
) -> list[Difference]:
    differences = []
    for metric in METRICS:
        if figure_at(metric).pooled is not None:
            continue  # percentiles are merged, not averaged (sim.results.summary)
        values = [(lookup(a, metric), lookup(b, metric)) for a, b in pairs]
        gaps = [b - a for a, b in values if a is not None and b is not None]
        if len(gaps) == len(pairs):
            low, high = bounds(gaps)
            differences.append(
                Difference(metric, platform, baseline, fmean(gaps), low, high, len(gaps))
            )
    return differences
