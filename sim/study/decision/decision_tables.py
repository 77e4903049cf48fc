"""The tables of a decision: cells of text, for any page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.report.text import words
from sim.report.text.columns import Cells
from sim.study.decision.advice import Advice
from sim.study.decision.decision import FEW
from sim.study.decision.worth import weigh


def hours(count: float) -> str:
    return words.duration(count * 3600.0)


def dollars(price: float) -> str:
    """Two digits of it: more is not known."""
    return f"${float(f'{price:.2g}'):,.0f}"


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
            hours(each.year.down_h),
            f"{hours(low)} .. {hours(high)}",
            words.count(round(each.year.failed)),
            words.count(round(each.year.jobs_never_done)),
            f"{each.year.day_h + each.year.follow_up_h:.1f} h",
            f"{each.year.night_h:.1f} h",
            words.money(each.money.total),
            hours(each.outcome.setup.work / 3600.0),
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
        down = _span(spans.down_assumed, hours)
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
        least = f"{dollars(price)} or more" if price else "nothing"
        name, down = each.outcome.setup.name, hours(each.year.down_h)
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
            hours(step.saved_h),
            "costs no more" if money is None else hours(money),
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
