"""`Result`: what one scenario did on one or several platforms, over one or several seeds.

It holds figures, not states, and shows itself: as a record (`summary`), as frames (`timeline`,
`series`), as text (`table`), as pictures (`plot`), and in Jupyter. pandas and matplotlib load
when first asked for. The pictures and the table are made by sim.report, which reads results;
`Result` calls it by name at the last moment, the one arrow that points upwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from sim.constants.facts import Held
from sim.results.counterfactual import Counterfactual
from sim.results.intervals import interval
from sim.results.rows import TIMELINE_COLUMNS, series_columns, timeline_rows
from sim.results.run import Run
from sim.results.summary import SCHEMA, Figures, Replication, lookup, mean_figures, paths
from sim.results.verdicts import evaluate
from sim.schema.scenario import Claim, Slo, Traffic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Difference:
    """How far `platform` is from `baseline` in one figure: mean over the same seeds, 95 %."""

    metric: str
    platform: str
    baseline: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, repr=False)
class Result:
    """Read `summary` (record), `figures`, `per_seed`, `timeline` and `series` (DataFrames); call
    `table()`, `plot()`, `story()`, `report()`, `write()`."""

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
    interrupted: bool = False
    command: str = ""  # what makes this result again
    versions: tuple[tuple[str, str], ...] = ()  # of what made it: name, version
    choices: Mapping[str, Any] = field(default_factory=dict)  # by platform: its ten, as they ran
    traffic: Traffic | None = None  # who came; None in a result that was made by hand
    slo: Slo = field(default_factory=Slo)
    facts: tuple[Held, ...] = ()  # the constants that hold in it, with their sources
    told: tuple[str, ...] = ()  # `path=value`: what --set said
    preset: tuple[str, ...] = ()  # the same, of the scenario itself
    plan: str = ""  # a key: results of one plan can be merged; empty in one that was made by hand
    ended: str = ""  # what a study that was to stop by itself stopped at
    # by platform: what one change would have done; None if that was not asked
    counterfactuals: Mapping[str, tuple[Counterfactual, ...]] | None = None

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The first replication of each platform, whole: what plots and files show."""
        firsts = (replications[0].run for replications in self.replications.values())
        return tuple(run for run in firsts if run is not None)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json as a dict, schema 1 (DESIGN.md section 6). Seconds, bytes, US dollars."""
        platforms = {name: mean_figures(found) for name, found in self.replications.items()}
        engines = {r.engine for found in self.replications.values() for r in found}
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
        }

    @property
    def platforms(self) -> dict[str, Figures]:
        """The records of `summary["platforms"]`."""
        return dict(self.summary["platforms"])

    @property
    def verdicts(self) -> list[tuple[dict[str, Any], str]]:
        """Each row of the summary's claims with the claim's `because`."""
        reasons = [claim.because for claim in self.asked if claim.platform in self.replications]
        return list(zip(self.summary["claims"], reasons, strict=True))

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Paired differences between platforms, over the seeds both finished (at least two).

        The same seed means the same customers on both, so the pairs differ by the platform only.
        """
        found = []
        for baseline, platform in combinations(self.replications, 2):
            theirs = {r.seed: r.figures for r in self.replications[baseline]}
            pairs = [
                (theirs[r.seed], r.figures) for r in self.replications[platform] if r.seed in theirs
            ]
            if len(pairs) > 1:
                found += _differences(baseline, platform, pairs)
        return tuple(found)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Every figure of the summary: a row each by its dotted path (`requests.failed.refused`;
        units are in the names), a column a platform. Means over the replications; NaN where a
        figure does not exist (`recover_s` of a run that never recovered)."""
        import pandas as pd  # noqa: PLC0415

        columns = {
            name: {path: lookup(found, path) for path in paths(found)}
            for name, found in self.platforms.items()
        }
        return pd.DataFrame(columns).astype(float).rename_axis("figure")

    @cached_property
    def per_seed(self) -> pd.DataFrame:
        """The same figures run by run: one row a platform and seed, a column a figure."""
        import pandas as pd  # noqa: PLC0415

        rows = [
            {"platform": name, "seed": each.seed}
            | {path: lookup(each.figures, path) for path in paths(each.figures)}
            for name, found in self.replications.items()
            for each in found
        ]
        return pd.DataFrame(rows).set_index(["platform", "seed"]).astype(float)

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """What happened on each platform, first replication: one row an event.

        Columns: platform, seed, t_s (simulated seconds), event, subject, text.
        """
        import pandas as pd  # noqa: PLC0415 - 1.5 s that a text-only run does not pay

        return pd.DataFrame(list(timeline_rows(self.runs)), columns=list(TIMELINE_COLUMNS))

    @cached_property
    def series(self) -> pd.DataFrame:
        """Second by second, first replication of each platform; columns as in series.csv."""
        import pandas as pd  # noqa: PLC0415

        frames = []
        for run in self.runs:
            frame = pd.DataFrame(series_columns(run))
            frame.insert(0, "platform", run.platform)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot(self, what: str = "downtime") -> Figure:
        """A matplotlib Figure: "downtime", "jobs", "connections" or "compare"; else ValueError."""
        from sim.report.plots import three as plots  # noqa: PLC0415

        return plots.figure(self, what)

    def table(self) -> str:
        """Platforms side by side and the claims, at most 100 columns wide, plain text."""
        from sim.report.text.table import plain  # noqa: PLC0415

        return plain(self)

    def story(self, most: int = 25) -> str:
        """What happened when on each platform, first replication: plain text, at most `most` lines
        a platform (`timeline` has every event)."""
        from sim.report.text.timeline import story  # noqa: PLC0415

        return story(self.runs, most)

    def report(self, path: str | Path) -> Path:
        """Write report.html, one offline file, to `path`. OSError if that cannot be written."""
        from sim.report.page.write import page  # noqa: PLC0415

        target = Path(path)
        target.write_text(page(self), encoding="utf-8")
        return target

    def write(self, folder: str | Path, plots: bool = True, exports: Sequence[str] = ()) -> Path:
        """Write all that `sim run` writes to `folder`: report.html, postmortem.md, summary.json,
        summary.md, timeline.csv, series.csv and, with `plots`, three PNG files. `exports`: some of
        trace, openmetrics, parquet, k6. InputError if that cannot be, or if the folder holds
        anything but an earlier report."""
        from sim.report.files import write  # noqa: PLC0415

        write(self, Path(folder), plots, exports)
        return Path(folder)

    def merge(self, other: Result) -> Result:
        """Both together: the union by platform and seed, of one plan (scenario, stack, settings and
        version). The same in any order. InputError for results that do not belong together."""
        from sim.results.merge import merged  # noqa: PLC0415 - seldom

        return merged(self, other)

    def __repr__(self) -> str:
        """One line: `<Result container_crash: Compose: 4 min 05 s down · Kubernetes: 0 s>`."""
        from sim.report.text.content import headline  # noqa: PLC0415

        return f"<Result {self.scenario}: {headline(self)}>"

    def _repr_html_(self) -> str:
        """How Jupyter shows a result."""
        from sim.report.text.table import html  # noqa: PLC0415

        return html(self)


def _differences(
    baseline: str, platform: str, pairs: list[tuple[Figures, Figures]]
) -> list[Difference]:
    found = []
    for metric in paths(pairs[0][0]):
        if metric.startswith("latency_s."):
            continue  # percentiles are merged, not averaged (sim.results.summary)
        ours = [(lookup(a, metric), lookup(b, metric)) for a, b in pairs]
        gaps = [b - a for a, b in ours if a is not None and b is not None]
        if len(gaps) == len(pairs):
            low, high = interval(gaps)
            found.append(Difference(metric, platform, baseline, fmean(gaps), low, high))
    return found
