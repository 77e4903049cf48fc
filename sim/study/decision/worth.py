"""What a year costs under each set-up, which is worth it, and what that hangs on. Arithmetic alone.

The rule: the least money a month is best, what users' failures cost in it as far as somebody says
so. Where nobody does, each set-up is best from some price of an hour down to another, or never
(`by_price`), and the first of them is the answer. Where then no set-up saves a tenth of an hour a
year, it does not matter. The rule is asked again with the seeds drawn anew (bootstrap): how often
it says the same is the confidence; below SURE, not enough is known. Nor is it where more than HANGS
of the assumptions that were tried say otherwise of the need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sim.dataplane import draws
from sim.study.decision.decision import AS_ASSUMED, FEW, Prospect, Prospects
from sim.study.decision.year import Harms, Recurrence, drawn, expected, ranges, span

MONTHS = 12.0
MATTERS_H = 0.1  # hours a year; chosen
SURE = 0.6  # chosen
HANGS = 0.25  # of the assumptions tried turn the need: then they decide, not the runs; chosen
AGAIN = 200  # bootstrap samples
PAID_OFF = 24.0  # months in which the work to get to a set-up is paid; chosen
HALF, DOUBLE = 0.5, 2.0
MORE, SELDOM = 1.1, 12.0  # times as much, and so much more a year, is told of an answer; chosen


class Terms(NamedTuple):
    """What only the reader knows, and factors of what is chosen."""

    work_hour: float  # USD
    down_hour: float = 0.0  # USD that an hour down costs; 0: not told
    sale: float = 0.0  # USD that a lost request costs; 0: not told
    upkeep: float = 1.0
    migration: float = 1.0  # of the work to get there
    follow_up: float = 1.0  # of the work after an incident
    rates: float = 1.0
    deploys: float = 1.0  # of how often one comes, failing ones too
    world: str = AS_ASSUMED

    @property
    def priced(self) -> bool:
        return self.down_hour > 0.0 or self.sale > 0.0


class Money(NamedTuple):
    """US dollars a month."""

    machines: float
    upkeep: float
    migration: float  # the work to get there, over PAID_OFF months
    incidents: float  # people's hours
    lost: float  # what users' failures cost, as far as told

    @property
    def price(self) -> float:
        """What is paid for the set-up itself, whatever happens."""
        return self.machines + self.upkeep + self.migration

    @property
    def means(self) -> float:
        """Without what users' failures cost."""
        return self.price + self.incidents

    @property
    def total(self) -> float:
        return self.means + self.lost


class Weighed(NamedTuple):
    """A set-up under some terms."""

    outcome: Prospect
    year: Harms
    money: Money


class Choice(NamedTuple):
    """What the rule says; `matters`: False where no set-up saves anything to speak of."""

    name: str
    orchestrator: bool
    matters: bool = True


def weigh(decision: Prospects, terms: Terms, which: Sequence[int] = ()) -> list[Weighed]:
    """Each set-up; `which`: the samples, by index, that count (all)."""
    return [weigh_one(outcome, terms, which) for outcome in decision.outcomes]


def weigh_one(outcome: Prospect, terms: Terms, which: Sequence[int] = ()) -> Weighed:
    year = expected(outcome.worlds[terms.world], terms.rates, which, terms.deploys)
    return Weighed(outcome, year, money_of(outcome, year, terms))


def money_of(outcome: Prospect, year: Harms, terms: Terms) -> Money:
    """A month of such a year."""
    upkeep_h = terms.upkeep * outcome.setup.upkeep / 3600.0
    migration_h = terms.migration * outcome.setup.work / 3600.0
    people_h = year.day_h + year.night_h + terms.follow_up * year.follow_up_h
    lost = terms.down_hour * year.down_h + terms.sale * year.failed
    return Money(
        outcome.month.total,
        upkeep_h * terms.work_hour,
        migration_h / PAID_OFF * terms.work_hour,
        people_h / MONTHS * terms.work_hour,
        lost / MONTHS,
    )


class Ranges(NamedTuple):
    """Of a set-up: what 90 % of drawn years have, and the least and most with each assumption at
    another value."""

    harms: Mapping[str, tuple[float, float]]
    money: tuple[float, float]  # a month, all of it
    down_assumed: tuple[float, float]  # hours a year
    money_assumed: tuple[float, float]


def ranges_of(outcome: Prospect, terms: Terms, seed: int) -> Ranges:
    years = drawn(outcome.worlds[terms.world], seed)
    varied = list(_varied(outcome, terms))
    downs, totals = [w.year.down_h for w in varied], [w.money.total for w in varied]
    return Ranges(
        ranges(years),
        span([money_of(outcome, year, terms).total for year in years]),
        (min(downs), max(downs)),
        (min(totals), max(totals)),
    )


def _varied(outcome: Prospect, terms: Terms) -> Iterator[Weighed]:
    """As assumed, and with each assumption at another value: in other worlds, of which there are
    few seeds, by as much more as those have."""
    now, few = weigh_one(outcome, terms), weigh_one(outcome, terms, range(FEW))
    yield now
    for other in variations(terms, outcome.worlds):
        if other.world == terms.world:
            yield weigh_one(outcome, other)
            continue
        there = weigh_one(outcome, other, range(FEW))
        parts = zip(now.year, there.year, few.year, strict=True)
        year = Harms(*(max(0.0, a + b - c) for a, b, c in parts))
        yield Weighed(outcome, year, money_of(outcome, year, other))


def choose(weighed: Sequence[Weighed], terms: Terms) -> Choice:
    """By the rule above; the first is as it is."""
    now, least = weighed[0], min(each.year.down_h for each in weighed)
    saved = now.year.down_h - least
    if not terms.priced and saved < MATTERS_H:
        return Choice(now.outcome.setup.name, now.outcome.setup.orchestrator, matters=False)
    best = min(weighed, key=lambda each: (each.money.total, each.year.down_h))
    return Choice(best.outcome.setup.name, best.outcome.setup.orchestrator)


def harmed(answer: Weighed, now: Weighed) -> list[str]:
    """Of which users have clearly more under the answer than as it is: names of Harms."""
    return [
        name
        for name in ("failed", "jobs_never_done")
        if (more := getattr(answer.year, name)) > MORE * (least := getattr(now.year, name))
        and more - least >= SELDOM
    ]


def confidence(decision: Prospects, terms: Terms) -> float:
    """How often the rule says the same of need and matter, with the seeds drawn anew."""
    size = seeds(decision)
    answer = choose(weigh(decision, terms), terms)
    same = 0
    for again in range(AGAIN):
        which = [
            int(size * draws.u(decision.seed, draws.stream("decide/again"), again * size + i))
            for i in range(size)
        ]
        drawn = choose(weigh(decision, terms, which), terms)
        same += (drawn.orchestrator, drawn.matters) == (answer.orchestrator, answer.matters)
    return same / AGAIN


def seeds(decision: Prospects) -> int:
    year = decision.outcomes[0].worlds[AS_ASSUMED]
    return max(len(stream.samples) for stream in year)


# of Terms: what nobody publishes of your system, each at half and at double
LEVERS = ("rates", "deploys", "follow_up", "upkeep", "migration", "work_hour", "down_hour", "sale")


def levers(terms: Terms, worlds: Mapping[str, Sequence[Recurrence]]) -> list[str]:
    """Those that are told and can act."""
    deploys = any(stream.deploys for stream in worlds[terms.world])
    return [name for name in LEVERS if getattr(terms, name) and (name != "deploys" or deploys)]


def times(terms: Terms, lever: str, factor: float) -> Terms:
    return terms._replace(**{lever: factor * getattr(terms, lever)})


def variations(terms: Terms, worlds: Mapping[str, Sequence[Recurrence]]) -> Iterator[Terms]:
    """Each lever at half and at double, and each other world."""
    for lever in levers(terms, worlds):
        yield from (times(terms, lever, factor) for factor in (HALF, DOUBLE))
    yield from (terms._replace(world=world) for world in worlds if world != AS_ASSUMED)


# ---- from which price on ----
class Threshold(NamedTuple):
    """A set-up that costs least from this price of an hour down (USD) to the next threshold's;
    `money` a month, but for what hours down cost."""

    price: float
    weighed: Weighed
    money: float


def by_price(weighed: Sequence[Weighed], sale: float = 0.0) -> list[Threshold]:
    """Which set-up costs least at which price of an hour down, from 0 upwards: money a month is a
    line over that price, as steep as it is long down; these are the lines below all others. `sale`:
    USD that a lost request costs beside."""
    lines = [(w.money.means + sale * w.year.failed / MONTHS, w.year.down_h, w) for w in weighed]
    money, down_h, first = min(lines, key=lambda line: line[:2])
    thresholds = [Threshold(0.0, first, money)]
    while True:
        better = [
            (MONTHS * (dearer - money) / (down_h - shorter), shorter, dearer, w)
            for dearer, shorter, w in lines
            if shorter < down_h
        ]
        if not better:
            return thresholds
        price, down_h, money, best = min(better, key=lambda line: line[:2])
        thresholds.append(Threshold(price, best, money))


def other_side(weighed: Sequence[Weighed], answer: Choice) -> Weighed | None:
    """The least money of those that differ from the answer in the need of an orchestrator."""
    others = [w for w in weighed if w.outcome.setup.orchestrator != answer.orchestrator]
    return min(others, key=lambda each: each.money.total, default=None)


class Improvement(NamedTuple):
    """From where you stand to a set-up: hours down a year that it takes away, by what."""

    weighed: Weighed
    saved_h: float
    per_dollar: float | None  # hours a year by dollars a month of its price; None: it is no dearer
    per_work_hour: float | None


def steps(weighed: Sequence[Weighed]) -> list[Improvement]:
    """Those that take something away; the most for each hour of work first, what takes none before
    all."""
    now = weighed[0]
    found = []
    for each in weighed[1:]:
        saved = now.year.down_h - each.year.down_h
        dearer, work_h = each.money.price - now.money.price, each.outcome.setup.work / 3600.0
        if saved > 0.0:
            by_money = saved / dearer if dearer > 0.0 else None
            found.append(Improvement(each, saved, by_money, saved / work_h if work_h else None))
    return sorted(found, key=lambda step: -(step.per_work_hour or float("inf")))
