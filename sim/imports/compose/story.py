"""What a request does in an imported service, or a job in a worker: whom it asks, and at what cost.

No file says any of the costs: they are the like stack's, in the parts that `calls.py` explains. A
service that asks one database alone and calls nobody keeps the short forms (`cpu.demand`,
`database`, `push`); any other gets `steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.constants import facts
from sim.imports.compose.calls import Calls, scaled
from sim.imports.compose.clients import Found, patience
from sim.imports.evidence import Notes
from sim.schema.databases import DatabaseClient, DatabasePool
from sim.schema.jobs import JobPush
from sim.schema.stack import Role, Service, Stack
from sim.schema.steps import PlainStep, ServiceStep
from sim.schema.story_checks import MOST_POOLS


@dataclass(frozen=True)
class Around:
    """What a service's reading depends on besides its own lines."""

    like: Stack  # where missing numbers come from
    databases: Sequence[str]  # Compose names; first the one that short forms mean
    queues: Sequence[str]  # likewise
    names: dict[str, str]  # Compose name -> ours, of the services that run
    roles: Mapping[str, Role]
    asked: Mapping[str, set[str]]  # Compose name -> those that it asks, through a pooler also
    calls: Calls
    notes: Notes
    untold: list[str] = field(default_factory=list)  # callers of which nothing tells the language

    def queried(self, name: str) -> list[str]:
        """The databases that a service asks, as many as it may have pools for."""
        return [d for d in self.databases if d in self.asked.get(name, ())][:MOST_POOLS]

    def cache(self, name: str) -> str:
        """The first cache that a service asks; "" if none."""
        return next(
            (n for n in self.roles if self.roles[n] == "cache" and n in self.asked.get(name, ())),
            "",
        )

    def queue_of(self, worker: str) -> str:
        """From which it takes its jobs: the first that it asks, else the first of all; "" if there
        is none."""
        own = (queue for queue in self.queues if queue in self.asked.get(worker, ()))
        return next(own, self.queues[0] if self.queues else "")

    def pushed(self, name: str) -> list[str]:
        """The queues of workers that a service asks which answers requests."""
        worked = {self.queue_of(n) for n, role in self.roles.items() if role == "worker"}
        asked = worked.intersection(self.asked.get(name, ()))
        return [queue for queue in self.queues if self.roles[name] == "http" and queue in asked]

    def part(self, name: str, count: Callable[[str], int]) -> float:
        """The part of a whole request's cost that this service takes each time. `count`: how often
        a service does so in one visit."""
        web = [other for other, role in self.roles.items() if role == "http"]
        return self.calls.part(name, {other: count(other) for other in {*web, name}})


@dataclass
class Story:
    """Fields of a `Service`, and what is to be told of them."""

    fields: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # what it costs
    origins: dict[str, str] = field(default_factory=dict)  # path below the service -> assumed why
    pools: list[str] = field(default_factory=list)  # paths of their sizes


def story_of(
    name: str, template: Service, pool: int | None, client: Found, around: Around
) -> Story:
    """What the service of that Compose name does; `pool`: connections to each of its databases, if
    the file says so; `client`: who makes its calls, if something tells."""
    own = template.database or DatabaseClient()
    own = own.model_copy(update={} if pool is None else {"pool": pool})
    databases = around.queried(name) if template.database else []
    cpu = scaled(template.cpu.demand, around.part(name, lambda _: 1))
    query = scaled(own.demand, around.part(name, lambda n: len(around.queried(n))))
    push = template.push.share * around.part(name, lambda n: len(around.pushed(n)))
    story = Story(said=[f"CPU demand {cpu.mean * 1000:g} ms"])
    story.said += [f"{query.mean * 1000:g} ms in {around.names[d]}" for d in databases]
    pushed = around.pushed(name)
    into = "" if len(around.queues) == 1 else f" in {' and '.join(pushed)}"
    if pushed:
        story.said.append(f"a job{into} from {push:.3g} of the requests")
    calls = around.calls.of(name)
    cache = around.cache(name) if databases else ""
    short = databases in ([], [*around.databases[:1]]) and pushed in ([], [*around.queues[:1]])
    if short and not (calls or cache):
        story.fields["demand"] = cpu
        if databases:
            story.fields["database"] = own.model_copy(update={"demand": query})
            story.pools.append("database.pool")
        if pushed:
            story.fields["push"] = JobPush(share=push, timeout=template.push.timeout)
        return story
    steps = [ServiceStep(cpu=cpu)]
    timeout, connect, why = patience(client)
    for callee, evidence in calls.items():
        story.origins[f"steps.{len(steps)}"] = f"of every request; by {evidence}; {why}"
        steps.append(
            ServiceStep(call=around.names[callee], timeout=timeout, connect_timeout=connect)
        )
    queries = [{"query": around.names[d], "demand": query} for d in databases]
    if cache:
        story.origins[f"steps.{len(steps)}.kept"] = facts.CACHE_KEPT.source
        misses = [PlainStep.model_validate(each) for each in queries]
        steps.append(
            ServiceStep(cache=around.names[cache], kept=facts.CACHE_KEPT.value, on_miss=misses)
        )
        story.said.append(f"a look into {around.names[cache]} before that")
        around.notes.questions.append(
            f"how often does {cache} know the answer for {name}? No file says: "
            f"{facts.CACHE_KEPT.value:.0%} of what is asked for can be kept "
            f"(services.{around.names[name]}.steps.{len(steps) - 1}.kept)"
        )
    else:
        steps += [ServiceStep.model_validate(each) for each in queries]
    steps += [ServiceStep(push=around.names[queue], share=push) for queue in pushed]
    story.fields |= {"steps": steps, "pools": {around.names[d]: _pool(own) for d in databases}}
    story.pools += [f"pools.{around.names[d]}.size" for d in databases]
    if calls:
        story.said.append(f"calls of {', '.join(around.names[n] for n in calls)}: {why}")
        if client is None:
            around.untold.append(around.names[name])
    return story


def _pool(own: DatabaseClient) -> DatabasePool:
    rest = own.model_dump(include={"at_start", "checkout_timeout", "silence"})
    return DatabasePool(size=own.pool, **rest)
