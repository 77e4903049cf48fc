"""The tables of a decision: cells of text, for any page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.report.text import words
from sim.report.text.columns import Cells
from sim.study.decision.advice import Advice
from sim.study.decision.decision import FEW
from sim.study.decision.worth import Weighed, other_side, weigh
from sim.study.decision.year import expected


def hours(count: float) -> str:
    return words.duration(count * 3600.0)


def dollars(price: float) -> str:
    """Two digits of it: more is not known."""
    return f"${float(f'{price:.2g}'):,.0f}"


def whole(price: float) -> str:
    """Dollars, no cents: nobody knows those."""
    if 0.0 < abs(price) < 0.5:
        return "less than $1"
    return f"{'-' if price <= -0.5 else ''}${abs(price):,.0f}"


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
            each.outcome.setup.name + mark,
            hours(each.year.down_h),
            f"{hours(low)} .. {hours(high)}",
            words.count(round(each.year.failed)),
            words.count(round(each.year.jobs_never_done)),
            f"{each.year.day_h + each.year.follow_up_h:.1f} h",
            f"{each.year.night_h:.1f} h",
            whole(each.money.total),
            hours(work / 3600.0) if (work := each.outcome.setup.work) else "none",
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
        rows.append((each.outcome.setup.name, *cells, _span(spans.money, whole)))
    return rows


def supposed(advice: Advice) -> Cells:
    """The least and the most that one other assumption makes of a set-up."""
    rows: list[Sequence[str]] = [("with one assumption changed", "down a year", "money a month")]
    for each, spans in zip(advice.weighed, advice.ranges, strict=True):
        down = _span(spans.down_assumed, hours)
        rows.append((each.outcome.setup.name, down, _span(spans.money_assumed, whole)))
    return rows


def _span(bounds: tuple[float, float], said: Callable[[float], str]) -> str:
    low, high = map(said, bounds)
    return low if low == high else f"{low} .. {high}"


def prices(advice: Advice) -> Cells:
    """What costs least at which price of an hour down."""
    rows: list[Sequence[str]] = [
        ("an hour down costs you", "least money", "down a year", "a month")
    ]
    for price, each, money in advice.thresholds:
        least = f"{dollars(price)} or more" if price else "nothing"
        name, down = each.outcome.setup.name, hours(each.year.down_h)
        rows.append((least, name, down, whole(money)))
    return rows


def kinds(advice: Advice) -> Cells:
    """What makes up a year: each kind's hours down and hours of people, as it is, under the answer,
    and the best of those that differ from it in the need of an orchestrator."""
    terms, other = advice.terms, other_side(advice.weighed, advice.choice)
    sides = (advice.weighed[0], best(advice), *([other] if other else ()))
    shown = {each.outcome.setup.name: each for each in sides}
    heads = [f"{what}: {name}" for what in ("down", "work") for name in shown]
    rows: list[tuple[float, Sequence[str]]] = []
    for stream in advice.weighed[0].outcome.worlds[terms.world]:
        years = []
        for each in shown.values():
            own = [s for s in each.outcome.worlds[terms.world] if s.kind == stream.kind]
            years.append(expected(own, terms.rates, deploys=terms.deploys))
        work_h = [y.day_h + y.night_h + terms.follow_up * y.follow_up_h for y in years]
        if any(work_h) or any(y.down_h for y in years):
            cells = (*(hours(y.down_h) for y in years), *(f"{h:.1f} h" for h in work_h))
            rows.append((work_h[0], (stream.kind, f"{stream.rate:.1f}", *cells)))
    rows.sort(key=lambda row: -row[0])
    return [("in a year", "times", *heads), *(cells for _, cells in rows)]


def best(advice: Advice) -> Weighed:
    return next(w for w in advice.weighed if w.outcome.setup.name == advice.choice.name)


def ladder(advice: Advice) -> Cells:
    """From where you stand: what takes away how much downtime, by money and by work."""
    heads = ("from as it is to", "saves a year", "for each $ a month", "for each hour to set it up")
    rows: list[Sequence[str]] = [heads]
    for step in advice.steps:
        money, work = step.per_dollar, step.per_work_hour
        rows.append((
            step.weighed.outcome.setup.name,
            hours(step.saved_h),
            "no dearer" if money is None else hours(money),
            "no work" if work is None else hours(work),
        ))  # fmt: skip
    return rows


def worlds(advice: Advice) -> Cells:
    """Hours down a year in each world, all of the same seeds."""
    names = list(advice.decision.outcomes[0].worlds)
    rows: list[Sequence[str]] = [("down a year if", *names)]
    terms = (advice.terms._replace(world=name) for name in names)
    columns = [weigh(advice.decision, varied, range(FEW)) for varied in terms]
    for number, each in enumerate(advice.weighed):
        cells = [hours(column[number].year.down_h) for column in columns]
        rows.append((each.outcome.setup.name, *cells))
    return rows
