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

from sim.report.text import comparison, findings, words
from sim.results.measurements import Measurements

WIDTH = 100


def show(result: Measurements, console: Console) -> None:
    """Print the table to a console, no wider than 100 columns."""
    console.print(_document(result), width=min(WIDTH, console.width), highlight=False)


def plain(result: Measurements) -> str:
    """The table as text without colours, lines at most 100 columns wide."""
    out = StringIO()
    show(result, Console(file=out, width=WIDTH, no_color=True, force_terminal=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _document(result: Measurements) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{result.scenario}: {result.title}", style="bold"),
        Text(findings.setting(result), style="dim"),
    ]
    if result.interrupted:
        parts.append(Text("interrupted: these are the runs that were finished", style="yellow"))
    parts.append(_overview(result) if comparison.is_many(result) else _figures(result))
    differences = findings.differences(result)
    if differences:
        parts += [Text("\nDifferences, pair by pair of seeds (95 %)", style="bold")]
        parts += [Text(f"  {what}: {how_much}") for what, how_much in differences]
    verdicts = findings.verdicts(result)
    if verdicts:
        parts.append(Text("\nWhat the article claims", style="bold"))
        parts.append(_verdicts(verdicts))
    return Group(*parts)


def _figures(result: Measurements) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in result.platforms:
        table.add_column(words.platform(name), overflow="fold", ratio=1)
    for section in findings.sections(result):
        table.add_row(Text(section.title, style="bold"), *("" for _ in result.platforms))
        for label, cells in section.rows:
            table.add_row(f"  {label}", *map(_cell, cells))
    table.expand = len(result.platforms) > 1
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


def _verdicts(verdicts: list[findings.ClaimLine]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for verdict in verdicts:
        word, style = ("holds", "green") if verdict.holds else ("does not hold", "bold red")
        grid.add_row(Text(word, style=style), Text(f"{verdict.platform}: {verdict.says}"))
        grid.add_row("", Text(verdict.finding, style="dim"))
        if verdict.because:
            grid.add_row("", Text(f"because {verdict.because}"))
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
        f"<p><b>{escape(result.scenario)}</b>: {escape(result.title)}<br>"
        f"<small>{escape(findings.setting(result))}</small></p>"
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        f"<ul>{claims}</ul>"
    )
