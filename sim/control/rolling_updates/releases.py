"""What canary and blue/green share: one new version on its way, a controller that decides how far
it is let in, and an analysis: is what its own replicas answer good enough to go on?

The controller says it by `cluster.split`; replicas.py sizes the versions by the strategy's pure
rule, endpoints.py obeys the selector. Rules: argoproj/argo-rollouts rollout/ and docs/features
(shared facts, kubernetes section 7). A database or queue has no such release: its StatefulSet is
updated in place.

The analysis is an AnalysisRun of Argo Rollouts: one metric, measured each interval, the share of
answers without an error. Rules: argoproj/argo-rollouts analysis/analysis.go @c9dd7ea0 and
docs/features/analysis.md @010ad554 read. What counts are the answers of the version's own
replicas, not of the service: at a small weight the service's rate would hide them. Left out:
latency metrics, requests that a dying replica takes with it (nobody answers those), inconclusive
results, and several metrics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Split
from sim.control.core.records import STATEFUL
from sim.control.scheduling.replicas import keep_unscheduled
from sim.schema.scenario import Version

ANALYSIS = "argoproj/argo-rollouts analysis/analysis.go @c9dd7ea0"
DOCS = "argoproj/argo-rollouts docs/features/analysis.md @010ad554"
INTERVAL = Fact(
    "analysis.interval", 60.0, "s", "between two measurements of the success rate",
    "chosen: fluxcd/flagger docs/gitbook/usage/how-it-works.md @15bd6ad5 (interval: 1m); "
    "Argo's example has 5m, and its API no default",
)  # fmt: skip
SUCCESS = Fact(
    "analysis.success", 0.95, "", "less is a failed measurement",
    f"{DOCS} (result >= 0.95 in the example; Flagger's example: 99 %)",
)  # fmt: skip
FAILURE_LIMIT = Fact(
    "analysis.failure_limit", 0, "measurements",
    "more failed ones than this, in all, fail the analysis (Flagger's example: 10)", ANALYSIS,
)  # fmt: skip
ERROR_LIMIT = Fact(
    "analysis.consecutive_error_limit", 4, "measurements",
    "more than this in a row that found nothing to measure end it with an error",
    "argoproj/argo-rollouts utils/defaults/defaults.go @03055326",
)  # fmt: skip
Result = Literal["successful", "failed", "error"]
State = Literal["running", "failed", "error"]


# ---- rules ----
class Counts(NamedTuple):
    """What an analysis has found so far."""

    failed: int = 0
    errors_in_a_row: int = 0


def measured(answers: int, errors: int, success: float) -> Result:
    """One measurement; without an answer the query returns nothing, which is an error.

    Source: docs/features/analysis.md (successCondition; empty results)."""
    if answers <= 0:
        return "error"
    return "successful" if (answers - errors) / answers >= success else "failed"


def counted(counts: Counts, result: Result) -> Counts:
    """Failures add up; errors count in a row only. Source: analysis.go runMeasurements."""
    if result == "error":
        return Counts(counts.failed, counts.errors_in_a_row + 1)
    return Counts(counts.failed + (result == "failed"), 0)


def assessed(counts: Counts, failure_limit: int, error_limit: int) -> State:
    """Does the analysis go on? Limits may be reached, not exceeded.

    Source: analysis.go assessMetricFailureInconclusiveOrError."""
    if counts.failed > failure_limit:
        return "failed"
    return "error" if counts.errors_in_a_row > error_limit else "running"


# ---- the choice, and one run of it ----
@dataclass(frozen=True)
class Analysis:
    """What is measured of a new version, how often, and how much is forgiven."""

    interval_s: float = constant(INTERVAL, above_zero=True)
    success: float = constant(SUCCESS)
    failure_limit: int = constant(FAILURE_LIMIT)
    error_limit: int = constant(ERROR_LIMIT)


class AnalysisRun:
    """One analysis of one version; `measure` is called each interval."""

    def __init__(
        self, analysis: Analysis, cluster: Cluster, service: str, version: Version
    ) -> None:
        self.analysis, self.cluster = analysis, cluster
        self.service, self.version = service, version
        self.counts = Counts()
        self.found = ""  # the last measurement, in words
        self.seen: dict[int, tuple[int, int]] = {}  # (served, errors) of each replica when last met
        self.answers()

    def answers(self) -> tuple[int, int]:
        """(answers, of which errors) of the version's replicas since the last call."""
        answers = errors = 0
        for c in self.cluster.of(self.service):
            if c.version == self.version:
                gauge = self.cluster.gauge_of(c)
                served, bad = self.seen.get(c.id, (0, 0))
                answers, errors = answers + gauge.served - served, errors + gauge.errors - bad
                self.seen[c.id] = (gauge.served, gauge.errors)
        return answers, errors

    def measure(self) -> State:
        """Take one measurement; what follows from all so far."""
        answers, errors = self.answers()
        result = measured(answers, errors, self.analysis.success)
        self.counts = counted(self.counts, result)
        self.found = "no answers to measure"
        if answers > 0:
            self.found = f"{(answers - errors) / answers:.0%} of {answers} answers were good"
        return assessed(self.counts, self.analysis.failure_limit, self.analysis.error_limit)


DEFAULTS = "argoproj/argo-rollouts utils/defaults/defaults.go @03055326"
DEADLINE = Fact(
    "argo.progress_deadline",
    600.0,
    "s",
    "without progress for so long a condition is set",
    DEFAULTS,
)
ABORT_DELAY = Fact(
    "argo.abort_scale_down_delay", 30.0, "s",
    "after an abort a full second set is kept so long (a canary without traffic routing is not)",
    DEFAULTS + ", docs/features/scaledown-aborted-rs.md",
)  # fmt: skip
ABORT_AT_DEADLINE = Fact(
    "argo.progress_deadline_abort", False, "", "the deadline does not abort by itself",
    "argoproj/argo-rollouts docs/features/specification.md progressDeadlineAbort",
)  # fmt: skip


class Release(ABC):
    """One version on its way. Subclasses say how it begins and what a change means."""

    word = "release"

    def __init__(
        self, cluster: Cluster, service: str, stable: Version, min_ready_s: float = 0.0
    ) -> None:
        self.cluster, self.service, self.stable = cluster, service, stable
        self.version, self.min_ready_s = cluster.versions[service], min_ready_s
        self.began_s = self.progress_s = cluster.clock.now
        self.most = 0  # available replicas of the new version, at best
        self.over = False  # complete, aborted, or another version is wanted
        self.replaced = False  # another version is wanted
        self.promoted = False  # from now on this one is the stable version
        self.paused = False  # waiting on purpose: the deadline does not run

    # ---- what subclasses fill in ----
    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def look(self) -> None:
        """Something changed."""

    @abstractmethod
    def abort(self, why: str) -> None: ...

    # ---- what they use ----
    def say(self, text: str) -> None:
        text = f"{self.word} of {self.service} {self.version.name} {text}"
        self.cluster.say("rollout", self.service, text)

    def share(self, new: float, old: float, active: Version | None = None) -> None:
        """Let both versions have so much of the wanted replicas, and `active` alone the users."""
        self.progress_s = self.cluster.clock.now
        self.cluster.split(self.service, Split(self.version, self.stable, new, old, active))

    def wanted(self) -> int:
        return self.cluster.desired[self.service]

    def available(self, version: Version) -> int:
        """Replicas of a version that have been ready for long enough."""
        since = self.cluster.clock.now - self.min_ready_s
        return sum(
            c.ready and c.ready_since_s is not None and c.ready_since_s <= since
            for c in self.cluster.of(self.service)
            if c.version == version and not c.deleting
        )

    def progressed(self) -> int:
        """Available replicas of the new version; more than ever is progress."""
        available = self.available(self.version)
        if available > self.most:
            self.most, self.progress_s = available, self.cluster.clock.now
        return available

    def key(self) -> int:
        return list(self.cluster.versions).index(self.service)

    def wait(self, delay_s: float) -> Loop:
        yield self.cluster.clock.after(delay_s, Rank.RELEASE, self.key())

    def look_later(self, ident: int) -> Loop:
        """A replica that is ready becomes available without another event."""
        yield self.cluster.clock.after(self.min_ready_s, Rank.RELEASE_STATUS, ident)
        if not self.over:
            self.look()

    def deadline(self, deadline_s: float, aborts: bool) -> Loop:
        """Tell once when nothing moves; abort only where that is asked for."""
        clock = self.cluster.clock
        while not self.over:
            due = clock.now + deadline_s if self.paused else self.progress_s + deadline_s
            if due <= clock.now:
                text = f"made no progress for {deadline_s:.0f} s"
                self.say(f"{text}: ProgressDeadlineExceeded" + ("" if aborts else ", it waits"))
                if aborts:
                    self.abort(text)
                return
            yield clock.at(due, Rank.RELEASE_DEADLINE, self.key())

    def analyse(self, analysis: Analysis) -> Loop:
        """Measure each interval for as long as the release lasts; abort when it is not good."""
        run = AnalysisRun(analysis, self.cluster, self.service, self.version)
        while True:
            yield from self.wait(analysis.interval_s)
            if self.over:
                return
            state = run.measure()
            if state != "running":
                self.cluster.acted()
                self.abort(run.found if state == "failed" else f"{run.found} for too long")
                return


def releases(cluster: Cluster, make: Callable[[str, Version], Release]) -> Loop:
    """Begin a release at each new version, and tell it what happens to its replicas.

    `make(service, stable)`: the version that was promoted last comes along."""
    keep_unscheduled(cluster)
    changes = cluster.watch(
        "version", "desired", "created", "removed", "ready", "unready", "stopping", "exit"
    )
    stable, current = dict(cluster.versions), dict[str, Release]()
    while True:
        change = yield changes.get()
        service = change.container.service if change.container is not None else change.service
        if service not in stable or cluster.service(service).role in STATEFUL:
            continue
        if change.kind == "version":
            earlier = current.pop(service, None)
            if earlier is not None:
                earlier.over = earlier.replaced = True
                stable[service] = earlier.version if earlier.promoted else earlier.stable
            current[service] = make(service, stable[service])
            current[service].begin()
        elif service in current and not current[service].over:
            release = current[service]
            release.look()
            if change.kind == "ready" and release.min_ready_s and change.container is not None:
                cluster.clock.loop(release.look_later(change.container.id))
