"""Demands from the durations in a log: what a request costs a service, and how many are served at
once.

A duration is not a demand: it holds the wait for others. What others cost is known from the log
itself, since it says who was inside when. If `places` requests are served at once, the rest either
share (a CPU: all go on at places / inside, as the simulator's processor sharing has it) or queue
(threads, processes: first come, first served). Both rules can be run backwards: from arrivals and
answers to the demand of each request, whoever it met. Of each rule and each number of places that
gives the likelihood of the log, and the largest is taken: all are tried, so that there is no
starting point to be lucky with. A law is exponential or lognormal, by Akaike's criterion.

The simulator then replays the log's arrivals with what was found; where it does not give the log's
durations again, there is no such service, and that is said instead of numbers. What a log cannot
tell: a limit that was never reached (`places` is then None). What of a demand is a database's it
tells if each line says how long the service waited for databases: of requests that met nobody that
is no wait for a connection or for others, but their queries.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import heappush, heapreplace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import Does, Kind, LawKind
from sim.dataplane.engines import choose, plane_class
from sim.dataplane.profile import Arrivals, Client, Law, Profile, StoryStep, Workload
from sim.results.metrics import percentile
from sim.schema.databases import DatabasePool
from sim.schema.fields import InputError, LawSpec
from sim.schema.layers import check_stack
from sim.schema.stack import Service, Stack
from sim.schema.steps import ServiceStep
from sim.schema.text.document import Document

Floats = NDArray[np.float64]
FEWEST = 200  # requests; chosen: fewer do not tell a p99
SURER = 6.0  # log likelihood; chosen: a limit is told that explains the log so much better
ODD = 0.001  # of requests that may break a rule, of a log with an odd line or two; chosen
ODDS = 10.0  # log likelihood of each; chosen: more than the wait that a rule explains by it
OFF = 0.15  # chosen: of p50 and p95; what differs by more from all runs is another service
MOST_REPLAYED = 20_000
DEVIATIONS = 3.0  # of simulated runs, which nearly all are within
COARSE = 0.2  # of the median duration; chosen: coarser clocks do not say who met whom
RESAMPLES = 400
STEADY = 0.01  # chosen: deviation / mean of what hardly varies
MOST_PLACES = 128
SHARES = (0.5, 0.95, 0.99)


class Demand(NamedTuple):
    """A law with what is known of it: the range of its mean that holds the truth nine times in
    ten, and of how many requests."""

    law: LawSpec
    low: float
    high: float
    requests: int


@dataclass(frozen=True)
class Fit:
    """`places`: requests served at once, None where the log shows no limit; `rule`: what those do
    beyond it. `inside`: the most at once. `checks`: share -> duration in the log, and from where to
    where those of simulated runs lie."""

    demand: Demand
    rule: str  # "share" or "queue"
    places: int | None
    inside: int
    rate: float  # requests a second
    paths: Mapping[str, Demand]
    checks: Mapping[float, tuple[float, float, float]]
    alone: int = 0  # requests that met nobody, and say how long they were in databases
    database: Demand | None = None  # of those, where there are enough

    @property
    def utilisation(self) -> float:
        """Of the places, on average; up to here the log speaks."""
        return self.rate * self.demand.law.mean / (self.places or self.inside)


def fit(
    arrive: Floats, duration: Floats, paths: tuple[str, ...], resolution_s: float, file: str,
    database: Floats | None = None,
) -> Fit:  # fmt: skip
    """From requests in the order in which they came, in seconds. `database`: of them the seconds in
    databases, not a number where nobody says. `file`: what messages name. Raises `InputError` where
    they cannot tell."""
    if len(arrive) < FEWEST:
        found = f"{len(arrive)} requests with a duration"
        raise InputError(file, found=found, expected=f"at least {FEWEST}")
    median = float(np.median(duration))
    if resolution_s > COARSE * median:
        found = f"times to {resolution_s:g} s, of requests that take {median:.3g} s"
        expected = "a finer clock, to tell who met whom (nginx $msec, Apache %{msec_frac}t)"
        raise InputError(file, found=found, expected=expected)
    begin = arrive - arrive[0]
    leave = begin + duration
    inside = _inside(begin, leave)
    most = int(inside.number.max())
    likelihoods = {
        (rule, places): _likelihood(rule, places, begin, leave, inside, resolution_s)
        for rule in ("share", "queue")
        for places in _candidates(most)
    }
    best = max(likelihoods, key=lambda key: likelihoods[key])
    limited = best[1] < most and likelihoods[best] > likelihoods["share", most] + SURER
    rule, places = best if limited else ("share", most)
    demands = np.maximum(_demands(rule, places, begin, leave, inside), resolution_s / 2)
    demand = _demand(demands, seed=0)
    fitted = Fit(
        demand, rule, places if limited else None, most, len(begin) / float(leave.max()),
        _by_path(paths, demands), {},
    )  # fmt: skip
    fitted = replace(fitted, checks=_checks(fitted, begin, duration))
    if database is not None:
        fitted = _with_database(fitted, database, inside)
    for share, (real, low, high) in fitted.checks.items():
        if share < 0.99 and not low / (1.0 + OFF) < real < high * (1.0 + OFF):
            found = f"p{share * 100:g} of {real:.3g} s, where the likeliest service has {low:.3g} "
            found += f"to {high:.3g} s ({describe(fitted)})"
            raise InputError(file, found=found, expected="durations of one service that does not "
                             "wait for others; cut an outage out of the log")  # fmt: skip
    return fitted


def _with_database(fitted: Fit, database: Floats, inside: _Inside) -> Fit:
    """With what queries cost, from the requests that met nobody: of those that last long fewer do,
    by exp(-rate * duration), so that each stands for as many more."""
    met_nobody = (inside.number[inside.arrived] == 1) & (inside.left == inside.arrived + 1)
    alone = met_nobody & (database > 0.0)
    seconds, weights = database[alone], np.exp(fitted.rate * inside.spans[inside.arrived[alone]])
    if len(seconds) < FEWEST:
        return replace(fitted, alone=len(seconds))
    return replace(fitted, alone=len(seconds), database=_demand(seconds, 2, weights))


def describe(fitted: Fit) -> str:
    """In words, for people."""
    law = fitted.demand.law
    shape = law.law if law.law == "exponential" else f"{law.law}, cv {law.cv:.2f}"
    if fitted.places is None:
        return (
            f"{law.mean * 1000:.3g} ms ({shape}), no limit seen with up to {fitted.inside} inside"
        )
    beyond = "share" if fitted.rule == "share" else "queue"
    return f"{law.mean * 1000:.3g} ms ({shape}), {fitted.places} at once, others {beyond}"


# ---- the rules, backwards ----
class _Inside(NamedTuple):
    """Arrivals and answers in the order of time: how many are inside after each, where each
    request's own two stand."""

    number: NDArray[np.int64]
    spans: Floats  # until the next
    arrived: NDArray[np.int64]
    left: NDArray[np.int64]


def _inside(begin: Floats, leave: Floats) -> _Inside:
    times = np.concatenate((begin, leave))
    change = np.concatenate((np.ones(len(begin), np.int64), -np.ones(len(begin), np.int64)))
    order = np.lexsort((change, times))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    spans = np.diff(times[order], append=times.max())
    return _Inside(np.cumsum(change[order]), spans, place[: len(begin)], place[len(begin) :])


def _candidates(most: int) -> list[int]:
    few = [*range(1, 9), *(round(8 * 1.19**i) for i in range(1, 17))]
    return sorted({places for places in few if places < min(most, MOST_PLACES)} | {most})


def _demands(rule: str, places: int, begin: Floats, leave: Floats, inside: _Inside) -> Floats:
    """What each request asked for, if so many are served at once and the others follow the rule."""
    if rule == "share":
        speed = np.minimum(1.0, places / np.maximum(inside.number, 1))
        given = np.concatenate(([0.0], np.cumsum(inside.spans * speed)))
        shared: Floats = given[inside.left] - given[inside.arrived]
        return shared
    served: list[float] = []
    start = begin.copy()
    for i, (came, went) in enumerate(zip(begin.tolist(), leave.tolist(), strict=True)):
        if len(served) < places:
            heappush(served, went)
        else:
            start[i] = max(came, heapreplace(served, went))
    return leave - start


def _likelihood(
    rule: str, places: int, begin: Floats, leave: Floats, inside: _Inside, resolution_s: float
) -> float:
    """Of the log under the rule, with the likelier law; minus infinity if it cannot be."""
    demands = _demands(rule, places, begin, leave, inside)
    impossible = demands <= -2.0 * resolution_s  # it left before its turn; two clocks may be off
    if impossible.mean() > ODD:
        return -math.inf
    before = np.maximum(inside.number[inside.left] + 1, 1)
    speed = np.minimum(1.0, places / before) if rule == "share" else np.ones(1)
    odd = ODDS * float(impossible.sum())
    return _law(np.maximum(demands, 1e-9))[1] + float(np.log(speed).sum()) - odd


# ---- laws ----
def _law(demands: Floats, weights: Floats | None = None) -> tuple[LawSpec, float]:
    """The likelier law, and its log likelihood."""
    logs, mean = np.log(demands), float(np.average(demands, weights=weights))
    middle = float(np.average(logs, weights=weights))
    variance = max(float(np.average((logs - middle) ** 2, weights=weights)), 1e-8)
    normal = -len(logs) * (middle + 0.5 * (math.log(2 * math.pi * variance) + 1.0))
    exponential = -len(logs) * (math.log(mean) + 1.0)
    if exponential > normal - 1.0:  # one number fewer
        return LawSpec(law="exponential", mean=mean, cv=1.0), exponential
    spec = LawSpec(
        law="lognormal",
        mean=math.exp(middle + variance / 2),
        cv=min(math.sqrt(math.expm1(variance)), 100.0),
    )
    return spec, normal


def _demand(demands: Floats, seed: int, weights: Floats | None = None) -> Demand:
    """With its range from resampled blocks of neighbours, whose demands may resemble each other."""
    law, _ = _law(demands, weights)
    width = max(1, math.isqrt(len(demands)) // 4)
    blocks = len(demands) // width
    places = np.arange(blocks * width).reshape(blocks, width)
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = [places[random.integers(0, blocks, blocks)].ravel() for _ in range(RESAMPLES)]
    means = [_law(demands[d], None if weights is None else weights[d])[0].mean for d in drawn]
    low, high = np.quantile(means, (0.05, 0.95))
    return Demand(law, float(low), float(high), len(demands))


def _by_path(paths: tuple[str, ...], demands: Floats) -> dict[str, Demand]:
    """Of the paths with requests enough; without their queries."""
    names = np.array([path.partition("?")[0] for path in paths])
    common = [name for name, count in Counter(names.tolist()).most_common() if count >= FEWEST]
    return {name: _demand(demands[names == name], seed=1) for name in common[:10] if name}


# ---- the simulator ----
def replayed(fitted: Fit, begin: Floats, seed: int) -> dict[float, float]:
    """Percentiles of the durations that the simulator gives these arrivals."""
    law = fitted.demand.law
    demand = Law(LawKind[law.law.upper()], law.mean, law.cv)
    places = fitted.places or fitted.inside
    if fitted.rule == "share":
        profile = Profile(Kind.HTTP, slots=10**6, cpu=demand, cpu_limit=float(places))
    else:
        profile = Profile(
            Kind.HTTP, slots=places, at_once=True, steps=(StoryStep(Does.WAIT, law=demand),)
        )
    horizon = float(begin[-1]) + 1.0
    client = Client(timeout_s=1e6)
    plane = plane_class(choose("auto", float(len(begin))))(
        Workload(seed, horizon + 1e4, Arrivals(times_s=begin), client, bucket_s=3600.0)
    )
    server = plane.add_server(float(places), 2**50)
    container = plane.add_container(plane.add_profile(profile), server)
    plane.start(container, 0)
    plane.publish([container])
    now = 0.0
    while now < horizon + 1e4:
        now, _ = plane.advance(horizon + 1e4)
    seen = plane.recording()
    return {share: percentile(seen.latency, share, seen.latency_max_s) or 0.0 for share in SHARES}


def _checks(
    fitted: Fit, begin: Floats, duration: Floats
) -> dict[float, tuple[float, float, float]]:
    """The log's percentiles, and the range of those of nearly all runs, by the spread of a few:
    near saturation the same service differs by a third from one day to the next."""
    begin, duration = begin[:MOST_REPLAYED], duration[:MOST_REPLAYED]
    runs = [replayed(fitted, begin, seed) for seed in range(1, 8)]
    checks = {}
    for share in SHARES:
        logs = np.log([run[share] for run in runs])
        middle, spread = float(logs.mean()), DEVIATIONS * float(logs.std(ddof=1))
        real = float(np.quantile(duration, share))
        checks[share] = (real, math.exp(middle - spread), math.exp(middle + spread))
    return checks


# ---- a stack with what was found ----
def fitted_stack(stack: Stack, fit: Fit) -> tuple[Stack, list[str]]:
    """The stack, and the paths of what was changed in it. What a request costs elsewhere stays as
    it is, since a log of the entry cannot tell it apart: the rest is the entry's own. Raises
    `InputError` for an entry that calls other services, or whose endpoints have steps: whose
    durations they are nobody knows."""
    name, service = stack.entry, stack.services[stack.entry]
    at = f"services.{name}"
    kinds, calls = {step.kind for step in service.every_step}, ", ".join(stack.calls(name))
    named = ", ".join(name for name, steps in service.endpoints.items() if steps is not None)
    for unfit, found, expected in (
        ("cache" in kinds, f"{name} looks into a cache", "requests that all do the same"),
        ("together" in kinds, f"{name} does several steps at once", "one after the other"),
        (calls, f"{name} calls {calls}",
         "a stack of one service, or a log of a service that calls nobody"),
        (named, f"endpoints with steps ({named})", "one story for all"),
    ):  # fmt: skip
        if unfit:
            raise InputError(stack.place, field=at, found=found, expected=expected)
    story = service.steps if service.steps is not None else _steps(stack, service)
    if fit.database is not None:
        story = _asking(stack, story, fit.database.law)
    others = [(step.share, step.demand) for step in story if step.demand is not None]
    elsewhere = sum(share * law.mean for share, law in others)
    whole = fit.demand.law
    if whole.mean <= elsewhere:
        found = f"{whole.mean:.3g} s a request in the log, {elsewhere:.3g} s of it in databases"
        expected = "a demand of the database that leaves something (--stack with a smaller one)"
        raise InputError(stack.place, field=at, found=found, expected=expected)
    mean = whole.mean - elsewhere
    spread = (whole.cv * whole.mean) ** 2 - sum(_variance(*other) for other in others)
    law = LawSpec(law="lognormal", mean=mean, cv=max(math.sqrt(max(spread, 0.0)) / mean, STEADY))
    law = law if others else whole
    changed = _changed(stack, service, story, law, fit)
    result = stack.model_copy(update={"services": {**stack.services, name: changed}})
    check_stack(result, Document(stack.place))
    own = {"share": "cpu", "queue": "steps"}[fit.rule]
    paths = [f"{at}.{own}", *([f"{at}.concurrency"] if fit.rule == "queue" else [])]
    if fit.database is not None and fit.rule == "share" and service.steps is None:
        paths.append(f"{at}.database.demand")
    return result, paths


def _variance(share: float, law: LawSpec) -> float:
    """Of what a request asks for that takes this step so often; s^2."""
    return share * (1.0 + law.cv**2) * law.mean**2 - (share * law.mean) ** 2


def _asking(stack: Stack, story: list[ServiceStep], law: LawSpec) -> list[ServiceStep]:
    """The story with queries that cost so much: the law itself where there is one, else the means
    as they are to each other."""
    means = {i: (s.demand or LawSpec()).mean for i, s in enumerate(story) if s.kind == "query"}
    now = sum(story[i].share * mean for i, mean in means.items())
    if [story[i].share for i in means] == [1.0]:
        laws = dict.fromkeys(means, law)
    elif now > 0.0:
        laws = {
            i: (story[i].demand or LawSpec()).model_copy(update={"mean": mean * law.mean / now})
            for i, mean in means.items()
        }
    else:
        raise InputError(
            stack.place, field=f"services.{stack.entry}", found="a log with times of queries",
            expected="a service that has some",
        )  # fmt: skip
    return [
        step.model_copy(update={"demand": laws[i]}) if i in laws else step
        for i, step in enumerate(story)
    ]


def _changed(
    stack: Stack, service: Service, story: list[ServiceStep], law: LawSpec, fit: Fit
) -> Service:
    if fit.rule == "share":
        cpu = service.cpu.model_copy(update={"threads": fit.places})
        if service.steps is None:
            asked: dict[str, object] = {"cpu": cpu.model_copy(update={"demand": law})}
            demands = [step.demand for step in story if step.kind == "query"]
            if service.database is not None and demands:
                asked["database"] = service.database.model_copy(update={"demand": demands[0]})
            return service.model_copy(update=asked)
        rest = [step for step in story if step.kind != "cpu"]
        return service.model_copy(update={"cpu": cpu, "steps": [ServiceStep(cpu=law), *rest]})
    rest = [step for step in story if step.kind not in ("cpu", "wait")]
    return service.model_copy(
        update={
            "concurrency": fit.places,
            "cpu": service.cpu.model_copy(update={"demand": LawSpec()}),
            "database": None,
            "push": Service(role="http").push,
            "steps": [ServiceStep(wait=law), *rest],
            "pools": dict(stack.pools(stack.entry)),
        }
    )


def _steps(stack: Stack, service: Service) -> list[ServiceStep]:
    """The short forms as the steps that they stand for, without the CPU."""
    steps = []
    pools: dict[str, DatabasePool] = stack.pools(stack.entry)
    if service.database is not None:
        steps += [ServiceStep(query=name, demand=service.database.demand) for name in pools]
    if service.push.share > 0:
        steps += [ServiceStep(push=n, share=service.push.share) for n in stack.playing("redis")[:1]]
    return steps
