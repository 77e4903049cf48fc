"""The article's table, measured: records, verdicts, and how they are written.

A cell is what a platform lost in the scenario of a row; `kubernetes-rollback` is Kubernetes with
that one capability taken away. At most 100 columns on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sim.report.study_page import StudyPage
from sim.report.text import columns, words
from sim.study.article.article import MEASURES, NOT_CHECKABLE, ArticleRow, GeneralClaim

Cell = Mapping[str, float]  # of one platform in one scenario: means by the names of MEASURES
SAME = (
    "The same: the platform has that capability, but nothing here uses it. Compose: this stack's "
    "file has no `restart:`, HEALTHCHECK or limits (compose_hardened's has). Compose hardened when "
    "a process hangs: HAProxy's own checks take it out."
)
APART = " " * 7  # before what a claim came to


class Measured(NamedTuple):
    """A row with its cells by platform; an ablation stands after its platform."""

    row: ArticleRow
    losses: Mapping[str, Cell]


class TableVerdict(NamedTuple):
    claim: GeneralClaim
    holds: bool
    measured: str  # in words


class ArticleTable(NamedTuple):
    rows: tuple[Measured, ...]
    verdicts: tuple[TableVerdict, ...]
    elsewhere: Mapping[str, tuple[str, ...]]  # claim id -> the scenarios whose runs check it
    seed: int
    reps: int
    version: str

    @property
    def seeds(self) -> str:
        return f"seed {self.seed}" if self.reps == 1 else f"means over {self.reps} seeds"


# ---- verdicts ----
def verdict(
    claim: GeneralClaim, measured: Measured, filled: bool, encrypted: bool = False
) -> TableVerdict | None:
    """Does a claim hold? `filled`: plain Compose (for `lacks`: the claim's platform) has that
    capability. `encrypted`: Kubernetes' Secrets are, at rest.

    None: what decides it was not measured."""
    metric = claim.metric or measured.row.metric
    losses = measured.losses
    whole = losses.get(claim.platform)
    if whole is None:
        return None
    name = words.platform(claim.platform)
    if claim.kind == "encrypted":
        sentence = f"Kubernetes, as it is set up: {'encrypted' if encrypted else 'base64'} at rest"
        return TableVerdict(claim, encrypted, sentence)
    has = whole[metric]
    if claim.kind == "solved":
        return TableVerdict(claim, has <= claim.limit, f"{name}: {_headed(metric, has)}")
    if claim.kind == "lacks":
        sentence = f"{name}, {'with' if filled else 'without'} it: {_headed(metric, has)}"
        return TableVerdict(claim, not filled and has > claim.limit, sentence)
    without = losses.get(f"kubernetes-{claim.capability}")
    if without is None or "compose" not in losses:
        return None
    lost = without[metric]
    compose = losses["compose"][metric]
    moved = min(lost, compose) - has >= MEASURES[metric].margin
    sentence = (
        f"Kubernetes {_headed(metric, has)}, without it {figure(metric, lost)};"
        f" Compose {figure(metric, compose)}"
    )
    if "compose_hardened" in losses:
        sentence += f", hardened {figure(metric, losses['compose_hardened'][metric])}"
    return TableVerdict(claim, moved and not filled, sentence)


def figure(metric: str, value: float) -> str:
    """A measure in its unit."""
    return words.figure(MEASURES[metric].path, value)


def _headed(metric: str, value: float) -> str:
    return f"{figure(metric, value)} {MEASURES[metric].heading}"


def _why(one: TableVerdict) -> str:
    return "" if one.holds else one.claim.because


# ---- text ----
def text(table: ArticleTable) -> str:
    """For a terminal: a block per row, then the verdicts."""
    return "\n".join([*_blocks(table), *_claims(table)]) + "\n"


def _blocks(table: ArticleTable) -> Iterator[str]:
    heads = "".join(f"{measure.heading:>12}" for measure in MEASURES.values())
    yield f"The article's table, measured ({table.seeds})"
    for number, (row, losses) in enumerate(table.rows, start=1):
        yield ""
        yield f"{number}. {row.problem}: {row.capability.replace('_', ' ')}"
        yield f"   {row.scenario}".ljust(52) + heads
        for name, loss in losses.items():
            cells = "".join(f"{figure(m, loss[m]):>12}" for m in MEASURES)
            if unused(losses, name):
                cells = "the same".rjust(12 * len(MEASURES))
            yield f"   {_name(name)}".ljust(52) + cells
    if any(unused(m.losses, name) for m in table.rows for name in m.losses):
        yield ""
        yield from columns.folded([SAME])


def unused(losses: Mapping[str, Cell], name: str) -> bool:
    """Is this an ablation that was run (there was something to take away) and changed nothing?"""
    base, *without = name.split("-")
    return bool(without) and name in losses and losses[name] == losses.get(base)


def _name(platform: str) -> str:
    base, *without = platform.split("-")
    return f"  {words.platform(base)} without it" if without else words.platform(base)


def _claims(table: ArticleTable) -> Iterator[str]:
    yield ""
    yield "What the article claims"
    for ruling in table.verdicts:
        word = "holds" if ruling.holds else "DOES NOT HOLD"
        yield f"  {ruling.claim.id:<4} {word}: {ruling.claim.says}"
        yield from columns.folded(filter(None, [ruling.measured, _why(ruling)]), APART, APART)
    yield ""
    yield "Checked in runs of their own (`sim run SCENARIO`); all of the article's: `sim claims`"
    scenarios = (f"{ident}: {', '.join(names)}" for ident, names in _articles(table))
    yield from columns.folded(scenarios, "  ", "    ")
    yield "  T1: `sim quarter`"
    yield ""
    yield "Not checkable by any run"
    yield from (f"  {name}: {why}" for name, why in NOT_CHECKABLE)


def _articles(table: ArticleTable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The article's claims that scenarios check; teaching claims of our own (X-...) are in `sim
    run`'s output."""
    return ((i, where) for i, where in table.elsewhere.items() if not i.startswith("X-"))


# ---- files ----
def markdown(table: ArticleTable) -> str:
    """`Problem | Docker Compose | Kubernetes | ...`, then the verdicts."""
    whole = [name for name in _platforms(table) if "-" not in name]
    split = [base for base in whole if any(_without(m, base) for m in table.rows)]
    header = ["Problem"]
    for base in whole:
        header.append(words.platform(base))
        if base in split:
            header.append("... without it")
    grid = [header]
    for measured in table.rows:
        row = measured.row
        cells = [f"**{row.problem}** ({row.capability.replace('_', ' ')}; `{row.scenario}`)"]
        for base in whole:
            cells.append(_cell(measured.losses.get(base)))
            if base in split:
                same = unused(measured.losses, f"{base}-{row.capability}")
                cells.append("the same" if same else _cell(_without(measured, base)))
        grid.append(cells)
    lines = [
        "# The article's table, measured", "", *columns.markdown_table(grid),
        "", f"{table.seeds.capitalize()}. Each cell: time down, requests failed, jobs lost, "
        'minutes by hand. "Without it": the same platform with that one capability taken away; '
        f'"has none": it has nothing to take away. {SAME}', "", "## What the article says", "",
    ]  # fmt: skip
    grid = [["Problem", "Docker Compose", "Kubernetes"]]
    grid += [[m.row.problem, m.row.compose, m.row.kubernetes] for m in table.rows]
    lines += [*columns.markdown_table(grid), "", "## Its claims", ""]
    grid = [["id", "claim", "verdict", "measured"]]
    for one in table.verdicts:
        ruling = "holds" if one.holds else f"**does not hold**: {_why(one)}".rstrip(": ")
        grid.append([one.claim.id, one.claim.says, ruling, one.measured])
    checked = "Checked in runs of their own (all of the article's: `sim claims`):"
    lines += [*columns.markdown_table(grid), "", checked, ""]
    lines += [f"- {ident}: {', '.join(f'`{s}`' for s in where)}"
              for ident, where in _articles(table)]  # fmt: skip
    lines.append("- T1: `sim quarter`")
    lines += ["", "Not checkable by any run:", ""]
    lines += [f"- {name}: {why}" for name, why in NOT_CHECKABLE]
    return "\n".join(lines) + "\n"


def _platforms(table: ArticleTable) -> list[str]:
    return list(dict.fromkeys(name for m in table.rows for name in m.losses))


def _without(measured: Measured, base: str) -> Cell | None:
    return measured.losses.get(f"{base}-{measured.row.capability}")


def _cell(loss: Cell | None) -> str:
    if loss is None:
        return "has none"
    parts = [_headed(metric, loss[metric]) for metric in ("downtime_s", "failed")]
    if loss["jobs_lost"]:
        parts.append(f"{words.plural(loss['jobs_lost'], 'job')} lost")
    if loss["minutes"]:
        parts.append(_headed("minutes", loss["minutes"]))
    return ", ".join(parts)


def records(table: ArticleTable) -> list[dict[str, Any]]:
    """A line per platform and row; `without`: where the capability was taken away."""
    rows = []
    for row, losses in table.rows:
        for name, loss in losses.items():
            base, *without = name.split("-")
            rows.append({
                "capability": row.capability, "problem": row.problem, "scenario": row.scenario,
                "platform": base, "without": bool(without), **loss,
            })  # fmt: skip
    return rows


def record(table: ArticleTable) -> dict[str, Any]:
    return {
        "schema": 1,
        "version": table.version,
        "seed": table.seed,
        "reps": table.reps,
        "rows": [
            {**m.row._asdict(), "losses": {name: dict(loss) for name, loss in m.losses.items()}}
            for m in table.rows
        ],
        "claims": [
            {
                "id": v.claim.id,
                "says": v.claim.says,
                "holds": v.holds,
                "measured": v.measured,
                "because": _why(v),
            }
            for v in table.verdicts
        ],
        "checked_elsewhere": {ident: list(where) for ident, where in table.elsewhere.items()},
        "not_checkable": dict(NOT_CHECKABLE),
    }


PAGE: StudyPage[ArticleTable] = StudyPage(
    "table", text, markdown, record, {"table.csv": records},
    picture="sim.study.article.table_picture:picture", noun="table",
)  # fmt: skip
