"""A simulated quarter: what is kept of it, what it adds up to, and claim T1's verdict.

Left out, because no run can show it: see `LEFT_OUT`. So this is a floor of toil, not its sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from sim import __version__
from sim.results.intervals import bounds, kind
from sim.simulation.case import Case
from sim.study.batch import Batch
from sim.study.quarter.rates import IncidentKind, Rates

CLAIM = 0.80  # the article: 80 % of the time goes into managing infrastructure
SAYS = "80 % of the time goes into managing infrastructure, 20 % into features"
LEFT_OUT = (
    "meetings, tickets, support, writing manifests and Compose files, upgrades of the platform, "
    "of PostgreSQL and of images, backups, costs, learning it, incidents that meet or come again"
)


# what is kept of each incident: a field of Replayed, and its figure (sim.results.figures)
MEASURES = {
    "minutes": "operator.minutes",  # hands on
    "pages": "operator.pages",
    "mistakes": "operator.mistakes",
    "downtime_s": "downtime_s",
    "degraded_s": "degraded_s",
    "failed": "requests.failed",
    "jobs_lost": "jobs.lost",
}


class Incident(NamedTuple):
    """One thing that happens in the quarter."""

    kind: str
    scenario: str
    at_s: float  # from the beginning of the quarter
    seed: int
    which: float = 0.0  # 0..1: which of the servers, where it happens to one

    @property
    def hour(self) -> float:
        """Hours since midnight."""
        return self.at_s / 3600.0 % 24.0


class Drawn(NamedTuple):
    """One incident on one platform, ready to run."""

    case: Case
    quarter: int  # its seed
    incident: Incident
    kind: IncidentKind
    night: bool
    watched_s: float  # whoever deploys watches so long


class Replayed(NamedTuple):
    """One incident or piece of work of the quarter, replayed on one platform."""

    platform: str
    quarter: int  # its seed
    kind: str
    at_s: float  # from the beginning of the quarter, a Monday, midnight
    night: bool
    planned: bool
    minutes: float  # hands on
    watched_minutes: float  # a deploy
    pages: int
    mistakes: int
    downtime_s: float
    degraded_s: float
    failed: int  # requests
    jobs_lost: int
    followed_up: bool

    @property
    def repair_minutes(self) -> float:
        """Of what it takes in all, where it is followed up: hands on."""
        return self.minutes if self.followed_up else 0.0


class Totals(NamedTuple):
    """Sums over incidents; means a quarter where there are several."""

    incidents: float = 0.0
    minutes: float = 0.0
    watched_minutes: float = 0.0
    pages: float = 0.0
    mistakes: float = 0.0
    downtime_s: float = 0.0
    failed: float = 0.0
    jobs_lost: float = 0.0
    followed_up: float = 0.0
    repair_minutes: float = 0.0  # hands on, in those that are followed up


class Spent(NamedTuple):
    """Where a platform's working time goes, minutes a quarter."""

    hands_on: float
    watching: float
    following_up: float

    def share(self, working_minutes: float) -> float:
        """Of the quarter's working time; above 1 where one person is not enough."""
        return math.fsum(self) / working_minutes if working_minutes else 0.0


class Quarter(NamedTuple):
    """One or several quarters, drawn and checked; once run also what was replayed of them."""

    rates: Rates
    platforms: tuple[str, ...]
    seed: int
    reps: int
    runs: tuple[Drawn, ...]  # platform by platform
    left_out: tuple[str, ...] = ()  # a line for each kind that the stack cannot have
    incidents: tuple[Replayed, ...] = ()
    interrupted: bool = False

    @property
    def batch(self) -> Batch:
        """Each incident with a seed of its own."""
        cases = tuple(each.case for each in self.runs)
        return Batch(cases, tuple(each.incident.seed for each in self.runs), paired=True)

    def drawn(self, platform: str) -> int:
        """Incidents over all quarters."""
        return sum(each.case.platform == platform for each in self.runs)

    def of(self, platform: str) -> list[Replayed]:
        return [one for one in self.incidents if one.platform == platform]

    def whole(self, platform: str) -> bool:
        """Was all of it replayed?"""
        return len(self.of(platform)) == self.drawn(platform)

    def tally(self, platform: str, kind: str | None = None) -> Totals:
        """What a kind, or all of it, came to: a quarter's mean, or (interrupted) the sum so far."""
        mine = [one for one in self.of(platform) if kind in (None, one.kind)]
        return tally(mine, self.reps if self.whole(platform) else 1)

    def spent(self, platform: str) -> Spent:
        return spent(self.tally(platform), self.rates.follow_up)

    def shares(self, platform: str) -> list[float]:
        """The share of each quarter."""
        shares = []
        for seed in range(self.seed, self.seed + self.reps):
            mine = tally([one for one in self.of(platform) if one.quarter == seed])
            share = spent(mine, self.rates.follow_up).share(self.rates.working_minutes)
            shares.append(share)
        return shares


# ---- rules ----
def tally(those: Iterable[Replayed], quarters: int = 1) -> Totals:
    """Sums, over so many quarters."""
    replayed = list(those)
    sums = {
        name: math.fsum(getattr(each, name) for each in replayed) / quarters
        for name in Totals._fields[1:]
    }
    return Totals(incidents=len(replayed) / quarters, **sums)


def spent(total: Totals, follow_up_s: float) -> Spent:
    """`follow_up_s` of work in all for each incident that is followed up: what its repair leaves of
    it comes afterwards."""
    afterwards = total.followed_up * follow_up_s / 60.0 - total.repair_minutes
    return Spent(total.minutes, total.watched_minutes, max(0.0, afterwards))


def verdict(quarter: Quarter, platform: str) -> dict[str, Any] | None:
    """What T1 comes to on a platform: hands-on work and follow-up apart, and no verdict, since most
    of what people mean by it is no incident. None: not all of it was replayed."""
    if not quarter.whole(platform):
        return None
    time = quarter.spent(platform)
    return {
        "id": "T1", "says": SAYS, "platform": platform, "metric": "share", "low": CLAIM,
        "high": None, "measured": time.share(quarter.rates.working_minutes), "holds": None,
        "because": because(time, quarter.rates),
    }  # fmt: skip


def because(time: Spent, rates: Rates) -> str:
    """What the simulated work comes to, by kind, and what would be missing of 80 %."""
    working = rates.working_minutes
    hands, follow_up = time.hands_on + time.watching, time.following_up
    missing = max(0.0, CLAIM * working - hands - follow_up) / 60.0
    return (
        f"hands-on work at these rates is {hands / 60.0:.1f} of {working / 60.0:.0f} hours "
        f"({100.0 * hands / working:.1f} %), follow-up another {follow_up / 60.0:.0f} "
        f"({100.0 * follow_up / working:.1f} %: a chosen {rates.follow_up / 3600.0:g} h each, "
        f"the repair among it). The {missing:.0f} hours to 80 % would be what is not simulated: "
        "meetings, tickets, manifests, upgrades, certificates, costs, learning"
    )


def likely(done: Quarter, platform: str) -> tuple[float, float]:
    """Bounds of the share (sim.results.intervals) over at least two quarters, from 0 on."""
    low, high = bounds(done.shares(platform))
    return max(0.0, low), high


# ---- quarter.json ----
def record(quarter: Quarter) -> dict[str, Any]:
    """All of it as plain data; minutes and seconds as the names say."""
    rates = quarter.rates
    verdicts = [verdict(quarter, name) for name in quarter.platforms]
    return {
        "schema": 2, "version": __version__, "seed": quarter.seed, "reps": quarter.reps,
        "interrupted": quarter.interrupted, "weeks": rates.weeks,
        "working_minutes": rates.working_minutes, "follow_up_minutes_each": rates.follow_up / 60.0,
        "rates": [kind.model_dump() for kind in rates.kinds],
        "platforms": {name: _platform(quarter, name) for name in quarter.platforms},
        "claims": [one for one in verdicts if one is not None],
    }  # fmt: skip


def _platform(quarter: Quarter, name: str) -> dict[str, Any]:
    time = quarter.spent(name)
    several = quarter.whole(name) and quarter.reps > 1
    return {
        "drawn": quarter.drawn(name),
        "replayed": len(quarter.of(name)),
        "kinds": [
            {"kind": k.name, **quarter.tally(name, k.name)._asdict()} for k in quarter.rates.kinds
        ],
        "total": quarter.tally(name)._asdict(),
        "hours": {
            "day": tally(unplanned(quarter, name, night=False))._asdict(),
            "night": tally(unplanned(quarter, name, night=True))._asdict(),
        },
        "minutes": time._asdict(),
        "share": time.share(quarter.rates.working_minutes),
        "share_interval": list(likely(quarter, name)) if several else None,
        "share_interval_is": kind(quarter.reps) if several else None,
    }


def unplanned(done: Quarter, platform: str, night: bool) -> list[Replayed]:
    """What nobody had planned, by day or at night, of all quarters."""
    return [one for one in done.of(platform) if not one.planned and one.night is night]
