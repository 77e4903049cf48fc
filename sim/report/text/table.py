"""Platforms side by side and the article's claims: for a terminal, as plain text, for Jupyter.

At most 100 columns. Colours only on a terminal that wants them (rich honours NO_COLOR); what a
colour says, a word says too.
"""

from __future__ import annotations

from html import escape
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sim.report.text import comparison, findings, ladder, means, verdict, words
from sim.results.ladder import Ladder
from sim.results.measurements import Measurements

WIDTH = 100


def show(result: Measurements, console: Console, full: bool = False) -> None:
    """Print the verdict and the table to a console, no wider than 100 columns. `full`: also the
    rows that are equal on all platforms."""
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
    if comparison.is_many(result):
        parts += [_overview(result), Text("\nMeans", style="bold"), _means(result)]
    else:
        parts += _figures(result, full)
    differences = findings.differences(result)
    if differences:
        parts += [Text("\nDifferences, pair by pair of seeds (95 %)", style="bold")]
        parts += [Text(f"  {what}: {how_much}") for what, how_much in differences]
    verdicts = findings.verdicts(result)
    if verdicts:
        parts.append(Text("\nWhat the article claims", style="bold"))
        parts.append(_verdicts(verdicts))
    return Group(*parts)


def _figures(result: Measurements, full: bool) -> list[RenderableType]:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in result.platforms:
        table.add_column(words.platform(name), overflow="fold", ratio=1)
    rows = 0
    for section in findings.sections(result, full):
        rows += len(section.rows)
        table.add_row(Text(section.title, style="bold"), *("" for _ in result.platforms))
        for label, cells in section.rows:
            table.add_row(f"  {label}", *map(_cell, cells))
    table.expand = len(result.platforms) > 1
    equal = sum(len(section.rows) for section in findings.sections(result)) - rows
    if not equal:
        return [table]
    return [table, Text(f"\n{equal} more rows are equal on all: --full shows them.", style="dim")]


def _ladder(climbed: Ladder) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, side in (("", "left"), ("takes", "right"), ("left", "right"), ("", "left")):
        table.add_column(heading, justify=side, overflow="fold")  # type: ignore[arg-type]
    for step in ladder.steps(climbed):
        table.add_row(*step)
    return table


def _means(result: Measurements) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", *means.HEADINGS):
        table.add_column(heading, overflow="fold")
    for name, cells in means.by_platform(result).items():
        table.add_row(words.platform(name), *cells)
    return table


def _cell(text: str) -> Text:
    return Text(text, style="dim" if text.endswith(findings.SURVIVORS) else "")


def _overview(result: Measurements) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    rows = comparison.rows(result)
    shown = [0]
    for i, head in enumerate(comparison.COLUMNS, start=1):
        if head not in comparison.SELDOM or any(row[i] != "0" for row in rows):
            table.add_column(head, justify="right", overflow="fold")
            shown.append(i)
    for row in rows:
        table.add_row(*(row[i] for i in shown))
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
    """The same for Jupyter: a table, then the claims. Everything is escaped."""
    heads = "".join(f"<th>{escape(words.platform(name))}</th>" for name in result.platforms)
    body = []
    for section in findings.sections(result):
        span = len(result.platforms) + 1
        body.append(f'<tr><th colspan="{span}" style="text-align:left">{section.title}</th></tr>')
        for label, cells in section.rows:
            columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            body.append(f'<tr><td style="text-align:left">{escape(label)}</td>{columns}</tr>')
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
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        f"<ul>{claims}</ul>"
    )
