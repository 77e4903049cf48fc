"""One page: the verdict in a sentence, how sure and what it hangs on, the table, the ladder, where
Kubernetes begins to pay, what only the reader knows. As Markdown, HTML, JSON and for a terminal."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from io import BytesIO
from itertools import chain, repeat
from textwrap import wrap
from typing import Any

from sim.report.plots import drawable
from sim.report.study_page import StudyPage
from sim.report.text.columns import WIDTH, Cells, aligned, markdown_table, numeric
from sim.study.decision.advice import Advice, is_torn
from sim.study.decision.decision import FEW, deploys_a_week, followed
from sim.study.decision.decision_sentences import (
    afterwards,
    clause,
    paying,
    sentence,
    sureness,
    unknown,
    what_first,
)
from sim.study.decision.decision_tables import (
    kinds,
    ladder,
    prices,
    spread,
    supposed,
    table,
    worlds,
)
from sim.study.decision.worth import PAID_OFF, SURE, seeds

STYLE = (
    ":root{color-scheme:light dark;--ink:#222;--paper:#fff;--line:#ddd}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#17181c;--line:#3a3b42}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--ink);background:var(--paper)}div{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:.9rem}th,td{text-align:left;"
    "padding:.25rem .7rem;border-bottom:1px solid var(--line)}.n{text-align:right}"
    "td.n,td:first-child{white-space:nowrap}"
    "img{width:100%;min-width:44rem;background:#fff}h1{font-size:1.5rem}"
)


# ---- pages ----
Block = str | Cells  # a paragraph, a heading that begins with `## `, or a table


def _blocks(advice: Advice) -> Iterator[Block]:
    now = advice.weighed[0].year
    yield sureness(advice)
    if after := afterwards(advice):
        yield after
    yield table(advice)
    if same := advice.decision.same:
        pairs = (f"{' and '.join(map(repr, others))} as {name!r}" for name, others in same.items())
        yield f"Not run, since nothing changes here: {'; '.join(pairs)}."
    yield (
        "Means; 9 of 10 drawn years lie in the range. Work: people's hours a year, in incidents, "
        f"after them ({now.follow_up_h:.0f} h as it is) and in planned work; to set it up: once. "
        "Money: servers, control plane, balancer, volumes, upkeep, those hours, setting up over "
        f"{PAID_OFF:.0f} months, and what is lost as far as told. * "
        f"{'the answer' if advice.sure >= SURE and not is_torn(advice) else 'the least money'}."
    )
    yield spread(advice)
    yield (
        "Every figure is made of runs: decision.csv has a row for each, with what it did, how "
        "often a year such an incident comes, and the command that repeats it."
    )
    yield "## Which incidents"
    yield kinds(advice)
    yield "## By what an hour down costs you"
    yield prices(advice)
    if advice.steps:
        yield "## What first"
        yield what_first(advice)
        yield ladder(advice)
    yield "## Where Kubernetes begins to pay"
    yield from paying(advice)
    yield "## If the assumptions are wrong"
    yield worlds(advice)
    if (size := seeds(advice.decision)) > FEW:
        first = "the first seed" if FEW == 1 else f"the first {FEW} seeds"
        yield f"All columns are of {first} alone, to be compared; the first table is of all {size}."
    yield supposed(advice)
    yield "Each chosen number at half and at double, and each of the worlds above, one at a time."
    yield "## What each set-up is"
    yield from (f"{w.outcome.setup.name}: {w.outcome.setup.says}." for w in advice.weighed)
    yield "## What only you know"
    yield from unknown(advice)
    for line in advice.decision.left_out:
        yield f"Not replayed: {line}"


def text(advice: Advice) -> str:
    return "\n".join(_text_lines(advice)) + "\n"


def _text_lines(advice: Advice) -> Iterator[str]:
    yield from wrap(sentence(advice), WIDTH)
    below_table = False
    for block in _blocks(advice):
        if isinstance(block, str):
            if below_table or block.startswith("## "):
                yield ""
            yield from wrap(block.removeprefix("## "), WIDTH)
        else:
            yield from ("", *aligned(block, WIDTH))
        below_table = not isinstance(block, str)


def markdown(advice: Advice) -> str:
    lines = [f"# {sentence(advice)}", ""]
    for block in _blocks(advice):
        lines += [block, ""] if isinstance(block, str) else [*markdown_table(block), ""]
    return "\n".join(lines)


def html(advice: Advice) -> str:
    """One offline file."""
    title = escape(sentence(advice))
    parts = [f"<h1>{title}</h1>"]
    for number, block in enumerate(_blocks(advice)):
        if not isinstance(block, str):
            parts.append(f"<div><table>{''.join(_html_rows(block))}</table></div>")
        elif block.startswith("## "):
            parts.append(f"<h2>{escape(block[3:])}</h2>")
        else:
            parts.append(f"<p>{escape(block)}</p>")
        if number == 0 and drawable():
            drawing = base64.b64encode(_png(advice)).decode()
            alt = "Downtime and money of each set-up; the table below has the numbers"
            parts.append(f'<div><img alt="{alt}" src="data:image/png;base64,{drawing}"></div>')
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"{''.join(parts)}</html>\n"
    )


def _html_rows(rows: Cells) -> Iterator[str]:
    sides = [' class="n"' if right else "" for right in numeric(rows)]
    for kind, row in zip(chain(["th"], repeat("td")), rows, strict=False):
        cells = (f"<{kind}{side}>{escape(cell)}" for side, cell in zip(sides, row, strict=True))
        yield f"<tr>{''.join(cells)}"


def record(advice: Advice) -> dict[str, Any]:
    return {
        "verdict": sentence(advice),
        "choice": advice.choice._asdict(),
        "confidence": advice.sure,
        "turned": advice.turns / advice.tried,
        "hangs_on": [
            {
                "if": clause(advice, hinge), "about": hinge.about, "factor": hinge.factor,
                "then": hinge.choice._asdict(),
            }
            for hinge in advice.hinges
        ],
        "terms": advice.terms._asdict(),
        "seeds": seeds(advice.decision),
        "setups": [
            {
                "name": each.outcome.setup.name,
                "same": list(advice.decision.same.get(each.outcome.setup.name, ())),
                "platform": each.outcome.setup.platform,
                "orchestrator": each.outcome.setup.orchestrator, "year": each.year._asdict(),
                "years": {name: list(span) for name, span in years.harms.items()},
                "usd_month_years": list(years.money),
                "assumptions": {
                    "down_h": list(years.down_assumed), "usd_month": list(years.money_assumed)
                },
                "usd_month": {**each.money._asdict(), "total": each.money.total},
            }
            for each, years in zip(advice.weighed, advice.ranges, strict=True)
        ],
        "by_price": [
            {"down_hour": price, "setup": each.outcome.setup.name}
            for price, each, _ in advice.thresholds
        ],
        "break_even": [each._asdict() for each in advice.break_even],
        "deploys_a_week": deploys_a_week(advice.decision),
        "follow_up_h": advice.decision.rates.follow_up / 3600.0,
        "asks": unknown(advice),
        "left_out": list(advice.decision.left_out),
    }  # fmt: skip


def _png(advice: Advice) -> bytes:
    from sim.study.decision.pictures import setups  # noqa: PLC0415 - loads matplotlib

    out = BytesIO()
    setups(advice).savefig(out, format="png")
    return out.getvalue()


PAGE: StudyPage[Advice] = StudyPage(
    "decision", text, markdown, record, {"decision.csv": lambda advice: followed(advice.decision)},
    others={"decision.html": html},
    picture="sim.study.decision.pictures:setups",
)  # fmt: skip
