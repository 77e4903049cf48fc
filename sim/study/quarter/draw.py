"""A simulated quarter: how much of a working week goes into running the platform (claim T1).

Ordinary incidents and planned work come at ordinary rates (`quarter.yaml`, with sources). Each is
drawn from the seed, the same ones for every platform, and replayed in a window of its own as the
scenario of its kind; the operator's hands-on minutes are summed. Incidents never overlap here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sim.dataplane import draws
from sim.library.adaptation import adapted
from sim.results.figures import total
from sim.results.summary import Replication
from sim.schema.fields import InputError, why_not
from sim.schema.scenario import Event
from sim.simulation.case import Case
from sim.study.ask import DEFAULT_SEED, Ask
from sim.study.batch import Batch, Runner
from sim.study.plan import Plan, plan
from sim.study.quarter.rates import IncidentKind, Rates, load_rates
from sim.study.quarter.tally import MEASURES, Drawn, Incident, Quarter, Replayed

PLATFORMS = ("compose", "kubernetes")
OFFICE = (9.0, 17.0)  # planned work is done between these hours
MOST = 10_000  # incidents of one kind: more is a mistyped rate


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


def follows_up(
    announced: bool, pages: int, degraded_s: float, jobs_lost: int, from_s: float
) -> bool:
    """Does an incident get a post-mortem and fixes? Triggers of the Google SRE book, "Postmortem
    Culture": an intervention of whoever is on call (here: a page), data loss, or users' degraded
    time beyond a threshold, which announced work has leave for."""
    return pages > 0 or (not announced and (jobs_lost > 0 or degraded_s >= from_s))


def server_of(servers: int, u: float) -> int:
    """Index of the server that is lost: each is as likely."""
    return min(int(u * servers), servers - 1)


def draw(rates: Rates, servers: int, seed: int) -> list[Incident]:
    """The quarter's incidents in order of time. A second server adds incidents, it changes none."""
    incidents = []
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
            which = draws.u(seed, draws.stream(f"quarter/{kind.name}/server"), i)
            incidents.append(Incident(kind.name, kind.scenario, at_s, own, which))
    return sorted(incidents, key=lambda incident: (incident.at_s, incident.seed))


# ---- running ----
def prepare(
    platforms: Sequence[str] = PLATFORMS,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    rates: Rates | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
) -> Quarter:
    """Draw the quarters (seeds `seed`, `seed` + 1, ...) and check everything. All of it happens on
    the stack of the first kind; what that cannot have (a third party where nobody is asked) is left
    out. Raises `InputError`."""
    rates = rates or load_rates()
    kinds = {kind.name: kind for kind in rates.kinds}
    every = {
        kind.scenario: _planned(k, Ask(kind.scenario, platforms, seed, reps, settings=settings))
        for k, kind in enumerate(rates.kinds)
    }
    first = every[rates.kinds[0].scenario]
    fits = {name: partial(adapted, own.scenario, first.stack) for name, own in every.items()}
    unfit = {name: line for name, attempt in fits.items() if (line := why_not(attempt))}
    plans = {name: own for name, own in every.items() if name not in unfit}
    left_out = [f"{k.name}: {unfit[k.scenario]}" for k in rates.kinds if k.scenario in unfit]
    runs = []
    for i, base in enumerate(first.cases):
        servers = base.stack.servers.count or 1
        for quarter_seed in range(seed, seed + reps):
            for incident in draw(rates, servers, quarter_seed):
                if incident.scenario in plans:
                    case, kind = plans[incident.scenario].cases[i], kinds[incident.kind]
                    runs.append(_drawn(case, quarter_seed, incident, kind))
    own = [kind for kind in rates.kinds if kind.scenario in plans]
    happens = rates.model_copy(update={"kinds": own})
    return Quarter(happens, first.platforms, seed, reps, tuple(runs), tuple(left_out))


def _drawn(case: Case, quarter_seed: int, incident: Incident, kind: IncidentKind) -> Drawn:
    operator = case.stack.operator
    deploys = [event for event in case.scenario.events if event.deploy is not None]
    return Drawn(
        at_hour(case, incident), quarter_seed, incident, kind,
        operator.night_at(incident.at_s) is not None,
        len(deploys) * operator.habits.deploy_watch,
    )  # fmt: skip


def _planned(k: int, ask: Ask) -> Plan:
    """The scenario of the kind; what is wrong with its name is said of the kind."""
    try:
        return plan(ask)
    except InputError as error:
        where = f"kinds.{k}.scenario"
        raise InputError(
            issues=[i if i.field or i.file else replace(i, field=where) for i in error.issues]
        ) from None


def at_hour(case: Case, incident: Incident) -> Case:
    """The case with its event at the incident's hour, and on its server."""
    scenario = case.scenario
    starts_s = (incident.at_s - min((e.at for e in scenario.events), default=0.0)) % 86_400.0
    server = server_of(case.stack.servers.count or 1, incident.which)
    events = [_struck(event, server) for event in scenario.events]
    moved = scenario.model_copy(update={"starts_at": starts_s, "events": events})
    return replace(case, scenario=moved)


def _struck(event: Event, server: int) -> Event:
    """A server's crash hits the one that was drawn."""
    if event.server_crash is None:
        return event
    crash = event.server_crash.model_copy(update={"server": server})
    return event.model_copy(update={"server_crash": crash})


def measure(quarter: Quarter, run: Runner = Batch.run) -> Quarter:
    """Replay everything; `run`: how. On Ctrl-C returns what was finished, with `interrupted` set;
    raises KeyboardInterrupt if that is nothing."""
    sample = run(quarter.batch)
    incidents = tuple(
        _replayed(each, done, quarter.rates)
        for each, finished in zip(quarter.runs, sample.replications, strict=True)
        for done in finished
    )
    return quarter._replace(incidents=incidents, interrupted=sample.interrupted)


def quarter(
    platforms: Sequence[str] = PLATFORMS,
    seed: int = DEFAULT_SEED,
    reps: int = 1,
    rates: Rates | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    workers: int | None = None,
) -> Quarter:
    """Draw the quarters and replay them under each platform. Raises `InputError`."""
    run = partial(Batch.run, workers=workers)
    return measure(prepare(platforms, seed, reps, rates, settings), run)


def _replayed(drawn: Drawn, replication: Replication, rates: Rates) -> Replayed:
    figures = replication.figures
    measured: dict[str, Any] = {name: total(figures, path) for name, path in MEASURES.items()}
    pages, lost = measured["pages"], measured["jobs_lost"]
    worst_s = max(measured["downtime_s"], measured["degraded_s"])
    announced = drawn.kind.announced
    return Replayed(
        platform=drawn.case.platform, quarter=drawn.quarter, kind=drawn.kind.name,
        at_s=drawn.incident.at_s, night=drawn.night, planned=drawn.kind.planned,
        watched_minutes=drawn.watched_s / 60.0, **measured,
        followed_up=follows_up(announced, pages, worst_s, lost, rates.follow_up_from),
    )  # fmt: skip
