"""Platforms side by side and the article's claims: for a terminal, as plain text, for Jupyter.

At most 100 columns. Colours only on a terminal that wants them (rich honours NO_COLOR); what a
colour says, a word says too.
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sim.report.text import findings, ladder, means, verdict, words
from sim.results.ladder import Ladder
from sim.results.measurements import Measurements

WIDTH = 100


def show(result: Measurements, console: Console, full: bool = False) -> None:
    """Print the verdict and the rows that tell most to a console, no wider than 100 columns.
    `full`: all rows, and the differences pair by pair."""
    console.print(_document(result, full), width=min(WIDTH, console.width), highlight=False)


def plain(result: Measurements, full: bool = False) -> str:
    """The table as text without colours, lines at most 100 columns wide."""
    out = StringIO()
    show(result, Console(file=out, width=WIDTH, no_color=True, force_terminal=False), full)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _document(result: Measurements, full: bool) -> RenderableType:
    parts: list[RenderableType] = [
        Text(verdict.verdict(result), style="bold"),
        Text(f"{result.scenario}: {result.title}"),
        Text(findings.setting(result), style="dim"),
    ]
    if result.interrupted:
        parts.append(Text("interrupted: these are the runs that were finished", style="yellow"))
    if result.ladder is not None:
        parts.insert(1, Text(ladder.sentence(result.ladder), style="bold"))
        parts += [Text("\nRung by rung", style="bold"), _ladder(result.ladder), Text("")]
    if findings.is_many(result):
        parts += [_overview(result), Text("\nMeans", style="bold"), _means(result)]
    else:
        parts += _figures(result) if full else _telling(result)
    differences = findings.differences(result) if full else []
    if differences:
        parts += [Text(f"\n{findings.pairs_heading(result)}", style="bold")]
        parts += [Text(f"  {what}: {how_much}") for what, how_much in differences]
    verdicts = findings.verdicts(result)
    if verdicts:
        parts.append(Text("\nWhat is claimed", style="bold"))
        parts.append(_verdicts(verdicts))
    return Group(*parts)


def _telling(result: Measurements) -> list[RenderableType]:
    """The rows that tell most, with who did better; the means in a line a platform."""
    table = _plain_table(*findings.telling_heads(result))
    rows = findings.telling(result)
    for row in rows:
        label, *cells = map(Text, row.columns)
        for cell, won in zip(cells, row.winners, strict=False):  # who did better is the last
            cell.stylize("bold green" if won else "")
        table.add_row(label, *cells)
    parts: list[RenderableType] = [table] if rows else []
    parts += [Text(f"  {line}", style="dim") for line in means.each(result)]
    rest = sum(len(section.rows) for section in findings.sections(result)) - len(rows)
    return [*parts, Text(f"\n{rest} more rows: --full shows them.", style="dim")]


def _figures(result: Measurements) -> list[RenderableType]:
    table = _plain_table("")
    for name in result.platforms:
        table.add_column(words.platform(name), overflow="fold", ratio=1)
    for section in findings.sections(result):
        table.add_row(Text(section.title, style="bold"), *("" for _ in result.platforms))
        for label, cells in section.rows:
            table.add_row(f"  {label}", *map(_cell, cells))
    table.expand = len(result.platforms) > 1
    return [table]


def _plain_table(*heads: str, numbers: Collection[str] = ()) -> Table:
    """`numbers`: the heads of columns that stand on the right."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, justify="right" if head in numbers else "left", overflow="fold")
    return table


def _ladder(climbed: Ladder) -> Table:
    table = _plain_table("", "takes", "left", "", numbers=("takes", "left"))
    for step in ladder.steps(climbed):
        table.add_row(*step)
    return table


def _means(result: Measurements) -> RenderableType:
    """A row a platform; what is the same for all is said once, below."""
    by_platform = means.by_platform(result)
    alike, differing = [], []
    for i, heading in enumerate(means.HEADINGS):
        values = {cells[i] for cells in by_platform.values()}
        if len(values) == 1:
            alike.append(f"{heading}: {values.pop()}")
        else:
            differing.append(i)
    table = _plain_table("", *(means.HEADINGS[i] for i in differing))
    for name, cells in by_platform.items():
        table.add_row(words.platform(name), *(cells[i] for i in differing))
    return Group(table, *(Text(f"  {line}, all of them", style="dim") for line in alike))


def _cell(text: str) -> Text:
    return Text(text, style="dim" if text.endswith(findings.SURVIVORS) else "")


def _overview(result: Measurements) -> Table:
    heads, *rows = findings.overview(result)
    table = _plain_table(*heads, numbers=heads[1:])
    for row in rows:
        table.add_row(*row)
    return table


def _verdicts(claims: list[findings.ClaimLine]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for claim in claims:
        word, style = ("holds", "green") if claim.holds else ("does not hold", "bold red")
        grid.add_row(Text(word, style=style), Text(f"{claim.platform}: {claim.says}"))
        grid.add_row("", Text(claim.finding, style="dim"))
        if claim.because:
            grid.add_row("", Text(f"because {claim.because}"))
    return Padding(grid, (0, 0, 0, 2))


def html(result: Measurements) -> str:
    """The same for Jupyter: the rows that tell most, all rows folded, the claims. Everything is
    escaped."""
    heads = findings.telling_heads(result)
    telling = (row.columns for row in findings.telling(result))
    first = [("td", label, tuple(cells)) for label, *cells in telling]
    platforms = heads[: len(result.platforms) + 1]
    every: list[tuple[str, str, tuple[str, ...]]] = []
    for section in findings.sections(result):
        every.append(("th", section.title, ("",) * len(result.platforms)))
        every += (("td", label, cells) for label, cells in section.rows)
    claims = "".join(
        f"<li>{'&#10003; holds' if v.holds else '<b>&#10007; does not hold</b>'}: "
        f"{escape(v.platform)}: {escape(v.says)}<br><small>{escape(v.finding)}"
        f"{escape(' because ' + v.because) if v.because else ''}</small></li>"
        for v in findings.verdicts(result)
    )
    return (
        f"<p><b>{escape(verdict.verdict(result))}</b></p>"
        f"<p><b>{escape(result.scenario)}</b>: {escape(result.title)}<br>"
        f"<small>{escape(findings.setting(result))}</small></p>"
        f"{_html_table(heads, first)}"
        f"<details><summary>all rows</summary>{_html_table(platforms, every)}</details>"
        f"<ul>{claims}</ul>"
    )


def _html_table(heads: list[str], rows: list[tuple[str, str, tuple[str, ...]]]) -> str:
    body = "".join(
        f'<tr><{tag} style="text-align:left">{escape(label)}</{tag}>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for tag, label, cells in rows
    )
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
