"""One page: the verdict in a sentence, how sure and what it hangs on, the table, the ladder, where
Kubernetes begins to pay, what only the reader knows. As Markdown, HTML, JSON and for a terminal."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from html import escape
from io import BytesIO
from itertools import chain, repeat
from textwrap import wrap
from typing import Any, NamedTuple

from sim.report.plots import drawable
from sim.report.study_page import StudyPage
from sim.report.text import words
from sim.report.text.columns import WIDTH, Cells, aligned, markdown_table, numeric
from sim.schema.operator import Operator
from sim.study.decision.decision import FEW, Prospects, followed
from sim.study.decision.worth import (
    DEPLOYS,
    HANGS,
    PAID_OFF,
    SURE,
    BreakEven,
    Choice,
    Hinge,
    Improvement,
    Ranges,
    Terms,
    Threshold,
    Weighed,
    break_even,
    by_price,
    choose,
    confidence,
    harmed,
    hinges,
    other_side,
    ranges_of,
    rival,
    seeds,
    steps,
    turned,
    weigh,
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


class Advice(NamedTuple):
    """All that the page says, computed once."""

    decision: Prospects
    terms: Terms
    weighed: list[Weighed]
    choice: Choice
    sure: float
    hinges: list[Hinge]
    break_even: list[BreakEven]
    thresholds: list[Threshold]
    steps: list[Improvement]
    ranges: list[Ranges]  # of each set-up
    turned: float  # of the assumptions that were tried: they say otherwise of the need


def verdict(decision: Prospects, terms: Terms) -> Advice:
    weighed = weigh(decision, terms)
    years = [ranges_of(outcome, terms, decision.seed) for outcome in decision.outcomes]
    found = hinges(decision, terms)
    return Advice(
        decision, terms, weighed, choose(weighed, terms), confidence(decision, terms), found,
        break_even(decision, terms), by_price(weighed, terms.sale), steps(weighed), years,
        turned(decision, terms, found),
    )  # fmt: skip


# ---- sentences ----
def sentence(advice: Advice) -> str:
    """The verdict."""
    now, best = advice.weighed[0], _best(advice)
    down = f"{_hours(now.year.down_h)} down a year as it is"
    if advice.sure < SURE:
        return (
            f"Not enough is known: with other seeds the answer changes ({down}, "
            f"{_hours(best.year.down_h)} with {best.outcome.setup.name}); ask for more (--reps)."
        )
    if advice.choice.matters and advice.turned > HANGS:
        return _torn(advice, best)
    if not advice.choice.matters:
        return f"It does not matter: {down}, and no set-up saves more than minutes of it."
    unless = _unless(advice)
    if best is now:
        before = " before" if unless else ""
        return f"Leave it as it is{unless}: {down}, and nothing that was tried pays{before}."
    found = f"{best.outcome.setup.name} leaves {_hours(best.year.down_h)}"
    saved = f"{down}, {found} for {_more(best, now)} a month{_but(best, now)}"
    if advice.choice.orchestrator:
        return f"{best.outcome.setup.name} pays{_turned(advice)}: {saved}."
    return f"You do not need an orchestrator{unless}: {saved}."


def _torn(advice: Advice, best: Weighed) -> str:
    """Where assumptions decide whether an orchestrator pays, and not the runs."""
    other, now = other_side(advice.weighed, advice.choice), advice.weighed[0]
    turns = [h for h in advice.hinges if h.choice.orchestrator != advice.choice.orchestrator]
    whether = " or ".join(_clause(hinge) for hinge in turns[:2])
    as_it_is = f", {_hours(now.year.down_h)} as it is" if now not in (best, other) else ""
    return (
        f"Not enough is known: {best.outcome.setup.name} is "
        f"{words.money(other.money.total - best.money.total)} a month cheaper than "
        f"{other.outcome.setup.name} ({_hours(best.year.down_h)} and "
        f"{_hours(other.year.down_h)} down a year{as_it_is}), and {len(turns)} assumptions that "
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
    return f" unless an hour down costs you some {_dollars(prices[0])} or more" if prices else ""


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


def _dollars(price: float) -> str:
    """Two digits of it: more is not known."""
    return f"${float(f'{price:.2g}'):,.0f}"


def _about(price: float) -> str:
    return _dollars(price) if price >= 100.0 else words.money(price)


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
            lines.append(
                f"However often {DEPLOYS}, it does not pay by that against {other}."
                if each.value is None
                else f"It pays against {other} where {DEPLOYS} {each.value:,.1f} times as often."
            )
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
    lines.append("--traffic LOG: who really comes")
    if advice.decision.stack.operator == Operator():
        lines.append("stack.operator: who is called, how fast (not told: everything at once)")
    return lines


# ---- tables ----
def table(advice: Advice) -> Cells:
    heads = (
        "set-up", "down a year", "in 9 of 10 years", "lost requests", "jobs never done",
        "work by day", "by night", "money a month", "to set it up",
    )  # fmt: skip
    rows: list[Sequence[str]] = [heads]
    for each, years in zip(advice.weighed, advice.ranges, strict=True):
        low, high = years.harms["down_h"]
        mark = " *" if each.outcome.setup.name == advice.choice.name else ""
        rows.append((
            _with_its_like(advice, each.outcome.setup.name) + mark,
            _hours(each.year.down_h),
            f"{_hours(low)} .. {_hours(high)}",
            words.count(round(each.year.failed)),
            words.count(round(each.year.jobs_never_done)),
            f"{each.year.day_h + each.year.follow_up_h:.1f} h",
            f"{each.year.night_h:.1f} h",
            words.money(each.money.total),
            _hours(each.outcome.setup.work / 3600.0),
        ))  # fmt: skip
    return rows


SPANS = (  # heading, name in Harms, words
    ("lost requests", "failed", lambda value: words.count(round(value))),
    ("jobs never done", "jobs_never_done", lambda value: words.count(round(value))),
    ("work in incidents", "day_h", lambda value: f"{value:.0f}"),
    ("by night", "night_h", lambda value: f"{value:.1f}"),
    ("after them, h", "follow_up_h", lambda value: f"{value:.0f}"),
)  # fmt: skip


def spread(advice: Advice) -> Cells:
    """What 9 of 10 drawn years have, of what the first table has means of."""
    rows: list[Sequence[str]] = [
        ("in 9 of 10 years", *(head for head, _, _ in SPANS), "money a month")
    ]
    for each, spans in zip(advice.weighed, advice.ranges, strict=True):
        cells = [_span(spans.harms[name], said) for _, name, said in SPANS]
        rows.append((each.outcome.setup.name, *cells, _span(spans.money, words.money)))
    return rows


def supposed(advice: Advice) -> Cells:
    """The least and the most that one other assumption makes of a set-up."""
    rows: list[Sequence[str]] = [("with one assumption changed", "down a year", "money a month")]
    for each, spans in zip(advice.weighed, advice.ranges, strict=True):
        down = _span(spans.down_assumed, _hours)
        rows.append((each.outcome.setup.name, down, _span(spans.money_assumed, words.money)))
    return rows


def _span(bounds: tuple[float, float], said: Callable[[float], str]) -> str:
    low, high = map(said, bounds)
    return low if low == high else f"{low} .. {high}"


def _with_its_like(advice: Advice, name: str) -> str:
    """A set-up, and which others it is already, so that they were not run."""
    others = advice.decision.same.get(name)
    return f"{name} ({'; '.join(others)}: no change)" if others else name


def prices(advice: Advice) -> Cells:
    """What costs least at which price of an hour down."""
    rows: list[Sequence[str]] = [
        ("an hour down costs you", "least money", "down a year", "a month")
    ]
    for price, each, money in advice.thresholds:
        least = f"{_dollars(price)} or more" if price else "nothing"
        name, down = each.outcome.setup.name, _hours(each.year.down_h)
        rows.append((least, name, down, words.money(money)))
    return rows


def ladder(advice: Advice) -> Cells:
    """From where you stand: what takes away how much downtime, by money and by work."""
    heads = ("from as it is to", "saves a year", "for each $ a month", "for each hour of work")
    rows: list[Sequence[str]] = [heads]
    for step in advice.steps:
        money, work = step.per_dollar, step.per_work_hour
        rows.append((
            step.weighed.outcome.setup.name,
            _hours(step.saved_h),
            "costs no more" if money is None else _hours(money),
            "no work" if work is None else _hours(work),
        ))  # fmt: skip
    return rows


def worlds(advice: Advice) -> Cells:
    """Hours down a year in each world, all of the same seeds."""
    names = list(advice.decision.outcomes[0].worlds)
    rows: list[Sequence[str]] = [("down a year if", *names)]
    terms = (advice.terms._replace(world=name) for name in names)
    columns = [weigh(advice.decision, varied, range(FEW)) for varied in terms]
    for number, each in enumerate(advice.weighed):
        cells = [_hours(column[number].year.down_h) for column in columns]
        rows.append((each.outcome.setup.name, *cells))
    return rows


def _hours(hours: float) -> str:
    return words.duration(hours * 3600.0)


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
        f"{PAID_OFF:.0f} months, and what is lost as far as told. * the answer."
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
