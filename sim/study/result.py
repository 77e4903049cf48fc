"""`Result`: what a study measured, with the ways in which it shows itself.

It stands above both sim.results and sim.report and calls them; neither knows it. It is a
`Measurements` with methods and no field of its own: so all attributes are one record's, every
function of the report takes it as it is, `dataclasses.replace` and pickling keep its kind, and none
of twenty attributes has to be handed through by name. pandas, matplotlib and the report load when
first asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sim.results.columns import ColumnMeaning, meanings
from sim.results.figures import METRICS, lookup
from sim.results.measurements import Measurements
from sim.results.merge import merged
from sim.results.run import TIMELINE_COLUMNS, Run, timeline_rows
from sim.results.series import series_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Result(Measurements):
    """Read `summary` (record), `figures`, `per_seed`, `timeline` and `series` (DataFrames); call
    `table()`, `plot()`, `story()`, `report()`, `write()`.

    Fields. What ran: `scenario`, `title`, `lesson`, `stack` (names and texts), `seed` (the
    first), `reps` (finished, of one platform at least), `horizon_s`, `traffic`, `recorded`,
    `slo`, `choices` (by platform, its ten), `told` and `preset` (settings as `path=value`:
    yours, the scenario's). What was measured: `replications` (by platform, a record a seed),
    `counterfactuals`, `ladder` and `unknowns` (None unless asked for), `interrupted` (by
    Ctrl-C), `ended` (what `until` came to). What is said of it: `asked` (claims), `assumed`,
    `ignored`, `drawing` (SVG), `facts` (constants with sources), `command` (makes it again),
    `version` and `versions`, `plan` (a key; results of one plan merge)."""

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Every figure of the summary: a row each by its dotted path (`requests.failed.refused`;
        units are in the names), a column a platform. Means over the replications; NaN where a
        figure does not exist (`recover_s` of a run that never recovered)."""
        import pandas as pd  # noqa: PLC0415

        columns = {
            name: {path: lookup(figures, path) for path in METRICS}
            for name, figures in self.platforms.items()
        }
        return pd.DataFrame(columns).astype(float).rename_axis("figure")

    @cached_property
    def per_seed(self) -> pd.DataFrame:
        """The same figures run by run: one row a platform and seed, a column a figure."""
        import pandas as pd  # noqa: PLC0415

        rows = [
            {"platform": name, "seed": replication.seed}
            | {path: lookup(replication.figures, path) for path in METRICS}
            for name, replications in self.replications.items()
            for replication in replications
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
        """Second by second, first replication of each platform; a row each of some 40 columns as in
        series.csv, whose units and meanings `sim.columns()` says."""
        import pandas as pd  # noqa: PLC0415

        frames = [_second_by_second(run) for run in self.runs]
        return pd.concat(frames, ignore_index=True)

    @cached_property
    def series_per_seed(self) -> pd.DataFrame:
        """The same of every replication that was kept whole (`keep_runs=True`; else one of each
        platform), with the columns platform and seed first."""
        import pandas as pd  # noqa: PLC0415

        frames = []
        for replications in self.replications.values():
            for replication in replications:
                if replication.run is not None:
                    frame = _second_by_second(replication.run)
                    frame.insert(1, "seed", replication.seed)
                    frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot(self, what: str = "downtime") -> Figure:
        """A matplotlib Figure: "downtime", "jobs", "connections" or "compare"; else ValueError."""
        from sim.report.plots import slides  # noqa: PLC0415

        return slides.figure(self, what)

    def table(self, full: bool = False) -> str:
        """The verdict, the rows that tell most with who did better, and the claims; at most 100
        columns wide, plain text. `full`: all rows, and the differences pair by pair of seeds."""
        from sim.report.text.table import plain  # noqa: PLC0415

        return plain(self, full)

    def story(self, most: int = 25) -> str:
        """What happened when on each platform, first replication: plain text, at most `most` lines
        a platform (`timeline` has every event)."""
        from sim.report.text.timeline import story  # noqa: PLC0415

        return story(self.runs, most)

    def report(self, path: str | Path) -> Path:
        """Write report.html, one offline file, to `path`. OSError if that cannot be written."""
        from sim.report.page.document import page  # noqa: PLC0415

        target = Path(path)
        target.write_text(page(self), encoding="utf-8")
        return target

    def write(self, folder: str | Path, plots: bool = True, exports: Sequence[str] = ()) -> Path:
        """Write all that `sim run` writes to `folder`: report.html, postmortem.md, summary.json,
        summary.md, timeline.csv, series.csv and, with `plots`, three PNG files. `exports`: some of
        trace, openmetrics, parquet, k6, or all. InputError for another name, if
        the folder cannot be written, or if it holds anything but an earlier report."""
        from sim.report.exports.formats import named  # noqa: PLC0415
        from sim.report.files import write  # noqa: PLC0415

        write(
            self,
            Path(folder),
            plots,
            named(exports if isinstance(exports, str) else ",".join(exports)),
        )
        return Path(folder)

    def merge(self, other: Result) -> Result:
        """Both together: the union by platform and seed, of one plan (scenario, stack, settings and
        version). The same in any order. InputError for results that do not belong together."""
        return merged(self, other)

    def __repr__(self) -> str:
        """One line: `<Result container_crash: Kubernetes: 3 min 49 s less down than Compose>`."""
        from sim.report.text.verdict import verdict  # noqa: PLC0415

        return f"<Result {self.scenario}: {verdict(self, short=True).removesuffix('.')}>"

    def _repr_html_(self) -> str:
        """How Jupyter shows a result."""
        from sim.report.text.table import html  # noqa: PLC0415

        return html(self)


def columns() -> pd.DataFrame:
    """What each column means, a row each: of `Result.series` (table `series`, one value a second)
    and of `Result.figures` (table `figures`, one value a run). Columns: table, name, unit,
    meaning."""
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(list(meanings()), columns=list(ColumnMeaning._fields))


def _second_by_second(run: Run) -> pd.DataFrame:
    """The columns of series.csv, with the platform before them."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(series_columns(run))
    frame.insert(0, "platform", run.platform)
    return frame
