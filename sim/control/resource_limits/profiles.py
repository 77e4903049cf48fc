"""From what people write about a service to what the data plane needs to know of it.

Pure: one service, one version, one way of setting limits -> one `Profile`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from sim.constants.facts import CELERY_PREFETCH, RETRANSMISSION, Fact
from sim.control.core.choices import Limiter
from sim.dataplane.codes import UNLIMITED, Cancel, Does, Kind, LawKind, Persistence
from sim.dataplane.profile import (
    BreakerRules,
    CacheRules,
    Client,
    Law,
    PoolRules,
    Profile,
    StoryStep,
)
from sim.dataplane.story import short_form
from sim.schema.client import ClientSpec
from sim.schema.databases import DatabaseClient, DatabasePool
from sim.schema.fields import LawSpec
from sim.schema.jobs import JobWork
from sim.schema.scenario import Version
from sim.schema.stack import CpuSpec, Role, Service, Stack
from sim.schema.steps import Breaker, PlainStep, ServiceStep, SingleStep, placed, within

KINDS: dict[Role, Kind] = {
    "http": Kind.HTTP,
    "worker": Kind.WORKER,
    "postgres": Kind.DATABASE,
    "redis": Kind.QUEUE,
    "proxy": Kind.PROXY,
    "external": Kind.HTTP,
    "other": Kind.PLAIN,
    "cache": Kind.CACHE,
}
CANCEL = {False: Cancel.NO, True: Cancel.HOP, "hop": Cancel.HOP, "tree": Cancel.TREE}
SHARES_PER_CORE = Fact(
    "cgroup.shares_per_core", 1024.0, "shares",
    "one requested core weighs as much as Docker's default container",
    "kubernetes/kubernetes pkg/kubelet/cm/helpers_linux.go MilliCPUToShares",
    fixed="compiled into the kubelet; only ratios of weights matter to the kernel",
)  # fmt: skip
SHARES_MIN = Fact(
    "cgroup.shares_min", 2.0, "shares",
    "what a container without a CPU request weighs on Kubernetes",
    "kubernetes/kubernetes pkg/kubelet/cm/helpers_linux.go MinShares",
    fixed="the least that the kernel takes (MIN_SHARES in kernel/sched/sched.h)",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """The capability "resource limits": CPU quota, CPU weight, memory limit, as the stack says.

    `weights`: who yields when a server's cores are short. Docker: `cpu_shares`; Kubernetes: the
    CPU request.
    """

    capability: ClassVar[str] = "resource_limits"

    weights: Literal["shares", "requests"] = "shares"

    @property
    def fixed(self) -> tuple[Fact[Any], ...]:
        return (SHARES_PER_CORE, SHARES_MIN) if self.weights == "requests" else ()


def weight(cpu: CpuSpec, weights: Literal["shares", "requests"]) -> float:
    """The cgroup weight of a container (Docker: --cpu-shares, 1024; kubelet: MilliCPUToShares)."""
    if weights == "shares":
        return float(cpu.shares)
    return max(SHARES_MIN.value, (cpu.request or 0.0) * SHARES_PER_CORE.value)


def cpu_limit(cpu: CpuSpec, limited: bool) -> float:
    """Cores at most: the CFS quota, if there is one, and what the process can use at all."""
    quota = cpu.limit if limited and cpu.limit else math.inf
    return min(quota, float(cpu.threads) if cpu.threads else math.inf)


def law(spec: LawSpec, factor: float = 1.0) -> Law:
    return Law(LawKind[spec.law.upper()], spec.mean * factor, spec.cv)


def client_of(spec: ClientSpec) -> Client:
    """Whoever asks, as the data plane has it; users may have an SLO beside."""
    return Client(
        timeout_s=spec.timeout,
        deadline_s=spec.deadline or math.inf,
        connect_timeout_s=spec.connect_timeout,
        retries=spec.retries,
        backoff_s=spec.backoff,
        backoff_cap_s=spec.backoff_cap,
        jitter=spec.jitter,
        budget=math.inf if spec.retry_budget is None else spec.retry_budget,
        connections=spec.connections,
        connection_age_s=spec.connection_age or math.inf,
        connection_idle_s=spec.connection_idle or math.inf,
        connection_closing_s=spec.connection_closing,
        connection_silence_s=spec.connection_silence or RETRANSMISSION.value,
        connection_stays=spec.connection_on_timeout == "keep",
        connection_exclusive=spec.connection_use == "exclusive",
        connections_open=spec.connections_open or 0,
    )


PERSISTENCE = {
    **{kind.name.lower(): kind for kind in Persistence},
    "durable": Persistence.AOF_ALWAYS,  # what is confirmed is on disk
}


def leases(job: JobWork, concurrency: int, by_connection: bool = False) -> dict[str, Any]:
    """How what a worker takes comes back: fields of `Profile`."""
    from_delivery = job.redelivery_from == "delivery"
    acknowledge = job.redelivery if from_delivery else job.acknowledge
    return {
        "reliable": job.delivery == "reliable",
        "redelivery_s": math.inf if from_delivery else job.redelivery,
        "acknowledge_s": math.inf if acknowledge is None else acknowledge,
        "redelivery_look_s": job.redelivery_look,
        "max_stalled": job.max_stalled,
        "late_deletes": job.late_acknowledgement == "deletes",
        "reconnects": job.reconnects,
        "job_attempts": job.attempts,
        "job_backoff_s": job.backoff,
        "prefetch": held_beside(job, concurrency, by_connection),
    }


def held_beside(job: JobWork, concurrency: int, by_connection: bool) -> int:
    """Jobs that a worker holds beside those that it does; below 0 it does fewer at once."""
    if job.prefetch == 0:
        return UNLIMITED
    if job.prefetch is None and not by_connection:
        return 0
    most = job.prefetch or CELERY_PREFETCH.value * concurrency
    return most - (concurrency if job.delivery == "reliable" else 0)  # plain: what begins is not


def room_for_jobs(service: Service) -> int:
    """Bytes of maxmemory that an empty server leaves: one at least, as 0 stands for no limit."""
    return max(1, service.maxmemory - service.empty_size) if service.maxmemory else 0


def profile_of(service: Service, version: Version, limits: Limiter | None = None) -> Profile:
    """All per-request facts of one version. Without `limits` nobody is held to any."""
    database, pooler, at_once = service.database, service.pooler, service.accepts == "at_once"
    ordinary = (
        service.max_connections
        - service.superuser_reserved_connections
        - service.reserved_connections
    )
    return Profile(
        kind=KINDS[service.role],
        slots=service.concurrency,
        backlog=service.backlog,
        at_once=at_once,
        probe_beside=service.health == "beside" or (service.health is None and at_once),
        shed=service.shed,
        cancel=CANCEL[service.cancel_abandoned],
        cpu=law(service.cpu.demand, version.cpu_factor),
        cpu_limit=cpu_limit(service.cpu, limits is not None),
        cpu_weight=weight(service.cpu, limits.weights) if limits else float(service.cpu.shares),
        memory_base=service.memory.base,
        memory_per_request=service.memory.per_request,
        memory_limit=(service.memory.limit or 0) if limits else 0,
        leak_per_request=version.leak_per_request,
        keep_alive_s=math.inf if service.keep_alive is None else service.keep_alive,
        closing_s=service.keep_alive_closing,
        error_rate=version.error_rate,
        poison_rate=service.job.poison,
        **leases(service.job, service.concurrency),
        query=law(database.demand) if database else Law(),
        pool=database.pool if database else 0,
        pool_at_start=min(database.at_start, database.pool) if database else 0,
        checkout_timeout_s=database.checkout_timeout if database else 0.0,
        pool_silence_s=silence_s(database),
        push_rate=service.push.share,
        push_timeout_s=service.push.timeout,
        connection_slots=max(0, ordinary),
        connect_cpu_s=service.connect,
        connect_s=service.connect,
        cost_growth=service.cost_growth / 89.0,  # measured from 1 to 90 active connections
        keepalive_s=service.keepalive,
        pooler_size=pooler.size if pooler else 0,
        pooler_clients=pooler.max_clients if pooler else 0,
        pooler_wait_s=pooler.wait if pooler else 0.0,
        pooler_login_s=pooler.login if pooler else 0.0,
        pooler_transaction_s=pooler.transaction if pooler else 0.0,
        persistence=PERSISTENCE[service.persistence],
        queue_bytes=room_for_jobs(service),
        evict=service.eviction == "allkeys",
        job_bytes=service.job_size,
    )


# ---- what only the whole stack says ----
def profile_in(stack: Stack, name: str, version: Version, limits: Limiter | None = None) -> Profile:
    """The profile of a service of this stack: with its story, and the numbers of those it asks."""
    profile = profile_among(stack, name, version, limits)
    answers = {
        stack.number(queue): law(stack.services[queue].latency)
        for queue in stack.playing("redis")
        if stack.services[queue].latency.mean > 0.0
    }
    if not answers or profile.kind not in (Kind.HTTP, Kind.WORKER):
        return profile
    told = [profile.steps or short_form(profile), *profile.endpoints]
    waiting = [with_answers(steps, answers) for steps in told]
    if profile.kind == Kind.WORKER and profile.number in answers:
        wait = StoryStep(Does.WAIT, law=answers[profile.number])
        waiting = [
            (replace(wait, name="receive"), *steps, replace(wait, name="delete"))
            for steps in waiting
        ]
    return replace(profile, steps=waiting[0], endpoints=tuple(waiting[1:]))


def with_answers(steps: tuple[StoryStep, ...], laws: Mapping[int, Law]) -> tuple[StoryStep, ...]:
    """After each push to one of these queues so long a wait for its answer."""

    def waits(step: StoryStep) -> bool:
        return step.does == Does.PUSH and step.target in laws

    made: list[StoryStep] = []
    for at, step in enumerate(steps):
        inside = steps[at + 1 : at + 1 + step.covers]
        more = sum(map(waits, inside)) + waits(step)
        made.append(replace(step, covers=step.covers + more) if more else step)
        if waits(step):
            made.append(StoryStep(Does.WAIT, law=laws[step.target], name=f"sent:{step.name}"))
    return tuple(made)


def profile_among(
    stack: Stack, name: str, version: Version, limits: Limiter | None = None
) -> Profile:
    """... as if all queues answered at once."""
    service = stack.services[name]
    profile = profile_of(service, version, limits)
    if service.role == "external":
        answers = StoryStep(Does.WAIT, law=law(service.latency))
        fails = StoryStep(Does.FAIL, share=service.errors)
        return replace(profile, slots=UNLIMITED, steps=(answers, fails))
    if service.role == "redis" and service.managed is not None:
        profile = replace(profile, persistence=kept_by_provider(service, profile.persistence))
    if service.role == "redis":
        profile = replace(profile, unsent_s=unsent_s(stack, name))
    if service.role in ("postgres", "redis"):
        return replace(profile, number=stack.number(name))
    if service.role == "cache":
        holds = service.holds
        return replace(
            profile,
            number=stack.number(name),
            keys=holds.keys,
            skew=holds.skew,
            ttl_s=holds.ttl or math.inf,
            keys_held=holds.entries or 0,
            warm=holds.warm,
        )
    if service.role == "worker":
        job, queue = stack.job_of(name), stack.queue_of(name)
        taken, by_connection = stack.number(queue), stack.engine_of(queue).by_connection
        letters = -1 if job.dead_letters is None else stack.number(job.dead_letters)
        failing = 1.0 - (1.0 - job.errors) * (1.0 - version.error_rate)
        profile = replace(
            profile,
            number=taken,
            dead_letters=letters,
            error_rate=failing,
            by_connection=by_connection,
            failures_told=stack.engine_of(queue).machine,
            **leases(job, service.concurrency, by_connection),
        )
    if not service.stories:
        return profile
    factor = version.cpu_factor
    endpoints = ((n, steps) for n, steps in service.endpoints.items() if steps is not None)
    return replace(
        profile,
        steps=story_of(stack, service.steps or [], factor),
        endpoints=tuple(story_of(stack, steps, factor, f"{name}/") for name, steps in endpoints),
        **pools_of(stack, name),
    )


def unsent_s(stack: Stack, queue: str) -> float:
    """For how long what it takes off its list is remembered, since a replica may lack it: until a
    failover is over, of which lag is a small part (chosen; who fails over by hand does so after a
    crash, during which nothing is taken)."""
    family = [stack.services[name] for name in (queue, *stack.copies(queue))]
    if len(family) == 1:
        return 0.0
    lags = [s.follows.lag.mean for s in family if s.follows is not None]
    return 60.0 + 10.0 * max(lags) + max(s.failover.ttl if s.failover else 0.0 for s in family)


def kept_by_provider(service: Service, own: Persistence) -> Persistence:
    """What of a managed queue outlives a machine: all that its copies have; alone what RabbitMQ has
    on its disk, and of Redis nothing. Source: ElastiCache User Guide, Mitigating failures: append
    only files are of no use when hardware fails, and not to be had on t4g nodes."""
    if service.managed is not None and service.managed.standby:
        return Persistence.AOF_ALWAYS
    return own if service.engine in ("rabbitmq", "sqs") else Persistence.NONE


def story_of(
    stack: Stack, steps: list[ServiceStep], cpu_factor: float, of: str = ""
) -> tuple[StoryStep, ...]:
    """The steps with their draws named after what they do, so that one more of another kind deals
    nobody other cards; `of`: an endpoint."""
    visits: Counter[str] = Counter()
    story = []
    for _, step in placed(steps):
        name = f"{step.kind}:{step.target}" if step.target else step.kind
        visits[name] += 1
        story.append(
            StoryStep(
                Does[step.kind.upper()],
                target=stack.number(step.target) if step.target else 0,
                law=duration_of(step, cpu_factor),
                share=step.share,
                ignore=step.on_failure == "ignore",
                name=f"{of}{name}:{visits[name]}",
                by_try=step.fresh,
                client=caller_of(step) if step.kind == "call" else Client(),
                endpoint=endpoint_of(stack, step),
                cache=looker_of(step) if isinstance(step, SingleStep) else CacheRules(),
                covers=sum(len(list(placed(parts))) for parts in within(step).values()),
            )
        )
    return tuple(story)


def looker_of(step: SingleStep) -> CacheRules:
    """How a step looks into a cache."""
    if step.cache is None:
        return CacheRules()
    return CacheRules(
        hit=step.kept,
        timeout_s=step.timeout,
        fails=step.down == "error",
        lease_s=step.coalesce or 0.0,
        retry_s=step.look_again,
    )


def endpoint_of(stack: Stack, step: PlainStep) -> int:
    """Its place among the stories of the service that is called."""
    if step.call is None or step.endpoint is None:
        return 0
    return 1 + stack.services[step.call].asked_by_name.index(step.endpoint)


def caller_of(step: PlainStep) -> Client:
    """How a calling step asks: as users do, and with what services alone have."""
    rules = breaker_of(step.breaker) if step.breaker else BreakerRules()
    return replace(
        client_of(step),
        at_most=step.at_most or 0,
        breaker=rules,
        inherits_deadline=step.inherit_deadline,
    )


def breaker_of(spec: Breaker) -> BreakerRules:
    """So many failures in a row are a window of so many that have all failed."""
    if spec.failures is not None:
        return BreakerRules(spec.failures, spec.failures, open_s=spec.open)
    share = spec.share or 0.0
    return BreakerRules(spec.window, spec.least, share, spec.open, spec.trials, late=True)


def duration_of(step: PlainStep, cpu_factor: float) -> Law:
    """What a step takes: core seconds of its own container or of the database, or time."""
    spec = step.cpu or step.wait or step.demand
    return law(spec, cpu_factor if step.cpu else 1.0) if spec else Law()


def pools_of(stack: Stack, name: str) -> dict[str, Any]:
    """The connections of a service to each database: fields of `Profile`, which has those to the
    first database under names of their own."""
    pools = {stack.number(database): pool for database, pool in stack.pools(name).items()}
    fields: dict[str, Any] = {
        "pools": tuple(
            PoolRules(number, pool.size, pool.at_start, pool.checkout_timeout, silence_s(pool))
            for number, pool in sorted(pools.items())
            if number > 0
        )
    }
    if 0 in pools:
        fields |= {
            "pool": pools[0].size,
            "pool_at_start": pools[0].at_start,
            "checkout_timeout_s": pools[0].checkout_timeout,
            "pool_silence_s": silence_s(pools[0]),
        }
    return fields


def silence_s(pool: DatabaseClient | DatabasePool | None) -> float:
    """Of a stranded connection, until it is given up."""
    return (pool and pool.silence) or RETRANSMISSION.value
