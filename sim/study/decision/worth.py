"""What a year costs under each set-up, which is worth it, and what that hangs on. Arithmetic alone.

The rule: the least money a month is best, what users' failures cost in it as far as somebody says
so. Where nobody does, each set-up is best from some price of an hour down to another, or never
(`by_price`), and the first of them is the answer. Where then no set-up saves a tenth of an hour a
year, it does not matter. The rule is asked again with the seeds drawn anew (bootstrap): how often
it says the same is the confidence; below SURE, not enough is known. Nor is it where more than HANGS
of the assumptions that were tried say otherwise of the need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sim.dataplane import draws
from sim.results.intervals import bounds
from sim.study.decision.decision import AS_ASSUMED, FEW, Prospect, Prospects
from sim.study.decision.year import Harms, drawn, expected, ranges, span

MONTHS = 12.0
MATTERS_H = 0.1  # hours a year; chosen
SURE = 0.6  # chosen
HANGS = 0.25  # of the assumptions tried turn the need: then they decide, not the runs; chosen
AGAIN = 200  # bootstrap samples
PAID_OFF = 24.0  # months in which the work to get to a set-up is paid; chosen
DEPLOYS = "deploys and other planned work come"
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
    planned: float = 1.0  # of deploys and other planned work
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
    def means(self) -> float:
        """Without what users' failures cost."""
        return self.machines + self.upkeep + self.migration + self.incidents

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


class Hinge(NamedTuple):
    """An assumption at another value, where the rule says something else."""

    says: str
    choice: Choice


class BreakEven(NamedTuple):
    """Where Kubernetes begins to pay against the best without an orchestrator. None: never."""

    says: str
    value: float | None
    low: float | None
    high: float | None


def weigh(decision: Prospects, terms: Terms, which: Sequence[int] = ()) -> list[Weighed]:
    """Each set-up; `which`: the samples, by index, that count (all)."""
    return [weigh_one(outcome, terms, which) for outcome in decision.outcomes]


def weigh_one(outcome: Prospect, terms: Terms, which: Sequence[int] = ()) -> Weighed:
    year = expected(outcome.worlds[terms.world], terms.rates, which, terms.planned)
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
    for _, other in variations(terms, outcome.worlds):
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


def variations(terms: Terms, worlds: Iterable[str]) -> Iterator[tuple[str, Terms]]:
    """Each chosen number at half and at double, and each other world."""
    for factor, word in ((HALF, "half"), (DOUBLE, "twice")):
        yield f"incidents come {word} as often", terms._replace(rates=factor)
        yield f"the upkeep of a set-up is {word} as much", terms._replace(upkeep=factor)
        yield f"getting there takes {word} the work", terms._replace(migration=factor)
        yield f"an incident is followed by {word} the work", terms._replace(follow_up=factor)
        hour = factor * terms.work_hour
        yield f"an hour of work costs ${hour:,.0f}", terms._replace(work_hour=hour)
        if terms.down_hour:
            price = factor * terms.down_hour
            yield f"an hour down costs ${price:,.0f}", terms._replace(down_hour=price)
        if terms.sale:
            price = factor * terms.sale
            yield f"a lost request costs ${price:,.2f}", terms._replace(sale=price)
    for world in worlds:
        if world != AS_ASSUMED:
            yield world, terms._replace(world=world)


def hinges(decision: Prospects, terms: Terms) -> list[Hinge]:
    """Where the choice is another one; first those where the need for an orchestrator is."""
    answer = choose(weigh(decision, terms), terms)
    seldom = choose(weigh(decision, terms, range(FEW)), terms)  # on the seeds of other worlds
    other = [
        Hinge(says, choice)
        for says, varied in variations(terms, decision.outcomes[0].worlds)
        if (choice := choose(weigh(decision, varied), varied))
        != (answer if varied.world == terms.world else seldom)
    ]
    return sorted(other, key=lambda hinge: hinge.choice.orchestrator == answer.orchestrator)


def turned(decision: Prospects, terms: Terms, found: Sequence[Hinge]) -> float:
    """Of all assumptions that were tried, the share with which the need of an orchestrator is
    another one; `found`: where the choice is."""
    answer = choose(weigh(decision, terms), terms)
    tried = len(list(variations(terms, decision.outcomes[0].worlds)))
    turns = [hinge for hinge in found if hinge.choice.orchestrator != answer.orchestrator]
    return len(turns) / tried


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


def other_side(weighed: Sequence[Weighed], answer: Choice) -> Weighed:
    """The least money of those that differ from the answer in the need of an orchestrator."""
    others = [w for w in weighed if w.outcome.setup.orchestrator != answer.orchestrator]
    return min(others, key=lambda each: each.money.total)


def rival(weighed: Sequence[Weighed], terms: Terms) -> Weighed:
    """The best without an orchestrator."""
    without = [each for each in weighed if not each.outcome.setup.orchestrator]
    name = choose([weighed[0], *without], terms).name
    return next(each for each in without if each.outcome.setup.name == name)


def break_even(decision: Prospects, terms: Terms) -> list[BreakEven]:
    """Empty where the stack does not run on Kubernetes."""
    weighed = weigh(decision, terms)
    ours = next((w for w in weighed if w.outcome.setup.platform == "kubernetes"), None)
    if ours is None or not any(not w.outcome.setup.orchestrator for w in weighed):
        return []
    without = rival(weighed, terms)
    size = seeds(decision)

    def price(which: Sequence[int], harm: str) -> float | None:
        first, second = (weigh_one(each.outcome, terms, which) for each in (ours, without))
        dearer = MONTHS * (first.money.means - second.money.means)
        less = getattr(second.year, harm) - getattr(first.year, harm)
        return max(0.0, dearer / less) if less > 0.0 else None

    def deploys(which: Sequence[int]) -> float | None:
        """How many times as often planned work comes where both cost the same (it is linear)."""

        def dearer(planned: float) -> float:
            varied = terms._replace(planned=planned)
            first, second = (weigh_one(each.outcome, varied, which) for each in (ours, without))
            return first.money.total - second.money.total

        never, now = dearer(0.0), dearer(1.0)
        return max(0.0, never / (never - now)) if now < never else None

    return [
        _over_seeds("an hour down costs", partial(price, harm="down_h"), size),
        _over_seeds("a lost request costs", partial(price, harm="failed"), size),
        _over_seeds(DEPLOYS, deploys, size),
    ]


def _over_seeds(
    says: str, value: Callable[[Sequence[int]], float | None], size: int
) -> BreakEven:  # fmt: skip
    """With its range, where each seed has one."""
    each = [value([k]) for k in range(size)]
    known = [one for one in each if one is not None]
    if len(known) < len(each) or len(each) < 2:
        return BreakEven(says, value(()), None, None)
    low, high = bounds(known)
    return BreakEven(says, value(()), max(0.0, low), high)


class Improvement(NamedTuple):
    """From where you stand to a set-up: hours down a year that it takes away, by what."""

    weighed: Weighed
    saved_h: float
    per_dollar: float | None  # hours a year by dollars a month; None: it costs nothing more
    per_work_hour: float | None


def steps(weighed: Sequence[Weighed]) -> list[Improvement]:
    """Those that take something away; the most for each hour of work first."""
    now = weighed[0]
    found = []
    for each in weighed[1:]:
        saved = now.year.down_h - each.year.down_h
        dearer, work_h = each.money.means - now.money.means, each.outcome.setup.work / 3600.0
        if saved > 0.0:
            by_money = saved / dearer if dearer > 0.0 else None
            found.append(Improvement(each, saved, by_money, saved / work_h if work_h else None))
    return sorted(found, key=lambda step: -(step.per_work_hour or 0.0))
