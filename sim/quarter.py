"""A simulated quarter: how much of a working week goes into running the platform (claim T1).

Ordinary incidents and planned work come at ordinary rates (`quarter.yaml`, with sources). Each is
drawn from the seed, the same ones for every platform, and replayed in a window of its own as the
scenario of its kind; the operator's hands-on minutes are summed. Incidents never overlap here.
Left out, because no scenario can show it: meetings, tickets, writing manifests and Compose files,
upgrades of the platform itself, learning it, support. So this is a floor of toil, not its sum.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from sim.dataplane import draws
from sim.platforms import named
from sim.results.summary import Replication
from sim.spec.fields import Duration, InputError, Ratio, Record
from sim.spec.loader import load_stack, stack_on
from sim.spec.validate import read_record
from sim.spec.yamlfile import read_text, read_yaml
from sim.study import Plan, plan
from sim.workers import Task, Watch, run_tasks

RATES = Path(__file__).with_name("quarter.yaml")
CLAIM = 0.80  # the article: 80 % of the time goes into managing infrastructure
OFFICE = (9.0, 17.0)  # planned work is done between these hours
MOST = 10_000  # incidents of one kind: more is a mistyped rate


class Kind(Record):
    """One kind of incident or work."""

    name: str
    scenario: str
    rate: Ratio  # mean number a quarter
    planned: bool = False  # in office hours, else at any hour
    per_server: bool = False  # the rate is that of each server
    source: str = ""


class Rates(Record):
    weeks: Ratio = 13.0
    hours_per_week: Ratio = 40.0
    follow_up: Duration = 0.0
    kinds: list[Kind]


class Incident(NamedTuple):
    """One thing that happens in the quarter."""

    kind: str
    scenario: str
    at_s: float  # from the beginning of the quarter
    seed: int

    @property
    def hour(self) -> float:
        """Hours since midnight."""
        return self.at_s / 3600.0 % 24.0


@dataclass(frozen=True)
class Row:
    """What one kind cost on one platform in the quarter."""

    platform: str
    kind: str
    incidents: int
    minutes: float = 0.0  # hands on
    pages: int = 0
    mistakes: int = 0
    downtime_s: float = 0.0


# ---- rules ----
def poisson(mean: float, u: float) -> int:
    """The smallest n with P(N <= n) > u: larger means never give fewer, for the same u.

    By chunks of 500, since exp(-mean) underflows beyond 745."""
    if mean > 500.0:
        return poisson(500.0, u) + poisson(mean - 500.0, u)
    n, term = 0, math.exp(-mean)
    total = term
    while u >= total and n < MOST:
        n += 1
        term *= mean / n
        total += term
    return n


def time_of(planned: bool, weeks: float, day: float, hour: float) -> float:
    """Seconds from the beginning of the quarter (a Monday, midnight); `day`, `hour`: 0..1.

    Planned work: a weekday, in office hours. Anything else: any time."""
    if not planned:
        return (math.floor(day * weeks * 7) + hour) * 86_400.0
    workday = math.floor(day * weeks * 5)
    whole_day = workday // 5 * 7 + workday % 5
    return whole_day * 86_400.0 + (OFFICE[0] + hour * (OFFICE[1] - OFFICE[0])) * 3600.0


def share_of_time(minutes: float, follow_up_minutes: float, working_minutes: float) -> float:
    """Of the quarter's working time; above 1 where one person is not enough."""
    return (minutes + follow_up_minutes) / working_minutes if working_minutes else 0.0


def draw(rates: Rates, servers: int, seed: int) -> list[Incident]:
    """The quarter's incidents in order of time. A second server adds incidents, it changes none."""
    found = []
    for k, kind in enumerate(rates.kinds):
        stream = draws.stream(f"quarter/{kind.name}")
        mean = kind.rate * rates.weeks / 13.0 * (servers if kind.per_server else 1)
        if mean > MOST:
            raise InputError(
                field=f"kinds.{k}.rate", found=f"{mean:g} a quarter", expected=f"at most {MOST}"
            )
        for i in range(poisson(mean, draws.u(seed, stream, 0))):
            day, hour = draws.u(seed, stream, 2 * i + 1), draws.u(seed, stream, 2 * i + 2)
            at_s = time_of(kind.planned, rates.weeks, day, hour)
            own = (seed % 2**32) * 2**24 + k * 2**16 + i + 1
            found.append(Incident(kind.name, kind.scenario, at_s, own))
    return sorted(found, key=lambda one: (one.at_s, one.seed))


# ---- running ----
@dataclass(frozen=True)
class Quarter:
    """A finished quarter."""

    seed: int
    rates: Rates
    rows: tuple[Row, ...]

    @property
    def platforms(self) -> list[str]:
        return list(dict.fromkeys(row.platform for row in self.rows))

    def total(self, platform: str) -> Row:
        mine = [row for row in self.rows if row.platform == platform]
        return Row(
            platform, "all", sum(r.incidents for r in mine), math.fsum(r.minutes for r in mine),
            sum(r.pages for r in mine), sum(r.mistakes for r in mine),
            math.fsum(r.downtime_s for r in mine),
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """quarter.json."""
        working = self.rates.weeks * self.rates.hours_per_week * 60.0
        platforms: dict[str, dict[str, Any]] = {}
        for name in self.platforms:
            total = self.total(name)
            after = total.pages * self.rates.follow_up / 60.0
            share = share_of_time(total.minutes, after, working)
            platforms[name] = {
                "kinds": [_figures(r) for r in self.rows if r.platform == name],
                "total": _figures(total),
                "follow_up_minutes": after,
                "share": share_of_time(total.minutes, 0.0, working),
                "share_with_follow_up": share,
                "times_as_many_for_the_claim": CLAIM / share if share else None,
            }
        return {
            "schema": 1,
            "seed": self.seed,
            "weeks": self.rates.weeks,
            "working_minutes": working,
            "rates": [kind.model_dump() for kind in self.rates.kinds],
            "platforms": platforms,
            "claims": [self.verdict(n, p["share_with_follow_up"]) for n, p in platforms.items()],
        }

    def verdict(self, platform: str, share: float) -> dict[str, Any]:
        """T1: 80 % of the time goes into managing infrastructure."""
        because = (
            "incidents and planned work at these rates take that share of one person's hours, "
            "post-mortems included; the rest of 80 % would have to be what is left out here - "
            "meetings, tickets, files, upgrades, learning"
        )
        return {
            "id": "T1", "says": "80 % of the time goes into managing infrastructure",
            "platform": platform, "metric": "share_with_follow_up", "low": CLAIM,
            "measured": share, "holds": share >= CLAIM,
            "because": "" if share >= CLAIM else because,
        }  # fmt: skip


def _figures(row: Row) -> dict[str, Any]:
    return {
        "kind": row.kind, "incidents": row.incidents, "minutes": row.minutes, "pages": row.pages,
        "mistakes": row.mistakes, "downtime_s": row.downtime_s,
    }  # fmt: skip


def load_rates(path: Path = RATES) -> Rates:
    """Raises `InputError` with file and line."""
    return read_record(Rates, read_yaml(read_text(path, str(path)), str(path)))


def quarter(
    platforms: Sequence[str] = ("compose", "kubernetes"),
    seed: int = 1,
    rates: Rates | None = None,
    watch: Watch = lambda tick: None,
    workers: int | None = None,
) -> Quarter:
    """Draw the quarter and replay it under each platform. Raises `InputError`."""
    rates = rates or load_rates()
    names = list(named(platforms))
    plans = {kind.scenario: plan(kind.scenario, names, seed=seed) for kind in rates.kinds}
    stacks = {name: _servers(name) for name in names}
    tasks, kinds = [], []
    for name in names:
        for one in draw(rates, stacks[name], seed):
            tasks.append(Task(_at(plans[one.scenario], one), name, one.seed))
            kinds.append(one.kind)
    finished: dict[int, Replication] = {}
    workers = workers or os.cpu_count() or 1
    run_tasks(tasks, watch, max(1, min(workers, len(tasks))), finished)
    rows = []
    for name in names:
        for kind in rates.kinds:
            mine = [
                finished[i].figures
                for i, task in enumerate(tasks)
                if task.platform == name and kinds[i] == kind.name
            ]
            rows.append(_row(name, kind.name, mine))
    return Quarter(seed, rates, tuple(rows))


def _at(planned: Plan, one: Incident) -> Plan:
    """The scenario with its event at the incident's hour; `seed` 0, so that no run is kept."""
    starts_s = (one.at_s - min((e.at for e in planned.scenario.events), default=0.0)) % 86_400.0
    return replace(
        planned, seed=0, scenario=planned.scenario.model_copy(update={"starts_at": starts_s})
    )


def _servers(platform: str) -> int:
    """How many servers the article's stack has there."""
    from sim.platforms import layers  # noqa: PLC0415 - simpy loads with it

    stack = load_stack("sspp")
    return stack_on(stack, layers(platform), plan("container_crash").scenario).servers.count


def _row(platform: str, kind: str, found: Sequence[dict[str, Any]]) -> Row:
    def column(get: Callable[[dict[str, Any]], float]) -> float:
        return math.fsum(get(one) for one in found)

    return Row(
        platform,
        kind,
        len(found),
        column(lambda f: f["operator"]["minutes"]),
        int(column(lambda f: f["operator"]["pages"])),
        int(column(lambda f: f["operator"]["mistakes"])),
        column(lambda f: f["downtime_s"]),
    )


# ---- telling ----
def as_json(done: Quarter) -> str:
    return json.dumps(done.record(), indent=2, ensure_ascii=False) + "\n"


def as_csv(done: Quarter) -> str:
    out = io.StringIO()
    rows = [{"platform": r.platform, **_figures(r)} for r in done.rows]
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_text(done: Quarter, markdown: bool = False) -> str:
    """A table per platform and the verdict; no line is longer than 100 columns."""
    record = done.record()
    hours = record["working_minutes"] / 60.0
    lines = [
        f"A quarter of {done.rates.weeks:g} weeks, {hours:g} working hours, seed {done.seed}",
        "",
    ]
    for name, found in record["platforms"].items():
        lines += [f"## {name}" if markdown else name, ""]
        lines += _table(found, markdown)
        share, low = found["share_with_follow_up"], found["share"]
        lines += [
            "",
            f"hands on: {low:.2%} of the working time; with {done.rates.follow_up / 3600:g} h of "
            f"follow-up a page: {share:.1%}",
        ]
        verdict = done.verdict(name, share)
        word = "holds" if verdict["holds"] else "does not hold"
        lines.append(f"T1 {word}: {verdict['says']}")
        if verdict["because"]:
            times = found["times_as_many_for_the_claim"]
            more = f" ({times:.0f} times as many would)" if times else ""
            lines += _wrapped(f"because {verdict['because']}{more}")
        lines.append("")
    return "\n".join(lines)


def _table(found: dict[str, Any], markdown: bool) -> list[str]:
    heads = ("what", "number", "hands-on min", "pages", "mistakes", "downtime s")
    rows = [heads]
    for one in (*found["kinds"], found["total"]):
        rows.append(
            (one["kind"], str(one["incidents"]), f"{one['minutes']:.1f}", str(one["pages"]),
             str(one["mistakes"]), f"{one['downtime_s']:.0f}")
        )  # fmt: skip
    if markdown:
        dashes = tuple("---" for _ in heads)
        return [f"| {' | '.join(row)} |" for row in (heads, dashes, *rows[1:])]
    return [f"  {row[0]:<20}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows]


def _wrapped(text: str) -> list[str]:
    from textwrap import wrap  # noqa: PLC0415

    return wrap(text, 96, initial_indent="  ", subsequent_indent="  ")
