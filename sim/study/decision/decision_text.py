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
from sim.report.text import words
from sim.report.text.columns import WIDTH, Cells, aligned, markdown_table, numeric
from sim.schema.operator import Operator
from sim.study.decision.advice import Advice, is_torn
from sim.study.decision.decision import FEW, followed
from sim.study.decision.decision_tables import (
    dollars,
    hours,
    ladder,
    prices,
    spread,
    supposed,
    table,
    worlds,
)
from sim.study.decision.worth import (
    DEPLOYS,
    PAID_OFF,
    SURE,
    BreakEven,
    Hinge,
    Weighed,
    harmed,
    other_side,
    rival,
    seeds,
)

STYLE = (
    ":root{color-scheme:light dark;--ink:#222;--paper:#fff;--line:#ddd}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#17181c;--line:#3a3b42}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--ink);background:var(--paper)}div{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:.9rem}th,td{text-align:left;"
    "padding:.25rem .7rem;border-bottom:1px solid var(--line)}.n{text-align:right}"
    "td.n{white-space:nowrap}"
    "img{max-width:100%;background:#fff}h1{font-size:1.5rem}"
)


# ---- sentences ----
def sentence(advice: Advice) -> str:
    """The verdict."""
    now, best = advice.weighed[0], _best(advice)
    down = f"{hours(now.year.down_h)} down a year as it is"
    if advice.sure < SURE:
        return (
            f"Not enough is known: with other seeds the answer changes ({down}, "
            f"{hours(best.year.down_h)} with {best.outcome.setup.name}); ask for more (--reps)."
        )
    if is_torn(advice):
        return _torn(advice, best)
    if not advice.choice.matters:
        return f"It does not matter: {down}, and no set-up saves more than minutes of it."
    unless = _unless(advice)
    if best is now:
        before = " before" if unless else ""
        return f"Leave it as it is{unless}: {down}, and nothing that was tried pays{before}."
    found = f"{best.outcome.setup.name} leaves {hours(best.year.down_h)}"
    saved = f"{down}, {found} for {_more(best, now)} a month{_but(best, now)}"
    if advice.choice.orchestrator:
        return f"{best.outcome.setup.name} pays{_turned(advice)}: {saved}."
    return f"You do not need an orchestrator{unless}: {saved}."


def _torn(advice: Advice, best: Weighed) -> str:
    """Where assumptions decide whether an orchestrator pays, and not the runs."""
    other, now = other_side(advice.weighed, advice.choice), advice.weighed[0]
    turns = [h for h in advice.hinges if h.choice.orchestrator != advice.choice.orchestrator]
    whether = " or ".join(_clause(hinge) for hinge in turns[:2])
    as_it_is = f", {hours(now.year.down_h)} as it is" if now not in (best, other) else ""
    return (
        f"Not enough is known: {best.outcome.setup.name} is "
        f"{words.money(other.money.total - best.money.total)} a month cheaper than "
        f"{other.outcome.setup.name} ({hours(best.year.down_h)} and "
        f"{hours(other.year.down_h)} down a year{as_it_is}), and {len(turns)} assumptions that "
        f"only you can settle turn that, such as if {whether}."
    )


def _but(best: Weighed, now: Weighed) -> str:
    """What users lose more of by the answer: downtime alone does not tell."""
    said = {"failed": "requests a year fail", "jobs_never_done": "jobs a year are never done"}
    losses = [
        f"{words.count(getattr(best.year, name))} {said[name]}, "
        f"{words.count(getattr(now.year, name))} as it is"
        for name in harmed(best, now)
    ]
    return f"; but {' and '.join(losses)}" if losses else ""


def _unless(advice: Advice) -> str:
    """From which price of an hour down on, where nobody has told one, an orchestrator pays."""
    if advice.terms.priced:
        return ""
    prices = [each.price for each in advice.thresholds if each.weighed.outcome.setup.orchestrator]
    return f" unless an hour down costs you some {dollars(prices[0])} or more" if prices else ""


def _turned(advice: Advice) -> str:
    """The first assumption of which the need of an orchestrator hangs."""
    needless = [h for h in advice.hinges if not h.choice.orchestrator]
    return f" unless {_clause(needless[0])}" if needless else ""


def _clause(hinge: Hinge) -> str:
    """A world has no verb of its own: `people twice as fast`."""
    says = hinge.says
    for noun in ("people", "requests"):
        says = says.replace(f"{noun} twice", f"{noun} are twice")
        says = says.replace(f"{noun} half", f"{noun} are half")
    return says


def _about(price: float) -> str:
    return dollars(price) if price >= 100.0 else words.money(price)


def _best(advice: Advice) -> Weighed:
    return next(w for w in advice.weighed if w.outcome.setup.name == advice.choice.name)


def _more(each: Weighed, now: Weighed) -> str:
    """Money without what users' failures cost."""
    dearer = each.money.means - now.money.means
    return f"{words.money(abs(dearer))} {'more' if dearer >= 0 else 'less'}"


def sureness(advice: Advice) -> str:
    size = seeds(advice.decision)
    first = (
        f"Confidence: the same answer in {advice.sure * 100:.0f} % of redraws of its {size} "
        "incidents of each kind."
    )
    if is_torn(advice):
        first = (
            f"The seeds are not in doubt, {advice.sure * 100:.0f} % of redraws of the {size} "
            "incidents of each kind say the same; the assumptions are."
        )
    if size == 1:
        first = "Confidence: unknown from one incident of each kind (--reps)."
    if not advice.hinges:
        return f"{first} No other value that was tried of the other assumptions changes it."
    changes = "; ".join(
        f"if {_clause(each)}: {each.choice.name if each.choice.matters else 'it does not matter'}"
        for each in advice.hinges[:2]
    )
    more = f" ({len(advice.hinges) - 2} more change it)" if len(advice.hinges) > 2 else ""
    return f"{first} It hangs on: {changes}{more}."


def paying(advice: Advice) -> list[str]:
    """Where Kubernetes begins to pay."""
    if not advice.break_even:
        return ["This stack was not replayed on Kubernetes and without an orchestrator."]
    other = rival(advice.weighed, advice.terms).outcome.setup.name
    lines = []
    for each in advice.break_even:
        if each.says == DEPLOYS:
            lines.append(_by_deploys(each, other))
            continue
        if each.value is None:
            lines.append(f"It never pays by what {each.says}: it saves none against {other}.")
            continue
        span = ""
        if each.low is not None and each.high is not None:
            span = f" ({_about(each.low)} .. {_about(each.high)} over seeds)"
        price = f"{_about(each.value)}{span}"
        lines.append(f"Kubernetes pays against {other} where {each.says} more than {price}.")
        if each.says.startswith("a lost") and advice.terms.sale:
            times = each.value / advice.terms.sale
            lines.append(f"At your price of a request that is {times:.2g} times this traffic.")
    return lines


def _by_deploys(each: BreakEven, other: str) -> str:
    if each.value is None:
        return f"However often {DEPLOYS}, it does not pay by that against {other}."
    known = each.low is not None and each.high is not None
    span = f" ({each.low:,.1f} .. {each.high:,.1f} over seeds)" if known else ""
    return f"It pays against {other} where {DEPLOYS} {each.value:,.1f} times as often{span}."


def unknown(advice: Advice) -> list[str]:
    """What only the reader knows, by the option that says it."""
    lines = []
    if not advice.terms.down_hour:
        lines.append("--down-hour USD: what an hour down costs you (not told: not counted)")
    if not advice.terms.sale:
        lines.append("--sale USD: what a lost request costs you (not told: not counted)")
    hour = words.money(advice.terms.work_hour)
    lines.append(f"--set stack.prices.work_hour=USD: what an hour of work costs (now {hour})")
    kinds, file = len(advice.decision.rates.kinds), advice.decision.rates_file or "ours"
    lines.append(f"--rates FILE: how often what happens (now {kinds} kinds, {file})")
    if advice.decision.ask is None or advice.decision.ask.traffic is None:
        lines.append("--traffic LOG: who really comes")
    if advice.decision.stack.operator == Operator():
        lines.append("stack.operator: who is called, how fast (not told: everything at once)")
    return lines


# ---- pages ----
Block = str | Cells  # a paragraph, a heading that begins with `## `, or a table


def _blocks(advice: Advice) -> Iterator[Block]:
    each_h, now = advice.decision.rates.follow_up / 3600.0, advice.weighed[0].year
    yield sureness(advice)
    yield table(advice)
    yield (
        "Means; 9 of 10 drawn years lie in the range. Work: people's hours a year, in incidents, "
        f"after them ({each_h:g} h each for the post-mortem and its repairs: "
        f"{now.follow_up_h:.0f} h as it is) and in planned work; to set it up: once. "
        "Money: servers, control plane, balancer, volumes, upkeep, those hours, setting up over "
        f"{PAID_OFF:.0f} months, and what is lost as far as told. * "
        f"{'the answer' if advice.sure >= SURE and not is_torn(advice) else 'the least money'}."
    )
    yield spread(advice)
    yield (
        "Every figure is made of runs: decision.csv has a row for each, with what it did, how "
        "often a year such an incident comes, and the command that repeats it."
    )
    yield "## By what an hour down costs you"
    yield prices(advice)
    if advice.steps:
        yield "## What first"
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
            parts.append(f'<img alt="{alt}" src="data:image/png;base64,{drawing}">')
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
        "turned": advice.turned,
        "hangs_on": [
            {"if": hinge.says, "then": hinge.choice._asdict()} for hinge in advice.hinges
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
