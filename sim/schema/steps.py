"""What a request does in a service, or a job in a worker, as people write it: step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from sim.schema.bounds import Bounds
from sim.schema.client import ClientSpec
from sim.schema.fields import (
    Factor,
    Fraction,
    LawSpec,
    Name,
    Positive,
    Record,
    Span,
    at_most,
)
from sim.schema.text.document import Path_

STEP_KINDS = ("cpu", "wait", "query", "call", "push", "cache", "together")


TriesBack = Annotated[Positive, at_most(Bounds(0, 1024, "1024"))]  # dataplane.codes.MOST_WINDOW
Threshold = Annotated[Factor, at_most(Bounds(0.0, 1.0, "100%"))]


class Breaker(Record):
    """A circuit breaker of one process for one of its calls, by one of two rules: after so many
    `failures` in a row (gobreaker) all are turned away for a while, then one is let through and
    decides; or as soon as this `share` of the last tries has failed (resilience4j), and then some
    are let through and decide by the same share."""

    # defaults: resilience4j 2.3, CircuitBreakerConfig; of `open` also sony/gobreaker v2
    failures: TriesBack | None = None  # in a row
    share: Threshold | None = None  # failureRateThreshold, there 50 % unless it is said
    window: TriesBack = 100  # tries that it looks back at: slidingWindowSize, COUNT_BASED
    least: TriesBack = 100  # ... of which it judges nothing before: minimumNumberOfCalls
    trials: TriesBack = 10  # are let through to decide: permittedNumberOfCallsInHalfOpenState
    open: Span = 60.0  # waitDurationInOpenState


class PlainStep(ClientSpec):
    """One step of what a request does in a service, or a job in a worker: exactly one of `cpu`,
    `wait`, `query`, `call` and `push`. Of a call also how its caller waits and tries again: whoever
    asks is a client, with the fields and the meaning of `traffic.client`."""

    cpu: LawSpec | None = None  # core seconds, shared with all that runs in the container
    wait: LawSpec | None = None  # seconds that use nothing but the request's place
    query: Name | None = None  # a database, by a connection of this service's pool for it
    demand: LawSpec | None = None  # ... its core seconds
    call: Name | None = None  # another service; the caller keeps its place while it waits
    endpoint: Name | None = None  # ... by which of its endpoints; null: by `steps`
    # ... nor longer than the service's own client waits: gRPC hands its deadline down, in Java and
    # Go unless told otherwise, in C++ if asked to (grpc.io/docs/guides/deadlines); HTTP does not
    inherit_deadline: bool = False
    at_most: Positive | None = None  # ... tries at once of one process (a bulkhead); null: any
    breaker: Breaker | None = None
    push: Name | None = None  # a job, to a queue
    # what it takes is drawn anew for each try, as of a step that is slow by chance; false: it is
    # the request's own, so that a heavy one stays heavy however often it is tried
    fresh: bool = False
    share: Fraction = 1.0  # of requests take it
    on_failure: Literal["fail", "ignore"] = "fail"

    @property
    def kind(self) -> str:
        """The kind that is set; "" if none is."""
        return next(iter(self.kinds), "")

    @property
    def kinds(self) -> list[str]:
        """All that are set: one, in a stack that was checked."""
        return [kind for kind in STEP_KINDS if getattr(self, kind, None) is not None]

    @property
    def target(self) -> str:
        """Whom it asks; "" if nobody."""
        return self.query or self.call or self.push or ""


class SingleStep(PlainStep):
    """A plain one, or a look into a cache with what a miss does."""

    cache: Name | None = None  # silent: it waits for `timeout`
    on_miss: list[PlainStep] = []  # what they find is put into the cache
    kept: Fraction = 1.0  # of what is asked for: the rest is always a miss
    down: Literal["miss", "error"] = "miss"  # what it makes of no answer
    # so long only one goes out for a missing key, and the others look again; null: all go
    coalesce: Span | None = None
    look_again: Span = 0.05  # chosen

    @property
    def target(self) -> str:
        return self.cache or super().target


class ServiceStep(SingleStep):
    """One that a service may have: such a one, or several side by side."""

    # the request goes on when the last has ended, or fails with the first that fails
    together: list[SingleStep] | None = None


def within(step: PlainStep) -> dict[str, Sequence[PlainStep]]:
    """The steps that are part of one, by field."""
    parts = {field: getattr(step, field, None) or [] for field in ("on_miss", "together")}
    return {field: steps for field, steps in parts.items() if steps}


def placed(steps: Sequence[PlainStep], at: Path_ = ()) -> Iterator[tuple[Path_, PlainStep]]:
    """Each step and where it stands, those that are part of one after it."""
    for i, step in enumerate(steps):
        yield (*at, i), step
        for field, parts in within(step).items():
            yield from placed(parts, (*at, i, field))
