"""Random small worlds from an integer seed: every field of profile.py, every verb, many faults.

`make_world(seed, lattice)` is a pure function. On a lattice all durations are multiples of a
power of two, so that many events share an instant and a wrong tie rule shows; without it, draws
are continuous. The worlds are meant to be cruel, not plausible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from sim.dataplane.codes import ONE_SERVER, Algorithm, Cancel, Does, Kind, LawKind, Persistence
from sim.dataplane.profile import (
    Arrivals,
    BreakerRules,
    CacheRules,
    Client,
    Law,
    PoolRules,
    Profile,
    Routing,
    Stay,
    StoryStep,
    Way,
    Workload,
)
from tests.dataplane.worlds import Step, World

MIB = 2**20
INF = math.inf


class Dice:
    """Random choices; durations fall on the lattice, if there is one."""

    def __init__(self, seed: int, lattice: bool, services: int) -> None:
        self.random = Random(2 * seed + lattice)
        self.services = services  # tiers: each asks those below, so that nobody waits for himself
        self.aside = Random(10**9 + 2 * seed + lattice).choice  # leaves all else as it would be
        self.beside = Random(4 * 10**9 + 2 * seed + lattice)  # ... as well
        self.stranded = Random(5 * 10**9 + 2 * seed + lattice)  # ... and this
        # in half of the wide worlds each tier asks the next few, so that requests reach the last
        self.deep = services > FEW and Random(7 * 10**9 + 2 * seed + lattice).random() < 0.5
        self.lattice = self.random.choice((1 / 32, 1 / 32, 1 / 128)) if lattice else 0.0

    def __call__(self, chance: float) -> bool:
        return self.random.random() < chance

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def int(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def s(self, low: float, high: float) -> float:
        """A duration or an instant."""
        x = self.random.uniform(low, high)
        return x if self.lattice == 0.0 else math.floor(x / self.lattice + 0.5) * self.lattice

    def law(self, mean: float) -> Law:
        kind = LawKind(self.int(0, 3))
        return Law(kind, self.s(0.2 * mean, 1.5 * mean), self.pick(0.3, 1.0, 3.0))

    def cores(self) -> float:
        return self.pick(0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


def http(dice: Dice, calm: float) -> Profile:
    """A version of the API. `calm` > 1 stretches demands (the long worlds have low rates)."""
    pool = dice.pick(0, 1, 2, 4, 8)
    return Profile(
        Kind.HTTP,
        slots=dice.pick(1, 2, 4, 8, 16, 64),
        backlog=dice.pick(0, 1, 3, 8, 32, 511),
        at_once=dice(0.4),
        probe_beside=dice(0.4),
        shed=dice(0.3),
        cancel=Cancel(dice(0.4) and dice.aside((1, 2))),
        cpu=dice.law(dice.pick(0.0, 0.02, 0.06, 0.15) * calm),
        cpu_limit=dice.pick(INF, INF, 0.5, 1.0, 2.0),
        cpu_weight=dice.pick(1024.0, 1024.0, 512.0, 2048.0),
        probe_cpu_s=dice.s(0.0, 0.1),
        memory_base=dice.int(10, 60) * MIB,
        memory_per_request=dice.pick(0, 1, 5) * MIB,
        memory_limit=dice.pick(0, 0, 64, 80, 120) * MIB,
        leak_per_request=dice.pick(0, 0, 0, MIB // 16, MIB // 4),
        error_rate=dice.pick(0.0, 0.0, 0.02, 0.3),
        query=dice.law(dice.pick(0.01, 0.03, 0.08) * calm) if dice(0.8) else Law(),
        pool=pool,
        pool_at_start=dice.int(0, pool) if dice(0.4) else 0,
        checkout_timeout_s=dice.pick(0.25, 0.5, 1.0, 5.0),
        pool_silence_s=dice.stranded.choice((924.6, 0.5, 2.0, 8.0)),
        push_rate=dice.pick(0.0, 0.3, 0.7, 1.0),
        push_timeout_s=dice.pick(0.25, 0.5, 2.0),
        keep_alive_s=dice.aside((INF, 0.25, 0.5, 2.0)),
        closing_s=dice.aside((0.0, 0.25, 1.0)),
    )


def worker(dice: Dice, calm: float) -> Profile:
    pool = dice.pick(0, 1, 3)
    by_connection = dice.aside((False, False, True))
    return Profile(
        Kind.WORKER,
        slots=dice.pick(1, 2, 4),
        cpu=dice.law(dice.pick(0.02, 0.06, 0.2) * calm),
        cpu_limit=dice.pick(INF, 1.0, 0.5),
        cpu_weight=dice.pick(1024.0, 256.0),
        probe_cpu_s=dice.s(0.0, 0.1),
        memory_base=dice.int(10, 60) * MIB,
        memory_per_request=dice.pick(0, 2, 8) * MIB,
        memory_limit=dice.pick(0, 0, 64) * MIB,
        leak_per_request=dice.pick(0, 0, MIB // 4),
        poison_rate=dice.pick(0.0, 0.0, 0.02, 0.1),
        query=dice.law(dice.pick(0.01, 0.05) * calm) if dice(0.6) else Law(),
        pool=pool,
        pool_at_start=dice.int(0, pool) if dice(0.4) else 0,
        checkout_timeout_s=dice.pick(0.25, 1.0, 5.0),
        pool_silence_s=dice.stranded.choice((924.6, 0.5, 2.0, 8.0)),
        reliable=dice(0.6),
        redelivery_s=dice.pick(0.5, 2.0, 8.0),
        acknowledge_s=dice.aside((0.5, 2.0, 8.0)) if dice(0.3) else INF,
        by_connection=by_connection,
        prefetch=dice.aside((0, 0, 1, 3, 40)),
        failures_told=dice.aside((True, True, False)),
        late_deletes=dice.aside((False, True)),
        redelivery_look_s=dice.pick(0.0, 0.0, 0.5, 4.0),
        reconnects=dice(0.8),
        max_stalled=dice.pick(0, 1, 2, 99),
        job_attempts=dice.int(1, 4),
        job_backoff_s=dice.pick(0.25, 0.5, 2.0),
        error_rate=dice.pick(0.0, 0.0, 0.1, 0.5),
        dead_letters=dice.pick(-1, -1, 0, 1, 2),
    )


DATABASES, QUEUES, CACHES = 3, 3, 2
NUMBERED = {Kind.DATABASE: DATABASES, Kind.QUEUE: QUEUES, Kind.WORKER: QUEUES}
SELDOM = 0.02
FEW, MANY = 4, 8  # services


def told(dice: Dice, calm: float, profile: Profile, tier: int) -> Profile:
    """The same with a longer story, by chance: any steps in any order, some left out together."""
    below = tier > 0 or profile.kind == Kind.WORKER  # jobs come here: if each made one, no end
    if below:
        profile = replace(profile, push_rate=min(profile.push_rate, SELDOM))
    deep = dice.deep and profile.kind == Kind.HTTP and tier < dice.services - 1
    short = 0.5 if tier == dice.services - 1 else 0.2 if dice.services == FEW else 0.05
    if dice(short) and not deep:
        return profile
    made = [*downward(dice, tier)] if deep else []
    kinds = [Does.CPU, Does.CPU, Does.WAIT, Does.QUERY, Does.PUSH, Does.FAIL]
    wide = dice.services > FEW  # calls enough to reach the last of many
    kinds += [Does.CALL] * ((20 if wide else 4) if tier < dice.services - 1 else 0)
    for i in range(dice.int(1, 6)):
        does = dice.pick(*kinds) if i or dice(0.3) else Does.CPU
        if sum(step.does == Does.CALL for step in made) >= 2 - (tier > 0):
            kinds = [other for other in kinds if other != Does.CALL]
        known = does == Does.FAIL or any(x.does == does and not x.name for x in made)
        share = dice.pick(1.0, 1.0, 0.5, 0.1) if does != Does.FAIL else dice.pick(0.02, 0.3)
        if does == Does.PUSH and below:
            share = SELDOM
        target = {Does.QUERY: dice.int(0, DATABASES - 1), Does.PUSH: dice.int(0, QUEUES - 1)}.get(
            does, 0
        )
        if does == Does.CALL:
            target = dice.int(tier + 1, min(tier + 2, dice.services - 1) if wide else FEW - 1)
        made.append(
            StoryStep(
                does,
                target=target,
                client=client(dice, 2 - (tier > 0)) if does == Does.CALL else Client(),
                endpoint=dice.aside((0, 0, 1, 2)) if does == Does.CALL else 0,
                law=dice.law(dice.pick(0.0, 0.01, 0.05) * calm),
                share=share,
                ignore=dice(0.3),
                name=f"{does.name}:{i}" if known or dice(0.5) else "",
                by_try=dice.aside((False, False, True)),
            )
        )
    steps = [
        replace(step, covers=dice.int(0, min(2, len(made) - 1 - i)) if dice(0.4) else 0)
        for i, step in enumerate(made)
    ]
    if profile.kind == Kind.WORKER and dice(0.2):
        steps.append(StoryStep(Does.POISON, share=dice.pick(0.02, 0.1), name="poison:last"))
    steps = at_once(dice, looking(dice, steps))
    told = replace(profile, steps=tuple(steps), pools=tuple(others(dice)))
    return replace(told, endpoints=endpoints(dice, told))


def downward(dice: Dice, tier: int) -> Iterator[StoryStep]:
    """Calls to the next tiers, the nearest by every request; most failures are borne, and none is
    tried again, or eight tiers of tries would multiply."""
    for target in range(tier + 1, min(tier + (3 if tier else 4), dice.services)):
        yield StoryStep(
            Does.CALL,
            target=target,
            client=lenient(client(dice, 0)) if dice(0.8) else client(dice, 0),
            endpoint=dice.aside((0, 0, 1, 2)),
            share=1.0 if target == tier + 1 else dice.pick(0.5, 0.1),
            ignore=dice(0.9),
            name=f"down:{target}",
        )


def endpoints(dice: Dice, profile: Profile) -> tuple[tuple[StoryStep, ...], ...]:
    """Stories of the same steps, by chance: the first few, and all of them the other way round."""
    if profile.kind != Kind.HTTP or dice.aside((True, False)):
        return ()
    first, last = (
        tuple(
            replace(s, covers=0, name=f"{s.name or s.does.name}/{at}")
            for s in profile.steps
            if s.does != Does.TOGETHER
        )
        for at in (1, 2)
    )
    return (first[: dice.aside((1, 2, 6))], last[::-1])[: dice.aside((1, 2))]


def looking(dice: Dice, steps: list[StoryStep]) -> list[StoryStep]:
    """The same with looks into caches, whose hits leave out some of what follows."""
    aside = dice.aside
    for number in range(aside((0, 0, 1, 2))):
        at = aside(range(len(steps)))
        rules = CacheRules(
            hit=aside((1.0, 1.0, 0.6)),
            timeout_s=aside((0.25, 1.0)),
            fails=aside((False, True)),
            lease_s=aside((0.0, 0.0, 0.5, 2.0)),
            retry_s=aside((0.0625, 0.25)),
        )
        look = StoryStep(
            Does.CACHE,
            target=aside(range(CACHES)),
            cache=rules,
            share=aside((1.0, 1.0, 0.5)),
            covers=aside(range(min(3, len(steps) - at) + 1)),
            ignore=aside((False, False, True)),
            name=f"look:{number}" if number or aside((True, False)) else "",
        )
        steps = [*steps[:at], look, *steps[at:]]
    return steps


def at_once(dice: Dice, steps: list[StoryStep]) -> list[StoryStep]:
    """The same with up to four of them side by side, by chance."""
    aside = dice.aside
    first = last = aside(range(len(steps)))
    inside: list[StoryStep] = []
    for _ in range(aside((0, 0, 2, 3, 4)) if first < len(steps) else 0):
        last = min(first + len(inside) + 1 + steps[last].covers, len(steps))
        branch = steps[first + len(inside) : last]
        inside += [
            replace(s, covers=min(s.covers, len(branch) - 1 - i)) for i, s in enumerate(branch)
        ]
        if last == len(steps):
            break
    if not inside:
        return steps
    before = [
        replace(step, covers=0) if i + step.covers >= first else step
        for i, step in enumerate(steps[:first])
    ]
    rules = {"share": aside((1.0, 1.0, 0.5)), "ignore": aside((False, False, True))}
    name = aside(("", "side by side"))
    together = StoryStep(Does.TOGETHER, covers=last - first, name=name, **rules)
    return [*before, together, *inside, *steps[last:]]


def cache(dice: Dice, number: int) -> Profile:
    aside = dice.aside
    return Profile(
        Kind.CACHE,
        number=number,
        memory_base=aside(range(1, 20)) * MIB,
        keys=aside((1, 3, 20, 200)),
        skew=aside((0.0, 0.7, 1.0, 1.3)),
        ttl_s=aside((INF, INF, 1.0, 5.0)),
        keys_held=aside((0, 0, 1, 10)),
        warm=aside((False, True)),
    )


def ends(profile: Profile) -> bool:
    """Dead letters go to later queues alone: in a circle a job without work would never end."""
    return profile.dead_letters < 0 or profile.dead_letters > profile.number


def others(dice: Dice) -> Iterator[PoolRules]:
    """Pools of databases beside the first."""
    for database in range(1, DATABASES):
        if dice(0.6):
            size = dice.pick(0, 1, 2, 4)
            at_start = dice.int(0, size) if dice(0.3) else 0
            silence_s = dice.stranded.choice((924.6, 0.5, 2.0, 8.0))
            yield PoolRules(database, size, at_start, dice.pick(0.25, 1.0, 5.0), silence_s)


def database(dice: Dice) -> Profile:
    pooler = dice(0.3)
    return Profile(
        Kind.DATABASE,
        cpu_limit=dice.pick(INF, 1.0, 2.0),
        probe_cpu_s=dice.s(0.0, 0.1),
        memory_base=dice.int(10, 60) * MIB,
        memory_limit=dice.pick(0, 0, 64) * MIB,
        connection_slots=dice.pick(1, 4, 8, 16, 32, 97),
        locked_share=dice.pick(0.0, 0.0, 0.0, 0.0, 0.1, 0.5),
        read_only=dice.beside.random() < 0.05,
        connect_cpu_s=dice.s(0.0, 0.07),
        connect_s=dice.s(0.0, 0.1),
        cost_growth=dice.pick(0.0, 0.125, 0.5),
        keepalive_s=dice.pick(1.0, 4.0, 12.0, 7875.0),
        pooler_size=dice.pick(1, 2, 5) if pooler else 0,
        pooler_clients=dice.pick(2, 6, 100),
        pooler_wait_s=dice.pick(0.25, 1.0, 4.0),
        pooler_login_s=dice.pick(0.0, 0.0, dice.s(0.0, 0.1)),
        pooler_transaction_s=dice.pick(0.0, 0.0, dice.s(0.0, 0.02)),
    )


def pushed(dice: Dice, profile: Profile) -> Profile:
    """The same with other numbers that a running process can be told."""
    if profile.kind == Kind.DATABASE:
        return replace(
            profile,
            locked_share=dice.pick(0.0, 0.3, 0.6, 1.0),
            cost_growth=dice.pick(0.0, 0.5),
            connection_slots=dice.pick(1, 8, 97),
            read_only=dice.beside.random() < 0.3,
            number=dice.pick(profile.number, dice.int(0, DATABASES - 1)),  # it is promoted
        )
    return replace(
        profile,
        slots=dice.pick(1, 2, 5),
        cpu=dice.law(dice.pick(0.01, 0.1)),
        error_rate=dice.pick(0.0, 0.5, 1.0) if profile.kind == Kind.HTTP else 0.0,
        query=dice.law(dice.pick(0.01, 0.1)) if dice(0.7) else Law(),
        pool=dice.pick(1, 2, 6) if profile.pool else 0,
        shed=dice(0.3),
        cancel=Cancel(dice(0.4) and dice.aside((1, 2))),
    )


def queue(dice: Dice) -> Profile:
    job_bytes = dice.pick(1000, 1054)
    return Profile(
        Kind.QUEUE,
        probe_cpu_s=dice.s(0.0, 0.1),
        memory_base=dice.int(1, 20) * MIB,
        persistence=dice.pick(*Persistence, Persistence.AOF_EVERYSEC, Persistence.AOF_EVERYSEC),
        queue_bytes=dice.pick(0, 0, 1, 5, 20) * job_bytes,
        evict=dice(0.5),
        job_bytes=job_bytes,
        unsent_s=dice.aside((0.0, 0.0, 0.0, 0.5, 5.0, 500.0)),
        read_only=dice.beside.random() < 0.1,
    )


def client(dice: Dice, most_retries: int = 20) -> Client:
    return Client(
        timeout_s=dice.pick(0.25, 1.0, 2.0, 5.0),
        connect_timeout_s=dice.pick(0.25, 1.0, 3.0),
        retries=min(dice.pick(0, 0, 1, 2, 3, 7, 20), most_retries),
        backoff_s=dice.pick(0.0, 0.25, 0.5, 1.0),
        backoff_factor=dice.pick(1.0, 2.0, 3.0),
        backoff_cap_s=dice.pick(0.5, 1.0, 30.0),
        jitter=dice.pick(0.0, 0.5, 1.0),
        budget=dice.pick(INF, INF, 0.0, 0.125, 0.5),
        at_most=dice.pick(0, 0, 1, 4),
        breaker=BreakerRules(
            window=dice.pick(0, 0, 1, 3),
            open_s=dice.pick(0.0, 0.5, 2.0),
            least=dice.aside((1, 2, 9)),
            share=dice.aside((1.0, 0.5, 0.3)),
            trials=dice.aside((1, 1, 3)),
            late=dice.aside((False, True)),
        ),
        slo_s=dice.pick(INF, 0.25, 1.0),
        connections=dice.aside((0, 1, 1, 3, 20)),
        connection_age_s=dice.aside((INF, INF, INF, 0.5, 4.0)),
        connection_idle_s=dice.aside((INF, INF, INF, 0.25, 2.0)),
        connection_closing_s=dice.aside((0.0, 0.0, 0.25, 1.0)),
        connection_silence_s=dice.aside((924.6, INF, 0.25, 1.0)),
        connection_stays=dice.aside((False, True)),
        connection_exclusive=dice.aside((False, True)),
        connections_open=dice.aside((0, 0, 1, 4)),
        deadline_s=dice.aside((INF, INF, INF, 0.25, 1.5, 4.0)),
        inherits_deadline=dice.aside((False, True)),
    )


def lenient(client: Client) -> Client:
    """The same, who turns nobody away."""
    return replace(client, at_most=0, breaker=BreakerRules())


def routing(dice: Dice) -> Routing:
    return Routing(
        algorithm=Algorithm(dice.int(0, 3)),
        proxy=dice(0.6) and dice.aside((True, True, False)),
        per_request=dice.aside((False, False, False, True)),
        connect_timeout_s=dice.pick(0.25, 0.5, 1.0, 5.0),
        retries=dice.pick(0, 1, 3, 2000),
        retry_pause_s=dice.pick(0.25, 1.0),
        redispatch=dice(0.5),
        retry_errors=dice(0.4),
        maxconn=dice.pick(0, 0, 1, 2, 8),
        queue_timeout_s=dice.pick(0.25, 1.0, 5.0),
        holds=dice(0.5),
        outlier_failures=dice.pick(0, 1, 3),
        keeps=dice.aside((0, 1, 3, 64)),
        keeps_s=dice.aside((INF, INF, 0.5, 4.0)),
    )


def arrivals(dice: Dice, horizon: float, rate: float) -> Arrivals:
    """A rate in linear pieces, or explicit instants (with crowds that come at the same one)."""
    if dice(0.25):
        n = int(horizon * rate)
        times = sorted(dice.s(0.0, horizon) for _ in range(n))
        crowds = [t for t in times if dice(0.03) for _ in range(dice.int(1, 20))]
        return Arrivals(times_s=np.array(sorted(times + crowds), np.float64))
    starts, rates, slopes = [dice.pick(0.0, dice.s(0.0, 2.0))], [rate], [0.0]
    for _ in range(dice.int(0, 4)):
        starts.append(starts[-1] + dice.s(0.1, 0.3) * horizon)
        rates.append(rate * dice.pick(0.0, 0.5, 1.0, 3.0))
        # down to zero, and beyond, within the segment; or up
        slopes.append(dice.pick(0.0, 0.0, 0.1, -0.2, -1.0) * rate)
    end = INF if dice(0.7) else dice.s(0.6, 1.0) * horizon
    return Arrivals(tuple(starts), tuple(rates), tuple(slopes), end)


class Author:
    """Writes the script: the set-up at 0, then faults, repairs and nonsense at random instants."""

    def __init__(self, dice: Dice, horizon: float, rate: float, calm: float) -> None:
        self.dice, self.horizon, self.rate = dice, horizon, rate
        self.profiles: list[Profile] = []
        self.versions: dict[Kind, list[int]] = {}
        self.kind_of: list[Kind] = []  # of containers
        self.server_of: list[int] = []
        self.steps: list[Step] = []
        makers = {
            Kind.HTTP: lambda: told(dice, calm, http(dice, calm), 0),
            Kind.WORKER: lambda: told(dice, calm, worker(dice, calm), 0),
            Kind.DATABASE: lambda: database(dice),
            Kind.QUEUE: lambda: queue(dice),
            Kind.PROXY: lambda: Profile(Kind.PROXY, memory_base=5 * MIB),
            Kind.PLAIN: lambda: Profile(Kind.PLAIN, memory_base=dice.int(0, 50) * MIB),
        }
        for kind, make in makers.items():
            first = make()
            self.versions[kind] = [self.known(first)]
            if dice(0.5):  # a second version, by chance hardly different
                other = make() if dice(0.5) else replace(first, slots=first.slots + 1)
                self.versions[kind].append(self.known(other))
        # what a process that lives may be told: by its one version, so that it holds what it held
        self.pushes = {
            kind: [self.known(pushed(dice, self.profiles[of_kind[0]])) for _ in range(3)]
            for kind, of_kind in self.versions.items()
            if len(of_kind) == 1 and kind in (Kind.HTTP, Kind.WORKER, Kind.DATABASE)
        }
        self.tier_of: dict[int, int] = {}  # of containers; 0: what users ask
        most = dice.services
        self.tiers = dice.pick(1, 1, 2, 3, FEW) if most == FEW else dice.pick(5, 6, most)
        self.tiers = most if dice.deep else self.tiers
        self.below = [  # the versions of each tier but the first
            [self.known(told(dice, calm, http(dice, calm), tier)) for _ in range(dice.int(1, 2))]
            for tier in range(1, self.tiers)
        ]
        self.number_of: dict[int, int] = {}  # of databases and queues but the first
        self.second = {
            kind: [
                [self.known(replace(makers[kind](), number=number)) for _ in range(dice.int(1, 2))]
                for number in range(1, most)
            ]
            for kind, most in NUMBERED.items()
        }
        self.caches = [[self.known(cache(dice, n)) for _ in range(2)] for n in range(CACHES)]
        self.servers = dice.int(1, 3)
        self.focus = dice.pick(Kind.HTTP, Kind.WORKER, Kind.DATABASE, Kind.QUEUE, Kind.PROXY)

    def known(self, profile: Profile) -> int:
        self.profiles.append(profile if ends(profile) else replace(profile, dead_letters=-1))
        return len(self.profiles) - 1

    def step(self, t: float, verb: str, *args: Any) -> None:
        self.steps.append(Step(t, verb, args))

    def container(self, t: float, kind: Kind, tier: int = 0, number: int = 0) -> int:
        made = len(self.kind_of)
        self.tier_of[made], self.number_of[made] = tier, number
        profile = self.dice.pick(*self.versions_of(kind, tier, number))
        server = self.dice.int(0, self.servers - 1)
        self.step(t, "add_container", profile, server)
        self.kind_of.append(kind)
        self.server_of.append(server)
        return len(self.kind_of) - 1

    def some(self, kind: Kind | None) -> int:
        """A container, of this kind if there is one."""
        fit = [c for c, other in enumerate(self.kind_of) if other == kind]
        return self.dice.pick(*(fit or range(len(self.kind_of))))

    def version(self, container: int) -> int:
        kind = self.kind_of[container]
        versions = self.versions_of(kind, self.tier_of[container], self.number_of[container])
        return self.dice.pick(*versions)

    def versions_of(self, kind: Kind, tier: int, number: int) -> list[int]:
        if kind == Kind.CACHE:
            return self.caches[number]
        if number:
            return self.second[kind][number - 1]
        return self.below[tier - 1] if tier else self.versions[kind]

    def set_up(self) -> None:
        dice = self.dice
        for _ in range(self.servers):
            self.step(0.0, "add_server", dice.pick(0.5, 1.0, 2.0, 4.0), dice.int(200, 2000) * MIB)
        counts = {
            Kind.DATABASE: dice.pick(0, 1, 1, 1, 2),
            Kind.QUEUE: dice.pick(0, 1, 1, 1, 2),
            Kind.PROXY: dice.pick(0, 1),
            Kind.HTTP: dice.int(1, 4),
            Kind.WORKER: dice.int(0, 3),
            Kind.PLAIN: dice.int(0, 1),
        }
        kinds = [kind for kind, n in counts.items() for _ in range(n)]
        if dice(0.3):
            dice.random.shuffle(kinds)  # clients before what they need
        for kind in kinds:
            self.container(0.0, kind)
        for tier in range(1, self.tiers):
            for _ in range(dice.int(1, 3)):
                self.container(0.0, Kind.HTTP, tier)
        for kind, most in NUMBERED.items():
            for number in range(1, most):
                for _ in range(dice.pick(0, 0, 1, 1, 2) if kind == Kind.WORKER else dice.int(0, 1)):
                    self.container(0.0, kind, number=number)
        self.add_caches()
        for c in range(len(self.kind_of)):
            if dice(0.9) or dice.deep:
                self.step(dice.pick(0.0, 0.0, dice.s(0.0, 3.0)), "start", c, self.version(c))
        for service in range(self.tiers):
            self.publish(0.0, all_of_them=dice(0.7) or dice.deep, service=service)
            if service:
                self.step(0.0, "set_routing", routing(dice), service)
        self.wire(0.0)

    def add_caches(self) -> None:
        for number in range(CACHES):
            for _ in range(self.dice.aside((0, 1, 1, 2))):
                self.container(0.0, Kind.CACHE, number=number)

    def publish(self, t: float, all_of_them: bool = False, service: int = 0) -> None:
        """Sometimes with replicas of services below it, which then are its own."""
        dice = self.dice
        lowest = service if dice(0.9) else dice.services
        apis = [
            c
            for c, kind in enumerate(self.kind_of)
            if kind == Kind.HTTP and service <= self.tier_of[c] <= lowest
        ]
        listed = apis if all_of_them else [c for c in apis if dice(0.6)]
        if not all_of_them:
            dice.random.shuffle(listed)
        proxies = [c for c, kind in enumerate(self.kind_of) if kind == Kind.PROXY]
        via = dice.pick(*proxies) if proxies and dice(0.7) else -1
        self.step(t, "publish", tuple(listed), via, service)

    def trouble(self, t: float) -> None:
        """One verb, and often its inverse later."""
        dice = self.dice
        later = t + dice.s(0.0, 0.2) * self.horizon if dice(0.8) else INF
        kinds = (Kind.HTTP, Kind.WORKER, Kind.DATABASE, Kind.QUEUE, Kind.PROXY, None)
        kind = self.focus if dice(0.4) else dice.pick(*kinds)
        c = self.some(kind)
        if kind == self.focus == Kind.QUEUE and dice(0.6):  # what a dead host loses, and doubles
            self.power(t, t + dice.s(0.0, 2.0), c)
            if dice(0.5):  # ... while a worker holds what comes back
                self.kill(t + dice.s(0.0, 4.0), t + dice.s(4.0, 8.0), self.some(Kind.WORKER))
            return
        if kind == self.focus == Kind.DATABASE and dice(0.4):  # who dials it waits, and is answered
            self.hang(t, t + dice.s(0.0, 3.0), c)
            return
        kill, hang, power = self.kill, self.hang, self.power
        change, grow = self.change, self.grow
        dice.pick(kill, kill, kill, hang, hang, self.drain, power, change, change, grow)(
            t, later, c
        )

    def silence(self, t: float) -> None:
        """One that services ask says nothing for a while, or its host does."""
        aside = self.dice.aside
        asked = [c for c, tier in self.tier_of.items() if tier]
        if asked and aside((True, False)):
            c = aside(asked)
            hangs = ("hang", "resume", c), ("server_down", "server_up", self.server_of[c])
            verb, inverse, who = aside((hangs[0], hangs[0], hangs[1]))
            self.step(t, verb, who)
            self.step(t + aside((0.5, 2.0, 5.0)), inverse, who)

    def wire(self, t: float) -> None:
        """Servers stand in other segments, and some round trips take time, or none any more."""
        aside = self.dice.aside
        if aside((True, True, False)):
            return
        for server in range(self.servers):
            self.step(t, "place", server, aside((0, 1, 2)))
        ends = [(a, b) for a in range(3) for b in range(3)] + [(ONE_SERVER, ONE_SERVER)]
        for a, b in ends:
            mean = aside((0.0, 0.0, 1 / 128, 1 / 32, 0.25, 1.0))
            law = Law(LawKind(aside(range(4))), mean, aside((0.3, 1.0)))
            if aside((True, False)):
                self.step(t, "link", a, b, law)
        for a, b in ends[:-1] if aside((True, False)) else ():
            if aside((True, False, False)):
                self.step(t, "lose", a, b, aside((1.0, 1.0, 0.25, 0.01)))
                if aside((True, True, False)):
                    self.step(t + aside((0.5, 2.0, 5.0)), "lose", a, b, 0.0)

    def gate(self, t: float) -> None:
        """Users come in by some of the servers from now on, or straight."""
        aside = self.dice.aside
        if aside((True, True, False)):
            by = [server for server in range(self.servers) if aside((True, False))]
            self.step(t, "set_gates", by, aside((False, True)))
        elif aside((True, False)):
            self.step(t, "close_gate", aside(range(self.servers)))

    def cool(self, t: float) -> None:
        """A cache forgets, or nobody hears of it for a while."""
        aside, kinds = self.dice.aside, enumerate(self.kind_of)
        caches = [c for c, kind in kinds if kind == Kind.CACHE]
        if aside((True, False)):
            self.step(t, "flush", aside(range(CACHES)))
        elif caches:
            c, later = aside(caches), t + aside((0.5, 2.0, 5.0))
            aside((self.kill, self.hang))(t, later, c)

    def kill(self, t: float, later: float, c: int) -> None:
        self.step(t, "exit", c, self.dice(0.3))
        if later < INF:
            self.step(later, "start", c, self.version(c))

    def hang(self, t: float, later: float, c: int) -> None:
        self.step(t, "hang", c)
        if later < INF:
            self.step(later, "resume", c)

    def succeed(self, t: float) -> None:
        """A replica takes a queue's place, that lacks what came since, or a cache's."""
        aside = self.dice.aside
        caches = [c for c, kind in enumerate(self.kind_of) if kind == Kind.CACHE]
        if caches and aside((True, False, False)):
            version = aside(self.caches[aside(range(CACHES))])
            self.step(t, "set_profile", aside(caches), version)
        queues = [c for c, kind in enumerate(self.kind_of) if kind == Kind.QUEUE]
        if queues and aside((True, False, False)):
            number, later = aside(range(QUEUES)), t + aside((0.0, 0.0, 1.0))
            version = aside(self.versions_of(Kind.QUEUE, 0, number))
            self.step(t, "promote", number, t - aside((0.0, 0.125, 1.0, 10.0)))
            self.step(later, "set_profile", aside(queues), version)

    def part(self, t: float) -> None:
        """Some take another queue for this one, whose primary it was; or nobody does any more."""
        beside = self.dice.beside
        if beside.random() < 0.4:
            who = [segment for segment in range(3) if beside.random() < 0.5]
            self.step(t, "part", beside.randrange(QUEUES), beside.randrange(QUEUES), who)

    def strand(self, t: float) -> None:
        """Another process plays a database, and nobody tells its clients."""
        beside = self.dice.stranded
        databases = [c for c, kind in enumerate(self.kind_of) if kind == Kind.DATABASE]
        if databases and beside.random() < 0.5:
            old, c = beside.choice(databases), beside.choice(databases)
            number = self.number_of[old]
            if beside.random() < 0.7:
                self.step(t, "hang", old)
                self.step(t + beside.choice((2.0, 8.0)), "resume", old)
            later = t + beside.choice((0.0, 0.125, 1.0))
            self.step(later, "strand", number)
            version = beside.choice(self.versions_of(Kind.DATABASE, 0, number))
            self.step(later + beside.choice((0.0, 0.0, 1.0)), "set_profile", c, version)

    def drain(self, t: float, later: float, c: int) -> None:
        self.step(t, "drain", c)
        if self.dice(0.5) and later < INF:
            self.step(later, "exit", c, False)
            self.step(later, "start", c, self.version(c))

    def power(self, t: float, later: float, c: int) -> None:
        dice, server = self.dice, self.server_of[c]
        self.step(t, "server_down", server)
        if later < INF:
            self.step(later, "server_up", server)
            for other in range(len(self.kind_of)):
                if dice(0.8):
                    again = later + dice.pick(0.0, dice.s(0.0, 2.0))
                    self.step(again, "start", other, self.version(other))

    def push(self, t: float, later: float) -> None:
        """Processes that live are told other numbers, and sometimes the old ones again."""
        dice = self.dice
        ready = {
            kind: [
                c
                for c, other in enumerate(self.kind_of)
                if other == kind and not self.tier_of.get(c) and not self.number_of.get(c)
            ]
            for kind in self.pushes
        }
        kinds = [kind for kind, fit in ready.items() if fit]
        for _ in range(dice.int(1, 3) if kinds else 0):
            kind = dice.pick(*kinds)
            self.step(t, "set_profile", dice.pick(*ready[kind]), dice.pick(*self.pushes[kind]))
            if later < INF:
                self.step(later, "set_profile", dice.pick(*ready[kind]), self.versions[kind][0])

    def change(self, t: float, later: float, c: int) -> None:
        dice, what = self.dice, self.dice.int(0, 8)
        if what == 8:
            self.push(t, later)
        elif what == 0:
            self.step(t, "set_cpu_limit", c, dice.cores())
        elif what == 1:
            self.step(t, "watch_memory", self.server_of[c], dice.int(0, 200) * MIB)
            self.step(t, "set_extra_memory", c, dice.int(0, 80) * MIB)
        elif what == 2:
            self.publish(t, service=dice.int(0, self.tiers - 1))
        elif what == 3:
            self.step(t, "set_routing", routing(dice), dice.int(0, self.tiers - 1))
        elif what == 4:
            flat = Arrivals((0.0,), (self.rate * dice.pick(0.0, 0.5, 1.0, 2.0),), (0.0,))
            shaped = arrivals(dice, self.horizon, self.rate)
            self.step(t, "set_arrivals", dice.pick(flat, shaped))
        elif what == 5:
            self.step(t, "lock_out", c, True)
            if later < INF:
                self.step(later, "lock_out", c, False)
        elif what == 6 and dice(0.5):
            self.step(t, "enqueue", dice.int(0, QUEUES - 1), dice.pick(1, 2, 10))
        elif what == 6:
            self.step(t, "wipe", dice.int(0, QUEUES - 1))
        else:
            for _ in range(dice.int(1, 5)):
                self.step(t, "probe", dice.int(0, len(self.kind_of) - 1), dice(0.4))
            if dice(0.5):
                self.step(later if later < INF else t, "forget", dice.int(0, 9))

    def grow(self, t: float, _: float, __: int) -> None:
        """The platform grows: a server, a replica that the balancer learns of later."""
        dice = self.dice
        if dice(0.3) and self.servers < 5:
            self.step(t, "add_server", dice.cores(), dice.int(120, 2000) * MIB)
            self.servers += 1
        if len(self.kind_of) < 18:
            kind = dice.pick(Kind.HTTP, Kind.HTTP, Kind.WORKER, Kind.WORKER, Kind.DATABASE)
            tier = dice.int(0, self.tiers - 1) if kind == Kind.HTTP else 0
            number = dice.int(0, NUMBERED[kind] - 1) if kind in NUMBERED else 0
            c = self.container(t, kind, tier, number)
            self.step(t + dice.pick(0.0, dice.s(0.0, 3.0)), "start", c, self.version(c))
            if kind == Kind.HTTP:
                when = t + dice.pick(0.0, dice.s(0.0, 3.0))
                self.publish(when, all_of_them=dice(0.5), service=tier)


def ways(dice: Dice) -> tuple[Way, ...]:
    """Whom users ask: endpoints of the first service, in half the cases of others, too."""
    shares = dice.aside(((), (), (), (1.0,), (0.5, 0.5), (0.2, 0.5, 0.3), (0.0, 0.4, 0.6)))
    if not shares or dice.aside((True, False)):
        return tuple(Way(share, 0, endpoint) for endpoint, share in enumerate(shares))
    asked = [(dice.aside(range(dice.services)), dice.aside((0, 0, 1, 2))) for _ in shares]
    return tuple(Way(share, *whom) for share, whom in zip(shares, asked, strict=True))


def stay(users: Random, horizon: float) -> Stay:
    """Of one who comes back: in most cases all the time."""
    if users.random() < 0.7:
        return Stay()
    begin = users.choice((0.0, 0.25, 0.5)) * horizon
    return Stay(begin, users.choice((INF, begin + 0.25 * horizon)))


def make_world(seed: int, lattice: bool, services: int = FEW) -> World:
    """The world of this seed: (workload, profiles, script, restart delays, end)."""
    dice = Dice(seed, lattice, services)
    long = dice(0.1)  # long and slow: save points of 300 s are reached
    horizon = dice.s(400.0, 700.0) if long else dice.s(15.0, 40.0)
    rate = dice.random.uniform(1.0, 3.0) if long else dice.pick(5.0, 20.0, 40.0, 60.0)
    users = Random(3 * 10**9 + 2 * seed + lattice)  # leaves all else as it would be
    workload = Workload(
        seed=dice.int(0, 2**31),
        horizon_s=horizon,
        arrivals=arrivals(dice, horizon, rate),
        client=lenient(client(dice)) if dice.deep else client(dice),
        routing=routing(dice),
        bucket_s=dice.pick(0.5, 1.0, 10.0),
        lattice_s=dice.lattice,
        services=dice.services if dice.lattice or dice.services > FEW else 1,
        mix=ways(dice),
        users=tuple(stay(users, horizon) for _ in range(users.choice((0, 0, 0, 1, 3, 9)))),
        think=Law(
            LawKind(users.randrange(4)), users.choice((1.0, 4.0)), users.choice((0.0, 0.3, 1.0))
        ),
    )
    author = Author(dice, horizon, rate, calm=5.0 if long else 1.0)
    author.set_up()
    # in order of time, so that a step never names what is made after it
    for t in sorted(dice.s(0.0, horizon) for _ in range(dice.pick(1, 4, 8, 15, 40))):
        for _ in range(dice.pick(1, 1, 1, 2, 4)):  # several at one instant
            author.trouble(t)
        author.silence(t)
        author.wire(t)
        author.gate(t)
        author.cool(t)
        author.succeed(t)
        author.part(t)
        author.strand(t)
    soonest = 8.0 if long else 1.0  # who never finds memory is started a thousand times, not more
    restart = tuple(
        soonest * dice.pick(0.125, 0.25, 1.0, INF) for _ in range(20 if services == FEW else 48)
    )
    script = sorted(author.steps, key=lambda step: step.t_s)
    end = horizon + dice.pick(0.0, 5.0, 30.0)
    return World(workload, tuple(author.profiles), tuple(script), restart, end)
